//! The log entries, in the engine.

use std::path::{Path, PathBuf};
use std::sync::atomic::{AtomicU64, AtomicUsize, Ordering};
use std::sync::{Mutex, MutexGuard, PoisonError, RwLock};

use uuid::Uuid;

use crate::engine::Engine;
use crate::log_end::LogEnd;
use crate::scan::Scan;
use crate::seal::{seal, unseal};
use crate::span::{Floor, Span};
use crate::{JournalError, MAX_RECORD_BYTES, Purged, Record, part};

/// Name of the engine's folder in the journal's directory.
pub(crate) const NAME: &str = "log";

/// Key of the uuid of the directory that the log belongs to.
const OWNER: &[u8] = &[0, b'o'];
/// Key of the [`Floor`].
const FLOOR: &[u8] = &[0, b'f'];

/// Keys deleted in one batch, which is then synced: see [`UNSYNCED_BYTES`].
const DELETIONS: usize = 256;

/// Length of the longest marker that a purge may leave, in bytes.
const MAX_MARKER_BYTES: usize = 4096;

/// Unsynced bytes after which an append syncs by itself. sled puts a segment of 512 KiB to new use once two
/// later ones were *written*; with a sync in between, what it moved out of that segment is durable
/// before it can be overwritten. sled writes a value about twice, so this stays within one segment.
const UNSYNCED_BYTES: usize = 256 << 10;

/// What a sync knows.
struct Synced {
    end: LogEnd,
    last: Option<u64>,
}

/// The log of one directory.
pub(crate) struct Log {
    engine: Engine,
    path: PathBuf,
    span: RwLock<Span>,
    /// Held while the log is changed.
    writer: Mutex<()>,
    /// How many bytes have been appended since the last sync.
    unsynced: AtomicUsize,
    /// The last index that is durable, 0 for none: a copy of what `synced` knows.
    durable: AtomicU64,
    /// Held while the log is synced. Taken after `writer`, where both are.
    synced: Mutex<Synced>,
}

impl Log {
    /// Makes an empty log in the new directory `dir`.
    pub(crate) fn create(dir: &Path, owner: Uuid) -> Result<(), JournalError> {
        LogEnd::create(dir)?;
        let engine = Engine::open(&dir.join(NAME))?;
        let mut batch = sled::Batch::default();
        batch.insert(OWNER, seal(owner.as_bytes()));
        engine.apply(batch)?;
        engine.sync()
    }

    /// Opens the log in `dir` and checks all of it. A torn tail beyond `committed` and beyond what was
    /// synced is cut, since nothing of it was acknowledged.
    pub(crate) fn open(dir: &Path, owner: Uuid, committed: u64) -> Result<Self, JournalError> {
        let path = dir.join(NAME);
        let engine = Engine::open(&path)?;
        check_owner(&engine, &path, dir, owner, committed)?;
        let damaged = || JournalError::damaged_log(&path, "where it begins is damaged");
        let stored = engine.get(FLOOR)?;
        let floor = stored
            .map(|bytes| Floor::parse(&bytes).ok_or_else(damaged))
            .transpose()?;
        let (end, synced) = LogEnd::open(dir)?;
        let first = floor.as_ref().map_or(0, |floor| floor.first);
        delete_below(&engine, first)?;
        let mut scan = Scan::new(&path, first);
        engine.visit([part::RECORDS].., |key, value| {
            scan.feed(key, value).map(|_| true)
        })?;
        let extent = scan.finish();
        if let Some(torn) = extent.torn_from {
            if torn <= committed || synced.is_some_and(|synced| torn <= synced) {
                return Err(JournalError::damaged_entry(
                    &path,
                    torn,
                    "it lacks its last parts, and was synced once",
                ));
            }
            tracing::warn!(
                path = %path.display(), index = torn,
                "cutting the torn tail of the log: it was never synced, so nothing of it was acknowledged"
            );
            delete_from(&engine, torn)?;
        }
        Ok(Self {
            engine,
            path,
            span: RwLock::new(Span {
                floor,
                last: extent.last,
            }),
            writer: Mutex::new(()),
            unsynced: AtomicUsize::new(0),
            durable: AtomicU64::new(0),
            synced: Mutex::new(Synced { end, last: synced }),
        })
    }

    /// The highest index that the log has or once had: the last entry's, or the purge's.
    pub(crate) fn reached(&self) -> Option<u64> {
        let span = self.span();
        span.last.max(span.purged().map(|purged| purged.index))
    }

    /// Ends the opening: together with a snapshot up to `snapshot` the log has to reach as far as it was
    /// ever synced.
    pub(crate) fn confirm(&self, snapshot: Option<u64>) -> Result<(), JournalError> {
        let mut synced = lock(&self.synced);
        let reached = self.reached();
        if let Some(end) = synced.last.filter(|end| Some(*end) > reached.max(snapshot)) {
            return Err(JournalError::damaged_entry(
                &self.path,
                reached.map_or(0, |reached| reached + 1),
                format!("the log ends before it, and was synced up to index {end} once"),
            ));
        }
        // What is there may be in the kernel's cache only, if the process before died before it synced.
        self.sync_holding(&mut synced)
    }

    pub(crate) fn first(&self) -> Option<u64> {
        self.span().first()
    }

    pub(crate) fn last(&self) -> Option<u64> {
        self.span().last
    }

    pub(crate) fn purged(&self) -> Option<Purged> {
        self.span().purged()
    }

    /// The last index that is durable; 0 if there is none. Does not wait for a sync that is under way.
    pub(crate) fn durable(&self) -> u64 {
        self.durable.load(Ordering::Acquire)
    }

    pub(crate) fn append(&self, records: &[Record]) -> Result<(), JournalError> {
        let _writer = lock(&self.writer);
        let Some(newest) = records.last() else {
            return Ok(());
        };
        let mut batch = sled::Batch::default();
        let mut span = self.span();
        if let Some(floor) = span.begin_append(records[0].index)? {
            batch.insert(FLOOR, floor.to_bytes());
            span.floor = Some(floor);
        }
        let mut bytes = 0;
        for (record, expected) in records.iter().zip(records[0].index..) {
            if record.index != expected {
                return Err(JournalError::Refused(format!(
                    "an append with index {} where {expected} comes next",
                    record.index
                )));
            }
            if record.bytes.len() > MAX_RECORD_BYTES {
                return Err(JournalError::Refused(format!(
                    "index {} has {} bytes, at most {MAX_RECORD_BYTES} are allowed",
                    record.index,
                    record.bytes.len()
                )));
            }
            bytes += record.bytes.len();
            for (key, value) in part::split(record.index, &record.bytes) {
                batch.insert(&key, value);
            }
        }
        self.apply_append(batch)?;
        span.last = Some(newest.index);
        self.set_span(span);
        if self.unsynced.fetch_add(bytes, Ordering::Relaxed) + bytes >= UNSYNCED_BYTES {
            self.sync()?;
        }
        Ok(())
    }

    fn apply_append(&self, batch: sled::Batch) -> Result<(), JournalError> {
        #[cfg(any(debug_assertions, feature = "faults"))]
        fail::fail_point!("journal.append", |errno| Err(JournalError::io(
            "append",
            &self.path,
            &crate::files::injected(errno)
        )));
        self.engine.apply(batch)
    }

    pub(crate) fn sync(&self) -> Result<(), JournalError> {
        self.sync_holding(&mut lock(&self.synced))
    }

    fn sync_holding(&self, synced: &mut Synced) -> Result<(), JournalError> {
        // Read before the flush: what is appended meanwhile may or may not be in it.
        let last = self.last();
        self.unsynced.store(0, Ordering::Relaxed);
        self.engine.sync()?;
        synced.last = last;
        self.durable.store(last.unwrap_or(0), Ordering::Release);
        synced.end.write(last)
    }

    pub(crate) fn read(&self, from: u64, to: u64) -> Result<Vec<Record>, JournalError> {
        // Held to the end, so that nothing in the range is deleted meanwhile.
        let span = self.span.read().unwrap_or_else(PoisonError::into_inner);
        let (Some(first), Some(last)) = (span.first(), span.last) else {
            return Ok(Vec::new());
        };
        let from = from.max(first);
        let to = to.min(last.saturating_add(1));
        if from >= to {
            return Ok(Vec::new());
        }
        let mut scan = Scan::new(&self.path, from);
        let mut records: Vec<Record> = Vec::new();
        self.engine
            .visit(part::key(from, 0)..part::key(to, 0), |key, value| {
                let part = scan.feed(key, value)?;
                if part.number == 0 {
                    records.push(Record {
                        index: part.index,
                        bytes: Vec::with_capacity(part.length as usize),
                    });
                }
                if let Some(record) = records.last_mut() {
                    record.bytes.extend_from_slice(part.bytes);
                }
                Ok(true)
            })?;
        match scan.finish().last {
            Some(reached) if reached == to - 1 => Ok(records),
            reached => Err(JournalError::damaged_entry(
                &self.path,
                reached.map_or(from, |reached| reached + 1),
                format!("it is missing, while the log should reach index {last}"),
            )),
        }
    }

    pub(crate) fn truncate_from(&self, index: u64) -> Result<(), JournalError> {
        let _writer = lock(&self.writer);
        let mut synced = lock(&self.synced);
        let mut span = self.span();
        let (Some(first), Some(last)) = (span.first(), span.last) else {
            return Ok(());
        };
        if index > last {
            return Ok(());
        }
        span.last = index.checked_sub(1).filter(|last| *last >= first);
        // Lowered first, and durably: a crash halfway must not look like a log that lost its tail.
        synced.last = synced.last.min(span.last);
        self.set_span(span);
        self.durable
            .store(synced.last.unwrap_or(0), Ordering::Release);
        synced.end.write(synced.last)?;
        synced.end.sync()?;
        delete_from(&self.engine, index.max(first))?;
        self.sync_holding(&mut synced)
    }

    pub(crate) fn purge_to(&self, index: u64, marker: Vec<u8>) -> Result<(), JournalError> {
        if marker.len() > MAX_MARKER_BYTES || index == u64::MAX {
            return Err(JournalError::Refused(format!(
                "a purge to index {index} with a marker of {} bytes; at most {} and {MAX_MARKER_BYTES} are allowed",
                marker.len(),
                u64::MAX - 1
            )));
        }
        let _writer = lock(&self.writer);
        let mut span = self.span();
        let first = index + 1;
        if span.purged().is_some_and(|purged| purged.index >= index) {
            return Ok(());
        }
        let floor = Floor {
            first,
            marker: Some(marker),
        };
        let mut batch = sled::Batch::default();
        batch.insert(FLOOR, floor.to_bytes());
        span.floor = Some(floor);
        span.last = span.last.filter(|last| *last >= first);
        self.set_span(span);
        // The floor is written before anything is deleted; a crash in between leaves the rest to the next open.
        self.engine.apply(batch)?;
        delete_below(&self.engine, first)?;
        self.sync()
    }

    fn span(&self) -> Span {
        self.span
            .read()
            .unwrap_or_else(PoisonError::into_inner)
            .clone()
    }

    fn set_span(&self, span: Span) {
        *self.span.write().unwrap_or_else(PoisonError::into_inner) = span;
    }
}

/// A lock whose holder panicked is as good as any other: what it guards is replaced whole.
pub(crate) fn lock<T>(mutex: &Mutex<T>) -> MutexGuard<'_, T> {
    mutex.lock().unwrap_or_else(PoisonError::into_inner)
}

fn check_owner(
    engine: &Engine,
    path: &Path,
    dir: &Path,
    owner: Uuid,
    committed: u64,
) -> Result<(), JournalError> {
    let Some(bytes) = engine.get(OWNER)? else {
        return Err(JournalError::Amnesia {
            dir: dir.to_owned(),
            committed,
            detail: "and the log is empty or new: it is not the one that was here".into(),
        });
    };
    let found = unseal(&bytes)
        .and_then(|bytes| Uuid::from_slice(bytes).ok())
        .ok_or_else(|| JournalError::damaged_log(path, "the uuid of its directory is damaged"))?;
    if found != owner {
        return Err(JournalError::other_directory(path, found, owner));
    }
    Ok(())
}

/// Deletes the records from `index` on, from the end backwards, so that a crash halfway leaves no hole.
fn delete_from(engine: &Engine, index: u64) -> Result<(), JournalError> {
    loop {
        let keys = engine.highest_keys(part::key(index, 0).., DELETIONS)?;
        if keys.is_empty() {
            return Ok(());
        }
        delete(engine, keys)?;
    }
}

/// Deletes the records below `index`. Those were given up already, so the order does not matter.
fn delete_below(engine: &Engine, index: u64) -> Result<(), JournalError> {
    loop {
        let keys = engine.highest_keys(part::key(0, 0)..part::key(index, 0), DELETIONS)?;
        if keys.is_empty() {
            return Ok(());
        }
        delete(engine, keys)?;
    }
}

fn delete(engine: &Engine, keys: Vec<sled::IVec>) -> Result<(), JournalError> {
    let mut batch = sled::Batch::default();
    for key in keys {
        batch.remove(key);
    }
    engine.apply(batch)?;
    engine.sync()
}
