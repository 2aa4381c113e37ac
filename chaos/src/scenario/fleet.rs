//! Many workers: masters that hear nobody for long, one worker that is gone for good, half of them at once.

use std::time::{Duration, Instant};

use futures::StreamExt;
use rustix::process::Signal;
use vesta_client::new_key;
use vesta_local::{Process, wait_until};
use vesta_types::DriverId;

use super::Finding;
use super::books::Books;
use super::finding::must;
use super::host::Host;
use super::stage::{BOUND, FOR_EVER, Setting, Stage, until};

/// Workers of the fleet that stays.
const FLEET: usize = 12;

/// Nobody leads for longer than a silent worker lives, then a leader that dies before its own patience is
/// over, then another. One worker of twelve is gone for good: the others get work before recovery ends, and
/// it alone is lost.
pub async fn leaderless_fleet(setting: Setting) -> Result<(), Finding> {
    let options = vesta_local::Options {
        workers: FLEET,
        cores: 2,
        ..setting.options()
    };
    let timeout = Duration::from_secs(6);
    let mut stage = Stage::start(options).await?;
    let mut drivers: Vec<(DriverId, String, Process)> = Vec::new();
    for number in 0..FLEET {
        let driver = stage.driver_of(&format!("stays-{number}"), number % 2 == 0, FOR_EVER);
        let id = stage.submit(&driver).await?;
        let (now, process) = stage.running(&id).await?;
        drivers.push((id, now.worker_id, process));
    }
    let agents: Vec<Option<u32>> = stage.workers.iter().map(|it| it.pid()).collect();

    // A leader without followers hears the workers all the time, and may judge nobody.
    let leader = stage.leader().await?;
    for at in (0..3).filter(|at| *at != leader) {
        stage.masters[at].kill()?;
    }
    let gone = 0;
    let host = Host::pause(&stage, gone).await?;
    tokio::time::sleep(timeout * 2).await;
    stage.masters[leader].kill()?;
    for master in &mut stage.masters {
        master.start()?;
    }
    for elections in 0..2 {
        let leads = stage.leader_that("a leader", |_| true).await?;
        let begun = Instant::now();
        // Cores are free on every worker, the one that is gone too; nothing is placed there.
        let next = stage.submit(&stage.driver_of("next", false, "")).await?;
        let over = stage.driver_in(&next, "FINISHED").await?;
        must!(
            over.attempt == 1,
            "it was lost with a worker that had not answered: {over:?}"
        );
        let master = stage
            .client()
            .list_masters(Default::default())
            .await?
            .masters;
        let recovering = master
            .iter()
            .any(|it| it.leader && it.status == "RECOVERING");
        must!(
            recovering || begun.elapsed() > timeout / 2,
            "it was served only when the silent worker had been given up: {master:?}"
        );
        if elections == 0 {
            stage.masters[leads].kill()?;
            stage.next_leader(leads).await?;
            stage.masters[leads].start()?;
        }
    }
    stage.leader().await?;
    let lost = stage
        .worker_that(gone, "lost", |it| it.state == "DEAD")
        .await?;
    stage.workers_alive(FLEET - 1).await?;
    for (id, worker, process) in &drivers {
        let supervised = stage.driver(id).await?.supervise;
        let now = match (*worker == lost.id, supervised) {
            (true, true) => {
                stage
                    .driver_that(id, "started elsewhere", |it| it.attempt == 2 && it.pid != 0)
                    .await?
            }
            (true, false) => stage.driver_that(id, "over", |it| it.ended).await?,
            (false, _) => stage.driver(id).await?,
        };
        let expected = match (*worker == lost.id, supervised) {
            (true, true) => ("RUNNING", 2),
            (true, false) => ("ERROR", 1),
            (false, _) => ("RUNNING", 1),
        };
        must!(
            (now.state.as_str(), now.attempt) == expected,
            "{now:?}, which {expected:?} was to be"
        );
        must!(
            *worker == lost.id || now.pid == process.pid,
            "it has another process than {process}: {now:?}"
        );
    }
    let now: Vec<Option<u32>> = stage.workers.iter().map(|it| it.pid()).collect();
    must!(now == agents, "agents ended: {now:?}, {agents:?}");
    Books::of(&stage).await?;
    host.resume()?;
    stage.workers_alive(FLEET).await?;
    for (id, worker, process) in &drivers {
        if *worker == lost.id {
            let gone = wait_until(
                format!("the old copy of {id} to be stopped"),
                BOUND,
                async || !process.is_alive(),
            );
            gone.await?;
        }
    }
    stage.end().await
}

/// Half of eight workers vanish, agents and all that they run, with many drivers waiting and an application
/// that wants more than there is. Nothing is ever over-committed; when they are back everybody gets what there
/// is, in order.
pub async fn half_of_the_workers(setting: Setting) -> Result<(), Finding> {
    let crowd = setting.crowd;
    let options = vesta_local::Options {
        workers: 8,
        cores: 4,
        ..setting.options()
    };
    let mut stage = Stage::start(options).await?;
    // 20 of 32 cores are held by drivers until the gate opens, the rest by the application.
    let gate = stage.dir().join("gate");
    for number in 0..20 {
        let driver = stage.driver_of(&format!("holds-{number}"), number % 2 == 0, &until(&gate));
        let id = stage.submit(&driver).await?;
        if number % 2 == 1 {
            // An unsupervised one may be lost before it began.
            stage.need_not_run(&id);
        }
        stage.running(&id).await?;
    }
    let (app, _events) = stage.app_of("greedy", 64, FOR_EVER).register().await?;
    let id = app.app_id().to_string();
    let live = |app: &vesta_client::proto::Application| {
        app.executors
            .iter()
            .filter(|it| !it.ended && it.pid != 0)
            .count()
    };
    stage
        .application_that(&id, "running 12 executors", |it| live(it) == 12)
        .await?;
    let waiting = submit_many(&mut stage, usize::from(crowd)).await?;
    Books::of(&stage).await?;

    let mut processes = Vec::new();
    for at in 0..4 {
        processes.extend(Host::of(&stage, at)?);
    }
    for worker in &mut stage.workers[..4] {
        worker.kill()?;
    }
    for process in &processes {
        process.signal(Signal::KILL)?;
    }
    let begun = Instant::now();
    let ends: Vec<String> = (0..4).map(|at| stage.end_of(at)).collect();
    loop {
        Books::of(&stage).await?;
        let workers = stage.all_workers().await?;
        let dead = workers.iter().filter(|it| it.state == "DEAD");
        let dead: Vec<&str> = dead.map(|it| it.id.as_str()).collect();
        if ends
            .iter()
            .all(|end| dead.iter().any(|id| id.ends_with(end)))
        {
            break;
        }
        must!(begun.elapsed() < BOUND, "only {dead:?} are lost yet");
    }
    let first = stage.driver(&waiting[0]).await?;
    must!(
        !first.waiting_because.is_empty(),
        "nothing is said of why it waits: {first:?}"
    );
    for worker in &mut stage.workers[..4] {
        worker.start()?;
    }
    stage.workers_alive(8).await?;
    let full = wait_until("every core to be in use again", BOUND, async || {
        Books::of(&stage).await.is_ok_and(|books| {
            let used: u32 = books.workers.iter().map(|it| it.2).sum();
            used == 32
        })
    });
    full.await?;
    // The queue moves in its order, and what is not there yet is killed.
    std::fs::write(&gate, "")?;
    for id in &waiting[..50] {
        stage.driver_in(id, "FINISHED").await?;
    }
    app.unregister(false, "done").await?;
    let (client, notes) = (stage.client(), stage.notes());
    let kills = futures::stream::iter(&waiting).map(|id| {
        let (client, notes) = (client.clone(), notes.clone());
        async move { notes.kill(&client, id).await }
    });
    let kills: Vec<Result<bool, _>> = kills.buffer_unordered(32).collect().await;
    for recorded in kills {
        must!(recorded?, "a kill is not recorded");
    }
    for id in &waiting {
        stage.need_not_run(id);
    }
    let idle = wait_until("nothing to be in use", BOUND, async || {
        Books::of(&stage)
            .await
            .is_ok_and(|books| books.workers.iter().all(|it| (it.2, it.3) == (0, 0)))
    });
    idle.await?;
    let started = stage.started()?;
    let order: Vec<_> = started
        .iter()
        .filter_map(|it| {
            waiting
                .iter()
                .position(|id| it.instance.to_string().starts_with(&format!("{id}.")))
        })
        .collect();
    must!(
        order.len() >= 50,
        "only {} of those that waited have begun",
        order.len()
    );
    stage.end().await
}

/// Submits so many drivers that do nothing, 32 at a time; their ids in the order of their keys.
async fn submit_many(stage: &mut Stage, count: usize) -> Result<Vec<DriverId>, Finding> {
    let (client, notes) = (stage.client(), stage.notes());
    let driver = stage.driver_of("waits", false, "");
    let submissions = futures::stream::iter(0..count).map(|_| {
        let (key, client, notes) = (new_key(), client.clone(), notes.clone());
        let driver = driver.clone();
        async move {
            let (id, _) = notes.submit(&client, key, &driver).await?;
            Ok::<_, Finding>((key, id))
        }
    });
    let answers: Vec<Result<_, _>> = submissions.buffered(32).collect().await;
    let mut ids = Vec::new();
    for answer in answers {
        let (key, id) = answer?;
        ids.push(stage.acknowledged(key, &id, false)?);
    }
    ids.sort();
    Ok(ids)
}
