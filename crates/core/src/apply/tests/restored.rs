//! A cluster that begins with the saved state of another: what the old one ordered goes on where it is,
//! and nothing is run again that may have run.

use std::time::Duration;

use uuid::Uuid;
use vesta_types::{ClusterId, DriverState, ExecutorState, InstanceId};

use super::support::{Cluster, cluster_id, exited, key_at, runs, worker, worker_id};
use crate::command::{Command, Request};
use crate::orders::for_worker;
use crate::reply::RejectCode;

fn next_id() -> ClusterId {
    ClusterId(Uuid::from_u128(0xC9))
}

impl Cluster {
    /// Saved and restored; its first leader leads, and nobody has answered.
    fn restore(&mut self) {
        self.wait(600);
        self.state = self.state.clone().restored(next_id(), self.at);
        self.lead_restored();
    }

    /// A new leader of the restored cluster.
    fn lead_restored(&mut self) {
        let term = self.state.leader.map_or(1, |(term, _)| term + 1);
        self.apply(Command::LeaderStarted {
            cluster: next_id(),
            term,
            node: 1,
            leaderless_ms: 0,
        })
        .unwrap();
    }
}

#[test]
fn what_runs_and_is_in_the_state_goes_on_under_the_id_that_it_was_started_with() {
    let mut cluster = Cluster::with_workers(1);
    let (driver, instance) = cluster.running_driver(true, 0);
    let epoch = cluster.epoch();
    cluster.restore();
    assert!(cluster.epoch() > epoch);
    cluster.attach_as(worker(0, 0), &[runs(&instance)]).unwrap();
    assert!(cluster.worker(0).quarantined.is_empty());
    let orders = for_worker(&cluster.state, &worker_id(0));
    assert_eq!(orders.run.len(), 1);
    assert_eq!(
        orders.run[0].0, instance,
        "the same instance, of the old cluster"
    );
    assert_eq!(
        cluster.state.driver_instance(cluster.driver(&driver)),
        Some(instance.clone())
    );

    // The next attempt is this cluster's.
    cluster.report(0, &[exited(&instance, 1)]);
    assert_eq!(cluster.driver(&driver).state, DriverState::Relaunching);
    let next = cluster.place_driver(&driver, 0);
    assert_eq!(next, InstanceId::driver(next_id(), driver, 2));
}

#[test]
fn what_runs_and_is_not_in_the_state_is_quarantined_and_never_stopped() {
    let mut cluster = Cluster::with_workers(1);
    let waiting = cluster.submit(false);
    cluster.restore();
    // Placed after the state was saved, by the old cluster.
    let later = InstanceId::driver(cluster_id(), waiting.clone(), 1);
    cluster.attach_as(worker(0, 0), &[runs(&later)]).unwrap();
    assert!(cluster.worker(0).quarantined.contains_key(&later));
    // Not either when this cluster has placed an attempt of that number itself.
    cluster.place_driver(&waiting, 0);
    cluster.lead_restored();
    cluster.attach_as(worker(0, 0), &[runs(&later)]).unwrap();
    assert!(cluster.worker(0).quarantined.contains_key(&later));
    assert!(for_worker(&cluster.state, &worker_id(0)).stop.is_empty());
}

#[test]
fn what_is_in_the_state_and_not_on_its_worker_is_not_ordered_a_second_time() {
    let mut cluster = Cluster::with_workers(1);
    let (once, _) = cluster.running_driver(false, 0);
    let (again, _) = cluster.running_driver(true, 0);
    let app = cluster.register();
    cluster.place_executor(&app, 0);
    cluster.restore();
    cluster.attach_as(worker(0, 0), &[]).unwrap();
    assert!(for_worker(&cluster.state, &worker_id(0)).run.is_empty());
    assert_eq!(cluster.driver(&once).state, DriverState::Error);
    assert_eq!(cluster.driver(&again).state, DriverState::Relaunching);
    assert_eq!(cluster.executor(&app, 0).state, ExecutorState::Lost);
}

#[test]
fn a_key_that_may_have_been_answered_after_the_state_was_saved_is_not_taken_as_new() {
    let mut cluster = Cluster::new();
    cluster.wait(60);
    let between = key_at(cluster.at, 99);
    cluster.restore();
    let request = Request::SubmitDriver {
        description: super::support::driver(false),
    };
    let write = |key| Command::Client {
        key,
        request: request.clone(),
    };
    let refused = cluster.apply(write(between)).unwrap_err();
    assert_eq!(refused.code, RejectCode::KeyTime);
    let new = key_at(cluster.at.plus(Duration::from_secs(1)), 100);
    cluster.apply(write(new)).unwrap();
}
