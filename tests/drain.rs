//! A worker that is drained.

use std::collections::BTreeMap;
use std::time::Instant;

use vesta_client::proto;
use vesta_local::{wait_for, wait_until};
use vesta_types::DriverDescription;

use crate::support::{self, BOUND, FOR_EVER, Running, Submitted, options, start, until};

/// The worker with this id as the leader knows it, once it is as `wanted`.
async fn worker_that(
    cluster: &Running,
    id: &str,
    what: &str,
    wanted: impl Fn(&proto::Worker) -> bool,
) -> proto::Worker {
    let look = wait_for(format!("{id} to be {what}"), BOUND, async || {
        let workers = cluster.workers_now().await;
        workers.into_iter().find(|it| it.id == id && wanted(it))
    });
    look.await.unwrap()
}

async fn submit(cluster: &Running, name: &str, supervise: bool, body: &str) -> Submitted {
    let description = DriverDescription {
        supervise,
        ..cluster.driver_of(name, 1, body)
    };
    let driver = cluster.submit(&description).await;
    cluster.running(&driver.id).await;
    driver
}

/// Executors that run, by the worker that they run on.
fn live(app: &proto::Application) -> BTreeMap<&str, usize> {
    let mut live = BTreeMap::new();
    for executor in app.executors.iter().filter(|it| it.state == "RUNNING") {
        *live.entry(executor.worker_id.as_str()).or_default() += 1;
    }
    live
}

#[tokio::test(flavor = "multi_thread")]
async fn a_drained_worker_empties_over_two_fail_overs_and_nothing_is_lost_or_run_twice() {
    let mut options = vesta_local::Options {
        workers: 2,
        cores: 10,
        ..options()
    };
    options
        .worker_settings
        .insert("kill_grace".to_owned(), "4s".into());
    let mut cluster = start(options).await;
    let go = cluster.dir().join("go");
    // Round robin: the first and the third are on one worker. The first is deaf to TERM.
    let deaf = format!("trap '' TERM\n{FOR_EVER}");
    let moves = submit(&cluster, "moves", true, &deaf).await;
    let other = submit(&cluster, "other", false, &until(&go)).await;
    let stays = submit(&cluster, "stays", false, &until(&go)).await;
    let drained = cluster.driver(&moves.id).await.worker_id;
    assert_eq!(cluster.driver(&stays.id).await.worker_id, drained);
    let (app, _events) = cluster.app_of("app", 4, FOR_EVER).register().await.unwrap();
    let spread = |it: &proto::Application| live(it).get(drained.as_str()) == Some(&2);
    let all = |it: &proto::Application| live(it).values().sum::<usize>() == 4;
    let spread_out = |it: &proto::Application| all(it) && spread(it);
    cluster
        .application_that(app.app_id(), "spread out", spread_out)
        .await;

    let said = cluster
        .vesta(&["drain", &drained, "--deadline", "3s"])
        .await;
    let text = support::stdout(&said);
    assert!(
        said.status.success() && text.contains("DECOMMISSIONED"),
        "{said:?}"
    );
    assert!(text.contains("(1) are waited for"), "{text}");
    let (url, id) = (cluster.master_url(), drained.clone());
    let waiting = tokio::spawn(async move {
        support::vesta(&url, &["drain", &id, "--deadline", "3s", "--wait"]).await
    });
    let new = submit(&cluster, "new", false, &until(&go)).await;
    assert_ne!(cluster.driver(&new.id).await.worker_id, drained);

    // The first fail-over while the deadline runs, the second while what is there is being moved.
    let (killed, _) = cluster.kill_leader().await;
    let running = worker_that(&cluster, &drained, "known to the new leader", |it| {
        it.state == "DECOMMISSIONED"
    });
    let drain = running.await.drain.expect("it is drained");
    assert!(!drain.over && drain.unsupervised == 1, "{drain:?}");
    cluster.restart_master(killed).await;
    worker_that(&cluster, &drained, "being emptied", |it| {
        it.drain.is_some_and(|drain| drain.over)
    })
    .await;
    let first = cluster.driver(&moves.id).await;
    assert_eq!((first.attempt, first.state.as_str()), (1, "RUNNING"));
    cluster.kill_leader().await;

    let second = |it: &proto::Driver| it.attempt == 2 && it.pid != 0;
    let moved = cluster.driver_that(&moves.id, "moved", second).await;
    assert_ne!(moved.worker_id, drained);
    let elsewhere = |it: &proto::Application| all(it) && !live(it).contains_key(drained.as_str());
    let now = cluster
        .application_that(app.app_id(), "elsewhere", elsewhere)
        .await;
    assert_eq!((now.retries, now.ended_executors), (0, 2), "{now:?}");
    let left = worker_that(&cluster, &drained, "nearly empty", |it| {
        it.executors == 0 && it.drivers == 1
    })
    .await;
    assert_eq!(left.state, "DECOMMISSIONED");
    let list = support::stdout(&cluster.vesta(&["list", "workers"]).await);
    assert!(list.contains("waits for 1 unsupervised driver"), "{list}");
    assert_eq!(cluster.driver(&stays.id).await.attempt, 1);
    assert!(!waiting.is_finished());

    std::fs::write(&go, "").unwrap();
    for driver in [&other, &stays, &new] {
        cluster.driver_in(&driver.id, "FINISHED").await;
    }
    let waited = waiting.await.unwrap();
    assert_eq!(waited.status.code(), Some(0), "{waited:?}");
    let text = support::stdout(&waited);
    assert!(
        text.ends_with(&format!("nothing is left on {drained}")),
        "{text}"
    );
    let begun = wait_until("the moved driver to begin", BOUND, async || {
        cluster.started().iter().any(|it| it.pid == moved.pid)
    });
    begun.await.unwrap();
    cluster.assert_ran_once(&[moves, other, stays, new]);

    // It stays drained over a restart of its agent, until it is told otherwise.
    let port = format!("-{}", cluster.workers[0].address().port());
    let at = usize::from(!drained.ends_with(&port));
    cluster.workers[at].kill().unwrap();
    cluster.workers[at].start().unwrap();
    let started = Instant::now();
    worker_that(&cluster, &drained, "back", |it| {
        let heard_ago = it.last_heard_ms.map(u128::from);
        // Of the agent before it nothing is heard any more.
        let again = heard_ago.is_some_and(|ms| ms < started.elapsed().as_millis());
        it.state == "DECOMMISSIONED" && again
    })
    .await;
    let back = cluster.vesta(&["undrain", &drained]).await;
    assert_eq!(
        support::stdout(&back),
        format!("{drained} ALIVE: its drain is taken back")
    );
    cluster.workers_alive(2).await;
    for name in ["a", "b"] {
        submit(&cluster, name, false, FOR_EVER).await;
    }
    worker_that(&cluster, &drained, "in use", |it| it.drivers > 0).await;
    cluster.finish().await;
}

#[tokio::test(flavor = "multi_thread")]
async fn what_can_t_be_drained_is_refused_with_its_exit_code() {
    let mut cluster = start(options()).await;
    let known = cluster.workers_now().await.remove(0).id;
    let table: [(&[&str], i32, &str); 6] = [
        (&["drain", "worker-1"], 1, "there is no worker worker-1"),
        (&["undrain", "worker-1"], 1, "there is no worker worker-1"),
        (&["drain", "../x"], 2, "worker id"),
        (&["drain", &known, "--deadline", "31d"], 2, "at most 30d"),
        (
            &["drain", &known, "--deadline", "soon"],
            2,
            "length of time",
        ),
        (&["undrain", &known], 0, ""),
    ];
    for (args, code, words) in table {
        let said = cluster.vesta(args).await;
        assert_eq!(said.status.code(), Some(code), "{said:?}");
        assert!(support::stderr(&said).contains(words), "{said:?}");
    }
    let empty = cluster
        .vesta(&["drain", &known, "--deadline", "0s", "--wait"])
        .await;
    assert_eq!(empty.status.code(), Some(0), "{empty:?}");

    cluster.workers[0].kill().unwrap();
    worker_that(&cluster, &known, "lost", |it| it.state == "DEAD").await;
    let dead = cluster.vesta(&["drain", &known]).await;
    assert_eq!(dead.status.code(), Some(1), "{dead:?}");
    assert!(support::stderr(&dead).contains("is DEAD"), "{dead:?}");
    cluster.finish().await;
}
