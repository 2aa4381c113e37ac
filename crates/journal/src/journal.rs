//! The journal: log, vote and snapshots of one directory as one value.

use std::fs::File;
use std::path::{Path, PathBuf};
use std::sync::Mutex;
use std::sync::atomic::{AtomicU64, Ordering};
use std::time::{Duration, Instant};

use uuid::Uuid;

use crate::identity::{self, IdentityFile};
use crate::log::{Log, lock};
use crate::snapshot::{Reach, SaveError, Snapshots};
use crate::{
    Identity, JournalError, Purged, Record, Snapshot, SnapshotMeta, Vote, directory, files,
};

/// How often the committed index is written at most.
const COMMITTED_EVERY: Duration = Duration::from_secs(1);

/// The Raft log, vote and snapshots in one directory. All methods block on the disk, and may be called from
/// several threads.
///
/// Every method that returns a result fails with the first error of a write, a sync or a checksum from then
/// on, whatever it is asked: see the crate's page. [`JournalError::Refused`] alone changes nothing.
pub struct Journal {
    dir: PathBuf,
    log: Log,
    snapshots: Mutex<Snapshots>,
    /// The index of the newest snapshot, 0 for none: so that it can be asked while one is saved.
    covered: AtomicU64,
    identity: Mutex<Keeper>,
    poison: Mutex<Option<JournalError>>,
    /// Last, so that it is dropped last.
    _lock: File,
}

/// The identity in memory, and what is to be written with it.
struct Keeper {
    file: IdentityFile,
    /// The highest index committed and durable here, written or not.
    committed: u64,
    written: Option<Instant>,
}

impl Journal {
    /// Opens `dir`, creating it (mode 0700) if it is absent, and locks it against other processes. Checks the
    /// format, that everything is there and belongs together, every checksum of the log and of the
    /// snapshot, and that nothing is missing that was once acknowledged here.
    pub fn open(dir: &Path) -> Result<Self, JournalError> {
        directory::prepare(dir)?;
        let lock = directory::acquire(dir)?;
        directory::check_space(dir)?;
        let file = directory::load_or_create(dir)?;
        let committed = file.committed_index;
        let log = Log::open(dir, file.directory_uuid, committed)?;
        let snapshots = Snapshots::open(dir, file.directory_uuid)?;
        let snapshot = usable_snapshot(&log, &snapshots)?;
        let reached = log.reached().max(snapshot);
        // The canary breaks I22: who has lost what it acknowledged takes no part any more.
        if committed > reached.unwrap_or(0) && !vesta_types::canary::is_on("amnesia-unnoticed") {
            return Err(JournalError::Amnesia {
                dir: dir.to_owned(),
                committed,
                detail: match reached {
                    Some(reached) => format!("and log and snapshots end at index {reached}"),
                    None => "and log and snapshots are empty".into(),
                },
            });
        }
        log.confirm(snapshot)?;
        Ok(Self {
            dir: dir.to_owned(),
            log,
            snapshots: Mutex::new(snapshots),
            covered: AtomicU64::new(snapshot.unwrap_or(0)),
            identity: Mutex::new(Keeper {
                file,
                committed,
                written: None,
            }),
            poison: Mutex::new(None),
            _lock: lock,
        })
    }

    /// Who this directory is.
    pub fn identity(&self) -> Identity {
        lock(&self.identity).file.public()
    }

    /// Makes this directory a member of a cluster, for good. `founding` is kept until [`founded`](Self::founded)
    /// clears it: what the node has to finish if it stops in between. The same cluster and node again change
    /// nothing; another one is refused with [`JournalError::Foreign`].
    pub fn join(
        &self,
        cluster_id: Uuid,
        node_id: u64,
        founding: Option<Vec<u8>>,
    ) -> Result<(), JournalError> {
        self.check()?;
        let mut keeper = lock(&self.identity);
        match (keeper.file.cluster_id, keeper.file.node_id) {
            (Some(cluster), Some(node)) if cluster == cluster_id && node == node_id => {
                return Ok(());
            }
            (Some(cluster), Some(node)) => {
                return Err(JournalError::Foreign {
                    path: self.dir.clone(),
                    detail: format!(
                        "it belongs to node {node} of cluster {cluster}, not to node {node_id} of cluster {cluster_id}"
                    ),
                });
            }
            _ => {}
        }
        self.change(&mut keeper, |file| {
            file.cluster_id = Some(cluster_id);
            file.node_id = Some(node_id);
            file.founding = founding.as_deref().map(identity::to_hex);
        })
    }

    /// Clears what [`join`](Self::join) was given as `founding`.
    pub fn founded(&self) -> Result<(), JournalError> {
        self.check()?;
        let mut keeper = lock(&self.identity);
        if keeper.file.founding.is_none() {
            return Ok(());
        }
        self.change(&mut keeper, |file| file.founding = None)
    }

    /// The last vote saved.
    pub fn vote(&self) -> Option<Vote> {
        lock(&self.identity).file.vote
    }

    /// Saves a vote; durable when it returns.
    pub fn save_vote(&self, vote: Vote) -> Result<(), JournalError> {
        self.check()?;
        self.change(&mut lock(&self.identity), |file| file.vote = Some(vote))
    }

    /// Notes that everything up to `index` is committed. What of that is durable here is recorded in the identity
    /// file at most once a second, and when the journal is dropped; at the next open at least that much has
    /// to be there.
    pub fn note_committed(&self, index: u64) -> Result<(), JournalError> {
        self.check()?;
        let durable = self.log.durable().max(self.covered.load(Ordering::Acquire));
        let mut keeper = lock(&self.identity);
        keeper.committed = keeper.committed.max(index.min(durable));
        let due = keeper
            .written
            .is_none_or(|written| written.elapsed() >= COMMITTED_EVERY);
        if keeper.committed == keeper.file.committed_index || !due {
            return Ok(());
        }
        self.change(&mut keeper, |_| {})
    }

    /// The index of the first entry in the log.
    pub fn first_index(&self) -> Option<u64> {
        self.log.first()
    }

    /// The index of the last entry in the log.
    pub fn last_index(&self) -> Option<u64> {
        self.log.last()
    }

    /// Appends records, all or none. They must follow the last one without a gap; the first ones of a log that
    /// is empty and was never purged may begin anywhere. They can be read at once, and are durable after
    /// the next [`sync`](Self::sync).
    pub fn append(&self, records: &[Record]) -> Result<(), JournalError> {
        self.check()?;
        self.fatal(self.log.append(records))
    }

    /// Makes everything appended before the call durable.
    pub fn sync(&self) -> Result<(), JournalError> {
        self.check()?;
        self.fatal(self.log.sync())
    }

    /// The records from `from` up to, and without, `to_exclusive`, as far as the log has them.
    pub fn read(&self, from: u64, to_exclusive: u64) -> Result<Vec<Record>, JournalError> {
        self.check()?;
        self.fatal(self.log.read(from, to_exclusive))
    }

    /// Deletes everything from `index` on; durable when it returns. What is recorded as committed is refused.
    pub fn truncate_from(&self, index: u64) -> Result<(), JournalError> {
        self.check()?;
        let committed = lock(&self.identity).committed;
        if index <= committed && self.log.last().is_some_and(|last| index <= last) && committed > 0
        {
            return Err(JournalError::Refused(format!(
                "a truncation from index {index} on: everything up to {committed} is committed"
            )));
        }
        self.fatal(self.log.truncate_from(index))
    }

    /// Deletes everything up to `index`, which may lie beyond the last entry; durable when it returns. `marker` (at
    /// most 4096 bytes) is kept with it. A purge below an earlier one changes nothing. The snapshot that
    /// covers what is purged must have been saved before, or the journal does not open again.
    pub fn purge_to(&self, index: u64, marker: Vec<u8>) -> Result<(), JournalError> {
        self.check()?;
        self.fatal(self.log.purge_to(index, marker))
    }

    /// How far the log has been purged.
    pub fn purged(&self) -> Option<Purged> {
        self.log.purged()
    }

    /// Saves a snapshot; durable when it returns. It is kept with the one before. If it can't be written (a full
    /// disk, say), what was there before is still there and the journal goes on. One below the newest is refused.
    pub fn save_snapshot(&self, meta: &SnapshotMeta, data: &[u8]) -> Result<(), JournalError> {
        self.check()?;
        match lock(&self.snapshots).save(meta, data) {
            Ok(()) => {
                self.covered.store(meta.index, Ordering::Release);
                Ok(())
            }
            Err(SaveError::Unchanged(error)) => Err(error),
            Err(SaveError::Unknown(error)) => self.fatal(Err(error)),
        }
    }

    /// The newest snapshot, verified. If it is damaged, the one before, as long as the log has everything since,
    /// or nothing, if the log has everything from its beginning; else [`JournalError::SnapshotDamaged`].
    pub fn snapshot(&self) -> Result<Option<Snapshot>, JournalError> {
        self.check()?;
        let loaded = lock(&self.snapshots).load(reach(&self.log));
        self.fatal(loaded)
    }

    /// What the directory takes up on the disk, in bytes.
    pub fn disk_bytes(&self) -> u64 {
        files::disk_bytes(&self.dir)
    }

    /// Writes the identity with a change made to it.
    fn change(
        &self,
        keeper: &mut Keeper,
        change: impl FnOnce(&mut IdentityFile),
    ) -> Result<(), JournalError> {
        let mut file = keeper.file.clone();
        change(&mut file);
        file.committed_index = keeper.committed;
        self.fatal(file.save(&self.dir))?;
        keeper.file = file;
        keeper.written = Some(Instant::now());
        Ok(())
    }

    fn check(&self) -> Result<(), JournalError> {
        lock(&self.poison).clone().map_or(Ok(()), Err)
    }

    /// Remembers the first error for good, unless nothing was changed.
    fn fatal<T>(&self, result: Result<T, JournalError>) -> Result<T, JournalError> {
        if let Err(error) = &result
            && !matches!(error, JournalError::Refused(_))
        {
            let mut poison = lock(&self.poison);
            if poison.is_none() {
                tracing::error!(dir = %self.dir.display(), %error, "the journal failed: nothing more is written to it");
                *poison = Some(error.clone());
            }
        }
        result
    }
}

impl Drop for Journal {
    fn drop(&mut self) {
        let mut keeper = lock(&self.identity);
        if self.check().is_ok() && keeper.committed > keeper.file.committed_index {
            // Best effort, and reported by `fatal`: the record is only older then.
            let _ = self.change(&mut keeper, |_| {});
        }
    }
}

fn reach(log: &Log) -> Reach {
    Reach {
        purged: log.purged().map(|purged| purged.index),
        last: log.last(),
    }
}

/// The index of the snapshot that this directory starts from. What was purged has to be in one.
fn usable_snapshot(log: &Log, snapshots: &Snapshots) -> Result<Option<u64>, JournalError> {
    let reach = reach(log);
    let index = snapshots.load(reach)?.map(|snapshot| snapshot.meta.index);
    if let Some(purged) = reach.purged.filter(|purged| index < Some(*purged)) {
        return Err(snapshots.missing(purged));
    }
    Ok(index)
}
