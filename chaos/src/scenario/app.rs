//! An application whose driver says nothing for long.

use std::process::Stdio;
use std::time::Duration;

use rustix::process::Signal;
use vesta_client::proto;
use vesta_local::{Process, wait_for};

use super::Finding;
use super::finding::must;
use super::look::EVERYTHING;
use super::stage::{BOUND, Setting, Stage, until};

/// An application's driver stands still (a long collection of garbage, say) while its leader dies, for longer
/// than recovery waits and less than its lease: it keeps its executors, and goes on when it can.
pub async fn driver_paused(setting: Setting) -> Result<(), Finding> {
    let vesta = setting.vesta.clone();
    // Recovery waits for 6 s, an application's lease is 30 s.
    let mut stage = Stage::start(setting.options()).await?;
    let gate = stage.dir().join("gate");
    let launch = stage.launch(&until(&gate));
    let ledger = format!("VESTA_LEDGER={}", stage.ledger().display());
    let mut driver = tokio::process::Command::new(vesta);
    driver
        .args(["app", "run", "--executors", "2", "--executor-cores", "1"])
        .args([
            "--executor-memory",
            "64m",
            "--name",
            "paused",
            "--env",
            &ledger,
        ])
        .args(["--", &launch.program])
        .args(&launch.args)
        .env("VESTA_MASTER", stage.master_url())
        .stdin(Stdio::null())
        .stdout(Stdio::null())
        .stderr(std::fs::File::create(stage.dir().join("driver.log"))?)
        .kill_on_drop(true);
    let mut driver = driver.spawn()?;
    let client = stage.client();
    let id = wait_for("its application to be there", BOUND, async || {
        let apps = client
            .list_applications(EVERYTHING)
            .await
            .ok()?
            .applications;
        apps.into_iter()
            .find(|it| it.name == "paused")
            .map(|it| it.id)
    });
    let id = id.await?;
    let both = |it: &proto::Application| it.state == "RUNNING" && pids(it).len() == 2;
    let before = stage
        .application_that(&id, "running two executors", both)
        .await?;
    let process = driver.id().and_then(Process::of);
    let process = process.ok_or_else(|| Finding::Broken("the driver ended at once".to_owned()))?;

    process.signal(Signal::STOP)?;
    let (old, leader) = {
        let old = stage.leader().await?;
        stage.masters[old].kill()?;
        // Recovery ends without the application's answer.
        (old, stage.leader_after(old).await?)
    };
    tokio::time::sleep(Duration::from_secs(4)).await;
    let unknown = stage.application(&id).await?;
    must!(
        !unknown.ended && pids(&unknown) == pids(&before),
        "master {leader} gave it up before its lease was over: {unknown:?}"
    );
    process.signal(Signal::CONT)?;
    let after = stage.application_that(&id, "RUNNING again", both).await?;
    must!(
        pids(&after) == pids(&before),
        "its executors are {after:?}, and were {before:?}"
    );
    let report = stage.last_failover().await?;
    must!(
        report.executors_killed == 0,
        "the fail-over killed executors: {report:?}"
    );

    std::fs::write(&gate, "")?;
    let ended = tokio::time::timeout(BOUND, driver.wait()).await;
    let ended = ended.map_err(|_| Finding::Broken("the driver goes on for ever".to_owned()))??;
    must!(ended.success(), "the driver ended with {ended}");
    stage
        .application_that(&id, "FINISHED", |it| it.state == "FINISHED")
        .await?;
    must!(
        stage.started()?.len() == 2,
        "an executor was started again: {:?}",
        stage.started()?
    );
    stage.restart_master(old).await?;
    stage.end().await
}

/// Numbers and processes of its live executors.
fn pids(app: &proto::Application) -> Vec<(u32, u32)> {
    let live = app.executors.iter().filter(|it| !it.ended && it.pid != 0);
    live.map(|it| (it.number, it.pid)).collect()
}
