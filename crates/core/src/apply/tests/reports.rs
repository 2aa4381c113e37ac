//! What workers say of instances that are not, or not any more, placed where they are.

use uuid::Uuid;
use vesta_types::{AppId, ClusterId, DriverId, DriverState, InstanceId};

use super::support::*;
use crate::orders::for_worker;

/// SPARK-19900: a late message of an old copy changed the record of the new one.
#[test]
fn spark_19900_late_reports_of_an_old_attempt_change_nothing() {
    let mut cluster = Cluster::with_workers(2);
    let (id, old) = cluster.running_driver(true, 0);
    cluster.lose(0);
    let new = cluster.place_driver(&id, 1);
    cluster.report(1, &[runs(&new)]);
    cluster.attach(0, 0, &[]);
    let before = cluster.driver(&id).clone();
    assert_eq!(before.attempt, 2);
    for late in [
        runs(&old),
        exited(&old, 0),
        exited(&old, 1),
        killed(&old),
        never_ran(&old),
    ] {
        cluster.report(0, &[late]);
        assert_eq!(cluster.driver(&id), &before);
    }
}

#[test]
fn an_old_attempt_that_still_runs_is_stopped_until_it_reports_its_end() {
    let mut cluster = Cluster::with_workers(2);
    let (id, old) = cluster.running_driver(true, 0);
    cluster.lose(0);
    let new = cluster.place_driver(&id, 1);
    cluster.attach(0, 0, &[runs(&old)]);
    assert_eq!(
        for_worker(&cluster.state, &worker_id(0)).stop,
        std::slice::from_ref(&old)
    );
    assert!(cluster.worker(0).stopping[&old].contains("attempt 2"));
    let acknowledged = cluster.report(0, &[killed(&old)]);
    assert_eq!(acknowledged, [old]);
    assert!(for_worker(&cluster.state, &worker_id(0)).stop.is_empty());
    assert_eq!(cluster.instance(&id), new);
}

#[test]
fn an_instance_on_a_worker_where_it_is_not_placed_is_stopped_there_and_goes_on_here() {
    let mut cluster = Cluster::with_workers(2);
    let (id, instance) = cluster.running_driver(true, 0);
    cluster.report(1, &[runs(&instance)]);
    assert!(cluster.worker(1).stopping.contains_key(&instance));
    cluster.report(1, &[exited(&instance, 0)]);
    assert_eq!(cluster.driver(&id).state, DriverState::Running);
    assert_eq!(
        cluster.driver(&id).placement.as_ref().unwrap().worker,
        worker_id(0)
    );
}

#[test]
fn a_trimmed_driver_or_executor_that_still_runs_is_stopped() {
    let mut cluster = Cluster::with_workers(1);
    cluster.submit(false);
    cluster.register();
    let other = START.plus(std::time::Duration::from_secs(1));
    let trimmed = [
        InstanceId::driver(cluster_id(), DriverId::mint(other, 0), 1),
        InstanceId::executor(cluster_id(), AppId::mint(other, 0), 3),
    ];
    cluster.report(0, &[runs(&trimmed[0]), runs(&trimmed[1])]);
    assert_eq!(for_worker(&cluster.state, &worker_id(0)).stop.len(), 2);
    assert!(cluster.worker(0).quarantined.is_empty());
}

#[test]
fn what_the_state_cannot_have_known_is_kept_and_never_stopped() {
    let mut cluster = Cluster::with_workers(1);
    let (id, _) = cluster.running_driver(false, 0);
    let app = cluster.register();
    let elsewhere = ClusterId(Uuid::from_u128(0xC2));
    let unexplained = [
        InstanceId::driver(cluster_id(), DriverId::mint(START, 1), 1),
        InstanceId::driver(cluster_id(), id.clone(), 2),
        InstanceId::driver(cluster_id(), "driver-odd".parse().unwrap(), 1),
        InstanceId::driver(elsewhere, id, 1),
        InstanceId::executor(cluster_id(), AppId::mint(START, 1), 0),
        InstanceId::executor(cluster_id(), app, 0),
    ];
    let reports: Vec<_> = unexplained.iter().map(runs).collect();
    cluster.report(0, &reports);
    assert_eq!(cluster.worker(0).quarantined.len(), unexplained.len());
    assert!(for_worker(&cluster.state, &worker_id(0)).stop.is_empty());

    let ends: Vec<_> = unexplained
        .iter()
        .map(|instance| exited(instance, 0))
        .collect();
    assert_eq!(
        cluster.report(0, &ends),
        unexplained,
        "ends are acknowledged"
    );
    assert!(cluster.worker(0).quarantined.is_empty());
}

#[test]
fn a_quarantined_instance_that_the_state_has_come_to_know_as_over_is_stopped() {
    let mut cluster = Cluster::with_workers(1);
    let later = START.plus(std::time::Duration::from_secs(1));
    let instance = InstanceId::driver(cluster_id(), DriverId::mint(later, 0), 1);
    cluster.report(0, &[runs(&instance)]);
    assert!(cluster.worker(0).quarantined.contains_key(&instance));
    cluster.submit(false);
    cluster.report(0, &[runs(&instance)]);
    assert!(cluster.worker(0).quarantined.is_empty());
    assert!(cluster.worker(0).stopping.contains_key(&instance));
}

#[test]
fn a_quarantined_instance_that_is_placed_where_it_runs_is_quarantined_no_more() {
    let mut cluster = Cluster::with_workers(2);
    let id = cluster.submit(false);
    let instance = InstanceId::driver(cluster_id(), id.clone(), 1);
    for n in 0..2 {
        cluster.report(n, &[runs(&instance)]);
        assert!(cluster.worker(n).quarantined.contains_key(&instance));
    }
    cluster.place_driver(&id, 0);
    assert!(cluster.worker(0).quarantined.is_empty());
    cluster.report(0, &[runs(&instance)]);
    cluster.report(1, &[runs(&instance)]);
    assert_eq!(for_worker(&cluster.state, &worker_id(0)).run.len(), 1);
    assert_eq!(
        for_worker(&cluster.state, &worker_id(1)).stop,
        [instance],
        "one copy is enough"
    );
}

#[test]
fn one_bad_line_does_not_hold_up_the_others() {
    let mut cluster = Cluster::with_workers(1);
    let (id, instance) = cluster.running_driver(false, 0);
    let unknown = InstanceId::driver(cluster_id(), DriverId::mint(START, 99), 1);
    let reports = [
        runs(&unknown),
        exited(&instance, 0),
        exited(&instance, 1),
        runs(&instance),
    ];
    let acknowledged = cluster.report(0, &reports);
    assert_eq!(acknowledged, [instance.clone(), instance.clone()]);
    assert_eq!(
        cluster.driver(&id).state,
        DriverState::Finished,
        "the first end is the end"
    );
    assert!(
        cluster.worker(0).stopping.contains_key(&instance),
        "it is said to run after that"
    );
}

#[test]
fn an_end_that_is_reported_twice_is_acknowledged_twice_and_applied_once() {
    let mut cluster = Cluster::with_workers(1);
    let (id, instance) = cluster.running_driver(false, 0);
    cluster.report(0, &[exited(&instance, 3)]);
    let before = cluster.driver(&id).clone();
    assert_eq!(
        cluster.report(0, &[exited(&instance, 0)]),
        std::slice::from_ref(&instance)
    );
    assert_eq!(cluster.attach(0, 0, &[exited(&instance, 0)]), [instance]);
    assert_eq!(cluster.driver(&id), &before);
}

#[test]
fn an_accepted_order_changes_nothing_yet() {
    let mut cluster = Cluster::with_workers(1);
    let id = cluster.submit(false);
    let instance = cluster.place_driver(&id, 0);
    let before = cluster.driver(&id).clone();
    cluster.report(
        0,
        &[report(&instance, vesta_types::InstanceStatus::Accepted)],
    );
    assert_eq!(cluster.driver(&id), &before);
}
