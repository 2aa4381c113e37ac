//! Who may not command: a leader of the past, and masters that no quorum has made a cluster of.

use std::path::PathBuf;

use vesta_client::new_key;
use vesta_client::proto::ListRequest;
use vesta_local::{Cluster, wait_until};

use crate::support::{self, BOUND, Running, options};

/// D11. A Spark leader that was paused past its session comes back and commands: it launches drivers,
/// starts supervised ones a second time, and costs a running application executors.
#[tokio::test(flavor = "multi_thread")]
async fn a_leader_that_was_paused_with_an_order_in_hand_starts_nothing_when_it_returns() {
    let mut cluster = support::prepare(options()).await;
    let hold: Vec<PathBuf> = (0..3)
        .map(|at| cluster.dir().join(format!("hold-{at}")))
        .collect();
    for (master, path) in cluster.masters.iter_mut().zip(&hold) {
        let setting = format!("master.hold_dispatch=return({})", path.display());
        master.set_env("FAILPOINTS", setting);
    }
    cluster.start_all().await;
    let old = cluster.leader().await;
    let pid = cluster.masters[old].pid();
    for path in &hold {
        std::fs::write(path, "").unwrap();
    }
    // The old leader has placed it, and its order is as good as on its way.
    let mut held = cluster.submit(&cluster.driver_of("held", 1, "")).await;
    cluster.driver_in(&held.id, "RUNNING").await;
    let in_hand = wait_until("the leader to have an order in hand", BOUND, async || {
        cluster.masters[old]
            .log_text()
            .contains("holds an order back")
    });
    in_hand.await.unwrap();
    cluster.masters[old].pause().unwrap();

    // The next one ends that driver before it ever ran, and starts another.
    let next = cluster.leader_after(old).await;
    let client = cluster.client_of(next);
    client.kill_driver(new_key(), &held.id).await.unwrap();
    held.submission.must_run = false;
    let driver = cluster
        .driver_that(&held.id, "over", |driver| driver.ended)
        .await;
    assert_eq!(
        (driver.state.as_str(), driver.attempt),
        ("KILLED", 1),
        "{driver:?}"
    );
    for at in (0..3).filter(|at| *at != old) {
        std::fs::remove_file(&hold[at]).unwrap();
    }
    let placed = cluster.submit(&cluster.driver_of("placed", 1, "")).await;
    cluster.driver_in(&placed.id, "FINISHED").await;

    // The old one wakes up and lets go of its order.
    std::fs::remove_file(&hold[old]).unwrap();
    cluster.masters[old].resume().unwrap();
    let refused = wait_until("its order to be refused and counted", BOUND, async || {
        let counted = cluster
            .workers_now()
            .await
            .iter()
            .any(|it| it.stale_orders_refused >= 1);
        counted
            && cluster.workers[0]
                .log_text()
                .contains("refused orders of epoch")
    });
    refused.await.unwrap();
    cluster.caught_up(old).await;
    let after = cluster.submit(&cluster.driver_of("after", 1, "")).await;
    cluster.driver_in(&after.id, "FINISHED").await;
    assert_eq!(cluster.masters[old].pid(), pid);
    cluster.assert_ran_once(&[held, placed, after]);
    assert_eq!(cluster.started().len(), 2, "{:?}", cluster.started());
    cluster.finish().await;
}

/// D11 for what a paused leader had already begun: its own decisions are refused by the log.
#[tokio::test(flavor = "multi_thread")]
async fn a_leader_that_was_paused_again_and_again_costs_no_executor_and_runs_nothing_twice() {
    let mut cluster = support::start(options()).await;
    let (app, _events) = cluster
        .app_of("held", 2, support::FOR_EVER)
        .register()
        .await
        .unwrap();
    let running = |it: &vesta_client::proto::Application| {
        it.executors
            .iter()
            .filter(|executor| executor.state == "RUNNING")
            .count()
            == 2
    };
    let before = cluster
        .application_that(app.app_id(), "running two executors", running)
        .await;
    let mut submitted = Vec::new();
    for round in 0..3 {
        let old = cluster.leader().await;
        for supervise in [true, false] {
            let mut driver = cluster.driver_of(&format!("round-{round}"), 1, "sleep 0.2");
            driver.supervise = supervise;
            submitted.push(cluster.submit(&driver).await);
        }
        cluster.masters[old].pause().unwrap();
        cluster.leader_after(old).await;
        submitted.push(cluster.submit(&cluster.driver_of("meanwhile", 1, "")).await);
        cluster.masters[old].resume().unwrap();
        cluster.caught_up(old).await;
    }
    for driver in &submitted {
        cluster.driver_in(&driver.id, "FINISHED").await;
    }
    let after = cluster.application(app.app_id()).await;
    assert_eq!(after.executors, before.executors);
    cluster.assert_ran_once(&submitted);
    cluster.finish().await;
}

/// D27. Spark masters without a common ZooKeeper each believe that they lead.
#[tokio::test(flavor = "multi_thread")]
async fn masters_that_nobody_told_to_form_a_cluster_take_no_writes() {
    let mut options = options();
    options.workers = 0;
    options
        .master_settings
        .insert("form".to_owned(), false.into());
    let mut cluster = support::prepare(options).await;
    nobody_leads(&mut cluster).await;
    cluster.finish().await;
}

/// D27. One master was told of fewer masters than the others.
#[tokio::test(flavor = "multi_thread")]
async fn masters_whose_lists_differ_form_no_cluster_until_they_agree() {
    let mut options = options();
    options.workers = 0;
    let mut cluster = support::prepare(options).await;
    let right = peers(&cluster, 2);
    let mut wrong = right.clone();
    wrong.remove(1);
    set_peers(&cluster, 2, &wrong);
    nobody_leads(&mut cluster).await;

    cluster.masters[2].kill().unwrap();
    set_peers(&cluster, 2, &right);
    cluster.start_all().await;
    let reply = cluster.submit(&cluster.driver_of("at last", 1, "")).await;
    cluster.driver_in(&reply.id, "SUBMITTED").await;
    cluster.finish().await;
}

/// D27. Three masters with a cluster each are told of one another: each stays what it is.
#[tokio::test(flavor = "multi_thread")]
async fn masters_of_different_clusters_never_mix() {
    let mut options = options();
    options.workers = 0;
    let mut cluster = support::prepare(options).await;
    let all = peers(&cluster, 0);
    for at in 0..3 {
        set_peers(&cluster, at, &all[at..=at]);
        cluster.masters[at].start().unwrap();
    }
    cluster.ready(BOUND).await.unwrap();
    let mut known = Vec::new();
    for at in 0..3 {
        let driver = cluster.driver_of(&format!("of {at}"), 1, "");
        let client = cluster.client_of(at);
        let id = client
            .submit_driver(new_key(), &driver)
            .await
            .unwrap()
            .driver_id;
        let reply = client.list_masters(ListRequest::default()).await.unwrap();
        known.push((reply.cluster_id, id));
    }
    assert!(known[0].0 != known[1].0 && known[1].0 != known[2].0 && known[0].0 != known[2].0);

    for at in 0..3 {
        cluster.masters[at].kill().unwrap();
        set_peers(&cluster, at, &all);
        cluster.masters[at].start().unwrap();
    }
    cluster.ready(BOUND).await.unwrap();
    // A worker that is told of all three serves one of them.
    let worker = cluster.add_worker().unwrap();
    cluster.workers[worker].start().unwrap();
    let mut served = 0;
    for (at, (cluster_id, id)) in known.iter().enumerate() {
        let client = cluster.client_of(at);
        // Each still leads itself, so it takes writes; and it knows its own driver and no other.
        client
            .submit_driver(new_key(), &cluster.driver_of("next", 9, ""))
            .await
            .unwrap();
        let reply = client.list_masters(ListRequest::default()).await.unwrap();
        assert_eq!(&reply.cluster_id, cluster_id);
        let every = ListRequest {
            ended: true,
            consistent: true,
            limit: 0,
            ..ListRequest::default()
        };
        let drivers = client.list_drivers(every).await.unwrap().drivers;
        let names: Vec<&str> = drivers.iter().map(|driver| driver.name.as_str()).collect();
        assert_eq!(names, [&format!("of {at}"), "next"]);
        assert_eq!(&drivers[0].id, id);
    }
    let found = wait_until("the worker to have chosen a cluster", BOUND, async || {
        served = 0;
        for at in 0..3 {
            let every = ListRequest::default();
            served += cluster
                .client_of(at)
                .list_workers(every)
                .await
                .unwrap()
                .workers
                .len();
        }
        // It hears from the one that it serves that the others are none of its masters, unless one of
        // them has refused it before.
        let log = cluster.workers[worker].log_text();
        served > 0 && (log.contains("no longer a master") || log.contains("WRK001"))
    });
    found.await.unwrap();
    assert_eq!(served, 1, "one worker is in one cluster");
    cluster.finish().await;
}

/// Starts the masters; each refuses a write, and shows no leader.
async fn nobody_leads(cluster: &mut Running) {
    for master in &mut cluster.masters {
        master.start().unwrap();
    }
    cluster.ready(BOUND).await.unwrap();
    for at in 0..3 {
        // Longer than it takes to form a cluster and elect a leader, where that is allowed.
        let args = ["submit", "--timeout", "3s", "--", "/bin/true"];
        let refused = support::vesta(&cluster.url_of(at), &args).await;
        assert_eq!(
            refused.status.code(),
            Some(3),
            "{}",
            support::stderr(&refused)
        );
        let client = cluster.client_of(at);
        let masters = client.list_masters(ListRequest::default()).await.unwrap();
        assert_eq!(masters.cluster_id, "");
        assert!(
            masters.masters.iter().all(|master| !master.leader),
            "{masters:?}"
        );
        let drivers = client.list_drivers(ListRequest::default()).await.unwrap();
        assert_eq!(drivers.drivers, []);
        assert!(
            drivers.read.is_some_and(|read| read.stale),
            "nothing is known to be current"
        );
    }
}

/// The list of masters that the master at `at` is started with.
fn peers(cluster: &Cluster, at: usize) -> Vec<toml::Value> {
    let text = std::fs::read_to_string(cluster.masters[at].config()).unwrap();
    let settings: toml::Table = text.parse().unwrap();
    settings["peers"].as_array().unwrap().clone()
}

fn set_peers(cluster: &Cluster, at: usize, peers: &[toml::Value]) {
    let path = cluster.masters[at].config();
    let mut settings: toml::Table = std::fs::read_to_string(&path).unwrap().parse().unwrap();
    settings.insert("peers".to_owned(), peers.to_vec().into());
    std::fs::write(path, settings.to_string()).unwrap();
}
