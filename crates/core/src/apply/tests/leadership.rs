//! A leadership begins, and its recovery ends.

use uuid::Uuid;
use vesta_types::{ClusterId, DriverState, Epoch, WorkerState};

use super::support::*;
use crate::command::{Command, Request};
use crate::failover::Outcome;
use crate::reply::{Answer, RejectCode};

fn started(term: u64, node: u64) -> Command {
    Command::LeaderStarted {
        cluster: cluster_id(),
        term,
        node,
        leaderless_ms: 0,
    }
}

#[test]
fn a_leadership_raises_the_epoch_once_however_often_it_is_applied() {
    let mut cluster = Cluster::empty();
    for _ in 0..3 {
        let reply = cluster.apply(started(4, 1));
        assert_eq!(reply, Ok(Answer::LeaderStarted { epoch: Epoch(1) }));
    }
    assert_eq!(
        cluster.apply(started(5, 1)),
        Ok(Answer::LeaderStarted { epoch: Epoch(2) }),
        "the same node in another term is another leadership"
    );
    assert_eq!(cluster.state.failovers.len(), 2);
}

#[test]
fn a_leader_of_another_cluster_is_refused() {
    let mut cluster = Cluster::new();
    let other = ClusterId(Uuid::from_u128(0xC2));
    let command = Command::LeaderStarted {
        cluster: other,
        term: 9,
        node: 1,
        leaderless_ms: 0,
    };
    assert_rejected(cluster.apply(command), RejectCode::Invalid);
    assert_eq!(cluster.state.cluster, Some(cluster_id()));
}

#[test]
fn before_the_first_leader_nothing_is_accepted() {
    let mut cluster = Cluster::empty();
    let reply = cluster.attach_as(worker(0, 0), &[]);
    assert_rejected(reply, RejectCode::StaleEpoch);
    let reply = cluster.ask(Request::SubmitDriver {
        description: driver(false),
    });
    assert_rejected(reply, RejectCode::NotStarted);
}

#[test]
fn what_an_earlier_epoch_decided_changes_nothing() {
    let mut cluster = Cluster::with_workers(1);
    let (running, instance) = cluster.running_driver(true, 0);
    let waiting = cluster.submit(false);
    let app = cluster.register();
    let placement = cluster.driver_placement(&waiting, 0);
    let old = cluster.epoch();
    cluster.lead();
    let life = incarnation(0, 0);
    let stale = [
        Command::CompleteRecovery {
            epoch: old,
            condemned: vec![worker_id(0)],
        },
        Command::AttachWorker {
            epoch: old,
            worker: worker(0, 0),
            reports: vec![],
        },
        Command::ReportInstances {
            epoch: old,
            worker: worker_id(0),
            incarnation: life.clone(),
            reports: vec![exited(&instance, 0)],
        },
        Command::LoseWorkers {
            epoch: old,
            workers: vec![(worker_id(0), life)],
            cause: "silent".to_owned(),
        },
        Command::Place {
            epoch: old,
            placements: vec![placement],
            cursor: Some(worker_id(0)),
        },
        Command::ConfirmApplication {
            epoch: old,
            app: app.clone(),
        },
        Command::ExpireApplications {
            epoch: old,
            apps: vec![app],
        },
    ];
    for command in stale {
        assert_rejected(cluster.apply(command), RejectCode::StaleEpoch);
    }
    assert_eq!(cluster.driver(&running).state, DriverState::Running);
    assert_eq!(cluster.driver(&waiting).state, DriverState::Submitted);
}

#[test]
fn with_nothing_placed_recovery_is_over_at_once() {
    let mut cluster = Cluster::with_workers(2);
    cluster.submit(false);
    cluster.register();
    cluster.lead();
    assert!(cluster.state.recovered);
    assert_eq!(cluster.state.failovers.back().unwrap().recovery_ms, Some(0));
    let empty = cluster.worker(0);
    assert_eq!(
        cluster.state.show_worker(empty),
        "UNKNOWN",
        "until it answers"
    );
    assert!(
        cluster.state.unknown_workers().is_empty(),
        "but nobody waits for it"
    );
}

#[test]
fn recovery_waits_for_whatever_holds_something() {
    let mut cluster = Cluster::with_workers(3);
    let (_, instance) = cluster.running_driver(false, 1);
    cluster.lead();
    assert!(!cluster.state.recovered);
    assert_eq!(cluster.state.unknown_workers(), [&worker_id(1)]);
    cluster.attach(1, 0, &[runs(&instance)]);
    assert!(cluster.state.unknown_workers().is_empty());
}

#[test]
fn everything_placed_shows_as_unknown_until_it_answers_and_then_as_it_was() {
    let mut cluster = Cluster::with_workers(1);
    let (id, instance) = cluster.running_driver(false, 0);
    let app = cluster.register();
    let executor = cluster.running_executor(&app, 0);
    cluster.lead();
    let shown = |cluster: &Cluster| {
        let state = &cluster.state;
        [
            state.show_worker(cluster.worker(0)),
            state.show_driver(cluster.driver(&id)),
            state.show_application(cluster.app(&app)),
            state.show_executor(cluster.executor(&app, 0)),
        ]
    };
    assert_eq!(shown(&cluster), ["UNKNOWN"; 4]);
    assert_eq!(cluster.state.unknown_applications(), [&app]);
    cluster.attach(0, 0, &[runs(&instance), runs(&executor)]);
    assert_eq!(shown(&cluster), ["ALIVE", "RUNNING", "UNKNOWN", "RUNNING"]);
    cluster.confirm(&app).unwrap();
    assert_eq!(shown(&cluster), ["ALIVE", "RUNNING", "RUNNING", "RUNNING"]);
    assert!(cluster.state.unknown_applications().is_empty());
}

/// Failure D1: Spark ends accepted drivers that had not been placed yet.
#[test]
fn d1_a_driver_that_waits_through_a_fail_over_keeps_its_id_its_state_and_its_place() {
    let mut cluster = Cluster::with_workers(1);
    cluster.running_driver(false, 0);
    let waiting: Vec<_> = (0..20).map(|n| cluster.submit(n % 2 == 0)).collect();
    cluster.lead();
    for id in &waiting {
        assert_eq!(cluster.state.show_driver(cluster.driver(id)), "SUBMITTED");
    }
    cluster.complete(&[0]).unwrap();
    let queue: Vec<_> = cluster.state.driver_queue.values().cloned().collect();
    assert_eq!(queue, waiting);
    for id in &waiting {
        assert_eq!(cluster.driver(id).state, DriverState::Submitted);
    }
}

/// D1's sharper form: placed in the log, and its order never sent.
#[test]
fn d1_a_driver_whose_order_was_never_sent_is_ordered_again_as_the_same_instance() {
    let mut cluster = Cluster::with_workers(1);
    let id = cluster.submit(false);
    let instance = cluster.place_driver(&id, 0);
    cluster.lead();
    cluster.attach(0, 0, &[]);
    assert_eq!(cluster.driver(&id).state, DriverState::Running);
    let orders = crate::orders::for_worker(&cluster.state, &worker_id(0));
    assert_eq!(orders.run.len(), 1);
    assert_eq!(orders.run[0].0, instance);
    let report = cluster.state.failovers.back().unwrap();
    assert_eq!(report.counts[&Outcome::Started], 1);
}

/// Failure D15: Spark reads what it had stored in any order.
#[test]
fn d15_the_queues_keep_the_order_of_arrival_over_fail_overs() {
    let mut cluster = Cluster::with_workers(1);
    let mut apps = Vec::new();
    for n in 0..50 {
        apps.push(cluster.register());
        if n == 17 || n == 33 {
            cluster.lead();
        }
    }
    assert!(cluster.state.app_queue.values().eq(&apps));
}

#[test]
fn a_relaunched_driver_goes_back_to_its_place_in_the_queue() {
    let mut cluster = Cluster::with_workers(1);
    let (first, _) = cluster.running_driver(true, 0);
    let second = cluster.submit(false);
    cluster.lose(0);
    assert!(cluster.state.driver_queue.values().eq([&first, &second]));
}

#[test]
fn recovery_completes_once_and_condemns_only_who_is_still_silent() {
    let mut cluster = Cluster::with_workers(2);
    let (lost, _) = cluster.running_driver(true, 0);
    let (kept, instance) = cluster.running_driver(true, 1);
    cluster.lead();
    cluster.wait(3);
    cluster.attach(1, 0, &[runs(&instance)]);
    assert_eq!(cluster.complete(&[0, 1]), Ok(Answer::Recovered));
    assert_eq!(cluster.worker(0).state, WorkerState::Dead);
    assert_eq!(
        cluster.worker(1).state,
        WorkerState::Alive,
        "it answered meanwhile"
    );
    assert_eq!(cluster.driver(&lost).state, DriverState::Relaunching);
    assert_eq!(cluster.driver(&kept).state, DriverState::Running);
    assert_eq!(
        cluster.state.failovers.back().unwrap().recovery_ms,
        Some(3_000)
    );

    cluster.attach(0, 0, &[]);
    let (id, _) = cluster.running_driver(true, 0);
    cluster.wait(5);
    let before = cluster.state.clone();
    assert_eq!(cluster.complete(&[0, 1]), Ok(Answer::Recovered));
    assert_eq!(
        cluster.driver(&id),
        &before.drivers[&id],
        "the second time changes nothing"
    );
    assert_eq!(cluster.state.failovers, before.failovers);
}

#[test]
fn after_recovery_nobody_is_condemned_any_more() {
    let mut cluster = Cluster::with_workers(1);
    let (id, _) = cluster.running_driver(true, 0);
    cluster.lead();
    cluster.complete(&[]).unwrap();
    cluster.complete(&[0]).unwrap();
    assert_eq!(
        cluster.driver(&id).state,
        DriverState::Running,
        "the ordinary timer judges it"
    );
}

#[test]
fn a_dead_worker_shows_as_dead_under_a_new_leader_too() {
    let mut cluster = Cluster::with_workers(1);
    cluster.lose(0);
    cluster.lead();
    assert_eq!(cluster.state.show_worker(cluster.worker(0)), "DEAD");
    assert!(cluster.state.unknown_workers().is_empty());
}

#[test]
fn a_worker_that_is_silent_but_not_condemned_stays_unknown() {
    let mut cluster = Cluster::with_workers(1);
    let (id, instance) = cluster.running_driver(false, 0);
    cluster.lead();
    cluster.complete(&[]).unwrap();
    assert!(cluster.state.recovered);
    assert_eq!(cluster.state.show_driver(cluster.driver(&id)), "UNKNOWN");
    cluster.attach(0, 0, &[runs(&instance)]);
    assert_eq!(cluster.state.show_driver(cluster.driver(&id)), "RUNNING");
}

/// Failure D12: Spark finishes an application whose client missed one message.
#[test]
fn d12_recovery_does_not_end_an_application_that_has_not_answered() {
    let mut cluster = Cluster::with_workers(1);
    let app = cluster.register();
    let executor = cluster.running_executor(&app, 0);
    cluster.lead();
    cluster.attach(0, 0, &[runs(&executor)]);
    cluster.complete(&[]).unwrap();
    assert!(cluster.app(&app).is_live());
    assert_eq!(cluster.app(&app).executors.len(), 1);
    assert!(
        crate::orders::for_worker(&cluster.state, &worker_id(0))
            .stop
            .is_empty()
    );
}

/// Failure D19: Spark shows every waiting application as RUNNING after a fail-over.
#[test]
fn d19_an_application_is_after_a_fail_over_what_it_was_before() {
    let mut cluster = Cluster::with_workers(1);
    let none = cluster.register();
    let some = cluster.register();
    let executor = cluster.running_executor(&some, 0);
    let before = [cluster.app(&none).state, cluster.app(&some).state];
    assert_eq!(before.map(|state| state.as_str()), ["WAITING", "RUNNING"]);
    cluster.lead();
    assert_eq!(
        cluster.state.show_application(cluster.app(&none)),
        "WAITING"
    );
    cluster.attach(0, 0, &[runs(&executor)]);
    cluster.confirm(&none).unwrap();
    cluster.confirm(&some).unwrap();
    cluster.complete(&[]).unwrap();
    assert_eq!([cluster.app(&none).state, cluster.app(&some).state], before);
}

/// Failure D7: Spark counts executors from the highest live one after a fail-over, and drivers and
/// applications from 0.
#[test]
fn d7_no_id_is_given_twice_over_fail_overs_with_a_frozen_clock() {
    let mut cluster = Cluster::with_workers(1);
    let app = cluster.register();
    let executors: Vec<_> = (0..6).map(|_| cluster.running_executor(&app, 0)).collect();
    cluster.report(0, &[exited(&executors[4], 0), exited(&executors[5], 0)]);
    cluster.lead();
    cluster.attach(0, 0, &executors[..4].iter().map(runs).collect::<Vec<_>>());
    cluster.confirm(&app).unwrap();
    cluster.place_executor(&app, 0);
    cluster.place_executor(&app, 0);
    let numbers: Vec<_> = cluster.app(&app).executors.keys().copied().collect();
    assert_eq!(numbers, [0, 1, 2, 3, 6, 7]);

    let mut ids = std::collections::BTreeSet::new();
    for n in 0..200 {
        if n % 40 == 0 {
            cluster.lead();
        }
        assert!(ids.insert(cluster.submit(false)));
    }
}

/// Failure D8: Spark forgets targets.
#[test]
fn d8_an_executor_target_outlives_its_leader() {
    let mut cluster = Cluster::with_workers(1);
    let app = cluster.register();
    let request = Request::SetExecutorTarget {
        app: app.clone(),
        profile: 0,
        target: 4,
    };
    cluster.ask(request).unwrap();
    cluster.lead();
    assert_eq!(cluster.app(&app).description.profiles[&0].target, Some(4));
}
