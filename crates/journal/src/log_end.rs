//! The file `log-end`: the last index synced.
//!
//! sled cuts what it can't read from the end of its log and says nothing, so something apart from it has
//! to say how far the log reached. The file is written after each sync of the log and not synced itself:
//! it costs next to nothing, it is never ahead of the log, and when it lags after a power cut it only notices
//! less. Before the log is cut on purpose the file is lowered, and that is synced.

use std::fs::{File, OpenOptions};
use std::os::unix::fs::FileExt;
use std::path::{Path, PathBuf};

use crate::JournalError;

/// Name of the file in the journal's directory.
pub(crate) const NAME: &str = "log-end";
const LENGTH: usize = 16;

/// The open file. Its 16 bytes are within one sector, so a write of them is never torn: end of the log
/// (the last index plus one; 8 bytes), four zeros, CRC32C of these twelve; all little-endian.
pub(crate) struct LogEnd {
    path: PathBuf,
    file: File,
}

impl LogEnd {
    /// Makes the file for a new directory; durable once the directory is synced.
    pub(crate) fn create(dir: &Path) -> Result<(), JournalError> {
        let path = dir.join(NAME);
        let file =
            File::create(&path).map_err(|error| JournalError::io("creating", &path, &error))?;
        let end = Self { path, file };
        end.write(None)?;
        end.sync()
    }

    /// Opens the file, and reads the last index synced.
    pub(crate) fn open(dir: &Path) -> Result<(Self, Option<u64>), JournalError> {
        let path = dir.join(NAME);
        let file = OpenOptions::new()
            .read(true)
            .write(true)
            .open(&path)
            .map_err(|error| match error.kind() {
                std::io::ErrorKind::NotFound => {
                    JournalError::damaged_log(&path, "the file is gone")
                }
                _ => JournalError::io("opening", &path, &error),
            })?;
        let mut bytes = [0; LENGTH];
        file.read_exact_at(&mut bytes, 0)
            .map_err(|error| match error.kind() {
                std::io::ErrorKind::UnexpectedEof => {
                    JournalError::damaged_log(&path, format!("shorter than {LENGTH} bytes"))
                }
                _ => JournalError::io("reading", &path, &error),
            })?;
        let end = u64::from_le_bytes(bytes[..8].try_into().expect("8 of 16 bytes"));
        if bytes != encode(end) {
            return Err(JournalError::damaged_log(
                &path,
                "its checksum does not match its content",
            ));
        }
        Ok((Self { path, file }, end.checked_sub(1)))
    }

    /// Notes the last index synced. Not durable without [`sync`](Self::sync).
    pub(crate) fn write(&self, last: Option<u64>) -> Result<(), JournalError> {
        self.file
            .write_all_at(&encode(last.map_or(0, |last| last.saturating_add(1))), 0)
            .map_err(|error| JournalError::io("writing", &self.path, &error))
    }

    /// Makes what was written durable.
    pub(crate) fn sync(&self) -> Result<(), JournalError> {
        self.file
            .sync_all()
            .map_err(|error| JournalError::io("fsync", &self.path, &error))
    }
}

fn encode(end: u64) -> [u8; LENGTH] {
    let mut bytes = [0; LENGTH];
    bytes[..8].copy_from_slice(&end.to_le_bytes());
    let crc = crc32c::crc32c(&bytes[..12]);
    bytes[12..].copy_from_slice(&crc.to_le_bytes());
    bytes
}
