//! What really ran, told by the programs that ran, not by Vesta.
//!
//! Each launched program appends one line when it starts and, if it gets so far, one when it is done. One
//! that runs for long appends beats too, so that two copies that are alive at one time can be told.

mod judge;

use std::fs::{File, OpenOptions};
use std::io::{self, BufRead, BufReader, Write};
use std::path::{Path, PathBuf};
use std::time::{Duration, SystemTime};

use rustix::time::{ClockId, clock_gettime};
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
    /// It runs on.
    Beat,
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
    /// Time of the event on CLOCK_BOOTTIME, microseconds: what no wall clock jumps. 0 in older ledgers.
    #[serde(default)]
    pub boot_us: u64,
    /// The leadership whose order launched it; 0 in older ledgers.
    #[serde(default)]
    pub epoch: u64,
    /// More of it, for people: why it ends, say; mostly empty.
    #[serde(default, skip_serializing_if = "String::is_empty")]
    pub note: String,
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
            boot_us: boot_us(),
            epoch: variable("VESTA_EPOCH")?.unwrap_or(0),
            note: String::new(),
        })
    }

    /// The same, of another event of this process that happens now.
    pub fn next(&self, event: Event) -> Record {
        Record {
            event,
            at: now(),
            boot_us: boot_us(),
            ..self.clone()
        }
    }
}

/// CLOCK_BOOTTIME in microseconds: the time that every process of a machine shares, whatever happens to
/// its wall clock.
pub fn boot_us() -> u64 {
    let now = clock_gettime(ClockId::Boottime);
    let now = Duration::try_from(now).expect("the time since boot is not negative");
    u64::try_from(now.as_micros()).unwrap_or(u64::MAX)
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
    records(path)?.collect()
}

/// As [`read`], but one at a time: for a ledger that is too long to be kept.
///
/// # Errors
/// When the file can't be opened. Each item as [`read`].
pub fn records(path: &Path) -> Result<Records, LedgerError> {
    let file = match File::open(path) {
        Ok(file) => Some(BufReader::new(file)),
        Err(error) if error.kind() == io::ErrorKind::NotFound => None,
        Err(source) => {
            let path = path.to_owned();
            return Err(LedgerError::File { path, source });
        }
    };
    Ok(Records {
        path: path.to_owned(),
        file,
        line: 0,
    })
}

/// The records of a ledger, one after the other; see [`records`].
#[derive(Debug)]
pub struct Records {
    path: PathBuf,
    file: Option<BufReader<File>>,
    line: usize,
}

impl Iterator for Records {
    type Item = Result<Record, LedgerError>;

    fn next(&mut self) -> Option<Self::Item> {
        let mut text = Vec::new();
        let read = self.file.as_mut()?.read_until(b'\n', &mut text);
        match read {
            Ok(0) => None,
            Ok(_) => {
                self.line += 1;
                Some(self.parse(&text))
            }
            Err(source) => {
                self.file = None;
                let path = self.path.clone();
                Some(Err(LedgerError::File { path, source }))
            }
        }
    }
}

impl Records {
    fn parse(&self, line: &[u8]) -> Result<Record, LedgerError> {
        let parsed = match line.strip_suffix(b"\n") {
            Some(line) => serde_json::from_slice(line).map_err(|error| error.to_string()),
            None => Err("it is not complete".to_owned()),
        };
        parsed.map_err(|why| LedgerError::Line {
            path: self.path.clone(),
            line: self.line,
            found: String::from_utf8_lossy(line).chars().take(120).collect(),
            why,
        })
    }
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
            boot_us: 1,
            epoch: 1,
            note: String::new(),
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
