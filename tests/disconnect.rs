//! Supervised drivers on a worker that is cut off: `keep` and `stop`.

use std::collections::BTreeMap;
use std::path::Path;

use vesta_client::proto;
use vesta_local::{Process, wait_until};
use vesta_types::{DriverDescription, OnDisconnect};

use crate::support::{BOUND, FOR_EVER, Running, Submitted, options, start};

/// A driver that says every 50 ms, deaf to TERM, which attempt of it lives.
fn beating(cluster: &Running, name: &str, on_disconnect: OnDisconnect) -> DriverDescription {
    let beats = cluster.dir().join(name);
    let body = format!(
        "trap '' TERM\nwhile :; do echo $VESTA_ATTEMPT $(date +%s%N) >> {}; sleep 0.05; done",
        beats.display()
    );
    DriverDescription {
        supervise: true,
        on_disconnect: Some(on_disconnect),
        ..cluster.driver_of(name, 1, &body)
    }
}

/// First and last beat of each attempt, in nanoseconds.
fn lives(path: &Path) -> BTreeMap<u32, (u128, u128)> {
    let mut lives = BTreeMap::new();
    for line in std::fs::read_to_string(path).unwrap_or_default().lines() {
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
    lives
}

async fn second_attempt(cluster: &Running, driver: &Submitted) -> proto::Driver {
    let second = |it: &proto::Driver| it.attempt == 2 && it.pid != 0;
    cluster
        .driver_that(&driver.id, "running in its second attempt", second)
        .await
}

/// D2. Spark relaunches a supervised driver while the old copy runs. Here that is a choice: two copies of
/// a driver that is to stop never overlap; one that is kept is started again sooner, and overlaps.
#[tokio::test(flavor = "multi_thread")]
async fn copies_of_a_driver_that_is_to_stop_never_overlap_and_one_that_is_kept_never_stops() {
    let mut options = vesta_local::Options {
        workers: 2,
        ..options()
    };
    // By the scale of a tenth: lost after 6 s, stopped after 10 s.
    for (name, value) in [("stop_lease", "100s"), ("stop_grace", "500ms")] {
        options
            .master_settings
            .insert(name.to_owned(), value.into());
    }
    options
        .worker_settings
        .insert("kill_grace".to_owned(), "1s".into());
    let mut cluster = start(options).await;
    // Round robin: the first and the third are on one worker.
    let stop = beating(&cluster, "stop", OnDisconnect::Stop);
    let stop = cluster.submit(&stop).await;
    let first = cluster.running(&stop.id).await;
    let other = cluster
        .submit(&cluster.driver_of("other", 1, FOR_EVER))
        .await;
    cluster.running(&other.id).await;
    let keep = beating(&cluster, "keep", OnDisconnect::Keep);
    let keep = cluster.submit(&keep).await;
    let kept = cluster.running(&keep.id).await;
    assert_eq!(first.worker_id, kept.worker_id);
    let old = Process::of(kept.pid).expect("it runs");
    let port = format!("-{}", cluster.workers[0].address().port());
    let away = usize::from(!kept.worker_id.ends_with(&port));

    // An agent that is paused renews no lease and obeys no order.
    cluster.workers[away].pause().unwrap();
    second_attempt(&cluster, &keep).await;
    let waiting = cluster.driver(&stop.id).await;
    assert_eq!(waiting.state, "RELAUNCHING", "{waiting:?}");
    assert!(
        waiting.waiting_because.contains("lease of 10 s"),
        "{waiting:?}"
    );
    second_attempt(&cluster, &stop).await;
    cluster.workers[away].resume().unwrap();

    let (stopped, kept) = (cluster.dir().join("stop"), cluster.dir().join("keep"));
    let both = wait_until("second attempts to beat", BOUND, async || {
        lives(&stopped).contains_key(&2) && lives(&kept).contains_key(&2)
    });
    both.await.unwrap();
    let stopped = lives(&stopped);
    assert!(
        stopped[&1].1 < stopped[&2].0,
        "two copies at one time: {stopped:?}"
    );
    let overlap = lives(&kept);
    assert!(
        overlap[&1].1 > overlap[&2].0,
        "it went on without masters: {overlap:?}"
    );
    // At first contact the old copy of the kept one is ended.
    let alone = wait_until("the old copy to be stopped", BOUND, async || {
        !old.is_alive()
    });
    alone.await.unwrap();
    for driver in [&stop, &keep] {
        let now = cluster.driver(&driver.id).await;
        assert_eq!((now.state.as_str(), now.attempt), ("RUNNING", 2), "{now:?}");
    }
    cluster.finish().await;
}
