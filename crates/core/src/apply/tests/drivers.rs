//! How drivers end.

use vesta_types::{ApplicationState, DriverState, InstanceReport, InstanceStatus, Ran, Timestamp};

use super::support::*;
use crate::command::Request;
use crate::reply::{Answer, RejectCode};

/// What a worker says of an instance.
type Says = fn(&vesta_types::InstanceId) -> InstanceReport;

/// What becomes of a driver that runs, or was ordered only, when its worker reports `end`.
fn after(supervise: bool, killing: bool, seen: bool, end: Says) -> DriverState {
    let mut cluster = Cluster::with_workers(1);
    let id = cluster.submit(supervise);
    let instance = cluster.place_driver(&id, 0);
    if seen {
        cluster.report(0, &[runs(&instance)]);
    }
    if killing {
        cluster.kill(&id).unwrap();
    }
    assert_eq!(cluster.report(0, &[end(&instance)]), [instance]);
    let driver = cluster.driver(&id);
    assert_eq!(
        driver.attempt, 1,
        "a new attempt begins only when it is placed"
    );
    assert!(driver.state.is_waiting() || !driver.message.is_empty());
    driver.state
}

fn killed_with_code_0(instance: &vesta_types::InstanceId) -> InstanceReport {
    let exit = vesta_types::Exit {
        code: Some(0),
        killed: true,
        ..Default::default()
    };
    ended(instance, exit)
}

#[test]
fn the_end_of_a_driver_is_what_its_process_and_its_owner_make_it() {
    use DriverState::*;
    let code_0 = |instance: &_| exited(instance, 0);
    let code_1 = |instance: &_| exited(instance, 1);
    let (sup, plain) = (true, false);
    let (asked, not) = (true, false);
    let (seen, unseen) = (true, false);
    let table: &[(bool, bool, bool, Says, DriverState)] = &[
        (plain, not, seen, code_0, Finished),
        (sup, not, seen, code_0, Finished),
        (plain, not, unseen, code_0, Finished),
        (plain, asked, seen, code_0, Finished),
        (plain, not, seen, code_1, Failed),
        (sup, not, seen, code_1, Relaunching),
        (sup, asked, seen, code_1, Failed),
        (plain, not, seen, not_found, Error),
        (sup, not, seen, not_found, Error),
        (plain, asked, seen, killed, Killed),
        (sup, asked, seen, killed, Killed),
        (sup, asked, seen, killed_with_code_0, Finished),
        (plain, not, seen, killed, Error),
        (sup, not, seen, killed, Relaunching),
        (sup, not, seen, killed_with_code_0, Relaunching),
        (plain, not, seen, killed_with_code_0, Error),
        (plain, not, unseen, never_ran, Relaunching),
        (sup, not, unseen, never_ran, Relaunching),
        (plain, asked, unseen, never_ran, Killed),
        (plain, not, seen, never_ran, Failed),
        (sup, not, seen, never_ran, Relaunching),
        (plain, not, seen, interrupted, Failed),
        (sup, not, seen, interrupted, Relaunching),
        (sup, asked, seen, interrupted, Killed),
    ];
    for (n, (supervise, killing, seen, end, expected)) in table.iter().enumerate() {
        assert_eq!(
            after(*supervise, *killing, *seen, *end),
            *expected,
            "line {n}"
        );
    }
}

#[test]
fn a_driver_that_runs_shows_its_process() {
    let mut cluster = Cluster::with_workers(1);
    let (id, instance) = cluster.running_driver(true, 0);
    let placement = cluster.driver(&id).placement.clone().unwrap();
    assert_eq!((placement.pid, placement.started), (Some(100), Some(START)));
    let again = InstanceStatus::Running {
        pid: 200,
        since: cluster.at,
    };
    cluster.wait(5);
    cluster.report(
        0,
        &[InstanceReport {
            restart: 1,
            ..report(&instance, again)
        }],
    );
    let placement = cluster.driver(&id).placement.clone().unwrap();
    assert_eq!((placement.pid, placement.restart), (Some(200), 1));
    assert_eq!(placement.started, Some(START), "when it was first reported");
}

#[test]
fn what_a_driver_registered_ends_as_the_driver_does() {
    let table: &[(bool, Says, ApplicationState)] = &[
        (
            false,
            |instance| exited(instance, 0),
            ApplicationState::Finished,
        ),
        (
            false,
            |instance| exited(instance, 1),
            ApplicationState::Failed,
        ),
        (
            true,
            |instance| exited(instance, 1),
            ApplicationState::Failed,
        ),
        (false, interrupted, ApplicationState::Failed),
    ];
    for (supervise, end, expected) in table {
        let mut cluster = Cluster::with_workers(1);
        let (id, instance) = cluster.running_driver(*supervise, 0);
        let app = cluster.register_of(&id);
        let foreign = cluster.register();
        cluster.report(0, &[end(&instance)]);
        assert_eq!(cluster.app(&app).state, *expected);
        assert_eq!(cluster.app(&foreign).state, ApplicationState::Waiting);
    }
    let mut cluster = Cluster::with_workers(1);
    let (id, instance) = cluster.running_driver(true, 0);
    let app = cluster.register_of(&id);
    cluster.kill(&id).unwrap();
    assert!(cluster.app(&app).is_live(), "while its driver ends");
    cluster.report(0, &[killed(&instance)]);
    assert_eq!(cluster.app(&app).state, ApplicationState::Killed);
}

#[test]
fn what_a_lost_attempt_registered_fails() {
    let mut cluster = Cluster::with_workers(2);
    let (id, _) = cluster.running_driver(true, 0);
    let app = cluster.register_of(&id);
    cluster.running_executor(&app, 1);
    cluster.lose(0);
    assert_eq!(cluster.app(&app).state, ApplicationState::Failed);
    assert!(cluster.app(&app).message.contains("run of its driver"));
    assert!(cluster.executor(&app, 0).kill_requested);
}

#[test]
fn a_restart_on_the_same_worker_ends_what_the_run_before_registered() {
    let mut cluster = Cluster::with_workers(1);
    let (id, instance) = cluster.running_driver(true, 0);
    let old = cluster.register_of(&id);
    let restarted = |restart| InstanceReport {
        restart,
        ..runs(&instance)
    };
    cluster.report(0, &[restarted(2)]);
    assert_eq!(cluster.app(&old).state, ApplicationState::Failed);
    let new = cluster.register_of(&id);
    cluster.report(0, &[restarted(1), restarted(2)]);
    assert!(
        cluster.app(&new).is_live(),
        "an earlier restart is over, not begun"
    );
}

#[test]
fn only_the_current_run_of_a_driver_registers_applications() {
    let mut cluster = Cluster::with_workers(1);
    let (id, instance) = cluster.running_driver(true, 0);
    cluster.report(
        0,
        &[InstanceReport {
            restart: 3,
            ..runs(&instance)
        }],
    );
    let register = |cluster: &mut Cluster, attempt, restart| {
        let owner = vesta_types::DriverRun {
            driver: id.clone(),
            attempt,
            restart,
        };
        let description = application(Some(owner));
        cluster.ask(Request::RegisterApplication { description })
    };
    for (attempt, restart) in [(1, 2), (0, 3), (2, 0), (2, 3)] {
        assert_rejected(register(&mut cluster, attempt, restart), RejectCode::State);
    }
    register(&mut cluster, 1, 3).unwrap();
    register(&mut cluster, 1, 4).unwrap();
    cluster.lose(0);
    assert_rejected(register(&mut cluster, 1, 4), RejectCode::State);
    let unknown = vesta_types::DriverId::mint(START, 99);
    let owner = vesta_types::DriverRun {
        driver: unknown,
        attempt: 1,
        restart: 0,
    };
    let description = application(Some(owner));
    let reply = cluster.ask(Request::RegisterApplication { description });
    assert_rejected(reply, RejectCode::State);
}

#[test]
fn a_waiting_driver_is_killed_at_once_and_never_runs() {
    let mut cluster = Cluster::with_workers(1);
    let id = cluster.submit(true);
    match cluster.kill(&id) {
        Ok(Answer::Killed { state, .. }) => assert_eq!(state, "KILLED"),
        other => panic!("{other:?}"),
    }
    assert!(cluster.state.driver_queue.is_empty());
    let placement = cluster.driver_placement(&id, 0);
    assert_eq!(cluster.place(vec![placement]), (0, 1));
}

#[test]
fn a_kill_of_a_running_driver_is_recorded_and_carried_out_by_whoever_leads() {
    let mut cluster = Cluster::with_workers(1);
    let (id, instance) = cluster.running_driver(true, 0);
    match cluster.kill(&id) {
        Ok(Answer::Killed { state, message }) => {
            assert_eq!(state, "RUNNING");
            assert!(message.contains("recorded"), "{message}");
        }
        other => panic!("{other:?}"),
    }
    cluster.lead();
    cluster.attach(0, 0, &[runs(&instance)]);
    let orders = crate::orders::for_worker(&cluster.state, &worker_id(0));
    assert_eq!(orders.stop, std::slice::from_ref(&instance));
    assert!(orders.run.is_empty());
    cluster.report(0, &[killed(&instance)]);
    assert_eq!(cluster.driver(&id).state, DriverState::Killed);
}

#[test]
fn a_kill_of_what_is_over_or_unknown_says_so() {
    let mut cluster = Cluster::with_workers(1);
    let (id, instance) = cluster.running_driver(false, 0);
    cluster.report(0, &[exited(&instance, 0)]);
    match cluster.kill(&id) {
        Ok(Answer::Killed { state, message }) => {
            assert_eq!(state, "FINISHED");
            assert_eq!(message, "already FINISHED");
        }
        other => panic!("{other:?}"),
    }
    let unknown = vesta_types::DriverId::mint(START, 99);
    assert_rejected(cluster.kill(&unknown), RejectCode::NotFound);
}

#[test]
fn a_driver_without_cores_or_memory_or_with_too_many_is_refused() {
    let mut cluster = Cluster::new();
    for (cores, memory_mib) in [(0, 512), (1, 0), (u32::MAX, 512), (1, u64::MAX)] {
        let description = vesta_types::DriverDescription {
            cores,
            memory_mib,
            ..driver(false)
        };
        assert_rejected(
            cluster.ask(Request::SubmitDriver { description }),
            RejectCode::Invalid,
        );
    }
    let executor = Some(vesta_types::ExecutorSize {
        cores: 0,
        memory_mib: 1,
    });
    let description = vesta_types::DriverDescription {
        executor,
        ..driver(false)
    };
    assert_rejected(
        cluster.ask(Request::SubmitDriver { description }),
        RejectCode::Invalid,
    );
}

#[test]
fn an_ended_driver_still_shows_what_it_ran_as_though_it_was_never_said_to_run() {
    let mut cluster = Cluster::with_workers(1);
    let driver = cluster.submit(false);
    let instance = cluster.place_driver(&driver, 0);
    let mut end = exited(&instance, 0);
    let since = Timestamp(START.0 + 7);
    if let InstanceStatus::Ended { ran, .. } = &mut end.status {
        *ran = Some(Ran { pid: 41, since });
    }
    cluster.report(0, &[end]);
    let ended = cluster.driver(&driver);
    assert_eq!(ended.state, DriverState::Finished);
    let last = ended.last_placement.as_ref().unwrap();
    assert_eq!((last.pid, last.started), (Some(41), Some(since)));
}
