//! What really ran, told by the programs that ran, not by Vesta.
//!
//! Each launched program appends one line when it starts and, if it gets so far, one when it is done.

mod judge;

use std::fs::OpenOptions;
use std::io::{self, Write};
use std::path::{Path, PathBuf};
use std::time::SystemTime;

use serde::{Deserialize, Serialize};
use vesta_types::{InstanceId, SubmissionKey, Timestamp};

pub use judge::{Runs, Submission, Verdict};

/// Environment variable with the ledger's path, for launched programs.
pub const LEDGER_VARIABLE: &str = "VESTA_LEDGER";

/// Environment variable with the key that a driver was submitted with, for its ledger lines.
pub const KEY_VARIABLE: &str = "VESTA_LEDGER_KEY";

/// What a program says of itself.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "lowercase")]
pub enum Event {
    /// It begins.
    Started,
    /// It has done what it was started for, or was asked to end and does.
    Ended,
}

/// One line.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Record {
    /// What happened.
    pub event: Event,
    /// The instance that it was launched as.
    pub instance: InstanceId,
    /// The driver's attempt; 0 for an executor.
    pub attempt: u32,
    /// How often its worker had restarted it.
    pub restart: u32,
    /// Its process id.
    pub pid: u32,
    /// Wall-clock time of the event, milliseconds.
    pub at: Timestamp,
    /// The key that it was submitted with, where the program was told.
    pub key: Option<SubmissionKey>,
}

/// A ledger that can't be written or read, or an environment that is not an instance's.
#[derive(Debug, thiserror::Error)]
pub enum LedgerError {
    /// The file.
    #[error("ledger {path}: {source}")]
    File {
        /// Its path.
        path: PathBuf,
        /// What the system said.
        source: io::Error,
    },
    /// A line that is no record. Nothing is concluded from a ledger of which a part is not understood.
    #[error("ledger {path}, line {line}: {found:?} is no record: {why}")]
    Line {
        /// The file's path.
        path: PathBuf,
        /// The line, counted from 1.
        line: usize,
        /// Its text, cut.
        found: String,
        /// What is wrong.
        why: String,
    },
    /// A variable that a worker sets.
    #[error("environment variable {name}: {why}")]
    Environment {
        /// Its name.
        name: &'static str,
        /// What is wrong.
        why: String,
    },
}

impl Record {
    /// A record of this process, by the environment that its worker gave it.
    ///
    /// # Errors
    /// When the environment is not that of an instance.
    pub fn own(event: Event) -> Result<Record, LedgerError> {
        Ok(Record {
            event,
            instance: variable("VESTA_INSTANCE_ID")?.ok_or(LedgerError::Environment {
                name: "VESTA_INSTANCE_ID",
                why: "it is not set: this process was not launched by a worker".to_owned(),
            })?,
            attempt: variable("VESTA_ATTEMPT")?.unwrap_or(0),
            restart: variable("VESTA_RESTART")?.unwrap_or(0),
            pid: std::process::id(),
            at: now(),
            key: variable(KEY_VARIABLE)?,
        })
    }
}

fn variable<T: std::str::FromStr<Err: std::fmt::Display>>(
    name: &'static str,
) -> Result<Option<T>, LedgerError> {
    match std::env::var(name) {
        Ok(text) => text.parse().map(Some).map_err(|error: T::Err| {
            let why = error.to_string();
            LedgerError::Environment { name, why }
        }),
        Err(std::env::VarError::NotPresent) => Ok(None),
        Err(error @ std::env::VarError::NotUnicode(_)) => {
            let why = error.to_string();
            Err(LedgerError::Environment { name, why })
        }
    }
}

fn now() -> Timestamp {
    let since = SystemTime::now().duration_since(SystemTime::UNIX_EPOCH);
    let millis = since.unwrap_or_default().as_millis();
    Timestamp(u64::try_from(millis).unwrap_or(u64::MAX))
}

/// Appends `record`: one line, in one write, so that many processes can share the file.
///
/// # Errors
/// When the file can't be opened or written.
pub fn append(path: &Path, record: &Record) -> Result<(), LedgerError> {
    let write = || {
        let mut line = serde_json::to_vec(record)?;
        line.push(b'\n');
        let mut file = OpenOptions::new().append(true).create(true).open(path)?;
        file.write_all(&line)
    };
    write().map_err(|source| LedgerError::File {
        path: path.to_owned(),
        source,
    })
}

/// Appends a record of this process to the ledger that [`LEDGER_VARIABLE`] names; does nothing if it
/// names none.
///
/// # Errors
/// As [`append`] and [`Record::own`].
pub fn append_own(event: Event) -> Result<(), LedgerError> {
    match std::env::var_os(LEDGER_VARIABLE) {
        Some(path) => append(Path::new(&path), &Record::own(event)?),
        None => Ok(()),
    }
}

/// Every record, in the order in which they were written; none if there is no file yet.
///
/// # Errors
/// When the file can't be read, or holds a line that is no record.
pub fn read(path: &Path) -> Result<Vec<Record>, LedgerError> {
    let text = match std::fs::read(path) {
        Ok(text) => text,
        Err(error) if error.kind() == io::ErrorKind::NotFound => return Ok(Vec::new()),
        Err(source) => {
            let path = path.to_owned();
            return Err(LedgerError::File { path, source });
        }
    };
    let lines = text.split_inclusive(|byte| *byte == b'\n').enumerate();
    let record = |(at, line): (usize, &[u8])| {
        let parsed = match line.strip_suffix(b"\n") {
            Some(line) => serde_json::from_slice(line).map_err(|error| error.to_string()),
            None => Err("it is not complete".to_owned()),
        };
        parsed.map_err(|why| LedgerError::Line {
            path: path.to_owned(),
            line: at + 1,
            found: String::from_utf8_lossy(line).chars().take(120).collect(),
            why,
        })
    };
    lines.map(record).collect()
}

#[cfg(test)]
mod tests {
    use super::*;

    fn record(restart: u32) -> Record {
        Record {
            event: Event::Started,
            instance: "driver-20261121110000-0003.2.67e5504410b1426f9247bb680e5fe0c8"
                .parse()
                .unwrap(),
            attempt: 2,
            restart,
            pid: 7,
            at: Timestamp(1),
            key: None,
        }
    }

    #[test]
    fn what_is_appended_is_read_in_order() {
        let dir = tempfile::tempdir().unwrap();
        let path = dir.path().join("ledger");
        assert_eq!(read(&path).unwrap(), []);
        for restart in 0..3 {
            append(&path, &record(restart)).unwrap();
        }
        assert_eq!(read(&path).unwrap(), [0, 1, 2].map(record));
    }

    #[test]
    fn a_ledger_with_a_line_that_is_no_record_is_an_error_that_names_the_line() {
        let dir = tempfile::tempdir().unwrap();
        let path = dir.path().join("ledger");
        append(&path, &record(0)).unwrap();
        let good = std::fs::read(&path).unwrap();
        for (tail, named) in [("x\n", "line 2"), ("\n", "line 2"), ("{}", "not complete")] {
            std::fs::write(&path, [&good[..], tail.as_bytes()].concat()).unwrap();
            let text = read(&path).unwrap_err().to_string();
            assert!(text.contains(named), "{text}");
        }
        // Cut by a power loss, say.
        std::fs::write(&path, &good[..good.len() - 1]).unwrap();
        assert!(read(&path).is_err());
    }

    #[test]
    fn a_process_that_no_worker_launched_has_no_record() {
        let text = Record::own(Event::Started).unwrap_err().to_string();
        assert!(text.contains("VESTA_INSTANCE_ID"), "{text}");
    }
}
