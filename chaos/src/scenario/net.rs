//! Links that pass nothing.

use std::collections::BTreeMap;
use std::path::Path;
use std::time::Duration;

use vesta_client::new_key;
use vesta_client::proto;
use vesta_local::ledger::Event;
use vesta_local::wait_until;
use vesta_proto::client::client_client::ClientClient;
use vesta_proto::client_convert;
use vesta_types::OnDisconnect;

use super::Finding;
use super::books::Books;
use super::disk::agree;
use super::finding::must;
use super::stage::{BOUND, FOR_EVER, Setting, Stage, until, with_key};
use crate::site::net::Cut;

/// How long a leader is cut off from the others, one time after the other, in seconds.
const CUT_OFF: [u64; 4] = [1, 3, 10, 20];

/// How long a leader that is cut off is given for an answer that it must not give.
const PATIENCE: Duration = Duration::from_secs(1);

/// Not one packet passes between a worker and any master, for longer than its timeout. A supervised driver is
/// started elsewhere, and the success of its old copy comes late; an unsupervised one is lost and never tried
/// again; of one that is to stop no two copies live at one time. What is left is ended at first contact.
pub async fn worker_cut_off(setting: Setting) -> Result<(), Finding> {
    let mut options = setting.options();
    options.workers = 2;
    // By the scale of a tenth: lost after 6 s, stopped after 10 s.
    for (name, value) in [("stop_lease", "100s"), ("stop_grace", "500ms")] {
        let value = toml::Value::from(value);
        options.master_settings.insert(name.to_owned(), value);
    }
    let grace = toml::Value::from("1s");
    options
        .worker_settings
        .insert("kill_grace".to_owned(), grace);
    let mut stage = Stage::prepare_apart(options, false).await?;
    for master in &mut stage.masters {
        master.start()?;
    }
    // Everything is on the first worker; the second comes when it is there.
    stage.workers[0].start()?;
    stage.workers_alive(1).await?;
    let gate = stage.dir().join("gate");
    let beats = stage.dir().join("beats");
    let succeeds = format!(
        "if [ \"$VESTA_ATTEMPT\" = 1 ]; then {}; say ended; exit 0; fi\n{FOR_EVER}",
        until(&gate)
    );
    let succeeds = stage
        .submit(&stage.driver_of("succeeds", true, &succeeds))
        .await?;
    let stays = stage
        .submit(&stage.driver_of("stays", true, FOR_EVER))
        .await?;
    let once = stage
        .submit(&stage.driver_of("once", false, FOR_EVER))
        .await?;
    let deaf = format!(
        "trap '' TERM\nwhile :; do echo $VESTA_ATTEMPT $(date +%s%N) >> {}; sleep 0.05; done",
        beats.display()
    );
    let mut stops = stage.driver_of("stops", true, &deaf);
    stops.on_disconnect = Some(OnDisconnect::Stop);
    let stops = stage.submit(&stops).await?;
    let mut old = BTreeMap::new();
    for id in [&succeeds, &stays, &once, &stops] {
        old.insert(id.clone(), stage.running(id).await?.1);
    }
    stage.workers[1].start()?;
    stage.workers_alive(2).await?;

    let cut = (1..=3).flat_map(|number| Cut::both("worker-1", &format!("master-{number}")));
    let cut = stage.cut(cut.collect())?;
    let dead = |it: &proto::Worker| it.state == "DEAD";
    stage.worker_that(0, "lost", dead).await?;
    let second = |it: &proto::Driver| it.attempt == 2 && it.pid != 0;
    for id in [&succeeds, &stays] {
        stage.driver_that(id, "running elsewhere", second).await?;
    }
    let lost = stage.driver_that(&once, "over", |it| it.ended).await?;
    must!(
        (lost.state.as_str(), lost.attempt) == ("ERROR", 1),
        "{lost:?}"
    );
    let waits = stage.driver(&stops).await?;
    must!(
        waits.attempt == 2 || waits.waiting_because.contains("lease"),
        "it waits for its old copy's lease, and does not say so: {waits:?}"
    );
    stage
        .driver_that(&stops, "running elsewhere", second)
        .await?;
    Books::of(&stage).await?;
    must!(
        old[&succeeds].is_alive() && old[&stays].is_alive() && old[&once].is_alive(),
        "what is kept goes on without masters"
    );
    std::fs::write(&gate, "")?;
    let late = wait_until("the old copy to succeed", BOUND, async || {
        let own = |it: &vesta_local::ledger::Record| {
            it.event == Event::Ended && it.pid == old[&succeeds].pid
        };
        stage.records().is_ok_and(|records| records.iter().any(own))
    });
    late.await?;

    stage.mend(cut)?;
    let settled = |it: &proto::Worker| it.state == "ALIVE" && !it.suspect && it.stopping == 0;
    stage.worker_that(0, "taken in again", settled).await?;
    for (id, process) in &old {
        let gone = wait_until(
            format!("the old copy of {id} to be gone"),
            BOUND,
            async || !process.is_alive(),
        );
        gone.await?;
    }
    for id in [&succeeds, &stays, &stops] {
        let now = stage.driver(id).await?;
        must!(
            (now.state.as_str(), now.attempt) == ("RUNNING", 2),
            "a late report counted: {now:?}"
        );
    }
    let lost = stage.driver(&once).await?;
    must!(
        (lost.state.as_str(), lost.attempt) == ("ERROR", 1),
        "an end changed: {lost:?}"
    );
    let lives = lives(&beats)?;
    must!(
        lives.len() == 2 && lives[&1].1 < lives[&2].0,
        "two copies of a driver that is to stop lived at one time: {lives:?}"
    );
    stage.end().await
}

/// First and last beat of each attempt, in nanoseconds.
fn lives(path: &Path) -> Result<BTreeMap<u32, (u128, u128)>, Finding> {
    let mut lives = BTreeMap::new();
    for line in std::fs::read_to_string(path)?.lines() {
        // The last line may be half written.
        let Some((attempt, at)) = line.split_once(' ') else {
            continue;
        };
        let (Ok(attempt), Ok(at)) = (attempt.parse::<u32>(), at.parse::<u128>()) else {
            continue;
        };
        let life = lives.entry(attempt).or_insert((at, at));
        life.1 = life.1.max(at);
    }
    Ok(lives)
}

/// The leader is cut off from the other masters for ever longer, and from nobody else: it steps down in the
/// same process, accepts nothing, ends nothing, and catches up.
pub async fn leader_cut_off(setting: Setting) -> Result<(), Finding> {
    let mut stage = Stage::prepare_apart(setting.options(), false).await?;
    stage.start_all().await?;
    let (app, _events) = stage.app_of("stays", 2, FOR_EVER).register().await?;
    let two = |it: &proto::Application| {
        let live = it.executors.iter().filter(|it| !it.ended && it.pid != 0);
        live.count() == 2
    };
    let app_id = app.app_id().to_string();
    stage
        .application_that(&app_id, "running two executors", two)
        .await?;
    let before = Books::of(&stage).await?.executors;
    for seconds in CUT_OFF {
        let leader = stage.leader().await?;
        let pid = stage.masters[leader].pid();
        let own = stage.masters[leader].name();
        let others = stage.masters.iter().filter(|it| it.name() != own);
        let cut = others.flat_map(|it| Cut::both(&own, &it.name())).collect();
        let cut = stage.cut(cut)?;
        let away = tokio::time::Instant::now() + Duration::from_secs(seconds);
        if seconds >= 3 {
            let next = stage.leader_after(leader).await?;
            must!(next != leader, "{own} leads, and reaches nobody");
            let answer = ask_alone(&stage, leader).await;
            must!(
                answer.is_none(),
                "{own} answered a write that nobody else has: {answer:?}"
            );
        }
        let id = stage
            .submit(&stage.driver_of("meanwhile", false, ""))
            .await?;
        stage.driver_in(&id, "FINISHED").await?;
        tokio::time::sleep_until(away).await;
        stage.mend(cut)?;
        stage.caught_up(leader).await?;
        agree(&stage).await?;
        must!(
            stage.masters[leader].pid() == pid && stage.masters[leader].is_running(),
            "{own} was started anew after {seconds} s"
        );
        let after = Books::of(&stage).await?.executors;
        must!(
            after == before,
            "after {seconds} s executors are {after:?}, and were {before:?}"
        );
    }
    app.unregister(false, "done").await?;
    stage.end().await
}

/// Submits a driver to the master at `at` and to no other, as a client does not that has learned of others. Its
/// answer, if it gives one before long.
async fn ask_alone(stage: &Stage, at: usize) -> Option<proto::SubmitDriverReply> {
    let address = format!("http://{}", stage.masters[at].advertised());
    let key = new_key();
    let driver = with_key(&stage.driver_of("refused", false, ""), key);
    let asked = async {
        let mut stub = ClientClient::connect(address).await.ok()?;
        let answer = stub.submit_driver(client_convert::submission(key, driver));
        Some(answer.await.ok()?.into_inner())
    };
    tokio::time::timeout(PATIENCE, asked).await.ok().flatten()
}
