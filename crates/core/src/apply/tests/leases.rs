//! Drivers that are to stop when their worker is cut off.

use vesta_types::{DriverId, DriverState, InstanceId};

use super::support::*;
use crate::command::Command;
use crate::plan::{Policy, Reasons, plan};

/// A supervised driver that is to stop, running on worker 0.
fn stopping(cluster: &mut Cluster) -> (DriverId, InstanceId) {
    let mut description = driver(true);
    description.lease = Some(LEASE);
    let id = cluster.submit_as(description);
    let instance = cluster.place_driver(&id, 0);
    cluster.report(0, &[runs(&instance)]);
    (id, instance)
}

fn end_lease(cluster: &mut Cluster, id: &DriverId, attempt: u32) {
    let command = Command::EndLeases {
        epoch: cluster.epoch(),
        drivers: vec![(id.clone(), attempt)],
    };
    cluster.apply(command).unwrap();
}

#[test]
fn while_a_lost_attempt_may_run_no_plan_starts_another_and_it_says_why() {
    let mut cluster = Cluster::with_workers(2);
    let (id, _) = stopping(&mut cluster);
    cluster.lose(0);
    assert_eq!(cluster.driver(&id).state, DriverState::Relaunching);
    assert_eq!(plan(&cluster.state, &Policy::default()).placements, []);
    let placement = cluster.driver_placement(&id, 1);
    assert_eq!(cluster.place(vec![placement]), (0, 1), "nor is any applied");
    let why = Reasons::of(&cluster.state, &Policy::default()).driver(cluster.driver(&id));
    let why = why.unwrap();
    assert!(
        why.contains("lease of 120 s") && why.contains("host0"),
        "{why}"
    );

    end_lease(&mut cluster, &id, 0);
    assert!(
        cluster.driver(&id).leased_to.is_some(),
        "that was of no attempt"
    );
    end_lease(&mut cluster, &id, 1);
    assert_eq!(plan(&cluster.state, &Policy::default()).placements.len(), 1);
    cluster.place_driver(&id, 1);
}

#[test]
fn every_way_of_losing_a_worker_waits_for_the_lease() {
    let lose: [fn(&mut Cluster); 2] = [
        |cluster| cluster.lose(0),
        |cluster| {
            let mut other = worker(7, 0);
            (other.host, other.port) = (worker(0, 0).host, worker(0, 0).port);
            cluster.attach_as(other, &[]).unwrap();
        },
    ];
    for lose in lose {
        let mut cluster = Cluster::with_workers(2);
        let (id, _) = stopping(&mut cluster);
        lose(&mut cluster);
        assert_eq!(cluster.driver(&id).leased_to, Some(worker_id(0)));
    }
}

#[test]
fn a_reported_end_of_the_lost_attempt_ends_its_lease_at_once() {
    let mut cluster = Cluster::with_workers(2);
    let (id, instance) = stopping(&mut cluster);
    cluster.lose(0);
    cluster.attach(0, 0, &[runs(&instance)]);
    assert!(cluster.driver(&id).leased_to.is_some(), "it runs there yet");
    assert!(cluster.worker(0).stopping.contains_key(&instance));
    cluster.report(1, &[killed(&instance)]);
    assert!(
        cluster.driver(&id).leased_to.is_some(),
        "that was another worker"
    );
    cluster.report(0, &[killed(&instance)]);
    assert_eq!(cluster.driver(&id).leased_to, None);
    assert_eq!(cluster.driver(&id).state, DriverState::Relaunching);
}

#[test]
fn a_worker_that_comes_back_with_the_end_of_a_driver_needs_no_lease() {
    let mut cluster = Cluster::with_workers(2);
    let (id, instance) = stopping(&mut cluster);
    cluster.attach(0, 1, &[interrupted(&instance)]);
    assert_eq!(cluster.driver(&id).leased_to, None);
    assert_eq!(cluster.driver(&id).state, DriverState::Relaunching);
}

/// Found by a review: the worker's heartbeats prolonged the lease of what it never had, for ever.
#[test]
fn a_lost_attempt_that_its_worker_does_not_have_needs_no_lease() {
    for life in [0, 1] {
        let mut cluster = Cluster::with_workers(2);
        let (id, _) = stopping(&mut cluster);
        let (other, elsewhere) = stopping(&mut cluster);
        cluster.lose(0);
        // One's order had not arrived before; the other runs there yet.
        cluster.attach(0, life, &[runs(&elsewhere)]);
        assert_eq!(cluster.driver(&id).leased_to, None);
        assert!(cluster.driver(&other).leased_to.is_some());
    }
}

#[test]
fn a_driver_that_is_killed_while_its_lost_attempt_may_run_is_over() {
    let mut cluster = Cluster::with_workers(2);
    let (id, _) = stopping(&mut cluster);
    cluster.lose(0);
    cluster.kill(&id).unwrap();
    assert_eq!(cluster.driver(&id).state, DriverState::Killed);
    assert!(cluster.state.leased_drivers.is_empty());
}

#[test]
fn a_lease_outlives_its_leader() {
    let mut cluster = Cluster::with_workers(2);
    let (id, _) = stopping(&mut cluster);
    cluster.lose(0);
    cluster.lead();
    cluster.attach(1, 0, &[]);
    assert_eq!(cluster.state.leased_drivers.get(&id), Some(&1));
    assert_eq!(plan(&cluster.state, &Policy::default()).placements, []);
}
