//! Fail-overs, and nothing else or more of them: what they must not cost.

use super::Finding;
use super::books::Books;
use super::finding::must;
use super::stage::{FOR_EVER, Setting, Stage};

/// Eight workers are busy with executors and drivers; the leader is killed, paused, and asked to end.
pub async fn eight_busy_workers(setting: Setting) -> Result<(), Finding> {
    let options = vesta_local::Options {
        workers: 8,
        cores: 3,
        ..setting.options()
    };
    let mut stage = Stage::start(options).await?;
    let app = stage.app_of("busy", 16, FOR_EVER).register().await;
    let (app, _events) = app?;
    let id = app.app_id().to_string();
    for number in 0..8 {
        let driver = stage.driver_of(&format!("busy-{number}"), number % 2 == 0, FOR_EVER);
        let id = stage.submit(&driver).await?;
        stage.running(&id).await?;
    }
    let busy = |app: &vesta_client::proto::Application| {
        let running = app
            .executors
            .iter()
            .filter(|it| it.state == "RUNNING" && it.pid != 0);
        running.count() == 16
    };
    stage
        .application_that(&id, "running 16 executors", busy)
        .await?;
    let before = Books::of(&stage).await?;
    must!(
        before.workers.iter().all(|it| it.2 == 3),
        "every core should be in use: {:?}",
        before.workers
    );
    for fault in ["kill", "pause", "hand over"] {
        let old = stage.leader().await?;
        match fault {
            "kill" => stage.masters[old].kill()?,
            "pause" => stage.masters[old].pause()?,
            _ => stage.masters[old].terminate()?,
        }
        stage.leader_after(old).await?;
        let after = Books::of(&stage).await?;
        must!(
            after == before,
            "after {fault} of the leader the books are {after:?}, and were {before:?}"
        );
        let report = stage.last_failover().await?;
        must!(
            (report.executors_killed, report.lost, report.relaunched) == (0, 0, 0),
            "{fault} of the leader cost something: {report:?}"
        );
        if fault == "pause" {
            stage.masters[old].resume()?;
        } else {
            stage.masters[old].wait(super::stage::BOUND).await?;
            stage.masters[old].start()?;
        }
        stage.caught_up(old).await?;
    }
    must!(
        Books::of(&stage).await? == before,
        "the old leaders changed something when they were back"
    );
    app.unregister(false, "done").await?;
    stage.end().await
}

/// A worker is silent, so that recovery lasts; the leader dies in it, and the next one again and again. The
/// worker's answer to the first of them comes when another leads.
pub async fn elections_within_recovery(setting: Setting) -> Result<(), Finding> {
    let options = vesta_local::Options {
        workers: 3,
        ..setting.options()
    };
    let mut stage = Stage::start(options).await?;
    let (app, _events) = stage.app_of("stays", 3, FOR_EVER).register().await?;
    let mut drivers = Vec::new();
    for number in 0..3 {
        let driver = stage.driver_of(&format!("stays-{number}"), number % 2 == 0, FOR_EVER);
        drivers.push(stage.submit(&driver).await?);
    }
    for driver in &drivers {
        stage.running(driver).await?;
    }
    let running = |app: &vesta_client::proto::Application| {
        app.executors
            .iter()
            .filter(|it| it.state == "RUNNING" && it.pid != 0)
            .count()
            == 3
    };
    stage
        .application_that(
            &app.app_id().to_string(),
            "running three executors",
            running,
        )
        .await?;
    let before = Books::of(&stage).await?;

    stage.workers[0].pause()?;
    let mut old = stage.leader().await?;
    stage.masters[old].kill()?;
    for round in 0..4 {
        let leader = stage.next_leader(old).await?;
        let recovering = stage.leader_that("it", |it| it.leader && it.status != "STANDBY");
        must!(
            recovering.await? == leader,
            "two lead at one time in round {round}"
        );
        stage.masters[old].start()?;
        stage.caught_up(old).await?;
        old = leader;
        if round == 3 {
            break;
        }
        stage.masters[old].kill()?;
    }
    // Its answer is on the way to a leader that stands still; another one leads before that one takes it in.
    stage.masters[old].pause()?;
    stage.workers[0].resume()?;
    stage.leader_after(old).await?;
    stage.masters[old].resume()?;
    stage.caught_up(old).await?;

    let after = Books::of(&stage).await?;
    must!(
        after == before,
        "the books are {after:?}, and were {before:?}"
    );
    let reports = stage
        .client()
        .list_failovers(super::look::EVERYTHING)
        .await?
        .failovers;
    let mut epochs: Vec<u64> = reports.iter().map(|it| it.epoch).collect();
    epochs.sort_unstable();
    epochs.dedup();
    must!(
        epochs.len() == reports.len(),
        "an epoch has two recoveries: {reports:?}"
    );
    let cost = reports
        .iter()
        .find(|it| (it.executors_killed, it.lost, it.relaunched) != (0, 0, 0));
    must!(cost.is_none(), "an election cost something: {cost:?}");
    // And it is served as before: a kill is carried out where the silent worker was, too.
    for driver in &drivers {
        stage.kill(driver).await?;
        stage.driver_in(driver, "KILLED").await?;
    }
    app.unregister(false, "done").await?;
    stage.end().await
}
