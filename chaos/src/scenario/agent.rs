//! Agents that die at the worst moments, and workers that come back.

use rustix::process::Signal;
use vesta_local::{Process, wait_for, wait_until};
use vesta_types::DriverId;

use super::Finding;
use super::finding::must;
use super::stage::{BOUND, FOR_EVER, Setting, Stage};

/// An agent is killed when it has accepted an order and not begun it; when its supervisor is about to exec,
/// and the supervisor with it; and when what it started has not been reported.
pub async fn killed_around_exec(setting: Setting) -> Result<(), Finding> {
    // Sixty seconds until a silent worker is lost: longer than anything is waited for.
    let options = vesta_local::Options {
        time_scale: 1.0,
        ..setting.options()
    };
    let mut stage = Stage::start(options).await?;

    // Accepted, and not begun: it provably never ran, so it is tried anew, the unsupervised one too.
    under(&mut stage, Some("worker.before_start=return")).await?;
    let pair = submit_pair(&mut stage, "accepted", "").await?;
    for id in &pair {
        record_of(&stage, id, "order.json").await?;
    }
    under(&mut stage, None).await?;
    for id in &pair {
        let over = stage.driver_in(id, "FINISHED").await?;
        must!(over.attempt == 2, "it was to be a new attempt: {over:?}");
    }
    must!(
        stage.started()?.len() == 2,
        "each was to begin once: {:?}",
        stage.started()?
    );

    // On record as begun, and then nobody knows: never again as this instance.
    under(&mut stage, Some("worker.after_started_record=pause")).await?;
    let [again, once] = submit_pair(&mut stage, "begun", "").await?;
    stage.need_not_run(&once);
    for id in [&again, &once] {
        record_of(&stage, id, "started.0").await?;
    }
    stage.workers[0].kill()?;
    for supervisor in supervisors(&stage, 0)? {
        supervisor.signal(Signal::KILL)?;
    }
    under(&mut stage, None).await?;
    let over = stage.driver_in(&again, "FINISHED").await?;
    must!(
        over.attempt == 2,
        "a supervised one is tried again: {over:?}"
    );
    let over = stage.driver_that(&once, "over", |it| it.ended).await?;
    must!(
        (over.state.as_str(), over.attempt) == ("FAILED", 1),
        "nobody knows whether it ran, so it is never tried again: {over:?}"
    );
    must!(
        stage.started()?.len() == 3,
        "one more was to begin: {:?}",
        stage.started()?
    );

    // Begun, and not reported: it goes on as it is.
    let hold = stage.dir().join("hold");
    let setting = format!("worker.hold_report=return({})", hold.display());
    under(&mut stage, Some(&setting)).await?;
    // It has answered its leader, so that orders reach it.
    let before = stage.submit(&stage.driver_of("before", false, "")).await?;
    stage.driver_in(&before, "FINISHED").await?;
    std::fs::write(&hold, "")?;
    let pair = submit_pair(&mut stage, "running", FOR_EVER).await?;
    let begun = wait_until("both to begin", BOUND, async || {
        stage.started().is_ok_and(|started| started.len() == 6)
    });
    begun.await?;
    let pids: Vec<u32> = stage.started()?[4..].iter().map(|it| it.pid).collect();
    under(&mut stage, None).await?;
    for id in &pair {
        let now = stage.driver_that(id, "reported", |it| it.pid != 0).await?;
        must!(
            (now.state.as_str(), now.attempt) == ("RUNNING", 1) && pids.contains(&now.pid),
            "it was to be one of {pids:?} as it was: {now:?}"
        );
    }
    must!(
        stage.started()?.len() == 6,
        "nothing was to begin again: {:?}",
        stage.started()?
    );
    stage.end().await
}

/// A worker that is asked to end is kept as DEAD, and comes back as itself; so it does after a reboot.
pub async fn worker_reboots(setting: Setting) -> Result<(), Finding> {
    let options = vesta_local::Options {
        workers: 2,
        time_scale: 1.0,
        ..setting.options()
    };
    let mut stage = Stage::start(options).await?;
    let id = stage
        .submit(&stage.driver_of("moves", true, FOR_EVER))
        .await?;
    let (before, process) = stage.running(&id).await?;
    let at = stage.worker_of(&before.worker_id)?;

    stage.workers[at].terminate()?;
    stage.workers[at].wait(BOUND).await?;
    let left = stage
        .worker_that(at, "DEAD", |it| it.state == "DEAD")
        .await?;
    must!(
        left.id == before.worker_id,
        "it is kept under its id: {left:?}"
    );
    must!(!process.is_alive(), "{process} outlived its worker");
    let moved = stage
        .driver_that(&id, "elsewhere", |it| it.attempt == 2 && it.pid != 0)
        .await?;
    must!(
        moved.worker_id != before.worker_id,
        "it was to go elsewhere: {moved:?}"
    );
    stage.workers[at].start()?;
    let back = stage
        .worker_that(at, "back", |it| it.state == "ALIVE")
        .await?;
    must!(
        back.id == left.id,
        "it came back as {}, and was {}",
        back.id,
        left.id
    );

    // The other one reboots: nothing of before runs there, and its name is its own.
    let (moved, process) = stage.running(&id).await?;
    let at = stage.worker_of(&moved.worker_id)?;
    stage.workers[at].kill()?;
    for left in supervisors(&stage, at)?.into_iter().chain([process]) {
        left.signal(Signal::KILL)?;
    }
    let boot = "worker.boot_id=return(0b007000-0000-4000-8000-000000000046)";
    stage.workers[at].set_env("FAILPOINTS", boot);
    stage.workers[at].start()?;
    let again = stage
        .driver_that(&id, "running again", |it| it.attempt == 3 && it.pid != 0)
        .await?;
    stage.running(&id).await?;
    let back = stage
        .worker_that(at, "ALIVE", |it| it.state == "ALIVE")
        .await?;
    must!(
        back.id == moved.worker_id,
        "it came back as {}, and was {}",
        back.id,
        moved.worker_id
    );
    let workers = stage.all_workers().await?;
    must!(
        workers.len() == 2,
        "two workers were to be known: {workers:?}"
    );
    must!(again.state == "RUNNING", "{again:?}");
    stage.end().await
}

/// Kills the only worker's agent and starts it again with this failpoint, or none; waits until it is taken in.
async fn under(stage: &mut Stage, failpoint: Option<&str>) -> Result<(), Finding> {
    stage.workers[0].kill()?;
    // Else what was heard of the one before would be taken for the next one's word.
    stage.worker_that(0, "missed", |it| it.suspect).await?;
    match failpoint {
        Some(setting) => stage.workers[0].set_env("FAILPOINTS", setting),
        None => stage.workers[0].remove_env("FAILPOINTS"),
    }
    stage.workers[0].start()?;
    stage
        .worker_that(0, "back", |it| it.state == "ALIVE" && !it.suspect)
        .await?;
    Ok(())
}

/// A supervised and an unsupervised driver.
async fn submit_pair(stage: &mut Stage, name: &str, body: &str) -> Result<[DriverId; 2], Finding> {
    let again = stage.submit(&stage.driver_of(name, true, body)).await?;
    let once = stage.submit(&stage.driver_of(name, false, body)).await?;
    Ok([again, once])
}

/// Waits until the only worker has this file of the driver's first attempt.
async fn record_of(stage: &Stage, id: &DriverId, file: &str) -> Result<(), Finding> {
    let instances = stage.workers[0].dir().join("instances");
    let there = wait_for(format!("{file} of {id}"), BOUND, async || {
        let entries = std::fs::read_dir(&instances).ok()?;
        let own = |name: &str| name.starts_with(&format!("{id}.1."));
        entries
            .flatten()
            .find(|it| it.file_name().to_str().is_some_and(own) && it.path().join(file).exists())
    });
    there.await?;
    Ok(())
}

/// Supervisors of the worker at `at`, whether their agent is there or not.
fn supervisors(stage: &Stage, at: usize) -> Result<Vec<Process>, Finding> {
    let dir = stage.workers[at].dir().display().to_string();
    let mut found = Vec::new();
    for entry in std::fs::read_dir("/proc")?.flatten() {
        let name = entry.file_name();
        let Some(pid) = name.to_str().and_then(|it| it.parse::<u32>().ok()) else {
            continue;
        };
        let command = std::fs::read(entry.path().join("cmdline")).unwrap_or_default();
        let command = String::from_utf8_lossy(&command).replace('\0', " ");
        if command.contains(&format!(" supervise {dir}/")) {
            found.extend(Process::of(pid));
        }
    }
    Ok(found)
}
