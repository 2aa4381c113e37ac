//! Where a Spark executor puts shuffle files, and what it spills. It clears them away itself when it ends
//! in order; what is killed leaves them, and they may be large, so they don't wait for the rest of its
//! directory to be removed.

use std::fs;
use std::io;
use std::path::PathBuf;

use vesta_types::InstanceId;

use super::InstanceDir;

/// By this variable Spark's workers are told on which disks: a list with commas.
const SPARK_LOCAL_DIRS: &str = "SPARK_LOCAL_DIRS";

/// The local directories of the executor `id`: one on each disk that the environment names, else one in
/// its own directory. None of them need be there.
pub(crate) fn local_dirs(dir: &InstanceDir, id: &InstanceId) -> Vec<PathBuf> {
    within(
        dir,
        id,
        &std::env::var(SPARK_LOCAL_DIRS).unwrap_or_default(),
    )
}

fn within(dir: &InstanceDir, id: &InstanceId, disks: &str) -> Vec<PathBuf> {
    let disks = disks
        .split(',')
        .map(str::trim)
        .filter(|disk| !disk.is_empty());
    // What is not absolute would be looked for in another directory by each process.
    let disks = disks.map(PathBuf::from).filter(|disk| disk.is_absolute());
    let dirs: Vec<_> = disks.map(|disk| disk.join(format!("vesta-{id}"))).collect();
    match dirs.is_empty() {
        true => vec![dir.path().join("local")],
        false => dirs,
    }
}

/// Removes the local directories of `id`, of which nothing runs any more.
pub(crate) fn remove_local_dirs(dir: &InstanceDir, id: &InstanceId) {
    for dir in local_dirs(dir, id) {
        match fs::remove_dir_all(&dir) {
            Err(error) if error.kind() != io::ErrorKind::NotFound => {
                note!("cannot remove {}: {error}", dir.display());
            }
            _ => {}
        }
    }
}

#[cfg(test)]
mod tests {
    use std::path::Path;

    use super::*;

    #[test]
    fn each_disk_that_is_named_gets_a_directory_of_the_executor_s_own() {
        let text = "app-20261121110000-0000.e3.000000000000000000000000000000c1";
        let id: InstanceId = text.parse().unwrap();
        let dir = InstanceDir::at(Path::new("/i"));
        let of = |disks: &str| within(&dir, &id, disks);
        for none in ["", " , ", "here"] {
            assert_eq!(of(none), [Path::new("/i/local")], "{none:?}");
        }
        let on = |disk: &str| Path::new(disk).join(format!("vesta-{text}"));
        assert_eq!(of("/a, /b,,c"), [on("/a"), on("/b")]);
    }
}
