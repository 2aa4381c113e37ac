//! Looks at every master all the time, and at what processes take.

use std::net::SocketAddr;
use std::path::{Path, PathBuf};
use std::sync::{Arc, Mutex, PoisonError};
use std::time::{Duration, Instant};

use tokio::task::JoinSet;
use vesta_local::Cluster;

use super::Journal;
use crate::fault::{Seen, View};
use crate::record::{NodeSample, Observation, What};
use crate::site::metrics::Metrics;

/// How often a master is looked at.
const EVERY: Duration = Duration::from_millis(200);

/// What has not changed is written no more often.
const SAME_AGAIN: Duration = Duration::from_secs(5);

/// Tasks that look. They end with this value.
#[derive(Debug)]
pub struct Watch {
    view: Arc<Mutex<View>>,
    _tasks: JoinSet<()>,
}

impl Watch {
    /// Begins to look at the masters of a cluster.
    pub fn begin(cluster: &Cluster, journal: &Journal) -> Watch {
        let view = View {
            masters: vec![None; cluster.masters.len()],
            ..View::default()
        };
        let view = Arc::new(Mutex::new(view));
        let mut tasks = JoinSet::new();
        for (at, master) in cluster.masters.iter().enumerate() {
            if let Some(address) = master.metrics() {
                let (view, journal) = (view.clone(), journal.clone());
                tasks.spawn(look_at(master.name(), at, address, view, journal));
            }
        }
        Watch {
            view,
            _tasks: tasks,
        }
    }

    /// What the masters showed last.
    pub fn view(&self) -> View {
        let view = self.view.lock().unwrap_or_else(PoisonError::into_inner);
        view.clone()
    }
}

async fn look_at(
    name: String,
    at: usize,
    address: SocketAddr,
    view: Arc<Mutex<View>>,
    journal: Journal,
) {
    let mut last: Option<Observation> = None;
    let mut written = Instant::now();
    loop {
        let seen = Metrics::of(address)
            .await
            .ok()
            .map(|metrics| seen(&metrics));
        let observation = observation(&name, seen.as_ref());
        {
            let mut view = view.lock().unwrap_or_else(PoisonError::into_inner);
            let leader = view.leader();
            let old = std::mem::replace(&mut view.masters[at], seen);
            if view.leader() != leader {
                view.leader_changed = Some(Instant::now());
            }
            let snapshot = |seen: &Option<Seen>| seen.as_ref().map_or(0, |seen| seen.snapshot);
            if snapshot(&view.masters[at]) > snapshot(&old) {
                view.snapshot_changed = Some(Instant::now());
            }
        }
        let shown = |it: &Observation| (it.status.clone(), it.leader, it.epoch, it.term);
        let changed = last
            .as_ref()
            .is_none_or(|last| shown(last) != shown(&observation));
        if changed || written.elapsed() >= SAME_AGAIN {
            if let Err(error) = journal.write(What::Observation(observation.clone())) {
                tracing::error!(%error, "an observation can't be written");
            }
            last = Some(observation);
            written = Instant::now();
        }
        tokio::time::sleep(EVERY).await;
    }
}

fn seen(metrics: &Metrics) -> Seen {
    let status = metrics.which("vesta_master_status", "status");
    Seen {
        at: Instant::now(),
        status: status.unwrap_or_default().to_owned(),
        is_leader: metrics.figure("vesta_raft_is_leader") > 0.0,
        epoch: metrics.count("vesta_elections_total"),
        term: metrics.count("vesta_raft_term"),
        applied: metrics.count("vesta_apply_index"),
        snapshot: metrics.count("vesta_raft_snapshot_index"),
        recovered: metrics.figure("vesta_recovered") > 0.0,
        workers_alive: metrics.count("vesta_workers{state=\"ALIVE\"}"),
        running: metrics.count("vesta_drivers{state=\"RUNNING\"}"),
        placing: ["SUBMITTED", "RELAUNCHING", "LAUNCHING"]
            .iter()
            .map(|state| metrics.count(&format!("vesta_drivers{{state=\"{state}\"}}")))
            .sum(),
    }
}

fn observation(name: &str, seen: Option<&Seen>) -> Observation {
    let node = name.to_owned();
    match seen {
        Some(seen) => Observation {
            node,
            status: seen.status.clone(),
            leader: seen.is_leader,
            epoch: seen.epoch,
            term: seen.term,
            applied: seen.applied,
        },
        None => Observation {
            node,
            status: "UNREACHABLE".to_owned(),
            ..Observation::default()
        },
    }
}

/// What the processes of a cluster take now.
pub fn samples(cluster: &Cluster) -> Vec<NodeSample> {
    let nodes = cluster.masters.iter().chain(&cluster.workers);
    let running = nodes.filter_map(|node| Some((node, node.pid()?)));
    let samples = running.map(|(node, pid)| sample(node.name(), pid, &node.dir()));
    samples.flatten().collect()
}

/// What this very process takes, but for the run's directory, which is to grow.
pub fn own_sample() -> Option<NodeSample> {
    let own = sample("chaos".to_owned(), std::process::id(), Path::new(""));
    own.map(|own| NodeSample {
        disk_bytes: 0,
        ..own
    })
}

fn sample(node: String, pid: u32, dir: &Path) -> Option<NodeSample> {
    let proc = PathBuf::from(format!("/proc/{pid}"));
    let status = std::fs::read_to_string(proc.join("status")).ok()?;
    let number = |name: &str| -> Option<u64> {
        let line = status.lines().find(|line| line.starts_with(name))?;
        line.split_whitespace().nth(1)?.parse().ok()
    };
    let fds = std::fs::read_dir(proc.join("fd")).ok()?.count();
    Some(NodeSample {
        node,
        pid,
        rss_bytes: number("VmRSS:")? * 1024,
        fds: u64::try_from(fds).ok()?,
        threads: number("Threads:")?,
        disk_bytes: on_disk(dir),
    })
}

/// What a directory takes on disk, in bytes.
fn on_disk(dir: &Path) -> u64 {
    use std::os::unix::fs::MetadataExt;
    let entries = std::fs::read_dir(dir).into_iter().flatten().flatten();
    let sizes = entries.map(|entry| match entry.metadata() {
        Ok(metadata) if metadata.is_dir() => on_disk(&entry.path()),
        Ok(metadata) => metadata.blocks() * 512,
        // Gone meanwhile.
        Err(_) => 0,
    });
    sizes.sum()
}
