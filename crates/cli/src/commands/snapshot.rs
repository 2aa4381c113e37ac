//! `vesta snapshot`: save the masters' state, look at what was saved, begin a new cluster with it.

use std::collections::BTreeMap;
use std::path::PathBuf;
use std::time::SystemTime;

use clap::{Args, Subcommand};
use serde::Serialize;
use uuid::Uuid;
use vesta_client::proto::SnapshotHead;
use vesta_core::{ClusterState, codec};
use vesta_types::{ClusterId, Timestamp};

use crate::config::master::{self, Peer};
use crate::connection::Connection;
use crate::exit::{EXIT_CODES, Failure};
use crate::output;
use crate::progress::Progress;
use crate::saved::{self, Head, SavedError};
use crate::show;

/// Save the state of a cluster, look at a saved one, begin a new cluster with it.
#[derive(Args, Clone, Debug)]
pub struct SnapshotCommand {
    #[command(subcommand)]
    pub command: Action,
}

/// What to do.
#[derive(Clone, Debug, Subcommand)]
pub enum Action {
    Save(Save),
    Inspect(Inspect),
    Restore(Restore),
}

/// Save the whole state of a cluster, as of one log entry, through any master.
#[derive(Args, Clone, Debug)]
#[command(after_help = EXIT_CODES)]
pub struct Save {
    #[command(flatten)]
    pub connection: Connection,
    /// Where to. An existing file is replaced once the new one is whole.
    #[arg(value_name = "FILE")]
    pub file: PathBuf,
    /// Refuse to save without a quorum, instead of saving what the asked master has.
    #[arg(long)]
    pub consistent: bool,
    /// Write one JSON document instead of text for people.
    #[arg(long)]
    pub json: bool,
}

/// Show what is in a saved state. No master is asked.
#[derive(Args, Clone, Debug)]
#[command(after_help = EXIT_CODES)]
pub struct Inspect {
    /// The saved state.
    #[arg(value_name = "FILE")]
    pub file: PathBuf,
    /// Write one JSON document instead of text for people.
    #[arg(long)]
    pub json: bool,
}

/// Make the data directory of the first master of a new cluster, with a saved state.
///
/// For when a majority of the masters is lost for good. The new cluster has an id of its own, which
/// workers refuse until `vesta worker adopt` on each of them: do that before this master is started,
/// or it will declare them lost after worker_timeout. Then start it on the directory, without --form,
/// and let others join it with `vesta cluster add`. Never do this while the old cluster is alive.
#[derive(Args, Clone, Debug)]
#[command(after_help = EXIT_CODES)]
pub struct Restore {
    /// The saved state.
    #[arg(value_name = "FILE")]
    pub file: PathBuf,
    /// The directory to make; if it is there, it has to be empty.
    #[arg(long, value_name = "DIR")]
    pub data_dir: PathBuf,
    /// The master that the directory is for, with the addresses under which others reach it.
    #[arg(long, value_name = "ID=CLIENTS/RAFT", value_parser = master::peer)]
    pub node: Peer,
    /// Write one JSON document instead of text for people.
    #[arg(long)]
    pub json: bool,
}

/// What is in a saved state.
#[derive(Debug, Serialize)]
struct Content {
    #[serde(flatten)]
    head: Head,
    workers: usize,
    drivers: BTreeMap<String, usize>,
    applications: BTreeMap<String, usize>,
    live_executors: usize,
    keys: usize,
    masters: Vec<u64>,
}

/// Runs the command.
///
/// # Errors
/// See [`Failure`].
pub async fn run(args: SnapshotCommand) -> Result<(), Failure> {
    match args.command {
        Action::Save(args) => save(args).await,
        Action::Inspect(args) => inspect(&args),
        Action::Restore(args) => restore(args),
    }
}

fn refused(error: SavedError) -> Failure {
    Failure::Refused(error.to_string())
}

async fn save(args: Save) -> Result<(), Failure> {
    let broken = |what: &str| {
        Failure::Unavailable(format!(
            "{what}; nothing was written, give the same command again"
        ))
    };
    let mut stream = args
        .connection
        .client()
        .save_snapshot(args.consistent)
        .await?;
    let progress = Progress::new("the state is saved");
    let mut head: Option<SnapshotHead> = None;
    let mut data = Vec::new();
    while let Some(chunk) = stream
        .message()
        .await
        .map_err(|status| broken(&format!("the master broke off: {}", status.message())))?
    {
        head = chunk.head.or(head);
        data.extend_from_slice(&chunk.data);
        if let Some(head) = &head {
            progress.set(&format!(
                "the state is saved: {} of {} bytes",
                data.len(),
                head.bytes
            ));
        }
    }
    drop(progress);
    let whole = head.filter(|head| head.bytes == data.len() as u64);
    let head = whole.ok_or_else(|| broken("the master ended before all of the state had come"))?;
    output::warn_if_stale(head.read.as_ref());
    let cluster_id: ClusterId = head
        .cluster_id
        .parse()
        .map_err(|_| broken("the master named no cluster"))?;
    let head = Head {
        cluster_id,
        index: head.index,
        epoch: head.epoch,
        state_hash: head.state_hash,
        version: head.version,
        saved: now(),
        release: env!("CARGO_PKG_VERSION").to_owned(),
    };
    saved::write(&args.file, &head, &data).map_err(refused)?;
    if args.json {
        return output::json(&head);
    }
    output::line(&format!(
        "{}: cluster {}, index {}, epoch {}, hash {}, {} bytes of state",
        args.file.display(),
        head.cluster_id,
        head.index,
        head.epoch,
        head.state_hash,
        data.len()
    ))
}

fn inspect(args: &Inspect) -> Result<(), Failure> {
    let (head, state) = saved::read(&args.file).map_err(refused)?;
    let content = content(head, &state);
    if args.json {
        return output::json(&content);
    }
    let counts = |counts: &BTreeMap<String, usize>| {
        let each = counts
            .iter()
            .map(|(state, count)| format!("{count} {state}"));
        let each: Vec<String> = each.collect();
        if each.is_empty() {
            "none".to_owned()
        } else {
            each.join(", ")
        }
    };
    let masters: Vec<String> = content.masters.iter().map(u64::to_string).collect();
    let lines = [
        ("cluster", content.head.cluster_id.to_string()),
        (
            "saved",
            format!(
                "{} by release {}",
                show::time(content.head.saved.0),
                content.head.release
            ),
        ),
        ("index", content.head.index.to_string()),
        ("epoch", content.head.epoch.to_string()),
        ("hash", content.head.state_hash.clone()),
        ("rules", format!("version {}", content.head.version)),
        ("masters", masters.join(", ")),
        ("workers", content.workers.to_string()),
        ("drivers", counts(&content.drivers)),
        ("applications", counts(&content.applications)),
        ("executors", format!("{} live", content.live_executors)),
        ("keys", content.keys.to_string()),
    ];
    let lines: Vec<String> = lines
        .iter()
        .map(|(name, value)| format!("{name:<13} {value}"))
        .collect();
    output::line(&lines.join("\n"))
}

fn content(head: Head, state: &ClusterState) -> Content {
    let mut drivers = BTreeMap::new();
    for driver in state.drivers.values() {
        *drivers.entry(driver.state.to_string()).or_default() += 1;
    }
    let mut applications = BTreeMap::new();
    for app in state.applications.values() {
        *applications.entry(app.state.to_string()).or_default() += 1;
    }
    let executors = state.applications.values().map(|app| app.executors.len());
    Content {
        head,
        workers: state.workers.len(),
        drivers,
        applications,
        live_executors: executors.sum(),
        keys: state.keys.answered.len(),
        masters: state.masters.keys().copied().collect(),
    }
}

fn restore(args: Restore) -> Result<(), Failure> {
    let (head, state) = saved::read(&args.file).map_err(refused)?;
    let cluster = ClusterId(Uuid::new_v4());
    let index = state.applied;
    let state = state.restored(cluster, now());
    let seed = vesta_consensus::Seed {
        cluster: cluster.0,
        member: vesta_consensus::Peer {
            node_id: args.node.node_id,
            raft_addr: args.node.raft,
            client_addr: args.node.client,
        },
        index,
        state: codec::encode(&state),
    };
    vesta_consensus::plant(&args.data_dir, seed)
        .map_err(|error| Failure::Refused(super::daemon::chain(&error)))?;
    let id = args.node.node_id;
    if args.json {
        return output::json(&serde_json::json!({
            "cluster_id": cluster.to_string(), "restored_from": head.cluster_id.to_string(),
            "index": index, "node_id": id,
        }));
    }
    let dir = args.data_dir.display();
    output::line(&format!(
        "cluster {cluster} begins in {dir} with the state of cluster {} at index {index}.\n\
         Next: on each worker, `vesta worker adopt --dir DIR --cluster {cluster}`; then start master {id} on \
         {dir} without --form; then let others join it with `vesta cluster add`.",
        head.cluster_id
    ))
}

fn now() -> Timestamp {
    let since = SystemTime::now().duration_since(SystemTime::UNIX_EPOCH);
    let millis = since.map_or(0, |since| since.as_millis());
    Timestamp(u64::try_from(millis).unwrap_or(u64::MAX))
}
