//! Files and directories made durable.

use std::fs::{self, File};
use std::io;
use std::os::unix::fs::MetadataExt;
use std::path::Path;

use crate::JournalError;

/// Makes a file's content and length, or a directory's names, durable.
pub(crate) fn sync(path: &Path) -> Result<(), JournalError> {
    File::open(path)
        .and_then(|file| file.sync_all())
        .map_err(|error| JournalError::io("fsync", path, &error))
}

/// The bytes that a file, or all files below a directory, take up on the disk. Files that vanish
/// meanwhile count as nothing.
pub(crate) fn disk_bytes(path: &Path) -> u64 {
    let Ok(metadata) = fs::symlink_metadata(path) else {
        return 0;
    };
    // st_blocks counts units of 512 bytes whatever the block size of the file system (stat(2)).
    let own = metadata.blocks() * 512;
    if !metadata.is_dir() {
        return own;
    }
    let children = fs::read_dir(path).into_iter().flatten().flatten();
    own + children.map(|entry| disk_bytes(&entry.path())).sum::<u64>()
}

/// Removes a file that may be absent.
pub(crate) fn remove_if_there(path: &Path) -> Result<(), JournalError> {
    match fs::remove_file(path) {
        Err(error) if error.kind() != io::ErrorKind::NotFound => {
            Err(JournalError::io("removal", path, &error))
        }
        _ => Ok(()),
    }
}

/// The error that a failpoint injects: the system error of the given number, `EIO` without one.
#[cfg(any(debug_assertions, feature = "faults"))]
pub(crate) fn injected(errno: Option<String>) -> io::Error {
    const EIO: i32 = 5;
    io::Error::from_raw_os_error(errno.and_then(|text| text.parse().ok()).unwrap_or(EIO))
}
