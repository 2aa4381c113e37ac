//! What has ended stays visible for a while.

use vesta_types::DriverState;
use vesta_types::limits::{HISTORY_AGE, HISTORY_MIN};

use super::support::*;

fn finish(cluster: &mut Cluster) -> vesta_types::DriverId {
    let id = cluster.submit(false);
    cluster.kill(&id).unwrap();
    id
}

/// Failure D23: what had finished vanishes with its master.
#[test]
fn d23_what_has_finished_answers_after_a_fail_over_too() {
    let mut cluster = Cluster::with_workers(1);
    let mut finished = Vec::new();
    for _ in 0..50 {
        let (id, instance) = cluster.running_driver(false, 0);
        cluster.report(0, &[exited(&instance, 0)]);
        finished.push(id);
    }
    cluster.lead();
    for id in finished {
        assert_eq!(cluster.driver(&id).state, DriverState::Finished);
    }
}

#[test]
fn the_last_two_hundred_are_kept_and_older_ones_for_ten_minutes() {
    let mut cluster = Cluster::new();
    let all: Vec<_> = (0..HISTORY_MIN + 10)
        .map(|_| finish(&mut cluster))
        .collect();
    assert_eq!(
        cluster.state.drivers.len(),
        all.len(),
        "ten minutes at least"
    );
    cluster.at = cluster.at.plus(HISTORY_AGE);
    cluster.lead();
    assert_eq!(cluster.state.drivers.len(), all.len());
    cluster.wait(1);
    cluster.lead();
    assert_eq!(cluster.state.drivers.len(), HISTORY_MIN);
    assert!(
        !cluster.state.drivers.contains_key(&all[9]),
        "the oldest went"
    );
    assert!(cluster.state.drivers.contains_key(&all[10]));
}

#[test]
fn ended_applications_are_kept_alike_and_live_ones_for_ever() {
    let mut cluster = Cluster::new();
    let live = cluster.register();
    for _ in 0..HISTORY_MIN + 5 {
        let app = cluster.register();
        cluster.expire(&app).unwrap();
    }
    cluster.wait(3600);
    cluster.lead();
    assert_eq!(cluster.state.applications.len(), HISTORY_MIN + 1);
    assert!(cluster.state.applications.contains_key(&live));
}
