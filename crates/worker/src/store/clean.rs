//! Directories of instances that are long over.

use std::fs;
use std::io;
use std::path::Path;
use std::time::{Duration, SystemTime};

use vesta_types::InstanceId;

use super::InstanceDir;

/// Where directories are put before they are removed, so that a crash leaves none that is half there and
/// looks like an instance that never ran.
const REMOVING: &str = "removing";

/// Removes those of these instances of the worker's directory `root` in which nothing was written for
/// `ttl` (as Spark's work directories: the newest file counts), and gives their ids. The caller knows
/// that their ends are committed.
pub(crate) fn clean(
    root: &Path,
    over: Vec<InstanceId>,
    ttl: Duration,
    now: SystemTime,
) -> Vec<InstanceId> {
    let is_old = |id: &InstanceId| {
        let dir = InstanceDir::new(root, id);
        // What is gone has no age, and is to be forgotten.
        newest(dir.path()).is_none_or(|newest| {
            let age = now.duration_since(newest);
            age.is_ok_and(|age| age > ttl)
        })
    };
    let mut cleaned = Vec::new();
    for id in over.into_iter().filter(is_old) {
        match remove(root, &id) {
            Ok(()) => cleaned.push(id),
            Err(error) => {
                tracing::warn!(instance = %id, %error, "cannot remove an ended instance's directory");
            }
        }
    }
    finish(root);
    cleaned
}

/// Removes what an earlier agent did not get to.
pub(crate) fn finish(root: &Path) {
    let path = root.join(REMOVING);
    if let Err(error) = fs::remove_dir_all(&path)
        && error.kind() != io::ErrorKind::NotFound
    {
        tracing::warn!(path = %path.display(), %error, "cannot remove");
    }
}

fn remove(root: &Path, id: &InstanceId) -> io::Result<()> {
    let trash = root.join(REMOVING);
    fs::create_dir_all(&trash)?;
    match fs::rename(
        InstanceDir::new(root, id).path(),
        trash.join(id.to_string()),
    ) {
        Err(error) if error.kind() == io::ErrorKind::NotFound => Ok(()),
        renamed => renamed,
    }
}

/// When anything below `path` was written last; `None` if there is nothing. Links are not followed.
fn newest(path: &Path) -> Option<SystemTime> {
    let found = fs::symlink_metadata(path).ok()?;
    let own = found.modified().ok();
    if !found.is_dir() {
        return own;
    }
    let entries = fs::read_dir(path).into_iter().flatten().flatten();
    let inner = entries.filter_map(|entry| newest(&entry.path()));
    inner.chain(own).max()
}

#[cfg(test)]
mod tests {
    use vesta_types::{ClusterId, DriverId, Timestamp};

    use super::*;

    const HOUR: Duration = Duration::from_secs(3600);

    fn instance(number: u64) -> InstanceId {
        let cluster = ClusterId(uuid::Uuid::from_u128(3));
        InstanceId::driver(cluster, DriverId::mint(Timestamp(0), number), 1)
    }

    fn made(root: &Path, number: u64) -> InstanceId {
        let id = instance(number);
        let work = InstanceDir::new(root, &id).path().join("work");
        fs::create_dir_all(&work).unwrap();
        fs::write(work.join("result"), "x").unwrap();
        id
    }

    #[test]
    fn a_directory_goes_when_its_newest_file_is_old_and_no_other_does() {
        let root = tempfile::tempdir().unwrap();
        let (over, live) = (made(root.path(), 1), made(root.path(), 2));
        let clean = |now| clean(root.path(), vec![over.clone()], HOUR, now);
        let now = SystemTime::now();
        assert_eq!(clean(now), []);
        assert_eq!(clean(now + HOUR / 2), []);
        assert_eq!(clean(now + HOUR * 2), std::slice::from_ref(&over));
        assert!(!InstanceDir::new(root.path(), &over).path().exists());
        assert!(InstanceDir::new(root.path(), &live).path().exists());
        assert!(!root.path().join(REMOVING).exists());
        let again = clean(now);
        assert_eq!(
            again,
            std::slice::from_ref(&over),
            "what is gone is forgotten"
        );
    }

    #[test]
    fn a_clock_that_went_back_removes_nothing() {
        let root = tempfile::tempdir().unwrap();
        let over = made(root.path(), 1);
        let past = SystemTime::now() - HOUR * 100;
        assert_eq!(clean(root.path(), vec![over], HOUR, past), []);
    }

    #[test]
    fn a_link_out_of_the_directory_is_removed_and_what_it_points_to_is_not() {
        let root = tempfile::tempdir().unwrap();
        let outside = tempfile::tempdir().unwrap();
        fs::write(outside.path().join("kept"), "x").unwrap();
        let over = made(root.path(), 1);
        let link = InstanceDir::new(root.path(), &over).path().join("link");
        std::os::unix::fs::symlink(outside.path(), link).unwrap();
        let later = SystemTime::now() + HOUR * 2;
        assert_eq!(clean(root.path(), vec![over.clone()], HOUR, later), [over]);
        assert!(outside.path().join("kept").exists());
    }
}
