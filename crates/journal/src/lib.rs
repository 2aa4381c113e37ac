//! The Raft log, vote and snapshots of one master, on disk.
//!
//! This crate stores bytes and knows no domain: what an entry, a marker or a snapshot means is the
//! business of the consensus crate above it. It is the only crate that names the storage engine.
//!
//! # What a directory holds
//!
//! | Path | Content | Written how |
//! |---|---|---|
//! | `identity` | who this directory is, the vote, the highest committed index known durable here | temporary file, fsync, rename, fsync of the directory |
//! | `log/` | the log entries, in sled | batch, flush, `fdatasync` before anything is acknowledged |
//! | `log-end` | the last index synced so far, to notice a log that lost its tail | 16 bytes in place, behind the log |
//! | `snapshots/` | the newest snapshot and the one before | temporary file, fsync, rename, fsync of the directory |
//! | `lock` | held while a process has the directory open | `flock` |
//!
//! # Why sled needs help
//!
//! sled 0.34's `flush` asks the kernel to write (`sync_file_range`) and not to make durable. At a power
//! cut it loses acknowledged writes, and says nothing. So:
//!
//! - every file and directory of sled is fsynced at open, and `db` is `fdatasync`ed through a second handle
//!   after each flush and before the flush counts;
//! - values over about 10 kB would go to blob files that sled never syncs, so entries are stored in parts of
//!   at most [`MAX_PART_BYTES`], and a file in `blobs/` is an error;
//! - sled cuts what it can't read from the end of its own log without a word, so the identity file and
//!   `log-end` say how far the log has to reach;
//! - each part carries its own checksum, and everything is checked at open;
//! - a panic inside sled becomes an error. This needs unwinding: don't build with `panic = "abort"`.
//!
//! # When something fails
//!
//! After a failed write or sync nobody knows what is on the disk, and a second `fsync` may claim success for
//! data that is gone. So the journal is *poisoned*: every later call that returns a result returns that first
//! error, and the node has to stop.

mod directory;
mod engine;
mod error;
mod files;
mod identity;
mod journal;
mod log;
mod log_end;
mod part;
mod scan;
mod seal;
mod snapshot;
mod span;
mod types;

pub use error::JournalError;
pub use journal::Journal;
pub use part::{MAX_PART_BYTES, MAX_RECORD_BYTES};
pub use types::{Identity, Purged, Record, Snapshot, SnapshotMeta, Vote};
