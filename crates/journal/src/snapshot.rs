//! Snapshot files: one per snapshot, checked by a checksum, the newest two kept.
//!
//! Layout: `VESTASNP`, format (4 bytes), uuid of the directory (16), index (8), id (4 + n), extra (4 + n),
//! data (8 + n), CRC32C of everything before (4); numbers are little-endian.

use std::fs::{self, File};
use std::io::{self, Write};
use std::path::{Path, PathBuf};

use uuid::Uuid;

use crate::{JournalError, Snapshot, SnapshotMeta, files};

/// Name of the folder in the journal's directory.
pub(crate) const NAME: &str = "snapshots";

const MAGIC: &[u8; 8] = b"VESTASNP";
const FORMAT: u32 = 1;
const EXTENSION: &str = "snapshot";
const TEMPORARY: &str = "new.tmp";
/// How many are kept: the newest, and one to fall back to.
const KEPT: usize = 2;
/// Longest id, in bytes.
const MAX_ID_BYTES: usize = 255;

/// A failure to save a snapshot.
pub(crate) enum SaveError {
    /// Nothing has changed: what was there before is still there, and durable.
    Unchanged(JournalError),
    /// It is unknown what the disk holds now.
    Unknown(JournalError),
}

/// The snapshots of one directory.
pub(crate) struct Snapshots {
    dir: PathBuf,
    owner: Uuid,
    /// The index of the newest snapshot that was saved, damaged or not.
    newest: Option<u64>,
}

/// How far the log reaches on either side.
#[derive(Debug, Clone, Copy)]
pub(crate) struct Reach {
    pub(crate) purged: Option<u64>,
    pub(crate) last: Option<u64>,
}

impl Snapshots {
    /// Makes the empty folder in the new directory `dir`.
    pub(crate) fn create(dir: &Path) -> Result<(), JournalError> {
        let path = dir.join(NAME);
        fs::create_dir(&path).map_err(|error| JournalError::io("creating", &path, &error))
    }

    /// Opens the folder in `dir`; reads no snapshot yet.
    pub(crate) fn open(dir: &Path, owner: Uuid) -> Result<Self, JournalError> {
        let dir = dir.join(NAME);
        if !dir.is_dir() {
            return Err(JournalError::SnapshotDamaged {
                path: dir,
                detail: "the folder is gone".into(),
            });
        }
        files::remove_if_there(&dir.join(TEMPORARY))?;
        files::sync(&dir)?;
        let newest = list(&dir)?.first().map(|(index, _)| *index);
        Ok(Self { dir, owner, newest })
    }

    /// Saves a snapshot; durable when it returns. Removes all but the newest two.
    pub(crate) fn save(&mut self, meta: &SnapshotMeta, data: &[u8]) -> Result<(), SaveError> {
        if self.newest.is_some_and(|newest| newest > meta.index) || meta.id.len() > MAX_ID_BYTES {
            return Err(SaveError::Unchanged(JournalError::Refused(format!(
                "a snapshot at index {} with an id of {} bytes: there is one at index {:?}, and an id has at \
                 most {MAX_ID_BYTES} bytes",
                meta.index,
                meta.id.len(),
                self.newest
            ))));
        }
        let temporary = self.dir.join(TEMPORARY);
        let path = self.dir.join(format!("{:020}.{EXTENSION}", meta.index));
        write(&temporary, &self.head(meta, data), data).map_err(|error| {
            let _ = fs::remove_file(&temporary);
            SaveError::Unchanged(JournalError::io("writing", &temporary, &error))
        })?;
        rename(&temporary, &path)
            .map_err(|error| SaveError::Unknown(JournalError::io("renaming", &path, &error)))?;
        files::sync(&self.dir).map_err(SaveError::Unknown)?;
        self.newest = Some(meta.index);
        for (_, old) in list(&self.dir)
            .map_err(SaveError::Unknown)?
            .iter()
            .skip(KEPT)
        {
            files::remove_if_there(old).map_err(SaveError::Unknown)?;
        }
        Ok(())
    }

    /// The newest snapshot that can be used: the newest one, or, if that is damaged, the one before, as long as
    /// the log has everything since. `None` if there never was one, or the log has everything.
    pub(crate) fn load(&self, log: Reach) -> Result<Option<Snapshot>, JournalError> {
        let Some(newest) = self.newest else {
            return Ok(None);
        };
        let log_has_rest = log.last >= Some(newest);
        let mut damage = String::new();
        for (index, path) in list(&self.dir)? {
            match read(&path, index, self.owner) {
                Ok(snapshot) if index == newest || (log_has_rest && log.purged <= Some(index)) => {
                    return Ok(Some(snapshot));
                }
                Ok(_) => {
                    damage += &format!(
                        "; {} is whole, but the log has not everything since",
                        path.display()
                    );
                }
                Err(JournalError::SnapshotDamaged { path, detail }) => {
                    tracing::warn!(path = %path.display(), detail, "a snapshot is damaged");
                    damage += &format!("; {} is damaged: {detail}", path.display());
                }
                Err(error) => return Err(error),
            }
        }
        if log_has_rest && log.purged.is_none() {
            return Ok(None);
        }
        let detail = format!(
            "the newest was at index {newest}, the log has entries after index {}{damage}",
            log.purged
                .map_or("none".into(), |purged| purged.to_string())
        );
        Err(JournalError::SnapshotDamaged {
            path: self.dir.clone(),
            detail,
        })
    }

    /// The error for a log that was purged up to `purged` and no snapshot that reaches as far.
    pub(crate) fn missing(&self, purged: u64) -> JournalError {
        let newest = self.newest.map_or("there is none".into(), |newest| {
            format!("the newest is at {newest}")
        });
        JournalError::SnapshotDamaged {
            path: self.dir.clone(),
            detail: format!(
                "the log was purged up to index {purged}, so one that reaches it is needed; {newest}"
            ),
        }
    }

    fn head(&self, meta: &SnapshotMeta, data: &[u8]) -> Vec<u8> {
        let mut head = MAGIC.to_vec();
        head.extend(FORMAT.to_le_bytes());
        head.extend(self.owner.as_bytes());
        head.extend(meta.index.to_le_bytes());
        for field in [meta.id.as_bytes(), &meta.extra] {
            head.extend((field.len() as u32).to_le_bytes());
            head.extend(field);
        }
        head.extend((data.len() as u64).to_le_bytes());
        head
    }
}

fn write(path: &Path, head: &[u8], data: &[u8]) -> io::Result<()> {
    #[cfg(any(debug_assertions, feature = "faults"))]
    fail::fail_point!("journal.snapshot.write", |errno| Err(files::injected(
        errno
    )));
    let crc = crc32c::crc32c_append(crc32c::crc32c(head), data);
    let mut file = File::create(path)?;
    file.write_all(head)?;
    file.write_all(data)?;
    file.write_all(&crc.to_le_bytes())?;
    file.sync_all()
}

fn rename(from: &Path, to: &Path) -> io::Result<()> {
    #[cfg(any(debug_assertions, feature = "faults"))]
    fail::fail_point!("journal.snapshot.rename", |errno| Err(files::injected(
        errno
    )));
    fs::rename(from, to)
}

/// The snapshot files of a folder, the newest first.
fn list(dir: &Path) -> Result<Vec<(u64, PathBuf)>, JournalError> {
    let failed = |error: io::Error| JournalError::io("listing", dir, &error);
    let mut found = Vec::new();
    for entry in fs::read_dir(dir).map_err(failed)? {
        let path = entry.map_err(failed)?.path();
        let index = path
            .file_stem()
            .and_then(|stem| stem.to_str()?.parse().ok());
        if let (Some(index), true) = (index, path.extension().is_some_and(|is| is == EXTENSION)) {
            found.push((index, path));
        }
    }
    found.sort_unstable_by(|one, other| other.cmp(one));
    Ok(found)
}

fn read(path: &Path, index: u64, owner: Uuid) -> Result<Snapshot, JournalError> {
    let bytes = fs::read(path).map_err(|error| JournalError::io("reading", path, &error))?;
    let damaged = |detail: &str| JournalError::SnapshotDamaged {
        path: path.to_owned(),
        detail: detail.to_owned(),
    };
    let mut rest = &bytes[..];
    if take(&mut rest, MAGIC.len()) != Some(MAGIC) {
        return Err(damaged("it does not begin as a snapshot"));
    }
    // The format comes before the checksum: the rest of a newer file may look different altogether.
    let found = take_u32(&mut rest).ok_or_else(|| damaged("it is cut short"))?;
    let (content, crc) = bytes
        .split_last_chunk::<4>()
        .ok_or_else(|| damaged("it is cut short"))?;
    let intact = crc32c::crc32c(content) == u32::from_le_bytes(*crc);
    if found > FORMAT && intact {
        return Err(JournalError::NewerFormat {
            path: path.to_owned(),
            found,
            supported: FORMAT,
        });
    }
    if !intact {
        return Err(damaged("its checksum does not match its content"));
    }
    let (writer, snapshot) = parse(rest).ok_or_else(|| damaged("its lengths do not add up"))?;
    if writer != owner {
        return Err(JournalError::other_directory(path, writer, owner));
    }
    if snapshot.meta.index != index {
        return Err(damaged("its name and its content give different indexes"));
    }
    Ok(snapshot)
}

/// What comes after magic and format.
fn parse(mut rest: &[u8]) -> Option<(Uuid, Snapshot)> {
    let owner = Uuid::from_slice(take(&mut rest, 16)?).ok()?;
    let index = take_u64(&mut rest)?;
    let length = take_u32(&mut rest)? as usize;
    let id = String::from_utf8(take(&mut rest, length)?.to_vec()).ok()?;
    let length = take_u32(&mut rest)? as usize;
    let extra = take(&mut rest, length)?.to_vec();
    let length = usize::try_from(take_u64(&mut rest)?).ok()?;
    let data = take(&mut rest, length)?.to_vec();
    (rest.len() == 4).then_some((
        owner,
        Snapshot {
            meta: SnapshotMeta { index, id, extra },
            data,
        },
    ))
}

fn take<'a>(rest: &mut &'a [u8], length: usize) -> Option<&'a [u8]> {
    let (taken, remaining) = rest.split_at_checked(length)?;
    *rest = remaining;
    Some(taken)
}

fn take_u32(rest: &mut &[u8]) -> Option<u32> {
    take(rest, 4)?.try_into().ok().map(u32::from_le_bytes)
}

fn take_u64(rest: &mut &[u8]) -> Option<u64> {
    take(rest, 8)?.try_into().ok().map(u64::from_le_bytes)
}
