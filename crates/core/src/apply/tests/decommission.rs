//! Executors of Spark's applications on workers that are drained.

use vesta_types::{AppId, ApplicationState, ExecutorState, Exit, InstanceId, ProfileRequest};

use super::spark::*;
use super::support::*;
use crate::command::Command;
use crate::orders::for_worker;
use crate::plan::{Policy, plan};

const HOUR: u64 = 3_600_000;

/// Three workers of Spark's own; an application with one executor, of the one that it wants, on worker 0;
/// it may have one core.
fn one_executor() -> (Cluster, AppId, InstanceId) {
    let mut cluster = Cluster::with_spark();
    for n in 0..3 {
        cluster.attach_as(spark_worker(n, "4.0.1"), &[]).unwrap();
    }
    let mut description = spark_application("4.0.1", 4041);
    description.max_cores = Some(1);
    let wanted = description.profiles.values_mut();
    wanted.for_each(|wanted: &mut ProfileRequest| wanted.target = Some(1));
    let app = cluster.register_as(description);
    let executor = cluster.running_executor(&app, 0);
    (cluster, app, executor)
}

fn stopped(cluster: &Cluster, n: u16) -> Vec<InstanceId> {
    for_worker(&cluster.state, &worker_id(n)).stop
}

fn end_drain(cluster: &mut Cluster, n: u16) {
    let id = worker_id(n);
    let index = cluster.state.drains[&id].index;
    let epoch = cluster.epoch();
    let drains = vec![(id, index)];
    cluster.apply(Command::EndDrains { epoch, drains }).unwrap();
}

#[test]
fn a_drain_decommissions_executors_of_spark_at_once_and_tells_none_to_end() {
    let (mut cluster, app, executor) = one_executor();
    let said = format!("{:?}", cluster.drain(0, HOUR).unwrap());
    assert!(said.contains("leave theirs (1) now"), "{said}");
    let found = cluster.executor(&app, 0);
    assert_eq!(found.state, ExecutorState::Decommissioned);
    assert_eq!(found.message, "worker decommissioned");
    assert!(!found.kill_requested);
    let orders = for_worker(&cluster.state, &worker_id(0));
    assert!(orders.stop.is_empty());
    assert!(orders.run.iter().any(|(instance, _)| *instance == executor));
    cluster.report(0, &[runs(&executor)]);
    let found = cluster.executor(&app, 0);
    assert_eq!(
        found.state,
        ExecutorState::Decommissioned,
        "that it runs is no news"
    );
}

#[test]
fn a_decommissioned_executor_is_replaced_at_once_though_its_application_may_have_no_more() {
    let (mut cluster, app, executor) = one_executor();
    assert!(
        plan(&cluster.state, &Policy::default())
            .placements
            .is_empty()
    );
    cluster.drain(0, HOUR).unwrap();
    let placements = plan(&cluster.state, &Policy::default()).placements;
    assert_eq!(cluster.place(placements), (1, 0));
    assert_ne!(cluster.executor(&app, 1).worker, worker_id(0));
    assert!(
        plan(&cluster.state, &Policy::default())
            .placements
            .is_empty()
    );
    assert_eq!(cluster.worker(0).booked.cores, 1, "it still runs there");
    assert_eq!(cluster.app(&app).cores_held(), 1);

    cluster.report(0, &[exited(&executor, 0)]);
    assert_eq!(cluster.executor(&app, 0).state, ExecutorState::Exited);
    assert_eq!(cluster.worker(0).booked.cores, 0);
    assert_eq!(cluster.app(&app).retries, 0);
    assert!(
        plan(&cluster.state, &Policy::default())
            .placements
            .is_empty()
    );
}

#[test]
fn how_a_decommissioned_executor_ends_is_no_failure_of_its_application() {
    let (mut cluster, app, executor) = one_executor();
    cluster.drain(0, HOUR).unwrap();
    let exit = Exit {
        error: Some("Executor decommission.".to_owned()),
        ..Exit::default()
    };
    cluster.report(0, &[ended(&executor, exit)]);
    assert_eq!(cluster.executor(&app, 0).state, ExecutorState::Failed);
    assert_eq!(cluster.app(&app).retries, 0);
    assert_eq!(cluster.app(&app).state, ApplicationState::Waiting);
}

#[test]
fn what_a_driver_has_not_let_go_by_the_deadline_is_told_to_end() {
    let (mut cluster, app, executor) = one_executor();
    cluster.drain(0, HOUR).unwrap();
    end_drain(&mut cluster, 0);
    assert_eq!(stopped(&cluster, 0), std::slice::from_ref(&executor));
    cluster.report(0, &[killed(&executor)]);
    assert_eq!(cluster.executor(&app, 0).state, ExecutorState::Killed);

    let (mut cluster, _, executor) = one_executor();
    cluster.drain(0, 0).unwrap();
    assert_eq!(stopped(&cluster, 0), [executor]);
}

#[test]
fn a_fail_over_ends_no_decommissioned_executor() {
    let (mut cluster, app, executor) = one_executor();
    cluster.drain(0, HOUR).unwrap();
    cluster.lead();
    cluster
        .attach_as(spark_worker(0, "4.0.1"), &[runs(&executor)])
        .unwrap();
    for n in [1, 2] {
        cluster.attach_as(spark_worker(n, "4.0.1"), &[]).unwrap();
    }
    cluster.confirm(&app).unwrap();
    cluster.complete(&[0, 1, 2]).unwrap();
    let found = cluster.executor(&app, 0);
    assert_eq!(cluster.state.show_executor(found), "DECOMMISSIONED");
    assert!(stopped(&cluster, 0).is_empty());
}

#[test]
fn a_drain_that_is_taken_back_leaves_the_executor_to_its_driver() {
    let (mut cluster, app, executor) = one_executor();
    cluster.drain(0, HOUR).unwrap();
    cluster.undrain(0).unwrap();
    let found = cluster.executor(&app, 0);
    assert_eq!(found.state, ExecutorState::Decommissioned);
    assert!(stopped(&cluster, 0).is_empty());
    cluster.running_executor(&app, 0);
    cluster.drain(0, HOUR).unwrap();
    end_drain(&mut cluster, 0);
    assert!(
        stopped(&cluster, 0).contains(&executor),
        "the next drain ends it"
    );
}

#[test]
fn executors_of_other_applications_stay_as_they_are_until_the_deadline() {
    let mut cluster = Cluster::with_spark();
    cluster.attach_as(with_homes(0, &["4.0.1"]), &[]).unwrap();
    cluster.attach_as(with_homes(1, &["4.0.1"]), &[]).unwrap();
    let of_spark = cluster.register_as(spark_application("4.0.1", 4041));
    let other = cluster.register();
    for app in [&of_spark, &other] {
        cluster.running_executor(app, 0);
    }
    cluster.drain(0, HOUR).unwrap();
    let states = [&of_spark, &other].map(|app| cluster.executor(app, 0).state);
    assert_eq!(
        states,
        [ExecutorState::Decommissioned, ExecutorState::Running]
    );
    end_drain(&mut cluster, 0);
    let app = cluster.app(&other);
    assert_eq!(
        cluster.executor(&other, 0).state,
        ExecutorState::Decommissioned
    );
    assert_eq!(app.live_of(0), 1, "it counts until its end is known");
    assert_eq!(stopped(&cluster, 0).len(), 2);
}
