//! What a node keeps on disk, and how it is waited for.

use std::io;
use std::ops::Deref;
use std::sync::Arc;

use uuid::Uuid;
use vesta_journal::{
    Identity, Journal, JournalError, Purged, Record, Snapshot, SnapshotMeta, Vote,
};

/// What a node needs of its disk: each method is the [`Journal`]'s of the same name, whose page says what it
/// promises. Only a simulation puts another one at the journal's place.
#[expect(missing_docs, reason = "the journal documents them")]
#[expect(clippy::missing_errors_doc, reason = "the journal documents them")]
pub trait Disk: Send + Sync + 'static {
    fn identity(&self) -> Identity;
    fn join(
        &self,
        cluster_id: Uuid,
        node_id: u64,
        founding: Option<Vec<u8>>,
    ) -> Result<(), JournalError>;
    fn founded(&self) -> Result<(), JournalError>;
    fn vote(&self) -> Option<Vote>;
    fn save_vote(&self, vote: Vote) -> Result<(), JournalError>;
    fn note_committed(&self, index: u64) -> Result<(), JournalError>;
    fn first_index(&self) -> Option<u64>;
    fn last_index(&self) -> Option<u64>;
    fn append(&self, records: &[Record]) -> Result<(), JournalError>;
    fn sync(&self) -> Result<(), JournalError>;
    fn read(&self, from: u64, to_exclusive: u64) -> Result<Vec<Record>, JournalError>;
    fn truncate_from(&self, index: u64) -> Result<(), JournalError>;
    fn purge_to(&self, index: u64, marker: Vec<u8>) -> Result<(), JournalError>;
    fn purged(&self) -> Option<Purged>;
    fn save_snapshot(&self, meta: &SnapshotMeta, data: &[u8]) -> Result<(), JournalError>;
    fn snapshot(&self) -> Result<Option<Snapshot>, JournalError>;
}

impl Disk for Journal {
    fn identity(&self) -> Identity {
        self.identity()
    }

    fn join(
        &self,
        cluster_id: Uuid,
        node_id: u64,
        founding: Option<Vec<u8>>,
    ) -> Result<(), JournalError> {
        self.join(cluster_id, node_id, founding)
    }

    fn founded(&self) -> Result<(), JournalError> {
        self.founded()
    }

    fn vote(&self) -> Option<Vote> {
        self.vote()
    }

    fn save_vote(&self, vote: Vote) -> Result<(), JournalError> {
        self.save_vote(vote)
    }

    fn note_committed(&self, index: u64) -> Result<(), JournalError> {
        self.note_committed(index)
    }

    fn first_index(&self) -> Option<u64> {
        self.first_index()
    }

    fn last_index(&self) -> Option<u64> {
        self.last_index()
    }

    fn append(&self, records: &[Record]) -> Result<(), JournalError> {
        self.append(records)
    }

    fn sync(&self) -> Result<(), JournalError> {
        self.sync()
    }

    fn read(&self, from: u64, to_exclusive: u64) -> Result<Vec<Record>, JournalError> {
        self.read(from, to_exclusive)
    }

    fn truncate_from(&self, index: u64) -> Result<(), JournalError> {
        self.truncate_from(index)
    }

    fn purge_to(&self, index: u64, marker: Vec<u8>) -> Result<(), JournalError> {
        self.purge_to(index, marker)
    }

    fn purged(&self) -> Option<Purged> {
        self.purged()
    }

    fn save_snapshot(&self, meta: &SnapshotMeta, data: &[u8]) -> Result<(), JournalError> {
        self.save_snapshot(meta, data)
    }

    fn snapshot(&self) -> Result<Option<Snapshot>, JournalError> {
        self.snapshot()
    }
}

/// The disk of a running node. Cheap to clone.
#[derive(Clone)]
pub(crate) struct Store {
    disk: Arc<dyn Disk>,
    /// Whether its operations take real time, and so a thread.
    blocks: bool,
}

impl Store {
    /// A disk whose operations take as long as they take.
    pub(crate) fn real(disk: Journal) -> Store {
        Store {
            disk: Arc::new(disk),
            blocks: true,
        }
    }

    /// A disk whose operations take no time at all: what they take is simulated elsewhere.
    pub(crate) fn simulated(disk: Arc<dyn Disk>) -> Store {
        Store {
            disk,
            blocks: false,
        }
    }

    /// Work on the disk of unknown length, off the threads that carry heartbeats.
    pub(crate) async fn blocking<T: Send + 'static>(
        &self,
        work: impl FnOnce(&dyn Disk) -> T + Send + 'static,
    ) -> io::Result<T> {
        if !self.blocks {
            return Ok(work(&*self.disk));
        }
        let disk = Arc::clone(&self.disk);
        tokio::task::spawn_blocking(move || work(&*disk))
            .await
            .map_err(io::Error::other)
    }
}

impl Deref for Store {
    type Target = dyn Disk;

    fn deref(&self) -> &Self::Target {
        &*self.disk
    }
}
