//! A network that misbehaves: a relay before one address, whose manners can be changed while it runs.

use std::collections::BTreeMap;
use std::io;
use std::net::SocketAddr;
use std::sync::atomic::{AtomicU64, Ordering};
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};
use std::time::Duration;

use rand::Rng;
use tokio::io::{AsyncRead, AsyncReadExt, AsyncWrite, AsyncWriteExt};
use tokio::net::{TcpListener, TcpStream};
use tokio::sync::{mpsc, oneshot, watch};
use tokio::task::JoinSet;
use tokio::time::Instant;

/// How much is read at a time, in bytes.
const CHUNK: usize = 16 << 10;

/// Chunks under way in one direction of one connection.
const UNDER_WAY: usize = 64;

/// What a lost packet costs: TCP sends it again after about this time.
const SENT_AGAIN: Duration = Duration::from_millis(200);

/// How often a slow connection passes its few bytes.
const DRIP_EVERY: Duration = Duration::from_millis(20);

/// How a relay treats what passes. The default passes everything at once.
#[derive(Clone, Debug, Default, PartialEq)]
pub struct Manners {
    /// Nothing passes, in either direction, and nobody is told; connections are taken.
    pub hold: bool,
    /// What comes from behind the relay does not pass: requests arrive, answers don't.
    pub hold_answers: bool,
    /// Each chunk comes so much later, drawn between the two.
    pub delay: Option<(Duration, Duration)>,
    /// Of a hundred chunks so many have to be sent again, which takes 200 ms each.
    pub lost_percent: u8,
    /// No more than so many bytes pass per 20 ms, in each direction of each connection.
    pub drip: Option<usize>,
    /// In one of so many chunks one bit is turned over.
    pub corrupt_one_in: Option<u32>,
    /// New connections are reset at once.
    pub refuse: bool,
}

/// A relay before one address. It ends with this value, and its connections with it.
#[derive(Debug)]
pub struct Relay {
    address: SocketAddr,
    target: watch::Sender<Option<SocketAddr>>,
    manners: watch::Sender<Manners>,
    open: Open,
    touched: Arc<AtomicU64>,
    _tasks: JoinSet<()>,
}

impl Relay {
    /// Listens at `at`. Connections wait until [`Relay::lead_to`] has said where to.
    ///
    /// # Errors
    /// When the address can't be had.
    pub async fn listen(at: SocketAddr) -> io::Result<Relay> {
        let listener = TcpListener::bind(at).await?;
        let mut relay = Relay {
            address: listener.local_addr()?,
            target: watch::Sender::new(None),
            manners: watch::Sender::default(),
            open: Open::default(),
            touched: Arc::default(),
            _tasks: JoinSet::new(),
        };
        let way = Way {
            target: relay.target.subscribe(),
            manners: relay.manners.subscribe(),
            open: relay.open.clone(),
            touched: relay.touched.clone(),
        };
        relay._tasks.spawn(accept(listener, way));
        Ok(relay)
    }

    /// Connections go on to `target` from now on.
    pub fn lead_to(&self, target: SocketAddr) {
        self.target.send_replace(Some(target));
    }

    /// Where it listens.
    pub fn address(&self) -> SocketAddr {
        self.address
    }

    /// From now on it behaves so, to open connections too.
    pub fn behave(&self, manners: Manners) {
        self.manners.send_replace(manners);
    }

    /// How it behaves now.
    pub fn manners(&self) -> Manners {
        self.manners.borrow().clone()
    }

    /// How many chunks or connections its manners have made late, lost, changed or refused so far.
    pub fn touched(&self) -> u64 {
        self.touched.load(Ordering::Relaxed)
    }

    /// How many connections are open.
    pub fn open(&self) -> usize {
        self.open.all().len()
    }

    /// Resets those open connections for which `which` says so. Returns how many they were.
    pub fn cut(&self, mut which: impl FnMut() -> bool) -> usize {
        let mut open = self.open.all();
        let before = open.len();
        // Dropping its end of the channel cuts a connection.
        open.retain(|_, _| !which());
        before - open.len()
    }
}

/// The open connections, and by what each is cut.
#[derive(Clone, Debug, Default)]
struct Open(Arc<Mutex<BTreeMap<u64, oneshot::Sender<()>>>>);

impl Open {
    fn all(&self) -> MutexGuard<'_, BTreeMap<u64, oneshot::Sender<()>>> {
        self.0.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

/// What a connection needs to know of its relay.
#[derive(Clone)]
struct Way {
    target: watch::Receiver<Option<SocketAddr>>,
    manners: watch::Receiver<Manners>,
    open: Open,
    touched: Arc<AtomicU64>,
}

impl Way {
    fn touch(&self) {
        self.touched.fetch_add(1, Ordering::Relaxed);
    }

    /// Waits until what comes in this direction passes.
    async fn passes(&mut self, direction: Direction) {
        let stays = |it: &Manners| it.hold || (it.hold_answers && direction == Direction::Back);
        if stays(&self.manners.borrow_and_update()) {
            self.touch();
            // An error says that the relay is gone, and this connection with it.
            let _ = self.manners.wait_for(|manners| !stays(manners)).await;
        }
    }
}

#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Direction {
    /// From whoever connected.
    There,
    /// From what the relay stands before.
    Back,
}

async fn accept(listener: TcpListener, way: Way) {
    let mut connections = JoinSet::new();
    let mut number = 0;
    loop {
        let Ok((near, _)) = listener.accept().await else {
            // No descriptor is free, say; a listener itself does not break.
            tokio::time::sleep(SENT_AGAIN).await;
            continue;
        };
        number += 1;
        connections.spawn(connection(near, number, way.clone()));
        while connections.try_join_next().is_some() {}
    }
}

async fn connection(near: TcpStream, number: u64, mut way: Way) {
    if way.manners.borrow().refuse {
        way.touch();
        let _ = near.set_zero_linger();
        return;
    }
    way.passes(Direction::There).await;
    let Ok(Some(target)) = way.target.wait_for(Option::is_some).await.map(|it| *it) else {
        return;
    };
    let Ok(far) = TcpStream::connect(target).await else {
        return;
    };
    let (mut near, mut far) = (near, far);
    let _ = (near.set_nodelay(true), far.set_nodelay(true));
    let (cut, is_cut) = oneshot::channel();
    way.open.all().insert(number, cut);
    let both = async {
        let ((from_near, to_near), (from_far, to_far)) = (near.split(), far.split());
        tokio::try_join!(
            carry(from_near, to_far, Direction::There, way.clone()),
            carry(from_far, to_near, Direction::Back, way.clone())
        )
    };
    tokio::select! {
        _ = both => {}
        _ = is_cut => {
            // A reset, as of a machine that has forgotten the connection.
            let _ = near.set_zero_linger();
            let _ = far.set_zero_linger();
        }
    }
    way.open.all().remove(&number);
}

/// One direction: what is read is written when its time has come, in its order.
async fn carry(
    mut from: impl AsyncRead + Unpin,
    mut to: impl AsyncWrite + Unpin,
    direction: Direction,
    mut way: Way,
) -> io::Result<()> {
    let (sender, mut received) = mpsc::channel::<(Instant, Vec<u8>)>(UNDER_WAY);
    let reading = way.clone();
    let read = async move {
        loop {
            let mut chunk = vec![0; CHUNK];
            let length = from.read(&mut chunk).await?;
            chunk.truncate(length);
            let due = due(&reading, &mut chunk);
            if sender.send((due, chunk)).await.is_err() || length == 0 {
                return io::Result::Ok(());
            }
        }
    };
    let write = async move {
        while let Some((due, chunk)) = received.recv().await {
            tokio::time::sleep_until(due).await;
            way.passes(direction).await;
            if chunk.is_empty() {
                return to.shutdown().await;
            }
            write(&mut to, &chunk, &way).await?;
        }
        Ok(())
    };
    tokio::try_join!(read, write).map(|_| ())
}

/// When a chunk that was read now is to be written; one in some is changed.
fn due(way: &Way, chunk: &mut [u8]) -> Instant {
    let manners = way.manners.borrow().clone();
    let now = Instant::now();
    if manners == Manners::default() {
        return now;
    }
    let mut random = rand::rng();
    let mut late = Duration::ZERO;
    if let Some((least, most)) = manners.delay {
        late += random.random_range(least..=most.max(least));
    }
    if random.random_range(0..100) < manners.lost_percent {
        late += SENT_AGAIN;
    }
    let changed = manners
        .corrupt_one_in
        .is_some_and(|one| random.random_range(0..one.max(1)) == 0);
    if changed && !chunk.is_empty() {
        let at = random.random_range(0..chunk.len());
        chunk[at] ^= 1 << random.random_range(0..8);
    }
    if changed || !late.is_zero() {
        way.touch();
    }
    now + late
}

async fn write(to: &mut (impl AsyncWrite + Unpin), chunk: &[u8], way: &Way) -> io::Result<()> {
    let mut rest = chunk;
    while !rest.is_empty() {
        let drip = way.manners.borrow().drip;
        let Some(some) = drip else {
            return to.write_all(rest).await;
        };
        let (now, later) = rest.split_at(some.clamp(1, rest.len()));
        to.write_all(now).await?;
        rest = later;
        way.touch();
        tokio::time::sleep(DRIP_EVERY).await;
    }
    Ok(())
}

#[cfg(test)]
mod tests {
    use super::*;

    /// A relay before a server that sends back what it gets.
    async fn echo() -> Relay {
        let server = TcpListener::bind("127.0.0.1:0").await.unwrap();
        let relay = Relay::listen("127.0.0.1:0".parse().unwrap()).await.unwrap();
        relay.lead_to(server.local_addr().unwrap());
        tokio::spawn(async move {
            loop {
                let (mut stream, _) = server.accept().await.unwrap();
                tokio::spawn(async move {
                    let (mut read, mut write) = stream.split();
                    let _ = tokio::io::copy(&mut read, &mut write).await;
                });
            }
        });
        relay
    }

    async fn ask(stream: &mut TcpStream, text: &[u8]) -> io::Result<Vec<u8>> {
        stream.write_all(text).await?;
        let mut back = vec![0; text.len()];
        stream.read_exact(&mut back).await?;
        Ok(back)
    }

    #[tokio::test]
    async fn what_is_held_comes_once_it_is_let_through() {
        let relay = echo().await;
        let mut stream = TcpStream::connect(relay.address()).await.unwrap();
        assert_eq!(ask(&mut stream, b"one").await.unwrap(), b"one");
        relay.behave(Manners {
            hold_answers: true,
            ..Manners::default()
        });
        let held = tokio::time::timeout(Duration::from_millis(100), ask(&mut stream, b"two"));
        assert!(held.await.is_err());
        assert!(relay.touched() > 0);
        relay.behave(Manners::default());
        let mut back = [0; 3];
        stream.read_exact(&mut back).await.unwrap();
        assert_eq!(&back, b"two");
    }

    #[tokio::test]
    async fn delays_and_drips_take_their_time_and_change_nothing() {
        let relay = echo().await;
        let mut stream = TcpStream::connect(relay.address()).await.unwrap();
        let late = Duration::from_millis(50);
        relay.behave(Manners {
            delay: Some((late, late)),
            ..Manners::default()
        });
        let begun = Instant::now();
        assert_eq!(ask(&mut stream, b"late").await.unwrap(), b"late");
        assert!(begun.elapsed() >= late * 2);
        relay.behave(Manners {
            drip: Some(2),
            ..Manners::default()
        });
        let begun = Instant::now();
        assert_eq!(ask(&mut stream, b"slowly").await.unwrap(), b"slowly");
        assert!(begun.elapsed() >= DRIP_EVERY * 2);
    }

    #[tokio::test]
    async fn a_cut_resets_and_a_refusal_takes_nobody_in() {
        let relay = echo().await;
        let mut stream = TcpStream::connect(relay.address()).await.unwrap();
        ask(&mut stream, b"one").await.unwrap();
        assert_eq!((relay.open(), relay.cut(|| true)), (1, 1));
        assert!(ask(&mut stream, b"two").await.is_err());
        relay.behave(Manners {
            refuse: true,
            ..Manners::default()
        });
        let mut stream = TcpStream::connect(relay.address()).await.unwrap();
        assert!(ask(&mut stream, b"three").await.is_err());
        assert_eq!(relay.open(), 0);
    }

    #[tokio::test]
    async fn corruption_turns_one_bit_of_a_chunk() {
        let relay = echo().await;
        relay.behave(Manners {
            corrupt_one_in: Some(1),
            ..Manners::default()
        });
        let mut stream = TcpStream::connect(relay.address()).await.unwrap();
        let back = ask(&mut stream, &[0; 8]).await.unwrap();
        let turned: u32 = back.iter().map(|byte| byte.count_ones()).sum();
        // Once there and once back; the same bit twice is as it was.
        assert!(turned == 2 || turned == 0, "{back:?}");
        assert_eq!(relay.touched(), 2);
    }
}
