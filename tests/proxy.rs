//! Connections that can be cut, or carry nothing for a while: a relay before each master.

use std::collections::BTreeMap;
use std::io;
use std::net::SocketAddr;
use std::sync::{Arc, Mutex, PoisonError};

use tokio::io::{AsyncReadExt, AsyncWriteExt};
use tokio::net::{TcpListener, TcpStream};
use tokio::sync::{oneshot, watch};
use tokio::task::JoinSet;
use vesta_local::Cluster;

/// Relays before the masters of a cluster, which advertise them as their own addresses.
pub struct Proxies {
    open: Open,
    held: watch::Sender<bool>,
    _tasks: JoinSet<()>,
}

impl Proxies {
    /// Puts one before each master of a cluster that is not started yet.
    pub async fn before(cluster: &Cluster) -> Proxies {
        let mut proxies = Proxies {
            open: Open::default(),
            held: watch::Sender::new(false),
            _tasks: JoinSet::new(),
        };
        let mut addresses = Vec::new();
        for master in &cluster.masters {
            let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
            addresses.push((master.address(), listener.local_addr().unwrap()));
            let (open, held) = (proxies.open.clone(), proxies.held.subscribe());
            proxies
                ._tasks
                .spawn(relay(listener, master.address(), open, held));
        }
        for master in &cluster.masters {
            advertise(&master.config(), &addresses);
        }
        proxies
    }

    /// How many connections are open.
    pub fn open(&self) -> usize {
        self.open.all().len()
    }

    /// Resets every connection that is open now. Returns how many there were.
    pub fn cut(&self) -> usize {
        self.cut_some(|| true)
    }

    /// Resets those open connections for which `which` says so. Returns how many they were.
    pub fn cut_some(&self, mut which: impl FnMut() -> bool) -> usize {
        let mut open = self.open.all();
        let before = open.len();
        // Dropping its end of the channel cuts a connection.
        open.retain(|_, _| !which());
        before - open.len()
    }

    /// Swallows everything, in both directions, from now on; nobody is told. TCP will have it sent again
    /// when packets come through once more.
    pub fn hold(&self) {
        self.held.send_replace(true);
    }

    /// Lets everything through again.
    pub fn release(&self) {
        self.held.send_replace(false);
    }
}

/// The open connections, and by what each is cut.
#[derive(Clone, Default)]
struct Open(Arc<Mutex<BTreeMap<u64, oneshot::Sender<()>>>>);

impl Open {
    fn all(&self) -> std::sync::MutexGuard<'_, BTreeMap<u64, oneshot::Sender<()>>> {
        self.0.lock().unwrap_or_else(PoisonError::into_inner)
    }

    fn add(&self, number: u64) -> oneshot::Receiver<()> {
        let (cut, is_cut) = oneshot::channel();
        self.all().insert(number, cut);
        is_cut
    }
}

/// Writes the relays' addresses into a master's list of masters, in the place of their own.
fn advertise(config: &std::path::Path, addresses: &[(SocketAddr, SocketAddr)]) {
    let text = std::fs::read_to_string(config).unwrap();
    let mut settings: toml::Table = text.parse().unwrap();
    let peers = settings["peers"].as_array_mut().unwrap();
    for peer in peers {
        let mut text = peer.as_str().unwrap().to_owned();
        for (own, relay) in addresses {
            text = text.replace(&format!("={own}/"), &format!("={relay}/"));
        }
        *peer = text.into();
    }
    std::fs::write(config, settings.to_string()).unwrap();
}

async fn relay(listener: TcpListener, to: SocketAddr, open: Open, held: watch::Receiver<bool>) {
    let mut connections = JoinSet::new();
    loop {
        let Ok((client, peer)) = listener.accept().await else {
            continue;
        };
        // Of two connections from one port to different masters, each has its own number.
        let number = u64::from(peer.port()) << 16 | u64::from(to.port());
        connections.spawn(connection(client, to, number, open.clone(), held.clone()));
        while connections.try_join_next().is_some() {}
    }
}

async fn connection(
    mut client: TcpStream,
    to: SocketAddr,
    number: u64,
    open: Open,
    held: watch::Receiver<bool>,
) {
    passes(&mut held.clone()).await;
    let Ok(mut master) = TcpStream::connect(to).await else {
        return;
    };
    let is_cut = open.add(number);
    let both = async {
        let ((from_client, to_client), (from_master, to_master)) = (client.split(), master.split());
        tokio::try_join!(
            carry(from_client, to_master, held.clone()),
            carry(from_master, to_client, held)
        )
    };
    tokio::select! {
        _ = both => {}
        _ = is_cut => {
            // A reset, as of a machine that has forgotten the connection.
            let _ = client.set_zero_linger();
            let _ = master.set_zero_linger();
        }
    }
    open.all().remove(&number);
}

/// Until nothing is held.
async fn passes(held: &mut watch::Receiver<bool>) {
    let _ = held.wait_for(|held| !held).await;
}

/// One direction.
async fn carry(
    mut from: impl AsyncReadExt + Unpin,
    mut to: impl AsyncWriteExt + Unpin,
    mut held: watch::Receiver<bool>,
) -> io::Result<()> {
    let mut buffer = vec![0; 16 << 10];
    loop {
        let read = from.read(&mut buffer).await;
        passes(&mut held).await;
        match read? {
            0 => return to.shutdown().await,
            read => to.write_all(&buffer[..read]).await?,
        }
    }
}
