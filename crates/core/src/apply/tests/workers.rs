//! Workers register, come back, answer.

use vesta_types::{DriverState, Epoch, ExecutorState, WorkerState};

use super::support::*;
use crate::command::Request;
use crate::reply::{Answer, RejectCode};

#[test]
fn a_new_worker_is_alive_and_confirmed() {
    let cluster = Cluster::with_workers(1);
    let worker = cluster.worker(0);
    assert_eq!(cluster.state.show_worker(worker), "ALIVE");
    assert_eq!(worker.confirmed_epoch, Epoch(1));
    assert_eq!((worker.cores_free(), worker.memory_free_mib()), (8, 8192));
}

#[test]
fn attaching_again_changes_nothing_of_what_is_placed() {
    let mut cluster = Cluster::with_workers(1);
    let (id, instance) = cluster.running_driver(false, 0);
    let before = cluster.driver(&id).clone();
    cluster.attach(0, 0, &[runs(&instance)]);
    cluster.attach(0, 0, &[]);
    assert_eq!(cluster.driver(&id), &before);
}

#[test]
fn another_worker_at_the_same_address_replaces_the_first() {
    let mut cluster = Cluster::with_workers(1);
    let (id, _) = cluster.running_driver(true, 0);
    let mut second = worker(1, 0);
    (second.host, second.port) = (worker(0, 0).host, worker(0, 0).port);
    cluster.attach_as(second, &[]).unwrap();
    assert_eq!(cluster.worker(0).state, WorkerState::Dead);
    assert_eq!(cluster.driver(&id).state, DriverState::Relaunching);
    assert!(
        cluster
            .driver(&id)
            .message
            .contains("address was taken over by")
    );
    assert_eq!(cluster.worker(1).state, WorkerState::Alive);
}

#[test]
fn a_known_worker_that_moves_to_a_taken_address_replaces_who_is_there() {
    let mut cluster = Cluster::with_workers(2);
    let mut moved = worker(1, 0);
    (moved.host, moved.port) = (worker(0, 0).host, worker(0, 0).port);
    cluster.attach_as(moved, &[]).unwrap();
    assert_eq!(cluster.worker(0).state, WorkerState::Dead);
}

#[test]
fn a_dead_worker_that_comes_back_is_alive_and_stops_what_was_declared_lost() {
    let mut cluster = Cluster::with_workers(1);
    let (id, instance) = cluster.running_driver(false, 0);
    cluster.lose(0);
    assert_eq!(cluster.driver(&id).state, DriverState::Error);
    cluster.attach(0, 0, &[runs(&instance)]);
    let worker = cluster.worker(0);
    assert_eq!(worker.state, WorkerState::Alive);
    assert_eq!(worker.dead_since, None);
    assert!(worker.stopping.contains_key(&instance));
    assert_eq!(
        cluster.driver(&id).state,
        DriverState::Error,
        "an end is final"
    );
}

/// Failure D5: a driver that finished while nobody led must not be run again.
#[test]
fn d5_a_reboot_reports_what_had_ended_before_the_rest_of_it_is_lost() {
    let mut cluster = Cluster::with_workers(1);
    let (finished, first) = cluster.running_driver(true, 0);
    let (cut, second) = cluster.running_driver(true, 0);
    let (silent, _) = cluster.running_driver(false, 0);
    cluster.lead();
    let acknowledged = cluster.attach(0, 1, &[exited(&first, 0), interrupted(&second)]);
    assert_eq!(acknowledged, [first, second]);
    assert_eq!(cluster.driver(&finished).state, DriverState::Finished);
    assert_eq!(
        cluster.driver(&finished).exit.as_ref().unwrap().code,
        Some(0)
    );
    assert_eq!(cluster.driver(&cut).state, DriverState::Relaunching);
    assert_eq!(cluster.driver(&silent).state, DriverState::Error);
    let worker = cluster.worker(0);
    assert_eq!(worker.state, WorkerState::Alive);
    assert_eq!(worker.description.incarnation, incarnation(0, 1));
}

#[test]
fn what_a_new_incarnation_says_it_runs_is_stopped() {
    let mut cluster = Cluster::with_workers(1);
    let (id, instance) = cluster.running_driver(true, 0);
    cluster.attach(0, 1, &[runs(&instance)]);
    assert_eq!(cluster.driver(&id).state, DriverState::Relaunching);
    assert!(cluster.worker(0).stopping.contains_key(&instance));
}

#[test]
fn a_new_instance_store_is_a_new_incarnation_too() {
    let mut cluster = Cluster::with_workers(1);
    let (id, _) = cluster.running_driver(true, 0);
    let mut described = worker(0, 0);
    described.incarnation.store = uuid::Uuid::from_u128(77);
    cluster.attach_as(described, &[]).unwrap();
    assert_eq!(cluster.driver(&id).state, DriverState::Relaunching);
}

#[test]
fn ten_executors_interrupted_by_a_reboot_do_not_fail_their_application() {
    let mut cluster = Cluster::with_workers(1);
    let app = cluster.register();
    let executors: Vec<_> = (0..8).map(|_| cluster.running_executor(&app, 0)).collect();
    cluster.attach(0, 1, &executors.iter().map(interrupted).collect::<Vec<_>>());
    assert!(cluster.app(&app).is_live());
    assert_eq!(cluster.app(&app).retries, 0);
    assert_eq!(cluster.executor(&app, 0).state, ExecutorState::Failed);
}

#[test]
fn a_report_of_another_incarnation_is_refused() {
    let mut cluster = Cluster::with_workers(1);
    let (id, instance) = cluster.running_driver(true, 0);
    assert_rejected(
        cluster.try_report(0, 1, &[exited(&instance, 0)]),
        RejectCode::Incarnation,
    );
    assert_eq!(cluster.driver(&id).state, DriverState::Running);
}

#[test]
fn a_report_of_a_dead_unknown_or_unconfirmed_worker_is_refused() {
    let mut cluster = Cluster::with_workers(2);
    let (_, instance) = cluster.running_driver(true, 0);
    assert_rejected(cluster.try_report(7, 0, &[]), RejectCode::NotFound);
    cluster.lose(1);
    assert_rejected(cluster.try_report(1, 0, &[]), RejectCode::State);
    cluster.lead();
    assert_rejected(
        cluster.try_report(0, 0, &[exited(&instance, 0)]),
        RejectCode::State,
    );
}

#[test]
fn a_capacity_that_makes_no_sense_is_refused() {
    for (cores, memory) in [
        (0, 1024),
        (70_000, 1024),
        (8, 0),
        (8, u64::MAX),
        (u32::MAX, 1),
    ] {
        let mut cluster = Cluster::new();
        let mut described = worker(0, 0);
        (described.capacity.cores, described.capacity.memory_mib) = (cores, memory);
        assert_rejected(cluster.attach_as(described, &[]), RejectCode::Invalid);
        assert!(cluster.state.workers.is_empty());
    }
}

#[test]
fn a_worker_that_shrinks_below_what_it_runs_is_refused_until_that_has_ended() {
    let mut cluster = Cluster::with_workers(1);
    let app = cluster.register();
    let executors: Vec<_> = (0..4).map(|_| cluster.running_executor(&app, 0)).collect();
    let mut small = worker(0, 0);
    small.capacity.cores = 3;
    let all: Vec<_> = executors.iter().map(runs).collect();
    let reply = cluster.attach_as(small.clone(), &all);
    assert!(
        reply.as_ref().unwrap_err().message.contains("4 cores"),
        "{reply:?}"
    );
    assert_rejected(reply, RejectCode::Invalid);
    assert_eq!(cluster.worker(0).description.capacity.cores, 8);

    let mut one_less = all;
    one_less[3] = exited(&executors[3], 0);
    cluster.attach_as(small, &one_less).unwrap();
    assert_eq!(cluster.worker(0).description.capacity.cores, 3);
    assert_eq!(cluster.worker(0).cores_free(), 0);
}

#[test]
fn a_worker_that_loses_an_address_in_use_is_refused() {
    let mut cluster = Cluster::with_workers(1);
    let mut description = application(None);
    let profile = &mut description.profiles.get_mut(&0).unwrap().profile;
    profile.named.insert("gpu".to_owned(), 1);
    let app = cluster.register_as(description);
    let mut placement = cluster.executor_placement(&app, 0);
    if let crate::Placement::Executor { named, .. } = &mut placement {
        named.insert("gpu".to_owned(), ["1".to_owned()].into());
    }
    assert_eq!(cluster.place(vec![placement]), (1, 0));
    let mut fewer = worker(0, 0);
    fewer
        .capacity
        .named
        .insert("gpu".to_owned(), ["0".to_owned()].into());
    assert_rejected(cluster.attach_as(fewer, &[]), RejectCode::Invalid);
}

#[test]
fn a_new_incarnation_may_be_smaller_because_it_holds_nothing() {
    let mut cluster = Cluster::with_workers(1);
    let app = cluster.register();
    cluster.running_executor(&app, 0);
    cluster.running_executor(&app, 0);
    let mut small = worker(0, 1);
    small.capacity.cores = 1;
    cluster.attach_as(small, &[]).unwrap();
    assert_eq!(cluster.worker(0).cores_free(), 1);
}

#[test]
fn what_an_answer_does_not_name_needs_no_stopping_any_more() {
    let mut cluster = Cluster::with_workers(1);
    let (_, instance) = cluster.running_driver(false, 0);
    cluster.lose(0);
    cluster.attach(0, 0, &[runs(&instance)]);
    assert_eq!(cluster.worker(0).stopping.len(), 1);
    cluster.attach(0, 0, &[]);
    assert!(cluster.worker(0).stopping.is_empty());
}

#[test]
fn a_verdict_holds_for_the_incarnation_that_was_judged() {
    let mut cluster = Cluster::with_workers(1);
    cluster.attach(0, 1, &[]);
    let workers = vec![
        (worker_id(0), incarnation(0, 0)),
        (worker_id(9), incarnation(9, 0)),
    ];
    let epoch = cluster.epoch();
    let cause = "silent".to_owned();
    let reply = cluster.apply(crate::Command::LoseWorkers {
        epoch,
        workers,
        cause,
    });
    assert_eq!(reply, Ok(Answer::Done));
    assert_eq!(cluster.worker(0).state, WorkerState::Alive);
}

#[test]
fn a_dead_worker_is_forgotten_after_sixteen_minutes_and_may_register_as_new() {
    let mut cluster = Cluster::with_workers(2);
    let (_, instance) = cluster.running_driver(false, 0);
    cluster.lose(0);
    cluster.wait(16 * 60);
    cluster.attach(1, 0, &[]);
    assert!(cluster.state.workers.contains_key(&worker_id(0)), "not yet");
    cluster.wait(1);
    cluster.attach(1, 0, &[]);
    assert!(!cluster.state.workers.contains_key(&worker_id(0)));
    cluster.attach(0, 0, &[runs(&instance)]);
    assert_eq!(cluster.worker(0).state, WorkerState::Alive);
    assert!(cluster.worker(0).stopping.contains_key(&instance));
}

#[test]
fn a_dead_worker_that_came_back_is_not_forgotten() {
    let mut cluster = Cluster::with_workers(1);
    cluster.lose(0);
    cluster.wait(60);
    cluster.attach(0, 0, &[]);
    cluster.wait(3600);
    cluster
        .ask(Request::SubmitDriver {
            description: driver(false),
        })
        .unwrap();
    assert_eq!(cluster.worker(0).state, WorkerState::Alive);
}
