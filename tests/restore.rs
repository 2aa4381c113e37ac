//! A saved state, and the cluster that begins with it when the masters are lost for good.

use serde_json::Value;
use vesta_client::proto::{ListRequest, Worker};
use vesta_client::{ClientError, new_key};
use vesta_local::{Options, wait_for, wait_until};

use crate::support::{self, BOUND, FOR_EVER, Running, options, start, stderr, stdout};

/// Runs `vesta` without any master, which must succeed.
async fn alone(args: &[&str]) -> String {
    let output = support::vesta("vesta://127.0.0.1:1", args).await;
    assert!(output.status.success(), "{args:?}: {}", stderr(&output));
    stdout(&output)
}

async fn json(args: &[&str]) -> Value {
    serde_json::from_str(&alone(&[args, &["--json"]].concat()).await).unwrap()
}

fn is_alive(pid: u32) -> bool {
    std::path::Path::new(&format!("/proc/{pid}")).exists()
}

/// Waits until the cluster has a worker that is ALIVE, and gives it. Before there is a leader it may be so
/// in the saved state; a leader that hears it has had its answer.
async fn worker(url: &str) -> Worker {
    let client = support::client(url);
    let alive = wait_for("a worker that is ALIVE", BOUND, async || {
        let workers = client
            .list_workers(ListRequest::default())
            .await
            .ok()?
            .workers;
        let heard = |worker: &Worker| worker.state == "ALIVE" && worker.last_heard_ms.is_some();
        workers.into_iter().find(heard)
    });
    alive.await.unwrap()
}

#[tokio::test(flavor = "multi_thread")]
async fn a_cluster_whose_masters_are_lost_goes_on_from_a_saved_state_with_what_runs() {
    // The worker must not be lost before it is adopted.
    let mut cluster = start(Options {
        time_scale: 0.4,
        ..options()
    })
    .await;
    let keys = [new_key(), new_key(), new_key()];
    let submit = async |cluster: &Running, at: usize, supervise: bool, body: &str| {
        let mut driver = cluster.driver_of(&format!("driver-{at}"), 1, body);
        driver.supervise = supervise;
        cluster.submit_as(keys[at], &driver).await
    };
    let supervised = submit(&cluster, 0, true, FOR_EVER).await;
    let plain = submit(&cluster, 1, false, FOR_EVER).await;
    let supervised = cluster.running(&supervised.id).await;
    let plain = cluster.running(&plain.id).await;

    let file = cluster.dir().join("saved");
    let path = file.to_str().unwrap().to_owned();
    let output = cluster.vesta(&["snapshot", "save", &path]).await;
    assert!(output.status.success(), "{}", stderr(&output));
    let shown = alone(&["snapshot", "inspect", &path]).await;
    for fact in ["2 RUNNING", "workers       1", "keys          2"] {
        assert!(shown.contains(fact), "{fact}: {shown}");
    }
    let later = submit(&cluster, 2, false, FOR_EVER).await;
    let later = cluster.running(&later.id).await;
    for master in &mut cluster.masters {
        master.kill().unwrap();
    }

    // A directory of its own, for a node id that was never used.
    let (at, named) = cluster.add_master().unwrap();
    let dir = cluster.masters[at].dir().to_str().unwrap().to_owned();
    let restore = [
        "snapshot",
        "restore",
        &path,
        "--data-dir",
        &dir,
        "--node",
        &named,
    ];
    let restored = json(&restore).await;
    let again = support::vesta("vesta://127.0.0.1:1", &restore).await;
    assert_eq!(again.status.code(), Some(1));
    assert!(
        stderr(&again).contains("is not empty"),
        "{}",
        stderr(&again)
    );
    cluster.masters[at].start().unwrap();
    let url = cluster.url_of(at);

    // Not before somebody says so: the worker has an id of another cluster to obey.
    let id = restored["cluster_id"].as_str().unwrap();
    let worker_dir = cluster.workers[0].dir().to_str().unwrap().to_owned();
    let masters = url.clone();
    let adopt = [
        "worker",
        "adopt",
        "--dir",
        &worker_dir,
        "--masters",
        &masters,
        "--cluster",
        id,
    ];
    assert_eq!(
        alone(&adopt).await,
        format!("the worker on {worker_dir} is adopted by cluster {id}")
    );
    let worker = worker(&url).await;
    assert_eq!(worker.quarantined, 1, "{worker:?}");

    let client = support::client(&url);
    let now = async |id: &str| support::driver(&client, &id.parse().unwrap()).await;
    for before in [&supervised, &plain] {
        let after = wait_for("it to be RUNNING again", BOUND, async || {
            Some(now(&before.id).await).filter(|driver| driver.state == "RUNNING")
        });
        let after = after.await.unwrap();
        assert_eq!(
            (after.pid, after.attempt, after.restart, &after.instance_id),
            (
                before.pid,
                before.attempt,
                before.restart,
                &before.instance_id
            )
        );
    }
    assert!(is_alive(later.pid), "what the state can't explain is kept");

    // What was known is known, and what may have been done since is not done again.
    let driver = cluster.driver_of("driver-0", 1, "");
    let same = client.submit_driver(keys[0], &driver).await;
    assert!(
        matches!(same, Err(ClientError::Refused { .. })),
        "another body: {same:?}"
    );
    let lost = cluster.driver_of("driver-2", 1, FOR_EVER);
    let lost = client.submit_driver(keys[2], &lost).await;
    assert!(matches!(lost, Err(ClientError::Refused { .. })), "{lost:?}");

    // It works, and grows.
    let (second, named) = cluster.add_master().unwrap();
    cluster.masters[second].start().unwrap();
    let joined = support::vesta(&url, &["cluster", "add", &named]).await;
    assert!(joined.status.success(), "{}", stderr(&joined));
    client
        .kill_driver(new_key(), &plain.id.parse().unwrap())
        .await
        .unwrap();
    wait_until("a driver of the old cluster to end", BOUND, async || {
        now(&plain.id).await.state == "KILLED"
    })
    .await
    .unwrap();
    let driver = cluster.driver_of("new", 1, "");
    let reply = client.submit_driver(new_key(), &driver).await.unwrap();
    wait_until("a new driver to run", BOUND, async || {
        now(&reply.driver_id).await.state == "FINISHED"
    })
    .await
    .unwrap();
    cluster.finish().await;
}

#[tokio::test(flavor = "multi_thread")]
async fn a_worker_refuses_a_restored_cluster_until_it_is_adopted() {
    let mut cluster = start(Options {
        masters: 1,
        ..options()
    })
    .await;
    let path = cluster.dir().join("saved").to_str().unwrap().to_owned();
    let output = cluster.vesta(&["snapshot", "save", &path]).await;
    assert!(output.status.success(), "{}", stderr(&output));
    cluster.masters[0].kill().unwrap();
    // The same addresses, so that the worker finds it.
    let dir = cluster.masters[0].dir();
    std::fs::remove_dir_all(&dir).unwrap();
    let address = cluster.masters[0].address();
    let raft = cluster.raft_address(0).unwrap();
    let named = format!("1={address}/{raft}");
    let dir = dir.to_str().unwrap();
    let restored = json(&[
        "snapshot",
        "restore",
        &path,
        "--data-dir",
        dir,
        "--node",
        &named,
    ])
    .await;
    cluster.masters[0].start().unwrap();
    wait_until("a refusal", BOUND, async || {
        cluster.workers[0].log_text().contains("WRK001")
    })
    .await
    .unwrap();
    let driver = cluster.driver_of("waits", 1, "");
    let waits = cluster.submit(&driver).await;
    assert_eq!(cluster.driver(&waits.id).await.state, "SUBMITTED");

    let id = restored["cluster_id"].as_str().unwrap();
    let worker_dir = cluster.workers[0].dir().to_str().unwrap().to_owned();
    alone(&["worker", "adopt", "--dir", &worker_dir, "--cluster", id]).await;
    cluster.driver_in(&waits.id, "FINISHED").await;
    // That it was adopted outlives the agent.
    cluster.workers[0].kill().unwrap();
    cluster.workers[0].start().unwrap();
    let again = cluster.submit(&driver).await;
    cluster.driver_in(&again.id, "FINISHED").await;
    cluster.finish().await;
}
