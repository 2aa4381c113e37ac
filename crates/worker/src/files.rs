//! Small files that must be there, whole, after a crash.

use std::fs::{self, File, OpenOptions};
use std::io::{self, Write};
use std::os::unix::fs::OpenOptionsExt;
use std::path::Path;

use serde::Serialize;
use serde::de::DeserializeOwned;

/// Who may read a file: all, as far as the directory lets them.
const PUBLIC: u32 = 0o666;

/// Its owner alone.
const PRIVATE: u32 = 0o600;

/// Replaces `path` by `bytes` in one step; synced with its directory when it returns.
pub(crate) fn write_synced(path: &Path, bytes: &[u8]) -> io::Result<()> {
    replace(path, bytes, true, PUBLIC)?;
    sync_dir(parent(path))
}

/// The same, and nobody else can read it: for what may hold a user's secrets.
pub(crate) fn write_private(path: &Path, bytes: &[u8]) -> io::Result<()> {
    replace(path, bytes, true, PRIVATE)?;
    sync_dir(parent(path))
}

/// Replaces `path` by `bytes` in one step, for readers; what is there after a power cut is open.
pub(crate) fn write_visible(path: &Path, bytes: &[u8]) -> io::Result<()> {
    replace(path, bytes, false, PUBLIC)
}

fn replace(path: &Path, bytes: &[u8], sync: bool, mode: u32) -> io::Result<()> {
    let name = path.file_name().unwrap_or_default().to_string_lossy();
    let part = parent(path).join(format!(".{name}.part"));
    let mut options = OpenOptions::new();
    options.write(true).create(true).truncate(true).mode(mode);
    let mut file = options.open(&part)?;
    file.write_all(bytes)?;
    if sync {
        file.sync_all()?;
    }
    fs::rename(&part, path)
}

/// Creates `path` with `bytes`, synced with its directory. `false` if somebody had created it before:
/// of several that try, exactly one gets `true`.
pub(crate) fn create_exclusive(path: &Path, bytes: &[u8]) -> io::Result<bool> {
    let mut file = match OpenOptions::new().write(true).create_new(true).open(path) {
        Ok(file) => file,
        Err(error) if error.kind() == io::ErrorKind::AlreadyExists => return Ok(false),
        Err(error) => return Err(error),
    };
    file.write_all(bytes)?;
    file.sync_all()?;
    sync_dir(parent(path))?;
    Ok(true)
}

/// Makes the names in `dir` durable.
pub(crate) fn sync_dir(dir: &Path) -> io::Result<()> {
    File::open(dir)?.sync_all()
}

fn parent(path: &Path) -> &Path {
    path.parent()
        .filter(|dir| !dir.as_os_str().is_empty())
        .unwrap_or(Path::new("."))
}

/// `value` as JSON for people and programs.
pub(crate) fn json(value: &impl Serialize) -> io::Result<Vec<u8>> {
    serde_json::to_vec_pretty(value).map_err(io::Error::other)
}

/// What stands in a file of ours.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) enum Found<T> {
    /// There is none.
    Nothing,
    /// It can't be read as what it should be.
    Damaged(String),
    /// Its content.
    Value(T),
}

impl<T> Found<T> {
    /// The content, if there is one.
    pub(crate) fn value(self) -> Option<T> {
        match self {
            Found::Value(value) => Some(value),
            Found::Nothing | Found::Damaged(_) => None,
        }
    }
}

/// Reads `path` as JSON.
pub(crate) fn read_json<T: DeserializeOwned>(path: &Path) -> Found<T> {
    match fs::read(path) {
        Ok(bytes) => match serde_json::from_slice(&bytes) {
            Ok(value) => Found::Value(value),
            Err(error) => Found::Damaged(error.to_string()),
        },
        Err(error) if error.kind() == io::ErrorKind::NotFound => Found::Nothing,
        Err(error) => Found::Damaged(error.to_string()),
    }
}

#[cfg(test)]
mod tests {
    use std::os::unix::fs::PermissionsExt;

    use super::*;

    #[test]
    fn of_many_who_create_a_file_exactly_one_wins() {
        let dir = tempfile::tempdir().unwrap();
        let path = dir.path().join("started.0");
        let wins: usize = std::thread::scope(|scope| {
            let tasks: Vec<_> = (0..8)
                .map(|_| scope.spawn(|| usize::from(create_exclusive(&path, b"x").unwrap())))
                .collect();
            tasks.into_iter().map(|task| task.join().unwrap()).sum()
        });
        assert_eq!(wins, 1);
    }

    #[test]
    fn what_may_hold_secrets_is_for_its_owner_alone() {
        let dir = tempfile::tempdir().unwrap();
        let path = dir.path().join("order.json");
        write_private(&path, b"1").unwrap();
        let mode = fs::metadata(&path).unwrap().permissions().mode();
        assert_eq!(mode & 0o777, 0o600);
    }

    #[test]
    fn a_replaced_file_is_never_half_there() {
        let dir = tempfile::tempdir().unwrap();
        let path = dir.path().join("identity.json");
        write_synced(&path, b"1").unwrap();
        write_synced(&path, b"22").unwrap();
        assert_eq!(fs::read(&path).unwrap(), b"22");
        assert_eq!(read_json::<u32>(&path), Found::Value(22));
        write_visible(&path, b"{").unwrap();
        assert!(matches!(read_json::<u32>(&path), Found::Damaged(_)));
    }
}
