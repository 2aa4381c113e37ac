//! The journal's directory: making it, locking it, telling whether it is ours and whole.

use std::fs::{self, DirBuilder, File, OpenOptions, Permissions, TryLockError};
use std::io::{self, Read, Write};
use std::os::unix::fs::{DirBuilderExt, PermissionsExt};
use std::path::Path;

use crate::identity::{self, IdentityFile};
use crate::log::Log;
use crate::snapshot::Snapshots;
use crate::{JournalError, engine, files, log, log_end, snapshot};

const LOCK: &str = "lock";

/// What a fresh file system has in its root, where a volume is mounted as the directory.
const LOST_AND_FOUND: &str = "lost+found";

/// Owner only: the log holds what users submit.
const MODE: u32 = 0o700;

/// The least free space to start with, in bytes: a few segments of the log and a snapshot.
const MIN_FREE_BYTES: u64 = 8 << 20;

/// Makes the directory if it is absent, and checks that it is ours or empty.
pub(crate) fn prepare(dir: &Path) -> Result<(), JournalError> {
    let failed = |operation, error: io::Error| JournalError::io(operation, dir, &error);
    let mut created = 0;
    match fs::metadata(dir) {
        Ok(metadata) if !metadata.is_dir() => {
            return Err(JournalError::Foreign {
                path: dir.to_owned(),
                detail: "it is no directory".into(),
            });
        }
        Ok(metadata) => {
            check_ours(dir)?;
            if metadata.permissions().mode() & 0o777 != MODE {
                fs::set_permissions(dir, Permissions::from_mode(MODE))
                    .map_err(|error| failed("setting the mode", error))?;
            }
        }
        Err(error) if error.kind() == io::ErrorKind::NotFound => {
            let is_missing = |path: &&Path| !path.as_os_str().is_empty() && !path.exists();
            created = dir.ancestors().take_while(is_missing).count();
            DirBuilder::new()
                .recursive(true)
                .mode(MODE)
                .create(dir)
                .map_err(|error| failed("creating", error))?;
        }
        Err(error) => return Err(failed("opening", error)),
    }
    // The directory's own name, and those of new ones above it, must survive a power cut too.
    let full = dir
        .canonicalize()
        .map_err(|error| failed("opening", error))?;
    full.ancestors()
        .skip(1)
        .take(created.max(1))
        .try_for_each(files::sync)
}

/// A directory without an identity file may hold nothing but what is ours.
fn check_ours(dir: &Path) -> Result<(), JournalError> {
    const OURS: [&str; 7] = [
        LOCK,
        identity::NAME,
        identity::TEMPORARY,
        log::NAME,
        log_end::NAME,
        snapshot::NAME,
        LOST_AND_FOUND,
    ];
    if dir.join(identity::NAME).exists() {
        return Ok(());
    }
    let failed = |error: io::Error| JournalError::io("listing", dir, &error);
    for entry in fs::read_dir(dir).map_err(failed)? {
        let name = entry.map_err(failed)?.file_name();
        if !OURS.iter().any(|ours| name == *ours) {
            return Err(JournalError::Foreign {
                path: dir.to_owned(),
                detail: format!(
                    "it has no identity file, and holds {name:?}; an empty directory is needed"
                ),
            });
        }
    }
    Ok(())
}

/// The identity is the first that is made in a directory, so anything else there without it means that it is lost.
fn check_not_lost(dir: &Path) -> Result<(), JournalError> {
    match [log::NAME, log_end::NAME, snapshot::NAME]
        .iter()
        .find(|name| dir.join(name).exists())
    {
        None => Ok(()),
        Some(name) => Err(JournalError::IdentityDamaged {
            path: dir.join(identity::NAME),
            detail: format!("it is gone, while `{name}` beside it is there"),
        }),
    }
}

/// Takes the directory for this process, until the file is dropped.
pub(crate) fn acquire(dir: &Path) -> Result<File, JournalError> {
    let path = dir.join(LOCK);
    let mut file = OpenOptions::new()
        .read(true)
        .write(true)
        .create(true)
        .truncate(false)
        .open(&path)
        .map_err(|error| JournalError::io("opening", &path, &error))?;
    match file.try_lock() {
        Ok(()) => {}
        Err(TryLockError::WouldBlock) => {
            let mut pid = String::new();
            let _ = file.read_to_string(&mut pid);
            let holder = match pid.trim() {
                "" => "another process".to_owned(),
                pid => format!("process {pid}"),
            };
            return Err(JournalError::Held { path, holder });
        }
        Err(TryLockError::Error(error)) => return Err(JournalError::io("locking", &path, &error)),
    }
    file.set_len(0)
        .and_then(|()| writeln!(file, "{}", std::process::id()))
        .map_err(|error| JournalError::io("writing", &path, &error))?;
    Ok(file)
}

/// Checks that there is space to work with: an error now is better than one in the middle of a vote.
pub(crate) fn check_space(dir: &Path) -> Result<(), JournalError> {
    let stat = rustix::fs::statvfs(dir)
        .map_err(|errno| JournalError::io("statvfs", dir, &errno.into()))?;
    let free = stat.f_bavail.saturating_mul(stat.f_frsize);
    // Some file systems know no size and say 0 of everything.
    if stat.f_blocks > 0 && free < MIN_FREE_BYTES {
        return Err(JournalError::DiskFull {
            path: dir.to_owned(),
            detail: format!("{free} bytes are free, at least {MIN_FREE_BYTES} are needed"),
        });
    }
    Ok(())
}

/// Reads the identity, or makes everything in an empty directory.
pub(crate) fn load_or_create(dir: &Path) -> Result<IdentityFile, JournalError> {
    files::remove_if_there(&dir.join(identity::TEMPORARY))?;
    let mut identity = match IdentityFile::load(dir)? {
        Some(identity) if identity.ready => {
            check_whole(dir)?;
            return Ok(identity);
        }
        Some(unready) => unready,
        None => {
            check_not_lost(dir)?;
            IdentityFile::fresh()
        }
    };
    // The identity comes first and says "not ready"; it says "ready" last. So nothing that was ever used
    // can look like a directory that is being made, and what a crash in between left can go.
    identity.save(dir)?;
    for folder in [log::NAME, snapshot::NAME] {
        let path = dir.join(folder);
        match fs::remove_dir_all(&path) {
            Err(error) if error.kind() != io::ErrorKind::NotFound => {
                return Err(JournalError::io("removal", &path, &error));
            }
            _ => {}
        }
    }
    Snapshots::create(dir)?;
    Log::create(dir, identity.directory_uuid)?;
    files::sync(dir)?;
    identity.ready = true;
    identity.save(dir)?;
    Ok(identity)
}

/// Without these sled begins anew, and says nothing.
fn check_whole(dir: &Path) -> Result<(), JournalError> {
    for name in [engine::DATA, engine::SETTINGS] {
        let path = dir.join(log::NAME).join(name);
        let detail = match fs::metadata(&path) {
            Ok(metadata) if metadata.len() > 0 => continue,
            Ok(_) => "the file is empty",
            Err(error) if error.kind() == io::ErrorKind::NotFound => "the file is gone",
            Err(error) => return Err(JournalError::io("opening", &path, &error)),
        };
        return Err(JournalError::damaged_log(&path, detail));
    }
    Ok(())
}
