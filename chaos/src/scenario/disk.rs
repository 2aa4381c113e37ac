//! Masters whose disks fail, or hold something else than they wrote.

use std::path::{Path, PathBuf};

use vesta_client::proto::ListRequest;
use vesta_local::wait_until;
use vesta_types::DriverId;

use super::Finding;
use super::finding::must;
use super::stage::{BOUND, Setting, Stage};

/// A sync of the leader's log fails, then one of a follower's, and one takes long: whoever can't sync stops and
/// says so, the others go on, and it comes back on its directory with everything.
pub async fn failing_fsync(setting: Setting) -> Result<(), Finding> {
    let mut stage = Stage::start(setting.options()).await?;
    let mut submitted = vec![driver(&mut stage).await?];
    for whose in ["leader", "follower"] {
        let leader = stage.leader().await?;
        let at = if whose == "leader" {
            leader
        } else {
            (leader + 1) % 3
        };
        stage
            .set_failpoints(at, "journal.fdatasync=1*return(5)")
            .await?;
        // Something to sync; the client repeats it at whoever leads.
        submitted.push(driver(&mut stage).await?);
        let ended = stage.masters[at].wait(BOUND).await?;
        let code = ended.and_then(|status| status.code());
        must!(
            code == Some(1),
            "the {whose} ended with {ended:?} when it could not sync"
        );
        let said = stage.masters[at].log_text();
        must!(
            said.contains("could not sync"),
            "the {whose} does not say why it ended"
        );
        submitted.push(driver(&mut stage).await?);
        stage.set_failpoints(at, "").await?;
        stage.restart_master(at).await?;
    }
    let leader = stage.leader().await?;
    stage
        .set_failpoints(leader, "journal.fdatasync=2*sleep(2500)")
        .await?;
    for _ in 0..3 {
        submitted.push(driver(&mut stage).await?);
    }
    stage.set_failpoints(leader, "").await?;
    for id in &submitted {
        let over = stage.driver_in(id, "FINISHED").await?;
        must!(
            over.attempt == 1,
            "nothing happened to its worker: {over:?}"
        );
    }
    agree(&stage).await?;
    stage.end().await
}

/// A follower is stopped, and one bit of each of its files is turned over in turn; then its directory is
/// another master's, and then it is gone. Each time it refuses to start or is none the worse, and the others go
/// on. In the end it rejoins under a new id.
pub async fn damaged_master(setting: Setting) -> Result<(), Finding> {
    let vesta = setting.vesta.clone();
    let mut options = setting.options();
    // So that there are snapshots to damage.
    options
        .master_settings
        .insert("snapshot_every".to_owned(), 20.into());
    let mut stage = Stage::start(options).await?;
    for _ in 0..8 {
        let id = driver(&mut stage).await?;
        stage.driver_in(&id, "FINISHED").await?;
    }
    let leader = stage.leader().await?;
    let (at, other) = ((leader + 1) % 3, (leader + 2) % 3);
    stage.caught_up(at).await?;
    stage.masters[at].kill()?;
    let (dir, aside) = (stage.masters[at].dir(), stage.dir().join("aside"));
    copy(&dir, &aside)?;
    let mut refused = 0;
    for file in files(&aside, Path::new(""))? {
        // Files come and go while it runs.
        let Ok(mut bytes) = std::fs::read(aside.join(&file)) else {
            continue;
        };
        if bytes.is_empty() {
            continue;
        }
        let middle = bytes.len() / 2;
        bytes[middle] ^= 1;
        std::fs::write(dir.join(&file), bytes)?;
        stage.masters[at].start()?;
        let refuses = stopped_or_well(&mut stage, at).await?;
        stage.masters[at].kill()?;
        // What it has written since it ran well must not be taken away from it.
        let (from, to) = if refuses {
            (&aside, &dir)
        } else {
            (&dir, &aside)
        };
        std::fs::remove_dir_all(to)?;
        copy(from, to)?;
        if refuses {
            refused += 1;
            let said = stage.masters[at].log_text();
            must!(
                said.contains("JRN0"),
                "{} with a bit turned over: no code says why",
                file.display()
            );
        }
    }
    must!(
        refused >= 2,
        "a bit in the middle of each file, and only {refused} were noticed"
    );

    // Another member's.
    stage.masters[other].kill()?;
    std::fs::remove_dir_all(&dir)?;
    copy(&stage.masters[other].dir(), &dir)?;
    stage.restart_master(other).await?;
    stage.masters[at].start()?;
    let ended = stage.masters[at].wait(BOUND).await?;
    must!(
        ended.and_then(|it| it.code()) == Some(1)
            && stage.masters[at].log_text().contains("belongs to node"),
        "it ended with {ended:?} on the directory of another member"
    );

    // None at all: it waits, is no help to anybody, and comes back under a new id.
    std::fs::remove_dir_all(&dir)?;
    stage.masters[at].start()?;
    let id = driver(&mut stage).await?;
    stage.driver_in(&id, "FINISHED").await?;
    let old = (at + 1).to_string();
    cluster(&vesta, &stage, &["remove", &old]).await?;
    stage.masters[at].kill()?;
    let (new, named) = stage.add_master()?;
    stage.masters[new].start()?;
    cluster(&vesta, &stage, &["add", &named]).await?;
    stage.caught_up(new).await?;
    let id = driver(&mut stage).await?;
    stage.driver_in(&id, "FINISHED").await?;
    agree(&stage).await?;
    stage.end().await
}

/// Submits a driver that does nothing.
async fn driver(stage: &mut Stage) -> Result<DriverId, Finding> {
    let driver = stage.driver_of("short", false, "");
    stage.submit(&driver).await
}

/// Waits until the master at `at` has ended by itself, with code 1, or has caught up. Whether it has ended.
async fn stopped_or_well(stage: &mut Stage, at: usize) -> Result<bool, Finding> {
    let number = stage.masters[at].number() as u64;
    let client = stage.client();
    let node = &stage.masters[at];
    let settled = wait_until(
        format!("master {number} to stop or to catch up"),
        BOUND,
        async || {
            if !node.is_running() {
                return true;
            }
            let reply = client.list_masters(ListRequest::default()).await;
            reply.is_ok_and(|reply| {
                let leader = reply.masters.iter().find(|it| it.leader);
                let own = reply.masters.iter().find(|it| it.node_id == number);
                let committed = leader.map_or(u64::MAX, |it| it.committed_index);
                own.is_some_and(|it| it.status == "STANDBY" && it.applied_index >= committed)
            })
        },
    );
    settled.await?;
    if stage.masters[at].is_running() {
        agree(stage).await?;
        return Ok(false);
    }
    let ended = stage.masters[at].wait(BOUND).await?;
    let code = ended.and_then(|it| it.code());
    must!(
        code == Some(1),
        "it ended with {ended:?}, and was to refuse with exit code 1"
    );
    Ok(true)
}

/// Waits until all members that answer have come to one state.
pub(super) async fn agree(stage: &Stage) -> Result<(), Finding> {
    let client = stage.client();
    let hashes = ListRequest {
        state_hash: true,
        ..ListRequest::default()
    };
    let same = wait_until("all masters to have one state", BOUND, async || {
        let reply = client.list_masters(hashes).await;
        reply.is_ok_and(|reply| {
            let states = reply
                .masters
                .iter()
                .map(|it| (it.hash_index, &it.state_hash));
            let states: std::collections::BTreeSet<_> = states.collect();
            states.len() == 1 && states.iter().all(|(_, hash)| !hash.is_empty())
        })
    });
    Ok(same.await?)
}

/// Runs `vesta cluster …`, which must succeed.
async fn cluster(vesta: &Path, stage: &Stage, args: &[&str]) -> Result<(), Finding> {
    let mut command = tokio::process::Command::new(vesta);
    command.arg("cluster").args(args);
    command
        .env("VESTA_MASTER", stage.master_url())
        .kill_on_drop(true);
    let output = tokio::time::timeout(BOUND, command.output()).await;
    let output = output
        .map_err(|_| Finding::Broken(format!("vesta cluster {args:?} goes on for ever")))??;
    let said = String::from_utf8_lossy(&output.stderr);
    must!(output.status.success(), "vesta cluster {args:?}: {said}");
    Ok(())
}

/// Copies a directory and what is in it.
fn copy(from: &Path, to: &Path) -> Result<(), Finding> {
    std::fs::create_dir_all(to)?;
    for entry in std::fs::read_dir(from)? {
        let entry = entry?;
        let to = to.join(entry.file_name());
        if entry.file_type()?.is_dir() {
            copy(&entry.path(), &to)?;
        } else {
            std::fs::copy(entry.path(), to)?;
        }
    }
    let mode = std::fs::metadata(from)?.permissions();
    std::fs::set_permissions(to, mode)?;
    Ok(())
}

/// The files below `dir`, by their paths in it, in order.
fn files(root: &Path, below: &Path) -> Result<Vec<PathBuf>, Finding> {
    let mut found = Vec::new();
    for entry in std::fs::read_dir(root.join(below))? {
        let entry = entry?;
        let path = below.join(entry.file_name());
        if entry.file_type()?.is_dir() {
            found.extend(files(root, &path)?);
        } else {
            found.push(path);
        }
    }
    found.sort();
    Ok(found)
}
