//! Kills that were acknowledged.

use vesta_local::{Process, wait_until};
use vesta_types::DriverId;

use super::Finding;
use super::finding::must;
use super::stage::{BOUND, FOR_EVER, Setting, Stage, until};

/// A kill is acknowledged while its driver's worker hears nothing, and the leader dies with it. The driver
/// ends once its worker is reached; one that is lost meanwhile is not started elsewhere; one that waits never
/// runs.
pub async fn kill_outlives_leader(setting: Setting) -> Result<(), Finding> {
    let options = vesta_local::Options {
        workers: 2,
        ..setting.options()
    };
    let mut stage = Stage::start(options).await?;
    let mut running = Vec::new();
    for number in 0..4 {
        let driver = stage.driver_of(&format!("killed-{number}"), number % 2 == 0, FOR_EVER);
        let id = stage.submit(&driver).await?;
        let (_, process) = stage.running(&id).await?;
        running.push((id, process));
    }
    let gate = stage.dir().join("gate");
    let mut waits = stage.driver_of("waits", true, &until(&gate));
    waits.cores = 64;
    let waits = stage.submit(&waits).await?;
    stage.need_not_run(&waits);
    let begun = stage.started()?.len();

    for (round, lost) in [false, true].into_iter().enumerate() {
        let mut there: Vec<(DriverId, Process)> = Vec::new();
        let mut at = None;
        for (id, process) in &running {
            let driver = stage.driver(id).await?;
            let worker = stage.worker_of(&driver.worker_id)?;
            if !driver.ended && *at.get_or_insert(worker) == worker {
                there.push((id.clone(), *process));
            }
        }
        let at =
            at.ok_or_else(|| Finding::Broken("drivers have ended by themselves".to_owned()))?;
        stage.workers[at].pause()?;
        for (id, _) in &there {
            stage.kill(id).await?;
        }
        if round == 0 {
            stage.kill(&waits).await?;
        }
        let old = stage.leader().await?;
        stage.masters[old].kill()?;
        let next = stage.next_leader(old).await?;
        for (id, process) in &there {
            must!(
                process.is_alive(),
                "{id} ended though its worker stands still"
            );
        }
        for (id, _) in &there {
            let now = stage.driver(id).await?;
            must!(
                now.kill_requested || now.ended,
                "the next leader, {next}, has forgotten the kill: {now:?}"
            );
        }
        if lost {
            stage
                .worker_that(at, "lost", |it| it.state == "DEAD")
                .await?;
            for (id, _) in &there {
                stage.driver_in(id, "KILLED").await?;
            }
        }
        stage.workers[at].resume()?;
        for (id, process) in &there {
            stage.driver_in(id, "KILLED").await?;
            let gone = wait_until(format!("{process} of {id} to be gone"), BOUND, async || {
                !process.is_alive()
            });
            gone.await?;
        }
        stage.workers_alive(2).await?;
        stage.restart_master(old).await?;
    }
    let now = stage.driver_in(&waits, "KILLED").await?;
    must!(now.attempt == 0, "it was placed: {now:?}");
    must!(
        stage.started()?.len() == begun,
        "what was killed was started again: {:?}",
        stage.started()?
    );
    stage.end().await
}
