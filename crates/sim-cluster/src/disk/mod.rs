//! A disk in memory that knows what is synced: the rest is lost when its machine goes down.

mod content;
mod open;

use std::sync::{Arc, Mutex, MutexGuard, PoisonError};

use rand::Rng;
use rand::rngs::StdRng;
use uuid::Uuid;
use vesta_consensus::JournalError;
use vesta_journal::Vote;

use content::Content;
pub use open::OpenDisk;

/// The disk of one machine. It outlives every process there.
pub struct MemoryDisk {
    inner: Mutex<Inner>,
}

struct Inner {
    content: Content,
    /// Which process has it open: an older one's writes no longer reach it.
    generation: u64,
    /// Every vote that was ever saved here, lost ones included: what others were told.
    votes: Vec<Vote>,
}

/// What is on a disk for good, for the checks.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Durable {
    /// Entries up to here are covered by a snapshot.
    pub snapshot: u64,
    /// The last entry that is synced; 0 if none is.
    pub last: u64,
}

impl MemoryDisk {
    /// An empty disk.
    pub fn new() -> Arc<MemoryDisk> {
        Arc::new(MemoryDisk {
            inner: Mutex::new(Inner {
                content: Content::new(Uuid::new_v4()),
                generation: 0,
                votes: Vec::new(),
            }),
        })
    }

    /// Opens it for a new process.
    ///
    /// # Errors
    /// [`JournalError::Amnesia`] as the journal: when it lacks what was once recorded as committed here.
    pub fn open(self: &Arc<Self>) -> Result<Arc<OpenDisk>, JournalError> {
        let mut inner = self.lock();
        inner.generation += 1;
        inner.content.check_memory()?;
        Ok(Arc::new(OpenDisk::new(Arc::clone(self), inner.generation)))
    }

    /// The power fails: what is not synced is lost, but for as much of it as the disk happened to write.
    /// Returns how many entries were lost.
    pub fn power_off(&self, random: &mut StdRng) -> usize {
        let mut inner = self.lock();
        inner.generation += 1;
        let written = match inner.content.unsynced() {
            0 => 0,
            unsynced => random.random_range(0..=unsynced),
        };
        inner.content.lose_unsynced(written)
    }

    /// What is there for good.
    pub fn durable(&self) -> Durable {
        self.lock().content.durable()
    }

    /// The synced bytes of the entry at `index`.
    pub fn entry(&self, index: u64) -> Option<Vec<u8>> {
        self.lock().content.synced_entry(index)
    }

    /// Every vote that was ever saved here, in order.
    pub fn votes(&self) -> Vec<Vote> {
        self.lock().votes.clone()
    }

    fn lock(&self) -> MutexGuard<'_, Inner> {
        // A process that panics is a finding of its own; what it wrote stays as it is.
        self.inner.lock().unwrap_or_else(PoisonError::into_inner)
    }
}
