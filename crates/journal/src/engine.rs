//! sled, made durable: see the crate's page for what it lacks.

use std::fs::{self, File};
use std::ops::RangeBounds;
use std::panic::{AssertUnwindSafe, catch_unwind};
use std::path::{Path, PathBuf};
use std::time::{Duration, Instant};

use crate::{JournalError, files};

/// sled's own files, in its directory.
pub(crate) const DATA: &str = "db";
pub(crate) const SETTINGS: &str = "conf";
pub(crate) const BLOBS: &str = "blobs";

/// Pages that sled keeps in memory, in bytes. What a master keeps of its log is a few MiB.
const CACHE_BYTES: u64 = 16 << 20;

/// How long sled's own threads may take to let go of the file after a journal was dropped in this process.
/// No other process can be in the way: whoever gets here holds the directory's lock.
const LOCK_PATIENCE: Duration = Duration::from_secs(5);

/// One tree of sled, in a directory of its own.
pub(crate) struct Engine {
    tree: sled::Db,
    /// A second handle of `db`, to sync what sled wrote through its own: sync works on the file, not the handle.
    data: File,
    path: PathBuf,
}

impl Engine {
    /// Opens or creates the engine's files in `path`, and makes them durable.
    pub(crate) fn open(path: &Path) -> Result<Self, JournalError> {
        remove_half_written(path)?;
        let config = sled::Config::new()
            .path(path)
            .mode(sled::Mode::HighThroughput)
            .cache_capacity(CACHE_BYTES)
            .flush_every_ms(None);
        let deadline = Instant::now() + LOCK_PATIENCE;
        let tree = loop {
            match guarded(path, || Ok(config.open())) {
                Ok(Ok(tree)) => break tree,
                Ok(Err(error)) if is_lock(&error) && Instant::now() < deadline => {
                    std::thread::sleep(Duration::from_millis(5));
                }
                Ok(Err(error)) => return Err(translate(path, error)),
                Err(error) => return Err(error),
            }
        };
        let file = path.join(DATA);
        let data = File::open(&file).map_err(|error| JournalError::io("opening", &file, &error))?;
        let engine = Self {
            tree,
            data,
            path: path.to_owned(),
        };
        engine.sync_files()?;
        engine.check_no_blobs()?;
        Ok(engine)
    }

    fn sync_files(&self) -> Result<(), JournalError> {
        if vesta_types::canary::is_on("no-fdatasync") {
            return Ok(());
        }
        for name in [SETTINGS, DATA, BLOBS] {
            files::sync(&self.path.join(name))?;
        }
        files::sync(&self.path)
    }

    /// The value of a key.
    pub(crate) fn get(&self, key: &[u8]) -> Result<Option<Vec<u8>>, JournalError> {
        guarded(&self.path, || self.tree.get(key)).map(|value| value.map(|value| value.to_vec()))
    }

    /// Applies all changes of a batch or none. Durable after the next [`sync`](Self::sync).
    pub(crate) fn apply(&self, batch: sled::Batch) -> Result<(), JournalError> {
        guarded(&self.path, || self.tree.apply_batch(batch))
    }

    /// Shows each pair in a range of keys to `visit`, in order, until that says stop or fails.
    pub(crate) fn visit<K: AsRef<[u8]>>(
        &self,
        keys: impl RangeBounds<K>,
        mut visit: impl FnMut(&[u8], &[u8]) -> Result<bool, JournalError>,
    ) -> Result<(), JournalError> {
        guarded(&self.path, || {
            for pair in self.tree.range(keys) {
                let (key, value) = pair?;
                match visit(&key, &value) {
                    Ok(true) => {}
                    Ok(false) => break,
                    Err(error) => return Ok(Err(error)),
                }
            }
            Ok(Ok(()))
        })?
    }

    /// Up to `limit` keys of a range, the highest first.
    pub(crate) fn highest_keys<K: AsRef<[u8]>>(
        &self,
        keys: impl RangeBounds<K>,
        limit: usize,
    ) -> Result<Vec<sled::IVec>, JournalError> {
        guarded(&self.path, || {
            self.tree.range(keys).keys().rev().take(limit).collect()
        })
    }

    /// Makes everything applied before the call durable.
    pub(crate) fn sync(&self) -> Result<(), JournalError> {
        self.flush()?;
        self.fdatasync()?;
        self.check_no_blobs()
    }

    /// Hands everything to the kernel.
    fn flush(&self) -> Result<(), JournalError> {
        #[cfg(any(debug_assertions, feature = "faults"))]
        fail::fail_point!("journal.flush", |errno| Err(JournalError::io(
            "flush",
            &self.path,
            &files::injected(errno)
        )));
        guarded(&self.path, || self.tree.flush()).map(|_| ())
    }

    /// Makes what the kernel has of `db` durable, and its length.
    fn fdatasync(&self) -> Result<(), JournalError> {
        #[cfg(any(debug_assertions, feature = "faults"))]
        fail::fail_point!("journal.fdatasync", |errno| Err(JournalError::io(
            "fdatasync",
            &self.path.join(DATA),
            &files::injected(errno)
        )));
        if vesta_types::canary::is_on("no-fdatasync") {
            return Ok(());
        }
        self.data
            .sync_data()
            .map_err(|error| JournalError::io("fdatasync", &self.path.join(DATA), &error))
    }

    /// A blob file would be a value that no sync covers.
    fn check_no_blobs(&self) -> Result<(), JournalError> {
        let blobs = self.path.join(BLOBS);
        let mut entries =
            fs::read_dir(&blobs).map_err(|error| JournalError::io("listing", &blobs, &error))?;
        match entries.next() {
            None => Ok(()),
            Some(_) => Err(JournalError::damaged_log(
                &blobs,
                "it holds a file, and must be empty: sled never syncs what it puts there",
            )),
        }
    }
}

/// A crash while sled writes its own snapshot leaves a file that it later takes for the newest one, and
/// then can't open (sled #1527). The file never counted: it is renamed when it is whole.
fn remove_half_written(path: &Path) -> Result<(), JournalError> {
    let entries = match fs::read_dir(path) {
        Ok(entries) => entries,
        Err(error) if error.kind() == std::io::ErrorKind::NotFound => return Ok(()),
        Err(error) => return Err(JournalError::io("listing", path, &error)),
    };
    for entry in entries {
        let entry = entry.map_err(|error| JournalError::io("listing", path, &error))?;
        if entry.file_name().to_string_lossy().ends_with(".generating") {
            files::remove_if_there(&entry.path())?;
        }
    }
    Ok(())
}

/// Runs a call into sled; a panic in it (sled panics on some damaged files) becomes an error.
fn guarded<T>(
    path: &Path,
    call: impl FnOnce() -> Result<T, sled::Error>,
) -> Result<T, JournalError> {
    match catch_unwind(AssertUnwindSafe(call)) {
        Ok(result) => result.map_err(|error| translate(path, error)),
        Err(payload) => {
            let text = payload
                .downcast_ref::<String>()
                .cloned()
                .or_else(|| {
                    payload
                        .downcast_ref::<&str>()
                        .map(|text| (*text).to_owned())
                })
                .unwrap_or_default();
            Err(JournalError::damaged_log(
                path,
                format!("sled can't read it and panicked: {text}"),
            ))
        }
    }
}

fn translate(path: &Path, error: sled::Error) -> JournalError {
    use std::io::ErrorKind::{InvalidData, InvalidInput, UnexpectedEof};
    match error {
        // What sled read is not what it wrote, but it reports no more than a failed read.
        sled::Error::Io(error)
            if matches!(error.kind(), InvalidData | InvalidInput | UnexpectedEof) =>
        {
            JournalError::damaged_log(path, format!("sled can't read it: {error}"))
        }
        sled::Error::Io(error) => JournalError::io("access by sled", path, &error),
        sled::Error::Corruption { at, .. } => JournalError::LogDamaged {
            path: path.join(DATA),
            offset: at.map(|at| at.lid()),
            index: None,
            detail: "sled finds it corrupted".into(),
        },
        error => JournalError::damaged_log(path, format!("sled: {error}")),
    }
}

fn is_lock(error: &sled::Error) -> bool {
    matches!(error, sled::Error::Io(error) if error.to_string().contains("could not acquire lock"))
}
