//! A worker whose connections break, or carry nothing: suspect at once, lost by time alone.

use std::time::{Duration, Instant};

use rand::rngs::StdRng;
use rand::{Rng, SeedableRng};
use vesta_client::proto::{self, ListRequest};
use vesta_local::{Process, wait_for, wait_until};

use crate::proxy::Proxies;
use crate::support::{self, BOUND, FOR_EVER, Running, Submitted, options, until};

const CUTS: usize = 200;

/// D3. A Spark worker exits when its registration is answered as a duplicate, which a cut at the wrong
/// moment of a fail-over is enough for. Eight workers here, so that there is always something to cut.
#[tokio::test(flavor = "multi_thread")]
async fn two_hundred_random_cuts_while_leaders_change_cost_no_worker_and_no_process() {
    // Timeouts as in production: what is lost here, a broken connection has lost.
    let mut cluster = support::prepare(vesta_local::Options {
        workers: 8,
        cores: 1,
        time_scale: 1.0,
        ..options()
    })
    .await;
    let proxies = Proxies::before(&cluster).await;
    cluster.start_all().await;
    let mut drivers = Vec::new();
    for number in 0..8 {
        let mut driver = cluster.driver_of(&format!("stays-{number}"), 1, FOR_EVER);
        driver.supervise = number % 2 == 0;
        drivers.push(cluster.submit(&driver).await);
    }
    let mut before = Vec::new();
    for driver in &drivers {
        let driver = cluster.running(&driver.id).await;
        before.push((driver.worker_id, driver.pid, driver.attempt));
    }
    let agents: Vec<Option<u32>> = cluster.workers.iter().map(|worker| worker.pid()).collect();

    let mut random = StdRng::seed_from_u64(0xD3);
    let (mut cuts, mut leaders) = (0, 0);
    while cuts < CUTS {
        let open = wait_until("a connection to cut", BOUND, async || proxies.open() > 0);
        open.await.unwrap();
        cuts += proxies.cut_some(|| random.random_bool(0.5));
        // However far the next session gets meanwhile.
        tokio::time::sleep(Duration::from_millis(random.random_range(0..100))).await;
        if cuts * 5 / CUTS > leaders {
            leaders += 1;
            for master in cluster.masters.iter_mut() {
                if !master.is_running() {
                    master.start().unwrap();
                }
            }
            let leader = cluster.leader_that("a leader, recovered or not", |_| true);
            let leader = leader.await;
            cluster.masters[leader].kill().unwrap();
        }
    }
    assert!(leaders >= 4);
    cluster.start_all().await;

    let every = ListRequest {
        ended: true,
        consistent: true,
        limit: 0,
        state_hash: false,
    };
    let workers = cluster.client().list_workers(every).await.unwrap().workers;
    let states: Vec<&str> = workers.iter().map(|worker| worker.state.as_str()).collect();
    assert_eq!(
        states, ["ALIVE"; 8],
        "each is there once, and none was lost"
    );
    let now: Vec<Option<u32>> = cluster.workers.iter().map(|worker| worker.pid()).collect();
    assert_eq!(now, agents);
    assert!(cluster.workers.iter().all(|worker| worker.is_running()));
    for (driver, before) in drivers.iter().zip(before) {
        let now = cluster.driver(&driver.id).await;
        assert_eq!(now.state, "RUNNING");
        assert_eq!((now.worker_id, now.pid, now.attempt), before);
    }
    assert_eq!(cluster.started().len(), 8);
    cluster.assert_ran_once(&drivers);
    cluster.finish().await;
}

/// D38 and D40. What a broken connection says is that its worker is suspect; what silence says, it says
/// after the whole timeout. Until then a worker comes back as if nothing had been.
#[tokio::test(flavor = "multi_thread")]
async fn a_worker_that_is_silent_or_reset_for_less_than_its_timeout_keeps_everything() {
    // Heartbeats each second, and lost after 12 s.
    let (cluster, proxies) = behind_proxies(0.2).await;
    let (driver, process) = lasting(&cluster, true).await;
    let gate = cluster.dir().join("gate");
    let body = format!("{}\nsay ended\nexit 7", until(&gate));
    let ends = cluster.submit(&cluster.driver_of("ends", 1, &body)).await;
    cluster.running(&ends.id).await;
    let agent = cluster.workers[0].pid();

    proxies.hold();
    std::fs::write(&gate, "").unwrap();
    let silent = |worker: &proto::Worker| worker.last_heard_ms.is_some_and(|ms| ms > 3_000);
    let seen = worker_that(&cluster, "silent for three heartbeats", silent).await;
    assert_eq!((seen.state.as_str(), seen.suspect), ("ALIVE", false));
    proxies.release();
    let heard = |worker: &proto::Worker| worker.last_heard_ms.is_some_and(|ms| ms < 1_000);
    worker_that(&cluster, "heard again", heard).await;
    let over = cluster
        .driver_that(&ends.id, "over", |driver| driver.ended)
        .await;
    assert_eq!(
        (over.state.as_str(), over.exit_code, over.attempt),
        ("FAILED", Some(7), 1),
        "what ended meanwhile has its end"
    );

    // Reset, and not let back in. That is told at once: much earlier than silence would.
    proxies.hold();
    assert!(proxies.cut() > 0);
    let suspect = |worker: &proto::Worker| worker.suspect;
    let seen = worker_that(&cluster, "suspect", suspect).await;
    assert_eq!(seen.state, "ALIVE", "a hint, no verdict");
    assert!(seen.last_heard_ms.unwrap() < 6_000, "{seen:?}");
    proxies.release();
    worker_that(&cluster, "back", |worker| !worker.suspect).await;

    let next = cluster.submit(&cluster.driver_of("next", 1, "")).await;
    cluster.driver_in(&next.id, "FINISHED").await;
    let now = cluster.driver(&driver.id).await;
    assert_eq!(
        (now.state.as_str(), now.attempt, now.pid),
        ("RUNNING", 1, process.pid)
    );
    assert!(process.is_alive());
    assert_eq!(cluster.workers[0].pid(), agent);
    cluster.assert_ran_once(&[driver, ends, next]);
    cluster.finish().await;
}

/// D38 and D40. Every packet of a worker is swallowed: it is lost after its timeout, not before, and goes
/// on until it hears of that.
#[tokio::test(flavor = "multi_thread")]
async fn a_worker_that_is_silent_for_its_timeout_is_lost_and_stops_what_was_lost_when_it_returns() {
    let (cluster, proxies) = behind_proxies(0.05).await;
    let timeout = Duration::from_secs(3);
    let (again, old) = lasting(&cluster, true).await;
    let (once, once_process) = lasting(&cluster, false).await;
    let (agent, worker) = (
        cluster.workers[0].pid(),
        cluster.workers_now().await.remove(0),
    );

    let since = Instant::now();
    proxies.hold();
    let dead = |worker: &proto::Worker| worker.state == "DEAD";
    worker_that(&cluster, "lost", dead).await;
    // What it was heard of last may be a heartbeat (250 ms) older.
    let silent = since.elapsed() + Duration::from_millis(300);
    assert!(silent >= timeout, "lost after {silent:?}");
    let waiting = cluster.driver(&again.id).await;
    assert_eq!(
        (waiting.state.as_str(), waiting.attempt),
        ("RELAUNCHING", 1)
    );
    let over = cluster.driver(&once.id).await;
    assert_eq!(
        (over.state.as_str(), over.ended),
        ("ERROR", true),
        "{over:?}"
    );
    assert!(old.is_alive() && once_process.is_alive(), "it goes on");

    proxies.release();
    let second = |it: &proto::Driver| it.attempt == 2 && it.pid != 0;
    let what = "running in its second attempt";
    let now = cluster.driver_that(&again.id, what, second).await;
    assert_eq!(now.worker_id, worker.id, "it is taken in again");
    let stopped = wait_until("what was lost to be stopped", BOUND, async || {
        !old.is_alive() && !once_process.is_alive()
    });
    stopped.await.unwrap();
    let over = cluster.driver(&once.id).await;
    assert_eq!(
        (over.state.as_str(), over.attempt),
        ("ERROR", 1),
        "an end stays"
    );
    assert_eq!(cluster.workers[0].pid(), agent);
    let begun = wait_until("the second attempt to begin", BOUND, async || {
        cluster.started().len() == 3
    });
    begun.await.unwrap();
    cluster.assert_ran_once(&[again, once]);
    cluster.finish().await;
}

/// One worker, whose every connection goes through proxies.
async fn behind_proxies(time_scale: f64) -> (Running, Proxies) {
    let mut options = vesta_local::Options {
        time_scale,
        ..options()
    };
    options
        .worker_settings
        .insert("kill_grace".to_owned(), "1s".into());
    let mut cluster = support::prepare(options).await;
    let proxies = Proxies::before(&cluster).await;
    cluster.start_all().await;
    // From its first welcome on the worker holds sessions with the addresses that masters name.
    let through = wait_until("the worker to be behind its proxies", BOUND, async || {
        proxies.open() >= 3
    });
    through.await.unwrap();
    worker_that(&cluster, "there", |worker| !worker.suspect).await;
    (cluster, proxies)
}

/// A driver that runs for ever, and its process.
async fn lasting(cluster: &Running, supervise: bool) -> (Submitted, Process) {
    let mut driver = cluster.driver_of("lasts", 1, FOR_EVER);
    driver.supervise = supervise;
    let driver = cluster.submit(&driver).await;
    let process = wait_for("its process", BOUND, async || {
        let pid = cluster.driver(&driver.id).await.pid;
        let said = cluster.started().iter().any(|record| record.pid == pid);
        if said { Process::of(pid) } else { None }
    });
    let process = process.await.unwrap();
    (driver, process)
}

/// Waits until the only worker is as `wanted`, and returns it.
async fn worker_that(
    cluster: &Running,
    what: &str,
    wanted: impl Fn(&proto::Worker) -> bool,
) -> proto::Worker {
    let every = ListRequest {
        ended: true,
        consistent: true,
        limit: 0,
        state_hash: false,
    };
    let client = cluster.client();
    let look = wait_for(format!("the worker to be {what}"), BOUND, async || {
        let workers = client.list_workers(every).await.ok()?.workers;
        let [worker] = <[proto::Worker; 1]>::try_from(workers).ok()?;
        wanted(&worker).then_some(worker)
    });
    look.await.unwrap()
}
