//! What a fail-over must not cost: an accepted driver, an id, an executor, a state, a core, an answer.

use std::collections::{BTreeMap, BTreeSet};
use std::time::{Duration, Instant};

use vesta_client::proto::{self, Application, ListRequest};
use vesta_client::{Client, new_key};
use vesta_local::{wait_for, wait_until};
use vesta_types::{DriverId, InstanceId, Work};

use crate::proxy::Proxies;
use crate::support::{self, BOUND, FOR_EVER, Running, options, start, until};

/// D1. Spark makes every accepted, waiting driver ERROR in its first fail-over.
#[tokio::test(flavor = "multi_thread")]
async fn accepted_drivers_that_wait_outlive_the_leader_and_run_under_their_ids() {
    let mut cluster = start(options()).await;
    let gate = cluster.dir().join("gate");
    let filler = cluster
        .submit(&cluster.driver_of("filler", 4, &until(&gate)))
        .await;
    let filler_pid = cluster.running(&filler.id).await.pid;
    let mut submitted = vec![filler];
    for number in 0..20 {
        let mut driver = cluster.driver_of(&format!("waits-{number}"), 1, "");
        driver.supervise = number % 2 == 0;
        submitted.push(cluster.submit(&driver).await);
    }

    cluster.kill_leader().await;
    for waits in &submitted[1..] {
        let driver = cluster.driver(&waits.id).await;
        assert_eq!(
            (driver.state.as_str(), driver.attempt),
            ("SUBMITTED", 0),
            "{driver:?}"
        );
    }
    let filler = cluster.driver(&submitted[0].id).await;
    assert_eq!((filler.state.as_str(), filler.pid), ("RUNNING", filler_pid));

    std::fs::write(&gate, "").unwrap();
    for accepted in &submitted {
        let driver = cluster
            .driver_that(&accepted.id, "over", |driver| driver.ended)
            .await;
        assert_eq!(
            (driver.state.as_str(), driver.attempt),
            ("FINISHED", 1),
            "{driver:?}"
        );
    }
    cluster.assert_ran_once(&submitted);
    assert_eq!(cluster.started().len(), submitted.len());
    cluster.finish().await;
}

/// D1, sharper: the placement is committed, and its order is never sent by the leader that made it.
#[tokio::test(flavor = "multi_thread")]
async fn an_order_that_was_never_sent_is_sent_by_the_next_leader_and_runs_once() {
    let mut cluster = support::prepare(options()).await;
    for master in &mut cluster.masters {
        master.set_env("FAILPOINTS", "master.drop_dispatch=return");
    }
    cluster.start_all().await;
    let leader = cluster.leader().await;
    for at in (0..3).filter(|at| *at != leader) {
        cluster.masters[at].kill().unwrap();
        cluster.masters[at].remove_env("FAILPOINTS");
        cluster.restart_master(at).await;
    }
    assert_eq!(
        cluster.leader().await,
        leader,
        "its followers went one at a time"
    );

    let mut submitted = Vec::new();
    for (name, supervise) in [("supervised", true), ("unsupervised", false)] {
        let mut driver = cluster.driver_of(name, 1, "");
        driver.supervise = supervise;
        submitted.push(cluster.submit(&driver).await);
    }
    for placed in &submitted {
        let driver = cluster.driver_in(&placed.id, "RUNNING").await;
        assert_eq!(
            (driver.attempt, driver.pid),
            (1, 0),
            "placed, and not started: {driver:?}"
        );
    }

    cluster.kill_leader().await;
    for placed in &submitted {
        let driver = cluster.driver_in(&placed.id, "FINISHED").await;
        assert_eq!(driver.attempt, 1, "the same instance: {driver:?}");
    }
    cluster.assert_ran_once(&submitted);
    assert_eq!(cluster.started().len(), 2);
    cluster.finish().await;
}

/// D7. In Spark the next executor id after a fail-over is the highest *live* one + 1, and the counters
/// of drivers and applications begin again.
#[tokio::test(flavor = "multi_thread")]
async fn ids_of_executors_are_never_given_twice_over_fail_overs() {
    let mut cluster = start(options_of(1, 8)).await;
    let (app, _events) = cluster.app_of("ids", 6, FOR_EVER).register().await.unwrap();
    let running = async |cluster: &Running, wanted: &[u32]| {
        let what = format!("running the executors {wanted:?}");
        let running = cluster.application_that(app.app_id(), &what, |it| live(it) == wanted);
        running.await
    };
    running(&cluster, &[0, 1, 2, 3, 4, 5]).await;
    // What is killed must have got round to its line: it is counted below.
    cluster.starts(6).await;
    app.set_target(4).await.unwrap();
    app.kill_executors(vec![4, 5]).await.unwrap();
    running(&cluster, &[0, 1, 2, 3]).await;

    let (killed, _) = cluster.kill_leader().await;
    app.set_target(6).await.unwrap();
    running(&cluster, &[0, 1, 2, 3, 6, 7]).await;
    cluster.restart_master(killed).await;
    cluster.kill_leader().await;
    cluster.starts(8).await;
    app.kill_executors(vec![7]).await.unwrap();
    running(&cluster, &[0, 1, 2, 3, 6, 8]).await;

    // One process per id.
    cluster.starts(9).await;
    cluster.assert_ran_once(&[]);
    cluster.finish().await;
}

/// D7, with submissions under way while leaders die. The ids also hold a time; only their numbers are
/// compared, as if the clock stood still.
#[tokio::test(flavor = "multi_thread")]
async fn ids_of_drivers_and_applications_are_never_given_twice_over_fail_overs() {
    let mut cluster = start(options()).await;
    // More cores than there are, so that they wait.
    let (driver, client) = (cluster.driver_of("waits", 5, ""), cluster.client());
    let (stop, stopped) = tokio::sync::watch::channel(false);
    let submitting = tokio::spawn(async move {
        let mut numbers = Vec::new();
        while !*stopped.borrow() {
            let reply = client.submit_driver(new_key(), &driver).await.unwrap();
            let id: DriverId = reply.driver_id.parse().unwrap();
            numbers.push(id.number().unwrap());
        }
        numbers
    });
    let mut apps = Vec::new();
    for _ in 0..3 {
        let (app, _) = cluster.app_of("waits", 0, "").register().await.unwrap();
        apps.push(app.app_id().number().unwrap());
        let (killed, _) = cluster.kill_leader().await;
        cluster.restart_master(killed).await;
    }
    stop.send_replace(true);
    let numbers = submitting.await.unwrap();
    let rises = |numbers: &[u64]| numbers.windows(2).all(|pair| pair[0] < pair[1]);
    assert!(rises(&numbers) && rises(&apps), "{numbers:?} {apps:?}");
    assert!(numbers.len() > 10, "{numbers:?}");
    cluster.finish().await;
}

/// D9. In Spark a dropped connection ends an application and loses a worker at once.
#[tokio::test(flavor = "multi_thread")]
async fn connections_that_break_again_and_again_cost_no_executor() {
    // Timeouts as in production: what is lost here, a broken connection has lost.
    let options = vesta_local::Options {
        time_scale: 1.0,
        ..options()
    };
    let mut cluster = support::prepare(options).await;
    let proxies = Proxies::before(&cluster).await;
    cluster.start_all().await;
    let (app, mut events) = cluster.app_of("cut", 3, FOR_EVER).register().await.unwrap();
    let before = cluster
        .application_that(app.app_id(), "running three executors", |it| {
            live(it).len() == 3
        })
        .await;

    let mut cut = 0;
    for round in 0..30 {
        // Of the application's sessions and of the worker's, whichever are open by now.
        let what = format!("a connection to cut in round {round}");
        wait_until(what, BOUND, async || proxies.open() > 0)
            .await
            .unwrap();
        cut += proxies.cut();
    }
    assert!(cut >= 30, "{cut} connections were cut");

    // What an event says, it says to an application that is connected again.
    app.set_target(4).await.unwrap();
    let after = cluster
        .application_that(app.app_id(), "running four executors", |it| {
            live(it).len() == 4
        })
        .await;
    let added = wait_for(
        "the application to hear of its fourth executor",
        BOUND,
        async || {
            events.recv().await.filter(|event| {
            matches!(event, vesta_client::ApplicationEvent::ExecutorAdded(it) if it.number == 3)
        })
        },
    );
    added.await.unwrap();
    assert_eq!(
        processes(&before),
        processes(&after)[..3],
        "the same processes"
    );
    assert_eq!(after.ended_executors, 0);
    cluster.finish().await;
}

/// D12. In Spark one lost `MasterChanged` ends a healthy application.
#[tokio::test(flavor = "multi_thread")]
async fn announcements_of_a_new_leader_that_are_lost_cost_nobody_anything() {
    let mut cluster = support::prepare(options()).await;
    for master in &mut cluster.masters {
        master.set_env("FAILPOINTS", "master.drop_announcement=6*return");
    }
    cluster.start_all().await;
    let (app, _events) = cluster
        .app_of("deaf", 2, FOR_EVER)
        .register()
        .await
        .unwrap();
    let before = cluster
        .application_that(app.app_id(), "running two executors", |it| {
            live(it).len() == 2
        })
        .await;

    let (killed, _) = cluster.kill_leader().await;
    let after = cluster
        .application_that(app.app_id(), "RUNNING again", |it| it.state == "RUNNING")
        .await;
    assert_eq!(processes(&before), processes(&after));
    let report = last_failover(&cluster.client()).await;
    let recovery = Duration::from_millis(report.recovery_ms.unwrap());
    // A tenth of the default's 60 s: then those that never heard would have been given up.
    assert!(
        recovery < Duration::from_secs(6),
        "it waited for them in vain: {report:?}"
    );
    assert_eq!((report.lost, report.executors_killed), (0, 0), "{report:?}");

    // And it is served as before.
    app.set_target(3).await.unwrap();
    cluster
        .application_that(app.app_id(), "running three", |it| live(it).len() == 3)
        .await;
    assert!(!cluster.masters[killed].is_running() && cluster.workers[0].is_running());
    cluster.finish().await;
}

/// D15. Spark's recovery reads its queue back in no order.
#[tokio::test(flavor = "multi_thread")]
async fn what_waits_starts_in_the_order_of_its_submission_over_two_fail_overs() {
    let mut cluster = start(options_of(1, 1)).await;
    let gate = cluster.dir().join("gate");
    let mut submitted = vec![
        cluster
            .submit(&cluster.driver_of("first", 1, &until(&gate)))
            .await,
    ];
    cluster.driver_in(&submitted[0].id, "RUNNING").await;
    let mut apps = Vec::new();
    for part in 0..2 {
        for number in 0..25 {
            let driver = cluster.driver_of(&format!("waits-{part}-{number}"), 1, "");
            submitted.push(cluster.submit(&driver).await);
        }
        for number in 0..3 {
            let app = cluster.app_of(&format!("app-{part}-{number}"), 1, FOR_EVER);
            apps.push(app.register().await.unwrap());
        }
        let (killed, _) = cluster.kill_leader().await;
        cluster.restart_master(killed).await;
    }
    std::fs::write(&gate, "").unwrap();
    // Each application gives its one core back as soon as it has it.
    for (number, (app, _events)) in apps.iter().enumerate() {
        cluster
            .application_that(app.app_id(), "running", |it| live(it) == [0])
            .await;
        // It must have got round to its line before it is ended.
        cluster.starts(submitted.len() + number + 1).await;
        app.unregister(false, "done").await.unwrap();
    }

    let order: Vec<String> = cluster
        .started()
        .iter()
        .map(|record| object(&record.instance))
        .collect();
    let drivers = submitted.iter().map(|submitted| submitted.id.to_string());
    let apps = apps.iter().map(|(app, _)| app.app_id().to_string());
    assert_eq!(order, drivers.chain(apps).collect::<Vec<_>>());
    cluster.assert_ran_once(&submitted);
    cluster.finish().await;
}

/// D19. Spark shows a waiting application as RUNNING after a fail-over.
#[tokio::test(flavor = "multi_thread")]
async fn an_application_s_state_is_the_same_after_a_fail_over_as_before() {
    let mut cluster = start(options()).await;
    let mut apps = Vec::new();
    // Of 4 cores: the first gets all that it wants, the second some, the third nothing.
    for (name, target, gets) in [("all", 2, 2), ("some", 4, 2), ("none", 2, 0)] {
        let (app, events) = cluster
            .app_of(name, target, FOR_EVER)
            .register()
            .await
            .unwrap();
        cluster
            .application_that(app.app_id(), name, |it| live(it).len() == gets)
            .await;
        apps.push((app, events));
    }
    let look = async |cluster: &Running| {
        let mut all = Vec::new();
        for (app, _) in &apps {
            let app = cluster.application(app.app_id()).await;
            all.push((app.state.clone(), processes(&app), app.waiting_because));
        }
        all
    };
    let before = look(&cluster).await;
    let states: Vec<&str> = before.iter().map(|(state, ..)| state.as_str()).collect();
    assert_eq!(states, ["RUNNING", "RUNNING", "WAITING"]);
    assert!(
        !before[1].2.is_empty() && !before[2].2.is_empty(),
        "why they wait: {before:?}"
    );

    for _ in 0..2 {
        let (killed, _) = cluster.kill_leader().await;
        assert_eq!(look(&cluster).await, before);
        cluster.restart_master(killed).await;
    }
    cluster.finish().await;
}

/// D22. Spark's used cores became negative after fail-overs.
#[tokio::test(flavor = "multi_thread")]
async fn used_cores_are_the_sum_of_what_runs_over_every_kind_of_fail_over() {
    let mut cluster = start(options_of(2, 3)).await;
    let (app, _events) = cluster
        .app_of("holds", 2, FOR_EVER)
        .register()
        .await
        .unwrap();
    let mut submitted = Vec::new();
    for fault in ["kill", "pause", "hand over"] {
        for number in 0..5 {
            let cores = 1 + number % 2;
            let driver = cluster.driver_of("short", cores, "sleep 0.4");
            submitted.push(cluster.submit(&driver).await);
        }
        let old = cluster.leader().await;
        match fault {
            "kill" => cluster.masters[old].kill().unwrap(),
            "pause" => cluster.masters[old].pause().unwrap(),
            _ => cluster.masters[old].terminate().unwrap(),
        }
        let leader = cluster.leader_after(old).await;
        let client = cluster.client_of(leader);
        sums_are_right(&client).await;
        match fault {
            "pause" => cluster.masters[old].resume().unwrap(),
            _ => {
                cluster.masters[old].wait(BOUND).await.unwrap();
                cluster.masters[old].start().unwrap();
            }
        }
        cluster.caught_up(old).await;
        sums_are_right(&client).await;
    }
    for driver in &submitted {
        cluster.driver_in(&driver.id, "FINISHED").await;
    }
    app.unregister(false, "done").await.unwrap();
    let idle = wait_until("every core to be free again", BOUND, async || {
        cluster
            .workers_now()
            .await
            .iter()
            .all(|it| (it.cores_used, it.memory_used_mib) == (0, 0))
    });
    idle.await.unwrap();
    cluster.assert_ran_once(&submitted);
    cluster.finish().await;
}

/// D23. In Spark the status of an ended driver is gone with the leader.
#[tokio::test(flavor = "multi_thread")]
async fn ended_drivers_answer_with_their_end_after_fail_overs() {
    let mut cluster = start(options_of(1, 8)).await;
    let mut ended = Vec::new();
    for number in 0..24 {
        let driver = cluster.driver_of("ends", 1, &format!("exit {}", number % 3));
        ended.push(cluster.submit(&driver).await.id);
    }
    let killed = cluster
        .submit(&cluster.driver_of("killed", 1, FOR_EVER))
        .await
        .id;
    cluster.driver_in(&killed, "RUNNING").await;
    cluster
        .client()
        .kill_driver(new_key(), &killed)
        .await
        .unwrap();
    ended.push(killed);
    let mut before = Vec::new();
    for (number, id) in ended.iter().enumerate() {
        let driver = cluster.driver_that(id, "over", |driver| driver.ended).await;
        let expected = match number {
            24 => ("KILLED", None),
            _ if number % 3 == 0 => ("FINISHED", Some(0)),
            _ => ("FAILED", Some(number as i32 % 3)),
        };
        let exit_code = driver.exit_code.filter(|_| number < 24);
        assert_eq!((driver.state.as_str(), exit_code), expected, "{driver:?}");
        before.push(driver);
    }

    for _ in 0..2 {
        let (old, leader) = cluster.kill_leader().await;
        let client = cluster.client_of(leader);
        for (id, before) in ended.iter().zip(&before) {
            assert_eq!(&support::driver(&client, id).await, before);
        }
        cluster.restart_master(old).await;
    }
    let all = ListRequest {
        ended: true,
        consistent: true,
        limit: 0,
        ..ListRequest::default()
    };
    assert_eq!(
        cluster
            .client()
            .list_drivers(all)
            .await
            .unwrap()
            .drivers
            .len(),
        ended.len()
    );
    cluster.finish().await;
}

/// D18. Spark's leader exits when it is cut off from its store.
#[tokio::test(flavor = "multi_thread")]
async fn a_deposed_leader_goes_on_as_a_follower_in_the_same_process() {
    let mut cluster = start(options()).await;
    let old = cluster.leader().await;
    let pid = cluster.masters[old].pid();
    cluster.masters[old].pause().unwrap();
    cluster.leader_after(old).await;
    let meanwhile = cluster.submit(&cluster.driver_of("meanwhile", 1, "")).await;
    cluster.masters[old].resume().unwrap();

    cluster.caught_up(old).await;
    let client = cluster.client_of(old);
    let masters = client
        .list_masters(ListRequest::default())
        .await
        .unwrap()
        .masters;
    let own = masters
        .iter()
        .find(|it| it.node_id == old as u64 + 1)
        .unwrap();
    assert_eq!((own.status.as_str(), own.leader), ("STANDBY", false));
    // It forwards, and it reads as of now.
    let through = client
        .submit_driver(new_key(), &cluster.driver_of("through", 1, ""))
        .await;
    let through: DriverId = through.unwrap().driver_id.parse().unwrap();
    for id in [&meanwhile.id, &through] {
        let looks = wait_until(format!("{id} to be FINISHED there"), BOUND, async || {
            support::driver(&client, id).await.state == "FINISHED"
        });
        looks.await.unwrap();
    }
    assert_eq!(cluster.masters[old].pid(), pid);
    assert!(cluster.masters[old].is_running());
    cluster.finish().await;
}

/// D18 from the other side: the leader stays, and its followers go.
#[tokio::test(flavor = "multi_thread")]
async fn a_leader_without_followers_decides_nothing_and_goes_on_when_they_return() {
    let mut cluster = start(options()).await;
    let long = cluster
        .submit(&cluster.driver_of("long", 1, FOR_EVER))
        .await;
    let running = cluster.running(&long.id).await;
    let leader = cluster.leader().await;
    let pid = cluster.masters[leader].pid();
    for at in (0..3).filter(|at| *at != leader) {
        cluster.masters[at].kill().unwrap();
    }
    let client = cluster.client_of(leader);
    let suspended = wait_until(
        "the leader to show that it does not lead",
        BOUND,
        async || {
            let reply = client.list_masters(ListRequest::default()).await;
            reply.is_ok_and(|reply| reply.masters.iter().all(|master| master.status != "ALIVE"))
        },
    );
    suspended.await.unwrap();
    for at in (0..3).filter(|at| *at != leader) {
        cluster.masters[at].start().unwrap();
    }
    let after = cluster.submit(&cluster.driver_of("after", 1, "")).await;
    cluster.driver_in(&after.id, "FINISHED").await;
    let driver = cluster.driver_in(&long.id, "RUNNING").await;
    assert_eq!((driver.pid, driver.attempt), (running.pid, 1));
    assert_eq!(cluster.masters[leader].pid(), pid);
    assert!(cluster.masters[leader].is_running());
    cluster.finish().await;
}

/// A planned end of the leader is no fail-over: nobody waits for an election.
#[tokio::test(flavor = "multi_thread")]
async fn a_leader_that_is_asked_to_end_hands_over_faster_than_any_election() {
    // So patient that no election is over before the bound below.
    let patience = Duration::from_secs(6);
    let options = vesta_local::Options {
        election: (patience, patience * 2),
        ..options()
    };
    let mut cluster = support::prepare(options).await;
    cluster.start_all().await;
    let (app, _events) = cluster
        .app_of("goes on", 2, FOR_EVER)
        .register()
        .await
        .unwrap();
    let before = cluster
        .application_that(app.app_id(), "running two executors", |it| {
            live(it).len() == 2
        })
        .await;
    let old = cluster.leader().await;
    let waits = cluster.submit(&cluster.driver_of("waits", 9, "")).await;

    let begun = Instant::now();
    cluster.masters[old].terminate().unwrap();
    cluster.leader_after(old).await;
    let next = cluster.submit(&cluster.driver_of("next", 1, "")).await;
    let took = begun.elapsed();
    assert!(took < patience, "it took {took:?}, as long as an election");
    let status = cluster.masters[old].wait(BOUND).await.unwrap();
    assert!(status.is_some_and(|status| status.success()), "{status:?}");

    cluster.driver_in(&next.id, "FINISHED").await;
    cluster.driver_in(&waits.id, "SUBMITTED").await;
    let after = cluster.application(app.app_id()).await;
    assert_eq!(
        (after.state.as_str(), processes(&after)),
        ("RUNNING", processes(&before))
    );
    cluster.finish().await;
}

/// D41. Without a quorum everything can still be looked at, and nothing is pretended.
#[tokio::test(flavor = "multi_thread")]
async fn one_master_of_three_shows_what_it_has_says_how_old_it_is_and_takes_no_writes() {
    let mut cluster = start(options()).await;
    let known = cluster.submit(&cluster.driver_of("known", 1, "")).await.id;
    cluster.driver_in(&known, "FINISHED").await;
    for survivor_leads in [true, false] {
        let leader = cluster.leader().await;
        let survivor = if survivor_leads {
            leader
        } else {
            (leader + 1) % 3
        };
        cluster.caught_up(survivor).await;
        for at in (0..3).filter(|at| *at != survivor) {
            cluster.masters[at].kill().unwrap();
        }
        let url = cluster.url_of(survivor);
        reads_are_marked(&url, known.as_str()).await;

        let begun = Instant::now();
        let args = ["submit", "--timeout", "2s", "--", "/bin/true"];
        let refused = support::vesta(&url, &args).await;
        let said = support::stderr(&refused);
        assert_eq!(
            refused.status.code(),
            Some(3),
            "leads: {survivor_leads}, {said}"
        );
        assert!(
            begun.elapsed() < Duration::from_secs(4),
            "{:?}",
            begun.elapsed()
        );
        assert!(
            said.contains("nothing was done"),
            "leads: {survivor_leads}, {said}"
        );
        assert_eq!(support::stdout(&refused), "");

        for at in (0..3).filter(|at| *at != survivor) {
            cluster.masters[at].start().unwrap();
        }
        let leader = cluster.leader().await;
        let all = ListRequest {
            ended: true,
            consistent: true,
            limit: 0,
            ..ListRequest::default()
        };
        let drivers = cluster
            .client_of(leader)
            .list_drivers(all)
            .await
            .unwrap()
            .drivers;
        assert_eq!(
            drivers.len(),
            1,
            "what was refused is not done later: {drivers:?}"
        );
    }
    cluster.finish().await;
}

/// Reads through a master without a quorum: fast, marked, and refused if only a current answer will do.
async fn reads_are_marked(url: &str, driver: &str) {
    // The last look with a quorum is at least this old once the first stale answer comes.
    for args in [
        &["list", "drivers", "--all", "--json"][..],
        &["status", driver, "--json"],
    ] {
        let first = wait_for("an answer that is marked as stale", BOUND, async || {
            let begun = Instant::now();
            let output = support::vesta(url, args).await;
            let json: serde_json::Value = serde_json::from_slice(&output.stdout).ok()?;
            let stale = json["read"]["stale"] == true;
            stale.then(|| (begun.elapsed(), json, support::stderr(&output)))
        });
        let (took, json, said) = first.await.unwrap();
        assert!(
            took < Duration::from_millis(2_500),
            "{args:?} took {took:?}"
        );
        assert!(
            json["read"]["index"]
                .as_u64()
                .is_some_and(|index| index > 0),
            "{json}"
        );
        assert!(
            json["read"]["age_ms"].as_u64().is_some_and(|age| age > 0),
            "{json}"
        );
        assert!(json.to_string().contains("FINISHED"), "{json}");
        assert!(said.contains("no quorum answered"), "{said}");

        let begun = Instant::now();
        let consistent = [args, &["--consistent", "--timeout", "2s"]].concat();
        let refused = support::vesta(url, &consistent).await;
        assert_eq!(
            refused.status.code(),
            Some(3),
            "{}",
            support::stderr(&refused)
        );
        assert_eq!(support::stdout(&refused), "");
        assert!(
            begun.elapsed() < Duration::from_secs(4),
            "{:?}",
            begun.elapsed()
        );
    }
}

/// Workers, drivers and applications as of one index: the cores in use are those of what runs.
async fn sums_are_right(client: &Client) {
    let now = ListRequest {
        consistent: true,
        ..ListRequest::default()
    };
    let same = wait_for("three lists of one log index", BOUND, async || {
        let drivers = client.list_drivers(now).await.ok()?;
        let apps = client.list_applications(now).await.ok()?;
        let workers = client.list_workers(now).await.ok()?;
        let index = |read: &Option<proto::ReadPoint>| read.as_ref().map(|read| read.index);
        let same = index(&drivers.read) == index(&workers.read)
            && index(&apps.read) == index(&workers.read);
        same.then_some((workers.workers, drivers.drivers, apps.applications))
    });
    let (workers, drivers, apps) = same.await.unwrap();
    let mut used: BTreeMap<&str, (u32, u64)> = BTreeMap::new();
    let mut book = |worker, cores, memory| {
        let entry = used.entry(worker).or_default();
        *entry = (entry.0 + cores, entry.1 + memory);
    };
    let placed = |driver: &&proto::Driver| matches!(driver.state.as_str(), "RUNNING" | "UNKNOWN");
    for driver in drivers.iter().filter(placed) {
        book(driver.worker_id.as_str(), driver.cores, driver.memory_mib);
    }
    for executor in apps
        .iter()
        .flat_map(|app| &app.executors)
        .filter(|it| !it.ended)
    {
        book(
            executor.worker_id.as_str(),
            executor.cores,
            executor.memory_mib,
        );
    }
    for worker in &workers {
        let expected = used.get(worker.id.as_str()).copied().unwrap_or_default();
        assert_eq!(
            (worker.cores_used, worker.memory_used_mib),
            expected,
            "{worker:?}"
        );
        assert!(worker.cores_used <= worker.cores, "{worker:?}");
    }
}

/// The numbers of the executors that run.
fn live(app: &Application) -> Vec<u32> {
    let running = app
        .executors
        .iter()
        .filter(|it| it.state == "RUNNING" && it.pid != 0);
    running
        .map(|executor| executor.number)
        .collect::<BTreeSet<_>>()
        .into_iter()
        .collect()
}

/// Number, instance and process of each live executor.
fn processes(app: &Application) -> Vec<(u32, String, u32)> {
    let live = app.executors.iter().filter(|executor| !executor.ended);
    let mut all: Vec<_> = live
        .map(|it| (it.number, it.instance_id.clone(), it.pid))
        .collect();
    all.sort();
    all
}

/// The driver or application that an instance belongs to.
fn object(instance: &InstanceId) -> String {
    match &instance.work {
        Work::Driver { driver, .. } => driver.to_string(),
        Work::Executor { app, .. } => app.to_string(),
    }
}

async fn last_failover(client: &Client) -> proto::Failover {
    let reply = client.list_failovers(ListRequest::default()).await.unwrap();
    reply
        .failovers
        .into_iter()
        .next()
        .expect("there was an election")
}

/// [`options`] with this many workers of so many cores.
fn options_of(workers: usize, cores: u32) -> vesta_local::Options {
    vesta_local::Options {
        workers,
        cores,
        ..options()
    }
}
