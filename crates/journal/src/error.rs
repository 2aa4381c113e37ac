//! What can go wrong with a journal, and what to do about it.

use std::io;
use std::path::{Path, PathBuf};

use uuid::Uuid;

/// What an operator does with a member whose directory can't be trusted any more.
const REJOIN: &str = "to rejoin as a fresh learner, move the directory away and start again under a new node id \
                      and without --form (`vesta master --node-id NEW --data-dir EMPTY`); then, through another \
                      master, `vesta cluster add NEW=CLIENTS/RAFT` and `vesta cluster remove OLD`";

/// Why a journal can't be opened, read or written. Each kind that an operator may meet has a code.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub enum JournalError {
    /// The log is damaged or a part of it is missing.
    #[error("JRN001: the log is damaged: {}{}{}: {detail}; {REJOIN}", path.display(), at("offset", *offset), at("index", *index))]
    LogDamaged {
        /// The file or directory concerned.
        path: PathBuf,
        /// Where in the file, in bytes, when that is known.
        offset: Option<u64>,
        /// The Raft log index concerned, when that is known.
        index: Option<u64>,
        /// What was found, and what should have been there.
        detail: String,
    },
    /// The identity file is damaged, or gone while the rest is there.
    #[error("JRN002: the identity file {} can't be trusted: {detail}; {REJOIN}", path.display())]
    IdentityDamaged {
        /// The identity file.
        path: PathBuf,
        /// What was found, and what should have been there.
        detail: String,
    },
    /// No usable snapshot, and the log alone doesn't reach far enough back.
    #[error("JRN003: no usable snapshot in {}: {detail}; {REJOIN}", path.display())]
    SnapshotDamaged {
        /// The snapshot file or the directory of snapshots.
        path: PathBuf,
        /// What was found, and what should have been there.
        detail: String,
    },
    /// The directory has forgotten what this member once acknowledged.
    #[error(
        "JRN004: {} has forgotten entries: index {committed} was committed and durable here, {detail}; a member \
         that forgets can break the quorum, so it does not start; {REJOIN}", dir.display()
    )]
    Amnesia {
        /// The journal's directory.
        dir: PathBuf,
        /// The highest index recorded as committed and durable.
        committed: u64,
        /// How far what is left reaches.
        detail: String,
    },
    /// The directory, or a part of it, belongs to something else.
    #[error("JRN005: {} is not this member's: {detail}", path.display())]
    Foreign {
        /// The file or directory that is foreign.
        path: PathBuf,
        /// Whose it is, as far as can be told.
        detail: String,
    },
    /// Written by a newer version.
    #[error(
        "JRN006: {} has format {found}, and this version reads up to format {supported}; start a version of vesta \
         that knows it", path.display()
    )]
    NewerFormat {
        /// The file.
        path: PathBuf,
        /// The format that the file names.
        found: u32,
        /// The newest format that this version reads.
        supported: u32,
    },
    /// The directory or the file system can't be written.
    #[error("JRN007: {} can't be written: {detail}; it must be writable by the user that vesta runs as", path.display())]
    ReadOnly {
        /// The file or directory.
        path: PathBuf,
        /// What was attempted, and the system's answer.
        detail: String,
    },
    /// No space left.
    #[error("JRN008: no space left for {}: {detail}; free some and start again", path.display())]
    DiskFull {
        /// The file or directory.
        path: PathBuf,
        /// What was attempted, and the system's answer or the space that is left.
        detail: String,
    },
    /// Another process has the directory open.
    #[error("JRN009: {} is in use by {holder}; one directory serves one process", path.display())]
    Held {
        /// The lock file.
        path: PathBuf,
        /// The process that holds it, as far as is known.
        holder: String,
    },
    /// Any other failure of the file system.
    #[error("JRN010: {operation} of {} failed: {detail}", path.display())]
    Io {
        /// The file or directory.
        path: PathBuf,
        /// What was attempted.
        operation: &'static str,
        /// The system's answer.
        detail: String,
    },
    /// The caller asked for something that would break the log. Nothing was changed.
    #[error("JRN011: refused: {0}")]
    Refused(String),
}

impl JournalError {
    /// The code of this kind of error, `JRN001` to `JRN011`, as in its message.
    pub const fn code(&self) -> &'static str {
        match self {
            Self::LogDamaged { .. } => "JRN001",
            Self::IdentityDamaged { .. } => "JRN002",
            Self::SnapshotDamaged { .. } => "JRN003",
            Self::Amnesia { .. } => "JRN004",
            Self::Foreign { .. } => "JRN005",
            Self::NewerFormat { .. } => "JRN006",
            Self::ReadOnly { .. } => "JRN007",
            Self::DiskFull { .. } => "JRN008",
            Self::Held { .. } => "JRN009",
            Self::Io { .. } => "JRN010",
            Self::Refused(_) => "JRN011",
        }
    }

    /// The error for a failed call to the file system: full, not writable, or anything else.
    pub(crate) fn io(operation: &'static str, path: &Path, error: &io::Error) -> Self {
        let path = path.to_owned();
        let detail = format!("{operation}: {error}");
        match error.kind() {
            io::ErrorKind::StorageFull | io::ErrorKind::QuotaExceeded => {
                Self::DiskFull { path, detail }
            }
            io::ErrorKind::ReadOnlyFilesystem | io::ErrorKind::PermissionDenied => {
                Self::ReadOnly { path, detail }
            }
            _ => Self::Io {
                path,
                operation,
                detail: error.to_string(),
            },
        }
    }

    /// A log entry that is not as it was written.
    pub(crate) fn damaged_entry(path: &Path, index: u64, detail: impl Into<String>) -> Self {
        Self::LogDamaged {
            path: path.to_owned(),
            offset: None,
            index: Some(index),
            detail: detail.into(),
        }
    }

    /// A log that is not as it was written, in no particular entry.
    pub(crate) fn damaged_log(path: &Path, detail: impl Into<String>) -> Self {
        Self::LogDamaged {
            path: path.to_owned(),
            offset: None,
            index: None,
            detail: detail.into(),
        }
    }

    /// A file or a value that carries the uuid of another directory.
    pub(crate) fn other_directory(path: &Path, found: Uuid, own: Uuid) -> Self {
        Self::Foreign {
            path: path.to_owned(),
            detail: format!("it was written in directory {found}, this is directory {own}"),
        }
    }
}

/// `", name value"`, or nothing.
fn at(name: &str, value: Option<u64>) -> String {
    value
        .map(|value| format!(", {name} {value}"))
        .unwrap_or_default()
}
