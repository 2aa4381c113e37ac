//! File systems of our own: full ones, read-only ones, and ones that can be pulled away.

use std::path::{Path, PathBuf};
use std::process::Command;

use vesta_journal::{Journal, JournalError};

use crate::common::{record, records};

/// Set in a process that has a mount namespace of its own; its value is a folder to work in.
const FOLDER: &str = "VESTA_TEST_OWN_MOUNTS";

/// If set to 1, a test that needs mounts fails where it would be skipped.
const REQUIRED: &str = "VESTA_REQUIRE_POWER_CUT";

/// A folder to mount things in. The test runs itself again, in a process with its own mount namespace: whatever
/// happens to that process, its mounts end with it. `None` in the first process, when all is done.
pub fn own_mounts(test: &str) -> Option<PathBuf> {
    if let Some(folder) = std::env::var_os(FOLDER) {
        return Some(folder.into());
    }
    if let Err(reason) = mounts_work() {
        assert!(
            std::env::var(REQUIRED).as_deref() != Ok("1"),
            "{test} can't run here, and {REQUIRED}=1: {reason}"
        );
        eprintln!("SKIPPED {test}: {reason}");
        return None;
    }
    let folder = tempfile::tempdir_in(env!("CARGO_TARGET_TMPDIR")).unwrap();
    let status = Command::new("unshare")
        .arg("--mount")
        .arg(std::env::current_exe().unwrap())
        .args([test, "--exact", "--nocapture", "--test-threads=1"])
        .env(FOLDER, folder.path())
        .status()
        .unwrap();
    assert!(
        status.success(),
        "{test}, in a mount namespace of its own: {status}"
    );
    None
}

/// Tries once whether a loop mount works.
fn mounts_work() -> Result<(), String> {
    let script = "set -e; mkdir \"$0/on\"; truncate -s 2M \"$0/image\"; mkfs.ext4 -q -F \"$0/image\"; \
                  mount -o loop \"$0/image\" \"$0/on\"; umount \"$0/on\"";
    let folder = tempfile::tempdir_in(env!("CARGO_TARGET_TMPDIR")).map_err(|e| e.to_string())?;
    let output = Command::new("unshare")
        .args(["--mount", "sh", "-c", script])
        .arg(folder.path())
        .output()
        .map_err(|error| format!("no `unshare`: {error}"))?;
    match output.status.success() {
        true => Ok(()),
        false => Err(format!(
            "no loop mounts: {}",
            String::from_utf8_lossy(&output.stderr).trim()
        )),
    }
}

pub fn run(program: &str, arguments: &[&str]) {
    let output = Command::new(program).args(arguments).output().unwrap();
    let error = String::from_utf8_lossy(&output.stderr);
    assert!(output.status.success(), "{program} {arguments:?}: {error}");
}

fn mount_tmpfs(at: &Path, options: &str) {
    std::fs::create_dir_all(at).unwrap();
    run(
        "mount",
        &["-t", "tmpfs", "-o", options, "tmpfs", at.to_str().unwrap()],
    );
}

#[test]
fn a_read_only_directory_is_jrn007() {
    let Some(folder) = own_mounts("mounts::a_read_only_directory_is_jrn007") else {
        return;
    };
    let at = folder.join("on");
    mount_tmpfs(&at, "size=64m");
    let (old, new) = (at.join("old"), at.join("new"));
    let journal = Journal::open(&old).unwrap();
    journal.append(&records(1..=3)).unwrap();
    journal.sync().unwrap();
    drop(journal);
    run("mount", &["-o", "remount,ro", at.to_str().unwrap()]);
    for dir in [&old, &new] {
        let error = Journal::open(dir).err().unwrap();
        assert!(matches!(error, JournalError::ReadOnly { .. }), "{error}");
        assert!(error.to_string().contains("JRN007"), "{error}");
    }
    run("mount", &["-o", "remount,rw", at.to_str().unwrap()]);
    assert_eq!(Journal::open(&old).unwrap().last_index(), Some(3));
}

#[test]
fn a_disk_that_is_full_at_the_start_is_jrn008() {
    let Some(folder) = own_mounts("mounts::a_disk_that_is_full_at_the_start_is_jrn008") else {
        return;
    };
    let at = folder.join("on");
    mount_tmpfs(&at, "size=4m");
    let error = Journal::open(&at.join("journal")).err().unwrap();
    assert!(matches!(error, JournalError::DiskFull { .. }), "{error}");
    assert!(error.to_string().contains("JRN008"), "{error}");
}

#[test]
fn a_disk_that_fills_up_is_jrn008_and_keeps_what_was_acknowledged() {
    let name = "mounts::a_disk_that_fills_up_is_jrn008_and_keeps_what_was_acknowledged";
    let Some(folder) = own_mounts(name) else {
        return;
    };
    let at = folder.join("on");
    mount_tmpfs(&at, "size=24m");
    let dir = at.join("journal");
    let journal = Journal::open(&dir).unwrap();
    let mut acknowledged = 0;
    let error = loop {
        let next = acknowledged + 1;
        match journal
            .append(&[record(next, 200_000)])
            .and_then(|()| journal.sync())
        {
            Ok(()) => acknowledged = next,
            Err(error) => break error,
        }
        assert!(acknowledged < 1000, "it never got full");
    };
    assert!(matches!(error, JournalError::DiskFull { .. }), "{error}");
    assert_eq!(journal.sync(), Err(error));
    drop(journal);
    assert!(acknowledged > 10, "{acknowledged}");
    let error = Journal::open(&dir).err().unwrap();
    assert!(
        matches!(error, JournalError::DiskFull { .. }),
        "no start on a full disk: {error}"
    );

    run("mount", &["-o", "remount,size=64m", at.to_str().unwrap()]);
    let journal = Journal::open(&dir).unwrap();
    let expected: Vec<_> = (1..=acknowledged)
        .map(|index| record(index, 200_000))
        .collect();
    assert!(
        journal.read(1, acknowledged + 1).unwrap() == expected,
        "entries changed"
    );
    let next = journal.last_index().unwrap() + 1;
    journal.append(&[record(next, 200_000)]).unwrap();
    journal.sync().unwrap();
}
