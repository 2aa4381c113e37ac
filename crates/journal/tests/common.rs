//! Journals in directories that vanish with the test.
#![allow(dead_code, reason = "each test binary uses its own part of it")]

use std::path::{Path, PathBuf};
use std::time::{Duration, Instant};

use tempfile::TempDir;
use vesta_journal::{Journal, JournalError, Record, SnapshotMeta};

/// A directory for one journal.
pub struct Place {
    _parent: TempDir,
    pub dir: PathBuf,
}

impl Place {
    pub fn new() -> Self {
        let parent = tempfile::tempdir().unwrap();
        let dir = parent.path().join("journal");
        Self {
            _parent: parent,
            dir,
        }
    }

    pub fn open(&self) -> Journal {
        Journal::open(&self.dir).unwrap()
    }

    /// The error of opening it.
    pub fn refusal(&self) -> JournalError {
        match Journal::open(&self.dir) {
            Ok(journal) => panic!("it opened, and the log ends at {:?}", journal.last_index()),
            Err(error) => error,
        }
    }

    /// A journal with synced entries 1 to `last`, closed again.
    pub fn with_entries(last: u64) -> Self {
        let place = Self::new();
        let journal = place.open();
        journal.append(&records(1..=last)).unwrap();
        journal.sync().unwrap();
        place
    }

    pub fn file(&self, name: &str) -> PathBuf {
        self.dir.join(name)
    }

    /// Opens the engine below a closed journal, to damage what it holds.
    pub fn engine(&self) -> sled::Db {
        let deadline = Instant::now() + Duration::from_secs(10);
        let config = sled::Config::new()
            .path(self.file("log"))
            .flush_every_ms(None);
        loop {
            // Threads of the closed journal's engine may hold its lock a little longer.
            match config.open() {
                Ok(engine) => return engine,
                Err(error) => assert!(Instant::now() < deadline, "{error}"),
            }
            std::thread::sleep(Duration::from_millis(5));
        }
    }
}

/// Bytes that depend on index and length, so that no two entries are alike.
pub fn bytes(index: u64, length: usize) -> Vec<u8> {
    let mut state = index.wrapping_mul(0x9e37_79b9_7f4a_7c15) ^ length as u64;
    let mut bytes = Vec::with_capacity(length + 8);
    while bytes.len() < length {
        state = state
            .wrapping_mul(6_364_136_223_846_793_005)
            .wrapping_add(1_442_695_040_888_963_407);
        bytes.extend((state >> 16).to_le_bytes());
    }
    bytes.truncate(length);
    bytes
}

pub fn record(index: u64, length: usize) -> Record {
    Record {
        index,
        bytes: bytes(index, length),
    }
}

/// Records of some hundred bytes.
pub fn records(indexes: std::ops::RangeInclusive<u64>) -> Vec<Record> {
    indexes
        .map(|index| record(index, 100 + index as usize % 400))
        .collect()
}

pub fn meta(index: u64) -> SnapshotMeta {
    SnapshotMeta {
        index,
        id: format!("snapshot-{index}"),
        extra: bytes(index, 40),
    }
}

pub fn flip_bit(path: &Path, offset: u64) {
    let mut content = std::fs::read(path).unwrap();
    content[offset as usize] ^= 0x10;
    std::fs::write(path, content).unwrap();
}

pub fn copy_dir(from: &Path, to: &Path) {
    std::fs::create_dir_all(to).unwrap();
    for entry in std::fs::read_dir(from).unwrap() {
        let entry = entry.unwrap();
        let target = to.join(entry.file_name());
        if entry.file_type().unwrap().is_dir() {
            copy_dir(&entry.path(), &target);
        } else {
            std::fs::copy(entry.path(), target).unwrap();
        }
    }
}
