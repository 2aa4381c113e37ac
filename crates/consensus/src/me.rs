//! Who this node is, as its identity file says.

use std::sync::{Arc, Mutex, PoisonError};

use tokio::sync::watch;
use tokio::time::Instant;
use uuid::Uuid;
use vesta_journal::JournalError;
use vesta_proto::raft as wire;

use crate::disk::Disk;
use crate::types::Member;

/// This node's identity. The cluster id is set at most once in the life of a data directory.
pub(crate) struct Me {
    pub(crate) node_id: u64,
    pub(crate) directory: Uuid,
    cluster: watch::Sender<Option<Uuid>>,
    /// Held while the identity file is written: two calls may want to make this node a member.
    joining: Mutex<()>,
    leader_heard: Mutex<Option<Instant>>,
}

impl Me {
    pub(crate) fn new(node_id: u64, identity: &vesta_journal::Identity) -> Self {
        Me {
            node_id,
            directory: identity.directory_uuid,
            cluster: watch::Sender::new(identity.cluster_id),
            joining: Mutex::new(()),
            leader_heard: Mutex::new(None),
        }
    }

    /// A leader that this node follows has just been heard.
    pub(crate) fn hear_leader(&self) {
        *self
            .leader_heard
            .lock()
            .unwrap_or_else(PoisonError::into_inner) = Some(Instant::now());
    }

    /// When a leader that this node followed was heard last.
    pub(crate) fn leader_heard(&self) -> Option<Instant> {
        *self
            .leader_heard
            .lock()
            .unwrap_or_else(PoisonError::into_inner)
    }

    pub(crate) fn cluster(&self) -> Option<Uuid> {
        *self.cluster.borrow()
    }

    pub(crate) fn watch_cluster(&self) -> watch::Receiver<Option<Uuid>> {
        self.cluster.subscribe()
    }

    /// Becomes a member, on disk first. Blocks for the length of a sync.
    pub(crate) fn join(
        &self,
        disk: &dyn Disk,
        cluster: Uuid,
        founding: Option<Vec<u8>>,
    ) -> Result<(), JournalError> {
        let _joining = self.joining.lock().unwrap_or_else(PoisonError::into_inner);
        disk.join(cluster, self.node_id, founding)?;
        self.cluster
            .send_if_modified(|current| current.replace(cluster) != Some(cluster));
        tracing::info!(node = self.node_id, %cluster, "raft.join: this directory is now a member");
        Ok(())
    }

    /// What every call to `receiver` carries; `None` while this node belongs to no cluster and has
    /// nothing to say.
    pub(crate) fn header(&self, receiver: u64, member: &Member) -> Option<wire::Header> {
        Some(wire::Header {
            cluster_id: self.cluster()?.as_bytes().to_vec(),
            sender_id: self.node_id,
            sender_directory: self.directory.as_bytes().to_vec(),
            receiver_id: receiver,
            receiver_directory: member.directory.as_bytes().to_vec(),
        })
    }
}

/// The metrics of the Raft core, available once it is built.
pub(crate) type LateMetrics = Arc<std::sync::OnceLock<crate::types::MetricsWatch>>;
