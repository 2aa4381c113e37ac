//! The handle of a running node.

use std::sync::Arc;
use std::time::Duration;

use openraft::Instant as _;
use openraft::async_runtime::watch::WatchReceiver;
use openraft::errors::{ClientWriteError, ForwardToLeader, RaftError};
use prometheus::Histogram;
use tokio::sync::{Mutex, watch};
use tokio::time::{Instant, timeout};
use uuid::Uuid;

use crate::clock;
use crate::config::{Config, Peer};
use crate::error::{ProposeError, StartError};
use crate::failure::Failure;
use crate::limits::{COMMAND_BYTES_MAX, PROPOSE_TIMEOUT};
use crate::machine::StateMachine;
use crate::network::Shared;
use crate::platform::Platform;
use crate::removal::Removal;
use crate::start::{self, Parts, Running};
use crate::status::{self, Role, Status};
use crate::types::{Command, Member, Metrics, MetricsWatch, Raft, TypeConfig};

/// A command that was committed and applied on the node that proposed it.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Applied {
    /// Its log index.
    pub index: u64,
    /// What [`StateMachine::apply`] returned.
    pub reply: Vec<u8>,
}

/// A running member of the replicated master. Cheap to clone; every method may be called from any
/// thread and runtime.
#[derive(Clone)]
pub struct Node {
    inner: Arc<Inner>,
}

struct Inner {
    raft: Raft,
    metrics: MetricsWatch,
    status: watch::Receiver<Status>,
    network: Arc<Shared>,
    removal: Removal,
    failure: Failure,
    syncs: Histogram,
    heartbeat: Duration,
    election_min: Duration,
    election_max: Duration,
    speaks: u32,
    running: Mutex<Running>,
}

impl Node {
    /// Opens the journal in the data directory, binds the Raft listener and starts; forms the
    /// cluster in the background if the configuration says so. An empty data directory without
    /// `form` waits to be joined.
    ///
    /// What is known to be committed is applied to `machine` before this returns. Raft runs on
    /// threads of its own, so that nothing its owner does can delay a heartbeat.
    ///
    /// # Errors
    /// See [`StartError`]; nothing keeps running then.
    pub async fn start<M: StateMachine>(config: Config, machine: M) -> Result<Node, StartError> {
        Node::start_on(Platform::Machine, config, machine).await
    }

    /// As [`Node::start`], on another platform than this machine.
    ///
    /// # Errors
    /// See [`StartError`]; nothing keeps running then.
    pub async fn start_on<M: StateMachine>(
        platform: Platform,
        config: Config,
        machine: M,
    ) -> Result<Node, StartError> {
        let (heartbeat, election_min, election_max) =
            (config.heartbeat, config.election_min, config.election_max);
        let speaks = config.speaks;
        let (parts, running) = start::start(platform, config, Box::new(machine)).await?;
        let Parts {
            raft,
            metrics,
            status,
            network,
            removal,
            failure,
            syncs,
        } = parts;
        let running = Mutex::new(running);
        let inner = Arc::new(Inner {
            raft,
            metrics,
            status,
            network,
            removal,
            failure,
            syncs,
            heartbeat,
            election_min,
            election_max,
            speaks,
            running,
        });
        Ok(Node { inner })
    }

    /// Commits one command and returns once it is applied here. Bounded to about ten seconds.
    ///
    /// # Errors
    /// [`ProposeError::NotLeader`] and [`ProposeError::TooLarge`]: nothing was done. The others: it
    /// may have been.
    pub async fn propose(&self, command: Vec<u8>) -> Result<Applied, ProposeError> {
        if command.len() > COMMAND_BYTES_MAX {
            let (bytes, limit) = (command.len(), COMMAND_BYTES_MAX);
            return Err(ProposeError::TooLarge { bytes, limit });
        }
        if let Some(text) = self.stopped() {
            return Err(ProposeError::Fatal(text));
        }
        let command = Command(command.into());
        match self.write(command.clone()).await {
            Err(ProposeError::NotLeader { leader: None }) if self.first_acknowledgement().await => {
                self.write(command).await
            }
            written => written,
        }
    }

    /// Whether this node has just been elected and now hears from its quorum for the first time:
    /// before that openraft takes no proposal, which is over with the first heartbeat.
    async fn first_acknowledgement(&self) -> bool {
        let mut changes = self.watch();
        let just_elected =
            |status: &Status| status.role == Role::Leader && status.last_quorum_ack.is_none();
        let heard = changes.wait_for(|status| !just_elected(status));
        timeout(self.inner.election_max, heard).await.ok();
        let acked = self.status().last_quorum_ack;
        acked.is_some_and(|acked| acked.elapsed() < self.inner.election_max)
    }

    async fn write(&self, command: Command) -> Result<Applied, ProposeError> {
        let write = self.inner.raft.client_write(command);
        let Ok(written) = timeout(PROPOSE_TIMEOUT, write).await else {
            let text = format!("not committed within {PROPOSE_TIMEOUT:?}");
            return Err(ProposeError::Unknown(text));
        };
        match written {
            Ok(done) => Ok(Applied {
                index: done.log_id.index,
                reply: done.data.0,
            }),
            Err(RaftError::APIError(ClientWriteError::ForwardToLeader(forward))) => {
                Err(ProposeError::NotLeader {
                    leader: hint(forward),
                })
            }
            Err(RaftError::APIError(error)) => Err(ProposeError::Unknown(error.to_string())),
            Err(RaftError::Fatal(error)) => Err(ProposeError::Fatal(
                self.stopped().unwrap_or_else(|| error.to_string()),
            )),
        }
    }

    /// This node now.
    pub fn status(&self) -> Status {
        Status::from_metrics(&self.metrics())
    }

    /// The status, whenever anything in it changes. Never hold the guard of a borrow across an
    /// await.
    pub fn watch(&self) -> watch::Receiver<Status> {
        self.inner.status.clone()
    }

    /// How long each sync of the log to disk took, in seconds.
    pub fn syncs(&self) -> Histogram {
        self.inner.syncs.clone()
    }

    /// Whether a quorum has acknowledged something that this node, as the leader it still is,
    /// *sent* after `instant`. A sole voter needs nobody: always, while it leads.
    pub fn quorum_acked_since(&self, instant: Instant) -> bool {
        let metrics = self.inner.metrics.borrow_watched();
        if status::role(&metrics) != Role::Leader {
            return false;
        }
        let acked = metrics
            .last_quorum_acked
            .map(|at| clock::to_tokio(at.into_inner()));
        status::is_sole_voter(&metrics) || acked.is_some_and(|acked| acked > instant)
    }

    /// Hands leadership to the voter with the most of the log, among those heard from within one
    /// election timeout that have all that is committed. Returns to whom, once this node no longer
    /// leads; `None` if it does not lead, if there is no such voter (on a busy machine one may come
    /// into view late: that is waited for, up to the longest election timeout), or if that one did
    /// not take over within `deadline`.
    ///
    /// From the moment it begins, proposals here are refused with the next leader as hint.
    pub async fn hand_over(&self, deadline: Duration) -> Option<u64> {
        let until = Instant::now() + deadline;
        let next = self
            .successor(until.min(Instant::now() + self.inner.election_max))
            .await?;
        self.inner.raft.trigger().transfer_leader(next).await.ok()?;
        let mut changes = self.watch();
        let gone = changes.wait_for(|status| status.role != Role::Leader);
        match tokio::time::timeout_at(until, gone).await {
            Ok(_) => Some(next),
            Err(_) => None,
        }
    }

    /// Hands leadership to this voter, if it is one that may get it; see [`Node::hand_over`]. Returns
    /// whether it leads then.
    pub async fn hand_over_to(&self, node_id: u64, deadline: Duration) -> bool {
        let until = Instant::now() + deadline;
        let mut changes = self.watch();
        loop {
            let metrics = self.metrics();
            if status::role(&metrics) != Role::Leader {
                return false;
            }
            if candidates(&metrics, self.inner.election_min).any(|(_, able)| able == node_id) {
                break;
            }
            if tokio::time::timeout_at(until, changes.changed())
                .await
                .is_err()
            {
                return false;
            }
        }
        if self
            .inner
            .raft
            .trigger()
            .transfer_leader(node_id)
            .await
            .is_err()
        {
            return false;
        }
        let taken = changes.wait_for(|status| status.leader == Some(node_id));
        matches!(tokio::time::timeout_at(until, taken).await, Ok(Ok(_)))
    }

    async fn successor(&self, until: Instant) -> Option<u64> {
        let mut changes = self.watch();
        loop {
            let metrics = self.metrics();
            if status::role(&metrics) != Role::Leader || status::is_sole_voter(&metrics) {
                return None;
            }
            if let Some(next) = successor(&metrics, self.inner.election_min) {
                return Some(next);
            }
            if tokio::time::timeout_at(until, changes.changed())
                .await
                .is_err()
            {
                return None;
            }
        }
    }

    /// Takes a snapshot soon, whatever the number of entries; [`Status::snapshot_index`] shows when
    /// it is done.
    pub async fn snapshot_now(&self) {
        // It fails only when the node has stopped, which `fatal` tells.
        self.inner.raft.trigger().snapshot().await.ok();
    }

    /// Stops everything and waits until it has stopped: afterwards the data directory is free and
    /// the listener closed. A leader that should not be missed for a second hands over first.
    pub async fn shutdown(&self) {
        let mut running = self.inner.running.lock().await;
        running.stop(&self.inner.raft).await;
    }

    /// Resolves when this node has met an error that it can't go on with, with its text: the
    /// process must then stop. Not resolved by a shutdown.
    pub async fn fatal(&self) -> String {
        self.inner.failure.wait().await
    }

    /// Resolves when the leader has said that this node is no member any more, with a text for
    /// people: it then has no part in the cluster, and its data directory is of no more use.
    pub async fn removed(&self) -> String {
        self.inner.removal.wait().await
    }

    /// When this node last heard a leader that it followed; `None` if never.
    pub fn leader_heard(&self) -> Option<tokio::time::Instant> {
        self.inner.network.me.leader_heard()
    }

    /// The cluster that this data directory belongs to; `None` until it is formed or joined.
    pub fn cluster_id(&self) -> Option<Uuid> {
        self.inner.network.me.cluster()
    }

    /// The random uuid of this data directory.
    pub fn directory_uuid(&self) -> Uuid {
        self.inner.network.me.directory
    }

    pub(crate) fn raft(&self) -> &Raft {
        &self.inner.raft
    }

    pub(crate) fn network(&self) -> &Shared {
        &self.inner.network
    }

    pub(crate) fn speaks(&self) -> u32 {
        self.inner.speaks
    }

    pub(crate) fn patience(&self) -> Duration {
        self.inner.election_max
    }

    pub(crate) fn retry_pause(&self) -> Duration {
        self.inner.heartbeat
    }

    /// A copy: a guard of the watch that is held keeps the core from publishing, and can stop it
    /// for good.
    pub(crate) fn metrics(&self) -> Metrics {
        self.inner.metrics.borrow_watched().clone()
    }

    pub(crate) fn member(&self, node_id: u64) -> Option<Member> {
        self.metrics().membership_config.get_node(&node_id).cloned()
    }

    /// Why this node no longer takes part, if it does not.
    pub(crate) fn stopped(&self) -> Option<String> {
        let fatal = self.inner.failure.get();
        fatal.or_else(
            || match &self.inner.metrics.borrow_watched().running_state {
                Ok(()) => None,
                Err(error) => Some(error.to_string()),
            },
        )
    }
}

pub(crate) fn hint(forward: ForwardToLeader<TypeConfig>) -> Option<Peer> {
    let (node_id, member) = (forward.leader_id?, forward.leader_node?);
    Some(Peer {
        node_id,
        raft_addr: member.raft_addr,
        client_addr: member.client_addr,
    })
}

fn successor(metrics: &Metrics, patience: Duration) -> Option<u64> {
    candidates(metrics, patience)
        .max_by_key(|(matched, node_id)| (*matched, std::cmp::Reverse(*node_id)))
        .map(|(_, node_id)| node_id)
}

/// The voters that could lead at once, with how far they have the log: heard of just now, and with
/// all that is committed.
fn candidates(metrics: &Metrics, patience: Duration) -> impl Iterator<Item = (u64, u64)> {
    let voters = metrics.membership_config.membership().voter_ids();
    voters
        .filter(move |id| *id != metrics.id && was_heard(metrics, *id, patience))
        .filter_map(|id| {
            Some((
                metrics.replication.as_ref()?.get(&id).copied().flatten()?,
                id,
            ))
        })
        .filter(|(matched, _)| Some(*matched) >= metrics.local_committed)
        .map(|(matched, id)| (matched.index, id))
}

/// Whether this leader was answered by a node within `patience`.
pub(crate) fn was_heard(metrics: &Metrics, node_id: u64, patience: Duration) -> bool {
    let heard = metrics.heartbeat.as_ref();
    let last = heard.and_then(|heard| heard.get(&node_id).copied().flatten());
    last.is_some_and(|at| at.elapsed() < patience)
}
