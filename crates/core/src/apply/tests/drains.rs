//! Workers that are drained.

use vesta_types::limits::DRAIN_DEADLINE_MAX;
use vesta_types::{DriverState, ExecutorState, WorkerState};

use super::support::*;
use crate::command::Command;
use crate::orders::for_worker;
use crate::plan::{Policy, Reasons, plan};
use crate::reply::{Answer, RejectCode};

const HOUR: u64 = 3_600_000;

fn end_drain(cluster: &mut Cluster, index: u64) {
    let command = Command::EndDrains {
        epoch: cluster.epoch(),
        drains: vec![(worker_id(0), index)],
    };
    cluster.apply(command).unwrap();
}

fn index(cluster: &Cluster) -> u64 {
    cluster.state.drains[&worker_id(0)].index
}

fn to_stop(cluster: &Cluster) -> usize {
    for_worker(&cluster.state, &worker_id(0)).stop.len()
}

fn said(reply: crate::Reply) -> String {
    match reply {
        Ok(Answer::Drained { state, message }) => format!("{state}: {message}"),
        other => panic!("{other:?}"),
    }
}

#[test]
fn a_drained_worker_gets_nothing_new_and_keeps_what_it_has() {
    let mut cluster = Cluster::with_workers(2);
    let (driver, _) = cluster.running_driver(true, 0);
    let app = cluster.register();
    cluster.running_executor(&app, 0);
    let waiting = cluster.submit(true);
    let said = said(cluster.drain(0, HOUR));
    assert!(
        said.starts_with("DECOMMISSIONED") && said.contains("after 3600 s"),
        "{said}"
    );
    let early = cluster.driver_placement(&waiting, 0);
    assert_eq!(
        cluster.place(vec![early]),
        (0, 1),
        "planned before the drain"
    );
    for placement in plan(&cluster.state, &Policy::default()).placements {
        let to = format!("{placement:?}");
        assert!(!to.contains(worker_id(0).as_str()), "{to}");
    }
    assert_eq!(cluster.driver(&driver).state, DriverState::Running);
    assert_eq!(cluster.executor(&app, 0).state, ExecutorState::Running);
    assert_eq!(to_stop(&cluster), 0);
}

#[test]
fn when_the_deadline_is_over_what_can_go_elsewhere_does_once_its_end_is_known() {
    let mut cluster = Cluster::with_workers(2);
    let (supervised, first) = cluster.running_driver(true, 0);
    let (plain, alone) = cluster.running_driver(false, 0);
    let app = cluster.register();
    let executor = cluster.running_executor(&app, 0);
    cluster.drain(0, HOUR).unwrap();
    let index = index(&cluster);
    end_drain(&mut cluster, index);
    assert_eq!(
        cluster.executor(&app, 0).state,
        ExecutorState::Decommissioned
    );
    let orders = for_worker(&cluster.state, &worker_id(0));
    assert_eq!(orders.stop.len(), 2);
    assert!(
        !orders.stop.contains(&alone),
        "never an unsupervised driver"
    );
    let placement = cluster.driver_placement(&supervised, 1);
    assert_eq!(
        cluster.place(vec![placement]),
        (0, 1),
        "its end is not known yet"
    );

    cluster.report(0, &[killed(&first), killed(&executor)]);
    assert_eq!(cluster.driver(&supervised).state, DriverState::Relaunching);
    assert!(cluster.driver(&supervised).message.contains("drained"));
    assert_eq!(cluster.executor(&app, 0).state, ExecutorState::Killed);
    assert_eq!(cluster.app(&app).retries, 0);
    cluster.place_driver(&supervised, 1);
    assert_eq!(cluster.driver(&supervised).attempt, 2);
    assert_eq!(to_stop(&cluster), 0);
    cluster.report(0, &[exited(&alone, 0)]);
    assert_eq!(cluster.driver(&plain).state, DriverState::Finished);
    assert!(!cluster.worker(0).holds_something());
}

#[test]
fn a_driver_that_ends_by_itself_while_it_moves_is_over() {
    let mut cluster = Cluster::with_workers(1);
    let (driver, instance) = cluster.running_driver(true, 0);
    cluster.drain(0, 0).unwrap();
    cluster.report(0, &[exited(&instance, 0)]);
    assert_eq!(cluster.driver(&driver).state, DriverState::Finished);
}

#[test]
fn a_drain_without_time_moves_at_once_and_says_whom_it_waits_for() {
    let mut cluster = Cluster::with_workers(1);
    cluster.running_driver(true, 0);
    cluster.running_driver(false, 0);
    let said = said(cluster.drain(0, 0));
    assert!(
        said.contains("(1) that still run there are moved now"),
        "{said}"
    );
    assert!(
        said.contains("unsupervised drivers (1) are waited for"),
        "{said}"
    );
    assert_eq!(to_stop(&cluster), 1);
}

#[test]
fn the_same_drain_again_changes_nothing_and_another_deadline_counts_anew() {
    let mut cluster = Cluster::with_workers(1);
    let first = cluster.drain(0, HOUR);
    let asked = index(&cluster);
    assert_eq!(cluster.drain(0, HOUR), first);
    assert_eq!(index(&cluster), asked);
    cluster.drain(0, 2 * HOUR).unwrap();
    end_drain(&mut cluster, asked);
    assert!(
        !cluster.state.drains[&worker_id(0)].over,
        "a word about another drain"
    );
    cluster.drain(0, 0).unwrap();
    cluster.drain(0, HOUR).unwrap();
    assert!(
        cluster.state.drains[&worker_id(0)].over,
        "it is not put off any more"
    );
}

#[test]
fn an_undrained_worker_takes_work_again_and_what_was_told_to_end_ends() {
    let mut cluster = Cluster::with_workers(1);
    let app = cluster.register();
    let executor = cluster.running_executor(&app, 0);
    cluster.drain(0, 0).unwrap();
    let said = said(cluster.undrain(0));
    assert_eq!(said, "ALIVE: its drain is taken back");
    assert_eq!(to_stop(&cluster), 1);
    cluster.report(0, &[killed(&executor)]);
    cluster.running_driver(true, 0);
    let again = self::said(cluster.undrain(0));
    assert_eq!(again, "ALIVE: it is not drained");
}

#[test]
fn a_drain_outlives_restarts_reboots_fail_overs_and_a_loss() {
    let lives: [fn(&mut Cluster); 4] = [
        |cluster| drop(cluster.attach(0, 0, &[])),
        |cluster| drop(cluster.attach(0, 1, &[])),
        |cluster| {
            cluster.lead();
            cluster.attach(0, 0, &[]);
        },
        |cluster| {
            cluster.lose(0);
            cluster.attach(0, 0, &[]);
        },
    ];
    for (n, life) in lives.into_iter().enumerate() {
        let mut cluster = Cluster::with_workers(1);
        cluster.drain(0, HOUR).unwrap();
        life(&mut cluster);
        let worker = cluster.worker(0);
        assert_eq!(cluster.state.show_worker(worker), "DECOMMISSIONED", "{n}");
        cluster.undrain(0).unwrap();
        assert_eq!(cluster.worker(0).state, WorkerState::Alive, "{n}");
    }
}

#[test]
fn what_only_a_drained_worker_could_hold_waits_and_says_so() {
    let mut cluster = Cluster::with_workers(1);
    let mut small = worker(1, 0);
    small.capacity.cores = 1;
    cluster.attach_as(small, &[]).unwrap();
    let mut description = driver(true);
    description.cores = 2;
    let id = cluster.submit_as(description);
    cluster.drain(0, HOUR).unwrap();
    let why = Reasons::of(&cluster.state, &Policy::default()).driver(cluster.driver(&id));
    let expected = format!(
        "only workers that are drained could hold it, such as {}",
        worker_id(0)
    );
    assert_eq!(why, Some(expected));
    cluster.undrain(0).unwrap();
    cluster.place_driver(&id, 0);
}

#[test]
fn a_drain_goes_with_the_worker_that_is_forgotten() {
    let mut cluster = Cluster::with_workers(1);
    cluster.drain(0, HOUR).unwrap();
    cluster.lose(0);
    cluster.wait(17 * 60);
    cluster.submit(true);
    assert!(cluster.state.drains.is_empty());
    cluster.attach(0, 0, &[]);
    assert_eq!(cluster.worker(0).state, WorkerState::Alive);
}

#[test]
fn what_can_t_be_drained_is_refused() {
    let mut cluster = Cluster::with_workers(2);
    cluster.lose(1);
    let longest = u64::try_from(DRAIN_DEADLINE_MAX.as_millis()).unwrap();
    assert_rejected(cluster.drain(7, HOUR), RejectCode::NotFound);
    assert_rejected(cluster.undrain(7), RejectCode::NotFound);
    assert_rejected(cluster.drain(1, HOUR), RejectCode::State);
    assert_rejected(cluster.drain(0, longest + 1), RejectCode::Invalid);
    assert_rejected(cluster.drain(0, u64::MAX), RejectCode::Invalid);
    assert_eq!(cluster.worker(0).state, WorkerState::Alive);
    cluster.drain(0, longest).unwrap();
}
