//! A worker of Spark's own.

use std::collections::{BTreeMap, BTreeSet};

use uuid::Uuid;
use vesta_core::ClusterState;
use vesta_proto::worker_convert::{OrderSet, RunOrder};
use vesta_spark::message::{DriverState, ExecutorState};
use vesta_types::{
    AppId, Booking, Capacity, ClusterId, Containment, DriverId, Epoch, Exit, Incarnation,
    InstanceId, InstanceStatus, Launch, SparkPeer, SparkRelease, SparkWorker as Described,
    Timestamp, WorkerDescription,
};

use crate::leader::WorkerReport;
use crate::spark::worker::{Act, SparkWorker};

const NOW: Timestamp = Timestamp(1_795_258_800_000);
const EPOCH: Epoch = Epoch(3);

fn cluster() -> ClusterId {
    ClusterId(Uuid::from_u128(7))
}

fn app() -> AppId {
    AppId::mint(NOW, 0)
}

fn driver() -> DriverId {
    DriverId::mint(NOW, 1)
}

fn executor(number: u32) -> InstanceId {
    InstanceId::executor(cluster(), app(), number)
}

fn worker_with(placed: &[InstanceId]) -> SparkWorker<u32> {
    let release = SparkRelease::of_version("4.0.1").unwrap();
    let peer = SparkPeer {
        host: "127.0.0.1".to_owned(),
        port: 31_001,
        endpoint: "Worker".to_owned(),
        release,
    };
    let description = WorkerDescription {
        id: "worker-20261122001010-127.0.0.1-31001".parse().unwrap(),
        incarnation: Incarnation {
            store: Uuid::from_u128(1),
            boot: Uuid::from_u128(1),
        },
        host: "127.0.0.1".to_owned(),
        port: 31_001,
        capacity: Capacity {
            cores: 4,
            memory_mib: 4096,
            named: BTreeMap::new(),
        },
        containment: Containment::default(),
        spark: Some(Described {
            peer,
            web_ui: String::new(),
        }),
        spark_homes: BTreeMap::new(),
    };
    let placed = placed.iter().cloned().collect();
    SparkWorker::new(description, cluster(), EPOCH, placed)
}

fn run(instance: InstanceId) -> RunOrder {
    RunOrder {
        instance,
        launch: Launch::default(),
        booking: Booking::plain(1, 512),
        supervise: false,
        conf: BTreeMap::new(),
        profile: 0,
        name: "app".to_owned(),
        payload: Vec::new(),
        executor: None,
        total_executor_cores: None,
        lease: None,
    }
}

fn orders(run_these: &[InstanceId], stop: &[InstanceId]) -> OrderSet {
    OrderSet {
        cluster: cluster(),
        epoch: EPOCH,
        index: 9,
        run: run_these.iter().cloned().map(run).collect(),
        stop: stop.to_vec(),
    }
}

/// The last report among `acts`, as what it says of each instance.
fn said(acts: &[Act<u32>]) -> BTreeMap<InstanceId, InstanceStatus> {
    let report = acts.iter().rev().find_map(|act| match act {
        Act::Report(report) => Some(report),
        _ => None,
    });
    let WorkerReport { reports, epoch, .. } = &**report.expect("there is a report");
    assert_eq!(*epoch, EPOCH);
    let lines = reports.iter();
    lines
        .map(|it| (it.instance.clone(), it.status.clone()))
        .collect()
}

fn launched(acts: &[Act<u32>]) -> Vec<InstanceId> {
    let launches = acts.iter().filter_map(|act| match act {
        Act::Launch(run) => Some(run.instance.clone()),
        _ => None,
    });
    launches.collect()
}

fn answered(acts: &[Act<u32>]) -> Vec<u32> {
    let answers = acts.iter().filter_map(|act| match act {
        Act::Answer(ask) => Some(*ask),
        _ => None,
    });
    answers.collect()
}

fn running() -> InstanceStatus {
    InstanceStatus::Running { pid: 0, since: NOW }
}

#[test]
fn nothing_is_reported_before_the_worker_has_said_what_it_runs() {
    let mut worker = worker_with(&[]);
    assert!(worker.asked().is_empty());
    let acts = worker.runs(&[(app(), 4)], &[], &ClusterState::default(), NOW);
    assert_eq!(said(&acts), BTreeMap::from([(executor(4), running())]));
}

#[test]
fn an_order_that_is_repeated_is_launched_once() {
    let mut worker = worker_with(&[]);
    worker.runs(&[], &[], &ClusterState::default(), NOW);
    let set = [executor(0), executor(1)];
    let acts = worker.ordered(orders(&set, &[]), NOW);
    assert_eq!(launched(&acts), set);
    assert_eq!(said(&acts)[&executor(0)], InstanceStatus::Accepted);
    assert!(launched(&worker.ordered(orders(&set, &[]), NOW)).is_empty());
}

#[test]
fn what_already_runs_there_is_not_launched_again_by_a_new_leader() {
    let mut worker = worker_with(&[executor(0)]);
    worker.runs(&[(app(), 0)], &[], &ClusterState::default(), NOW);
    assert!(launched(&worker.ordered(orders(&[executor(0)], &[]), NOW)).is_empty());
}

#[test]
fn the_end_of_an_executor_is_answered_once_it_is_in_the_log() {
    let mut worker = worker_with(&[]);
    worker.runs(&[(app(), 0)], &[], &ClusterState::default(), NOW);
    let ended = (ExecutorState::Exited, None, Some(137));
    let acts = worker.executor_changed(executor(0), ended, 1, NOW);
    assert!(answered(&acts).is_empty());
    let exit = Exit {
        code: Some(137),
        ..Exit::default()
    };
    let (at, ran) = (NOW, None);
    assert_eq!(
        said(&acts)[&executor(0)],
        InstanceStatus::Ended { exit, at, ran }
    );
    let other = worker.acknowledged(&BTreeSet::from([executor(1)]));
    assert!(answered(&other).is_empty());
    let acts = worker.acknowledged(&BTreeSet::from([executor(0)]));
    assert_eq!(answered(&acts), [1]);
    assert!(said(&worker.asked()).is_empty(), "nobody waits for it now");
}

#[test]
fn an_end_that_is_said_twice_stays_what_it_was_first() {
    let mut worker = worker_with(&[]);
    worker.runs(&[(app(), 0)], &[], &ClusterState::default(), NOW);
    let first = (ExecutorState::Exited, None, Some(0));
    let before = said(&worker.executor_changed(executor(0), first, 1, NOW));
    let second = (ExecutorState::Failed, Some("again"), None);
    let acts = worker.executor_changed(executor(0), second, 2, NOW);
    assert_eq!(said(&acts), before);
    let late = (ExecutorState::Running, None, None);
    let acts = worker.executor_changed(executor(0), late, 3, NOW);
    assert_eq!(said(&acts), before, "nothing runs after its end");
    assert_eq!(answered(&acts), [3]);
}

#[test]
fn a_driver_that_a_fail_over_finds_missing_is_not_run_again_as_if_it_never_had() {
    let id = InstanceId::driver(cluster(), driver(), 1);
    let mut worker = worker_with(std::slice::from_ref(&id));
    let acts = worker.runs(&[], &[], &ClusterState::default(), NOW);
    let status = &said(&acts)[&id];
    assert!(
        matches!(status, InstanceStatus::Interrupted { .. }),
        "{status:?}"
    );
    assert!(launched(&worker.ordered(orders(&[id], &[]), NOW)).is_empty());
}

#[test]
fn an_executor_that_was_never_heard_of_and_is_missing_never_ran_and_one_that_ran_was_interrupted() {
    let mut worker = worker_with(&[executor(0)]);
    let acts = worker.runs(&[], &[], &ClusterState::default(), NOW);
    let status = &said(&acts)[&executor(0)];
    assert!(
        matches!(status, InstanceStatus::NeverRan { .. }),
        "{status:?}"
    );
    let mut worker = worker_with(&[]);
    worker.runs(&[(app(), 0)], &[], &ClusterState::default(), NOW);
    worker.disconnected();
    let acts = worker.runs(&[], &[], &ClusterState::default(), NOW);
    let status = &said(&acts)[&executor(0)];
    assert!(
        matches!(status, InstanceStatus::Interrupted { .. }),
        "{status:?}"
    );
}

#[test]
fn what_was_placed_after_the_leader_led_and_never_sent_is_launched_at_the_first_contact() {
    let mut worker = worker_with(&[]);
    let acts = worker.runs(&[], &[], &ClusterState::default(), NOW);
    assert!(said(&acts).is_empty());
    let acts = worker.ordered(orders(&[executor(2)], &[]), NOW);
    assert_eq!(launched(&acts), [executor(2)]);
}

#[test]
fn what_is_to_stop_is_killed_if_it_runs_and_never_launched_if_it_does_not() {
    let mut worker = worker_with(&[]);
    worker.runs(&[(app(), 0)], &[], &ClusterState::default(), NOW);
    let acts = worker.ordered(orders(&[], &[executor(0), executor(1)]), NOW);
    assert!(matches!(&acts[0], Act::Kill(it) if *it == executor(0)));
    assert!(matches!(
        said(&acts)[&executor(1)],
        InstanceStatus::NeverRan { .. }
    ));
    assert!(launched(&worker.ordered(orders(&[executor(1)], &[]), NOW)).is_empty());
}

#[test]
fn a_driver_runs_once_it_is_launched_and_ends_as_its_worker_says() {
    let id = InstanceId::driver(cluster(), driver(), 1);
    let mut worker = worker_with(&[]);
    worker.runs(&[], &[], &ClusterState::default(), NOW);
    let acts = worker.ordered(orders(std::slice::from_ref(&id), &[]), NOW);
    assert_eq!(said(&acts)[&id], running());
    let how = (DriverState::Error, Some("no such jar"));
    let acts = worker.driver_ended(&driver(), how, &ClusterState::default(), NOW);
    let InstanceStatus::Ended { exit, .. } = &said(&acts)[&id] else {
        panic!("it has ended");
    };
    assert_eq!(exit.error.as_deref(), Some("no such jar"));
}

#[test]
fn what_can_t_be_told_to_its_worker_has_ended_with_an_error_and_is_not_accepted_for_ever() {
    let mut worker = worker_with(&[]);
    worker.runs(&[], &[], &ClusterState::default(), NOW);
    let id = InstanceId::driver(cluster(), driver(), 1);
    let both = [executor(0), id];
    worker.ordered(orders(&both, &[]), NOW);
    for instance in &both {
        let acts = worker.not_told(instance.clone(), "no such message".to_owned(), NOW);
        let InstanceStatus::Ended { exit, .. } = &said(&acts)[instance] else {
            panic!("{instance} has ended");
        };
        let why = exit.error.as_deref().unwrap();
        assert!(why.contains("no such message"), "{why}");
    }
    let acts = worker.ordered(orders(&both, &[]), NOW);
    assert!(launched(&acts).is_empty());
}

#[test]
fn a_worker_that_goes_is_told_to_start_nothing_and_is_drained_again_if_it_is_ordered_something() {
    let mut worker = worker_with(&[]);
    worker.runs(&[(app(), 0)], &[], &ClusterState::default(), NOW);
    worker.goes();
    let acts = worker.ordered(orders(&[executor(0), executor(1), executor(2)], &[]), NOW);
    assert!(launched(&acts).is_empty());
    let drains = acts.iter().filter(|act| matches!(act, Act::Drain));
    assert_eq!(drains.count(), 1);
    let said = said(&acts);
    assert_eq!(said[&executor(0)], running(), "it runs on");
    assert!(matches!(
        said[&executor(1)],
        InstanceStatus::NeverRan { .. }
    ));
}

#[test]
fn what_a_worker_dropped_without_a_word_when_it_went_never_ran() {
    let mut worker = worker_with(&[]);
    worker.runs(&[(app(), 0)], &[], &ClusterState::default(), NOW);
    worker.ordered(orders(&[executor(1)], &[]), NOW);
    worker.goes();
    // It is asked what it has.
    let acts = worker.runs(&[(app(), 0)], &[], &ClusterState::default(), NOW);
    let said = said(&acts);
    assert_eq!(said[&executor(0)], running());
    assert!(matches!(
        said[&executor(1)],
        InstanceStatus::NeverRan { .. }
    ));
}
