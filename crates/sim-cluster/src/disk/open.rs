//! A disk as one process has it open.

use std::sync::{Arc, MutexGuard};

use uuid::Uuid;
use vesta_consensus::{Disk, JournalError};
use vesta_journal::{Identity, Purged, Record, Snapshot, SnapshotMeta, Vote};
use vesta_types::canary;

use super::{Inner, MemoryDisk};

/// A disk as one process has it open: when that process is gone, nothing of it writes any more.
pub struct OpenDisk {
    disk: Arc<MemoryDisk>,
    generation: u64,
}

impl OpenDisk {
    pub(super) fn new(disk: Arc<MemoryDisk>, generation: u64) -> OpenDisk {
        OpenDisk { disk, generation }
    }

    fn write(&self) -> Result<MutexGuard<'_, Inner>, JournalError> {
        let inner = self.disk.lock();
        if inner.generation == self.generation {
            return Ok(inner);
        }
        Err(JournalError::Io {
            path: "the simulated disk".into(),
            operation: "writing",
            detail: "this process is gone".into(),
        })
    }
}

impl Disk for OpenDisk {
    fn identity(&self) -> Identity {
        self.disk.lock().content.identity.clone()
    }

    fn join(
        &self,
        cluster_id: Uuid,
        node_id: u64,
        founding: Option<Vec<u8>>,
    ) -> Result<(), JournalError> {
        let mut inner = self.write()?;
        let identity = &mut inner.content.identity;
        match (identity.cluster_id, identity.node_id) {
            (Some(cluster), Some(node)) if cluster == cluster_id && node == node_id => Ok(()),
            (Some(cluster), Some(node)) => Err(JournalError::Foreign {
                path: "the simulated disk".into(),
                detail: format!("it belongs to node {node} of cluster {cluster}"),
            }),
            _ => {
                identity.cluster_id = Some(cluster_id);
                identity.node_id = Some(node_id);
                identity.founding = founding;
                Ok(())
            }
        }
    }

    fn founded(&self) -> Result<(), JournalError> {
        self.write()?.content.identity.founding = None;
        Ok(())
    }

    fn vote(&self) -> Option<Vote> {
        self.disk.lock().content.identity.vote
    }

    fn save_vote(&self, vote: Vote) -> Result<(), JournalError> {
        let mut inner = self.write()?;
        inner.votes.push(vote);
        if !canary::is_on("vote-not-persisted") {
            inner.content.save_vote(vote);
        }
        Ok(())
    }

    fn note_committed(&self, index: u64) -> Result<(), JournalError> {
        self.write()?.content.note_committed(index);
        Ok(())
    }

    fn first_index(&self) -> Option<u64> {
        self.disk.lock().content.first()
    }

    fn last_index(&self) -> Option<u64> {
        self.disk.lock().content.last()
    }

    fn append(&self, records: &[Record]) -> Result<(), JournalError> {
        self.write()?.content.append(records)
    }

    fn sync(&self) -> Result<(), JournalError> {
        let mut inner = self.write()?;
        if canary::is_on("acknowledge-before-flush") {
            inner.content.sync_late();
        } else {
            inner.content.sync();
        }
        Ok(())
    }

    fn read(&self, from: u64, to_exclusive: u64) -> Result<Vec<Record>, JournalError> {
        Ok(self.disk.lock().content.read(from, to_exclusive))
    }

    fn truncate_from(&self, index: u64) -> Result<(), JournalError> {
        self.write()?.content.truncate_from(index)
    }

    fn purge_to(&self, index: u64, marker: Vec<u8>) -> Result<(), JournalError> {
        self.write()?.content.purge_to(index, marker);
        Ok(())
    }

    fn purged(&self) -> Option<Purged> {
        self.disk.lock().content.purged.clone()
    }

    fn save_snapshot(&self, meta: &SnapshotMeta, data: &[u8]) -> Result<(), JournalError> {
        self.write()?.content.save_snapshot(meta, data)
    }

    fn snapshot(&self) -> Result<Option<Snapshot>, JournalError> {
        Ok(self.disk.lock().content.snapshot.clone())
    }
}
