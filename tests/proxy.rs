//! Connections that can be cut: a relay before each master.

use std::net::SocketAddr;
use std::sync::Arc;
use std::sync::atomic::{AtomicUsize, Ordering};

use tokio::io::copy_bidirectional;
use tokio::net::{TcpListener, TcpStream};
use tokio::sync::watch;
use tokio::task::JoinSet;
use vesta_local::Cluster;

/// Relays before the masters of a cluster, which advertise them as their own addresses.
pub struct Proxies {
    cuts: watch::Sender<()>,
    open: Arc<AtomicUsize>,
    _tasks: JoinSet<()>,
}

impl Proxies {
    /// Puts one before each master of a cluster that is not started yet.
    pub async fn before(cluster: &Cluster) -> Proxies {
        let mut proxies = Proxies {
            cuts: watch::Sender::new(()),
            open: Arc::default(),
            _tasks: JoinSet::new(),
        };
        let mut addresses = Vec::new();
        for master in &cluster.masters {
            let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
            addresses.push((master.address(), listener.local_addr().unwrap()));
            let (open, cuts) = (Arc::clone(&proxies.open), proxies.cuts.clone());
            proxies
                ._tasks
                .spawn(relay(listener, master.address(), open, cuts));
        }
        for master in &cluster.masters {
            advertise(&master.config(), &addresses);
        }
        proxies
    }

    /// How many connections are open.
    pub fn open(&self) -> usize {
        self.open.load(Ordering::SeqCst)
    }

    /// Resets every connection that is open now. Returns how many there were.
    pub fn cut(&self) -> usize {
        let open = self.open();
        self.cuts.send_replace(());
        open
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

async fn relay(
    listener: TcpListener,
    to: SocketAddr,
    open: Arc<AtomicUsize>,
    cuts: watch::Sender<()>,
) {
    let mut connections = JoinSet::new();
    loop {
        let Ok((mut client, _)) = listener.accept().await else {
            continue;
        };
        let (open, mut cut) = (Arc::clone(&open), cuts.subscribe());
        connections.spawn(async move {
            let Ok(mut master) = TcpStream::connect(to).await else {
                return;
            };
            open.fetch_add(1, Ordering::SeqCst);
            tokio::select! {
                _ = copy_bidirectional(&mut client, &mut master) => {}
                _ = cut.changed() => {
                    // A reset, as of a machine that has forgotten the connection.
                    let _ = client.set_zero_linger();
                    let _ = master.set_zero_linger();
                }
            }
            open.fetch_sub(1, Ordering::SeqCst);
        });
        while connections.try_join_next().is_some() {}
    }
}
