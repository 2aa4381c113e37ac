//! Losing a worker.

use vesta_types::{ApplicationState, DriverState, ExecutorState, WorkerState};

use super::support::*;

#[test]
fn a_lost_worker_s_executors_are_lost_and_cost_no_retry() {
    let mut cluster = Cluster::with_workers(2);
    let app = cluster.register();
    for _ in 0..5 {
        cluster.running_executor(&app, 0);
    }
    cluster.running_executor(&app, 1);
    cluster.lose(0);
    assert_eq!(cluster.worker(0).state, WorkerState::Dead);
    assert_eq!(cluster.executor(&app, 0).state, ExecutorState::Lost);
    assert_eq!(cluster.app(&app).executors.len(), 1);
    assert_eq!(cluster.app(&app).retries, 0);
    assert_eq!(cluster.app(&app).state, ApplicationState::Running);
}

#[test]
fn an_application_that_loses_its_last_executor_waits() {
    let mut cluster = Cluster::with_workers(1);
    let app = cluster.register();
    cluster.running_executor(&app, 0);
    cluster.lose(0);
    assert_eq!(cluster.app(&app).state, ApplicationState::Waiting);
}

#[test]
fn a_supervised_driver_waits_again_under_its_id_and_an_unsupervised_one_is_over() {
    let mut cluster = Cluster::with_workers(1);
    let (kept, _) = cluster.running_driver(true, 0);
    let (over, _) = cluster.running_driver(false, 0);
    cluster.lose(0);
    let kept = cluster.driver(&kept);
    assert_eq!((kept.state, kept.attempt), (DriverState::Relaunching, 1));
    assert_eq!(kept.last_worker, Some(worker_id(0)));
    let over = cluster.driver(&over);
    assert_eq!(over.state, DriverState::Error);
    assert!(over.message.contains("silent for 60 s"), "{}", over.message);
}

#[test]
fn an_unsupervised_driver_is_over_even_if_it_was_not_seen_to_run() {
    let mut cluster = Cluster::with_workers(1);
    let id = cluster.submit(false);
    cluster.place_driver(&id, 0);
    cluster.lose(0);
    assert_eq!(
        cluster.driver(&id).state,
        DriverState::Error,
        "nothing proves that it never ran"
    );
}

#[test]
fn a_driver_whose_end_was_asked_for_is_killed_with_its_worker() {
    let mut cluster = Cluster::with_workers(1);
    let (id, _) = cluster.running_driver(true, 0);
    cluster.kill(&id).unwrap();
    cluster.lose(0);
    assert_eq!(cluster.driver(&id).state, DriverState::Killed);
    assert!(cluster.state.driver_queue.is_empty());
}

/// Failure D22: SPARK-12552, SPARK-18959: used cores below zero after a fail-over.
#[test]
fn d22_bookings_are_free_again_whatever_ends_them() {
    let mut cluster = Cluster::with_workers(1);
    let (id, instance) = cluster.running_driver(true, 0);
    let app = cluster.register();
    let executor = cluster.running_executor(&app, 0);
    assert_eq!(cluster.worker(0).cores_free(), 6);
    cluster.lead();
    assert_eq!(
        cluster.worker(0).cores_free(),
        6,
        "UNKNOWN keeps its booking"
    );
    cluster.attach(0, 0, &[exited(&instance, 0), exited(&executor, 0)]);
    assert_eq!(cluster.worker(0).cores_free(), 8);
    cluster.report(0, &[exited(&instance, 0), exited(&executor, 0)]);
    assert_eq!(cluster.worker(0).cores_free(), 8, "an end frees once");
    assert_eq!(cluster.driver(&id).state, DriverState::Finished);
    cluster.running_driver(true, 0);
    cluster.lose(0);
    assert_eq!(cluster.worker(0).booked, vesta_types::Booking::default());
}
