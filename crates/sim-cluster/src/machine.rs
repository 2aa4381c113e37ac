//! One simulated machine, and the master that runs on it from time to time.

use std::net::{IpAddr, Ipv4Addr, SocketAddr};
use std::path::PathBuf;
use std::sync::atomic::{AtomicI64, AtomicU64, Ordering};
use std::sync::{Arc, Mutex, PoisonError};
use std::time::Duration;

use rand::rngs::StdRng;
use rand::{Rng, SeedableRng};
use tokio::sync::oneshot;
use vesta_consensus::{Peer, Simulated};
use vesta_core::Policy;
use vesta_master::context::Context;
use vesta_master::leader::Timing;
use vesta_master::time::Clocks;
use vesta_master::{Config, Master, Platform};
use vesta_types::{Lease, OnDisconnect, Timestamp};

use crate::disk::MemoryDisk;
use crate::net;
use crate::options::Options;
use crate::story::Story;

/// The wall clock at the beginning of a run, in Unix milliseconds: 1 January 2026.
pub const EPOCH_MS: u64 = 1_767_225_600_000;

const CLIENTS: u16 = 7700;
const RAFT: u16 = 7701;

/// One simulated machine.
pub struct Machine {
    /// Its node id.
    pub id: u64,
    /// Its host name, `m1` and so on.
    pub name: String,
    /// Its disk.
    pub disk: Arc<MemoryDisk>,
    /// How far its wall clock is ahead, in milliseconds.
    pub wall_ahead_ms: AtomicI64,
    /// How far its boot clock is ahead: what it slept.
    pub slept_ms: AtomicU64,
    /// What every sync takes beyond the usual, in milliseconds.
    pub slow_disk_ms: AtomicU64,
    options: Options,
    random: Mutex<StdRng>,
    story: Story,
    running: Mutex<Option<Running>>,
}

struct Running {
    context: Arc<Context>,
    stop: Option<oneshot::Sender<()>>,
}

/// The name of the machine of node `id`.
pub fn name(id: u64) -> String {
    format!("m{id}")
}

/// Where clients reach the master of node `id`.
pub fn client_address(id: u64) -> String {
    format!("{}:{CLIENTS}", name(id))
}

impl Machine {
    /// The machine of node `id`, with an empty disk; nothing runs on it yet.
    pub fn new(id: u64, options: &Options, story: &Story) -> Arc<Machine> {
        Arc::new(Machine {
            id,
            name: name(id),
            disk: MemoryDisk::new(),
            wall_ahead_ms: AtomicI64::new(0),
            slept_ms: AtomicU64::new(0),
            slow_disk_ms: AtomicU64::new(0),
            options: options.clone(),
            random: Mutex::new(StdRng::seed_from_u64(options.seed ^ (id << 32))),
            story: story.clone(),
            running: Mutex::new(None),
        })
    }

    /// The master that runs here now.
    pub fn master(&self) -> Option<Arc<Context>> {
        let running = self.lock();
        running.as_ref().map(|running| Arc::clone(&running.context))
    }

    /// Asks the master that runs here to stop in order.
    pub fn ask_to_stop(&self) {
        if let Some(running) = self.lock().as_mut() {
            running.stop.take();
        }
    }

    /// The power fails. Whatever runs here is gone, and what was not synced.
    pub fn power_off(&self) -> usize {
        *self.lock() = None;
        let mut random = self.random.lock().unwrap_or_else(PoisonError::into_inner);
        self.disk.power_off(&mut random)
    }

    /// The life of one process: what the simulation runs whenever this machine is switched on.
    pub async fn live(self: Arc<Machine>) -> turmoil::Result {
        let now = || turmoil::sim_elapsed().unwrap_or_default();
        let disk = match self.disk.open() {
            Ok(disk) => disk,
            Err(error) => {
                self.story.violation(now(), &self.name, error);
                return Ok(());
            }
        };
        let drawer = Arc::clone(&self);
        let platform = Platform {
            raft: vesta_consensus::Platform::Simulated(Simulated {
                net: net::simulated(),
                disk,
                sync_time: Arc::new(move || drawer.sync_time()),
            }),
            net: net::simulated(),
            clocks: self.clocks(),
        };
        let master = match Master::start(platform, self.config()).await {
            Ok(master) => master,
            Err(error) => {
                let text = format!("could not start: {error}");
                self.story.violation(now(), &self.name, text);
                return Ok(());
            }
        };
        self.story.say(&self.name, "up");
        let (stop, stopped) = oneshot::channel::<()>();
        *self.lock() = Some(Running {
            context: Arc::clone(master.context()),
            stop: Some(stop),
        });
        let ended = master
            .run(async {
                // Asked to stop, or dropped: both mean it.
                let _ = stopped.await;
            })
            .await;
        *self.lock() = None;
        match ended {
            Ok(()) => self.story.say(&self.name, "down, in order"),
            Err(error) => {
                self.story
                    .violation(now(), &self.name, format!("stopped by itself: {error}"))
            }
        }
        Ok(())
    }

    fn sync_time(&self) -> Duration {
        let (least, most) = self.options.sync_ms;
        let mut random = self.random.lock().unwrap_or_else(PoisonError::into_inner);
        let usual = random.random_range(least * 1_000..=most * 1_000);
        Duration::from_micros(usual)
            + Duration::from_millis(self.slow_disk_ms.load(Ordering::Relaxed))
    }

    fn clocks(self: &Arc<Self>) -> Clocks {
        let now = || turmoil::sim_elapsed().unwrap_or_default();
        let (boots, walls) = (Arc::clone(self), Arc::clone(self));
        Clocks::simulated(
            move || now() + Duration::from_millis(boots.slept_ms.load(Ordering::Relaxed)),
            move || {
                let passed = u64::try_from(now().as_millis()).unwrap_or(u64::MAX);
                let ahead = walls.wall_ahead_ms.load(Ordering::Relaxed);
                Timestamp((EPOCH_MS + passed).saturating_add_signed(ahead))
            },
        )
    }

    fn config(&self) -> Config {
        let any = |port| SocketAddr::new(IpAddr::V4(Ipv4Addr::UNSPECIFIED), port);
        let peer = |node_id| Peer {
            node_id,
            raft_addr: format!("{}:{RAFT}", name(node_id)),
            client_addr: client_address(node_id),
        };
        let own = peer(self.id);
        Config {
            node: vesta_consensus::Config {
                node_id: self.id,
                data_dir: PathBuf::new(),
                raft_listen: any(RAFT),
                client_addr: own.client_addr,
                raft_addr: own.raft_addr,
                peers: (1..=self.options.masters).map(peer).collect(),
                form: true,
                heartbeat: Duration::from_millis(100),
                election_min: Duration::from_millis(300),
                election_max: Duration::from_millis(600),
                snapshot_every: self.options.snapshot_every,
                speaks: vesta_master::speaks(),
            },
            listen: any(CLIENTS),
            metrics_listen: None,
            spark: None,
            timing: Timing {
                worker_timeout: Duration::from_secs(5),
                recovery_timeout: Duration::from_secs(5),
                app_lease: Duration::from_secs(25),
                lease: Duration::from_millis(600),
                gap: Duration::from_secs(1),
                repeat: Duration::from_secs(2),
            },
            policy: Policy::default(),
            max_executor_retries: 10,
            on_disconnect: OnDisconnect::Keep,
            lease: Lease {
                time_ms: 10_000,
                grace_ms: 1_000,
            },
            insecure: false,
        }
    }

    fn lock(&self) -> std::sync::MutexGuard<'_, Option<Running>> {
        self.running.lock().unwrap_or_else(PoisonError::into_inner)
    }
}
