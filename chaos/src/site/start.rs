//! Starting and ending a site.

use std::collections::BTreeMap;
use std::net::{Ipv4Addr, SocketAddr};
use std::path::{Path, PathBuf};
use std::time::Duration;

use anyhow::{Context, Result};
use vesta_local::{Cluster, Options, Place, Program, Relay};

use super::Site;
use super::disk::Disk;
use super::net::Net;
use crate::record::{NetMode, RunDir};

/// How long a cluster may take to listen.
const START: Duration = Duration::from_secs(30);

/// What preloads a wall clock that can be moved, where the system's packages put it.
const FAKETIME: [&str; 4] = [
    "/usr/lib/x86_64-linux-gnu/faketime/libfaketimeMT.so.1",
    "/usr/lib/aarch64-linux-gnu/faketime/libfaketimeMT.so.1",
    "/usr/lib64/faketime/libfaketimeMT.so.1",
    "/usr/lib/faketime/libfaketimeMT.so.1",
];

/// The library that moves wall clocks, if it is there.
pub fn faketime() -> Option<&'static Path> {
    FAKETIME.iter().map(Path::new).find(|path| path.exists())
}

/// What site to start.
#[derive(Clone, Debug)]
pub struct Wanted {
    /// The run's directory.
    pub dir: RunDir,
    /// The binary under test.
    pub vesta: PathBuf,
    /// How the nodes are connected. Namespaces need a process that is in namespaces of its own.
    pub mode: NetMode,
    /// Masters: 3 or 5.
    pub masters: usize,
    /// Workers.
    pub workers: usize,
    /// Scales the times that verdicts depend on.
    pub scale: f64,
    /// The patience of masters without a leader.
    pub election: (Duration, Duration),
    /// How long a process is given to end before it is killed.
    pub stop_grace: Duration,
    /// Whether masters are on images. It needs namespaces.
    pub disks: bool,
    /// Whether masters' wall clocks can be moved.
    pub clocks: bool,
}

impl Site {
    /// Starts everything and waits until every process listens.
    ///
    /// # Errors
    /// When anything of it can't be had. What was started is ended.
    pub async fn start(wanted: &Wanted) -> Result<Site> {
        let dir = &wanted.dir;
        let failpoints = dir.path().join("failpoints");
        std::fs::create_dir_all(&failpoints)?;
        let surroundings = Surroundings::new(wanted.mode, wanted.masters, wanted.workers).await?;
        let mut disks = BTreeMap::new();
        if wanted.disks {
            for at in 0..wanted.masters {
                let name = format!("master-{}", at + 1);
                let disk = Disk::new(&dir.path().join("disks"), &dir.node(&name))?;
                disks.insert(at, disk);
            }
        }
        let mut cluster = Cluster::prepare(options(wanted, surroundings.places.clone()))?;
        surroundings.lead_to(&cluster)?;
        let wall = wanted.clocks.then(|| dir.path().join("clocks"));
        for node in cluster.masters.iter_mut().chain(&mut cluster.workers) {
            let file = failpoints.join(node.name());
            node.set_env("VESTA_FAILPOINTS_FILE", file.to_string_lossy());
        }
        if let Some(wall) = &wall {
            let library = faketime().context("libfaketime is not installed")?;
            std::fs::create_dir_all(wall)?;
            for node in &mut cluster.masters {
                write_clock(wall, &node.name(), 0)?;
                node.set_env("LD_PRELOAD", library.to_string_lossy());
                let file = wall.join(node.name());
                node.set_env("FAKETIME_TIMESTAMP_FILE", file.to_string_lossy());
                // Else the monotonic clock is the wall clock, and every timeout nonsense.
                node.set_env("FAKETIME_DONT_FAKE_MONOTONIC", "1");
                node.set_env("FAKETIME_CACHE_DURATION", "1");
            }
        }
        for node in cluster.masters.iter_mut().chain(&mut cluster.workers) {
            node.start()?;
        }
        cluster.ready(START).await?;
        let Surroundings { net, relays, .. } = surroundings;
        Ok(Site {
            net,
            relays,
            disks,
            next_id: wanted.masters as u64,
            mode: wanted.mode,
            dir: dir.clone(),
            vesta: wanted.vesta.clone(),
            wall,
            failpoints,
            cluster,
        })
    }

    /// Ends everything in order, and leaves the masters' data in plain directories. Returns what had to be
    /// killed because no worker ended it.
    ///
    /// # Errors
    /// When the system refuses.
    pub async fn finish(mut self) -> Result<Vec<String>> {
        let left = self.cluster.stop_all().await?;
        for disk in std::mem::take(&mut self.disks).into_values() {
            disk.unpack()?;
        }
        Ok(left)
    }
}

/// Where the processes of a cluster will be.
#[derive(Debug)]
pub(crate) struct Surroundings {
    /// The links between them; `None` on loopback.
    pub(crate) net: Option<Net>,
    /// Before each master: its relays for clients and for masters.
    pub(crate) relays: Vec<[Relay; 2]>,
    /// The place of each node, by name.
    pub(crate) places: BTreeMap<String, Place>,
}

impl Surroundings {
    /// Makes them for so many masters and workers.
    ///
    /// # Errors
    /// When the system refuses.
    pub(crate) async fn new(mode: NetMode, masters: usize, workers: usize) -> Result<Surroundings> {
        let mut net = match mode {
            NetMode::Namespaces => Some(Net::new()?),
            NetMode::Loopback => None,
        };
        let mut places = BTreeMap::new();
        let mut relays = Vec::new();
        for number in 1..=masters {
            let name = format!("master-{number}");
            let (place, pair) = master(net.as_mut(), &name, number).await?;
            places.insert(name, place);
            relays.push(pair);
        }
        for number in 1..=workers {
            if let Some(net) = &mut net {
                let name = format!("worker-{number}");
                let place = Place {
                    host: net.add_worker(u8::try_from(number)?)?,
                    prefix: Net::prefix(&name),
                    advertised: None,
                };
                places.insert(name, place);
            }
        }
        Ok(Surroundings {
            net,
            relays,
            places,
        })
    }

    /// Lets the relays lead to the masters of `cluster`, which was prepared with these places.
    ///
    /// # Errors
    /// When a master has no address for Raft.
    pub(crate) fn lead_to(&self, cluster: &Cluster) -> Result<()> {
        for (master, [clients, masters]) in cluster.masters.iter().zip(&self.relays) {
            clients.lead_to(master.address());
            let raft = cluster.raft_address(master.number() - 1);
            let raft = raft.context("a master has a port for Raft")?;
            masters.lead_to(raft.parse()?);
        }
        Ok(())
    }
}

/// Where a master is, and its relays.
async fn master(net: Option<&mut Net>, name: &str, number: usize) -> Result<(Place, [Relay; 2])> {
    let (host, prefix, relays) = match net {
        Some(net) => {
            let (own, relay) = net.add_master(u8::try_from(number)?)?;
            let [clients, masters] = [7700, 7701].map(|port| SocketAddr::from((relay, port)));
            (own, Net::prefix(name), [clients, masters])
        }
        None => {
            let any = SocketAddr::from((Ipv4Addr::LOCALHOST, 0));
            (Ipv4Addr::LOCALHOST, Vec::new(), [any; 2])
        }
    };
    let pair = [
        Relay::listen(relays[0]).await?,
        Relay::listen(relays[1]).await?,
    ];
    let place = Place {
        host,
        prefix,
        advertised: Some((pair[0].address(), pair[1].address())),
    };
    Ok((place, pair))
}

fn options(wanted: &Wanted, places: BTreeMap<String, Place>) -> Options {
    let grace = format!("{}ms", wanted.stop_grace.as_millis());
    let mut options = Options {
        dir: Some(wanted.dir.nodes()),
        masters: wanted.masters,
        workers: wanted.workers,
        election: wanted.election,
        time_scale: wanted.scale,
        places,
        metrics: true,
        ..Options::new(Program::new(wanted.vesta.clone()))
    };
    let mut set = |name: &str, value: toml::Value| {
        options.master_settings.insert(name.to_owned(), value);
    };
    set("stop_grace", grace.clone().into());
    // Often enough that faults meet snapshots.
    set("snapshot_every", 1_000.into());
    let mut set = |name: &str, value: toml::Value| {
        options.worker_settings.insert(name.to_owned(), value);
    };
    set("kill_grace", grace.into());
    // Else a long run's directories only grow.
    set("clean_every", "10s".into());
    set("work_dir_ttl", "60s".into());
    options
}

/// Moves a wall clock, at once for those who read the file anew.
pub(super) fn write_clock(dir: &Path, node: &str, seconds: i64) -> Result<()> {
    let beside = dir.join(format!("{node}.new"));
    std::fs::write(&beside, format!("{seconds:+}\n"))?;
    std::fs::rename(&beside, dir.join(node))?;
    Ok(())
}
