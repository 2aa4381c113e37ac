//! Every state against every event: what the tables have not, changes nothing.

use vesta_types::{DriverId, DriverState, ExecutorState, InstanceId, WorkerState};

use super::support::*;
use crate::command::Request;

/// A driver brought to `state`, and the instance of its last attempt.
fn driver_in(state: DriverState) -> (Cluster, DriverId, InstanceId) {
    let mut cluster = Cluster::with_workers(2);
    if state == DriverState::Submitted {
        let id = cluster.submit(true);
        let instance = InstanceId::driver(cluster_id(), id.clone(), 0);
        return (cluster, id, instance);
    }
    let (id, instance) = cluster.running_driver(true, 0);
    match state {
        DriverState::Submitted | DriverState::Running => {}
        DriverState::Finished => drop(cluster.report(0, &[exited(&instance, 0)])),
        DriverState::Relaunching => drop(cluster.report(0, &[interrupted(&instance)])),
        DriverState::Error => drop(cluster.report(0, &[not_found(&instance)])),
        DriverState::Killed => {
            cluster.kill(&id).unwrap();
            cluster.report(0, &[killed(&instance)]);
        }
        DriverState::Failed => {
            cluster.kill(&id).unwrap();
            cluster.report(0, &[exited(&instance, 1)]);
        }
    }
    assert_eq!(cluster.driver(&id).state, state);
    (cluster, id, instance)
}

#[test]
fn every_event_in_every_state_of_a_driver() {
    use DriverState::*;
    type Event = fn(&mut Cluster, &DriverId, &InstanceId);
    let place: Event = |cluster, id, _| {
        let placement = cluster.driver_placement(id, 1);
        cluster.place(vec![placement]);
    };
    // What each event makes of a waiting driver, and of a running one. A driver that is over stays.
    let table: &[(&str, Event, DriverState, DriverState)] = &[
        ("place", place, Running, Running),
        (
            "runs",
            |c, _, i| drop(c.report(0, &[runs(i)])),
            Submitted,
            Running,
        ),
        (
            "exit 0",
            |c, _, i| drop(c.report(0, &[exited(i, 0)])),
            Submitted,
            Finished,
        ),
        (
            "exit 1",
            |c, _, i| drop(c.report(0, &[exited(i, 1)])),
            Submitted,
            Relaunching,
        ),
        (
            "not found",
            |c, _, i| drop(c.report(0, &[not_found(i)])),
            Submitted,
            Error,
        ),
        (
            "killed",
            |c, _, i| drop(c.report(0, &[killed(i)])),
            Submitted,
            Relaunching,
        ),
        (
            "never ran",
            |c, _, i| drop(c.report(0, &[never_ran(i)])),
            Submitted,
            Relaunching,
        ),
        (
            "interrupted",
            |c, _, i| drop(c.report(0, &[interrupted(i)])),
            Submitted,
            Relaunching,
        ),
        (
            "elsewhere",
            |c, _, i| drop(c.report(1, &[exited(i, 0)])),
            Submitted,
            Running,
        ),
        ("kill", |c, id, _| drop(c.kill(id)), Killed, Running),
        ("worker lost", |c, _, _| c.lose(0), Submitted, Relaunching),
        (
            "reboot",
            |c, _, _| drop(c.attach(0, 1, &[])),
            Submitted,
            Relaunching,
        ),
        (
            "answer without it",
            |c, _, _| drop(c.attach(0, 0, &[])),
            Submitted,
            Running,
        ),
        (
            "new leader",
            |c, _, _| {
                c.lead();
            },
            Submitted,
            Running,
        ),
        (
            "condemned",
            |c, _, _| {
                c.lead();
                drop(c.complete(&[0]))
            },
            Submitted,
            Relaunching,
        ),
    ];
    for state in DriverState::ALL {
        for (name, event, waiting, running) in table {
            let (mut cluster, id, instance) = driver_in(*state);
            let before = cluster.driver(&id).clone();
            event(&mut cluster, &id, &instance);
            let after = cluster.driver(&id);
            let expected = match state {
                Running => *running,
                // A waiting driver stays what it is, SUBMITTED or RELAUNCHING.
                Submitted | Relaunching if *waiting == Submitted => *state,
                Submitted | Relaunching => *waiting,
                _ => *state,
            };
            assert_eq!(after.state, expected, "{name} in {state}");
            assert!(
                !state.is_final() || *after == before,
                "{name} changed a {state} driver"
            );
        }
    }
}

#[test]
fn every_event_in_every_state_of_an_executor() {
    use ExecutorState::*;
    type Event = fn(&mut Cluster, &InstanceId);
    let table: &[(&str, Event, ExecutorState)] = &[
        ("runs", |c, i| drop(c.report(0, &[runs(i)])), Running),
        ("exit 0", |c, i| drop(c.report(0, &[exited(i, 0)])), Exited),
        ("exit 1", |c, i| drop(c.report(0, &[exited(i, 1)])), Exited),
        (
            "not found",
            |c, i| drop(c.report(0, &[not_found(i)])),
            Failed,
        ),
        ("killed", |c, i| drop(c.report(0, &[killed(i)])), Exited),
        (
            "interrupted",
            |c, i| drop(c.report(0, &[interrupted(i)])),
            Failed,
        ),
        ("worker lost", |c, _| c.lose(0), Lost),
        ("reboot", |c, _| drop(c.attach(0, 1, &[])), Lost),
    ];
    for state in ExecutorState::ALL {
        for (name, event, expected) in table {
            let mut cluster = Cluster::with_workers(1);
            let app = cluster.register();
            // One that RUNS beside it, so that the application lives whatever happens.
            cluster.running_executor(&app, 0);
            let instance = cluster.place_executor(&app, 0);
            if *state != Launching {
                cluster.report(0, &[runs(&instance)]);
            }
            match state {
                Launching | Running => {}
                Exited => drop(cluster.report(0, &[exited(&instance, 0)])),
                Failed => drop(cluster.report(0, &[not_found(&instance)])),
                Killed => {
                    let request = Request::KillExecutors {
                        app: app.clone(),
                        executors: vec![1],
                    };
                    cluster.ask(request).unwrap();
                    cluster.report(0, &[killed(&instance)]);
                }
                Lost => {
                    cluster.lose(0);
                    cluster.attach(0, 0, &[]);
                }
                Decommissioned => drop(cluster.drain(0, 0)),
            }
            let before = cluster.executor(&app, 1).clone();
            assert_eq!(before.state, *state);
            event(&mut cluster, &instance);
            let after = cluster.executor(&app, 1);
            match state {
                Decommissioned if *name == "runs" => assert_eq!(after.state, Decommissioned),
                Decommissioned if *name == "killed" => assert_eq!(after.state, Killed),
                state if state.is_final() => assert_eq!(*after, before, "{name} in {state}"),
                state => assert_eq!(after.state, *expected, "{name} in {state}"),
            }
        }
    }
}

#[test]
fn every_event_in_every_state_of_a_worker() {
    use WorkerState::*;
    type Event = fn(&mut Cluster);
    let table: &[(&str, Event, [WorkerState; 3])] = &[
        // From ALIVE, DEAD, DECOMMISSIONED.
        (
            "answer",
            |c| drop(c.attach(0, 0, &[])),
            [Alive, Alive, Decommissioned],
        ),
        (
            "reboot",
            |c| drop(c.attach(0, 1, &[])),
            [Alive, Alive, Decommissioned],
        ),
        (
            "drain",
            |c| drop(c.drain(0, 1000)),
            [Decommissioned, Dead, Decommissioned],
        ),
        ("undrain", |c| drop(c.undrain(0)), [Alive, Dead, Alive]),
        ("verdict", |c| c.lose(0), [Dead, Dead, Dead]),
        (
            "report",
            |c| drop(c.try_report(0, 0, &[])),
            [Alive, Dead, Decommissioned],
        ),
        (
            "new leader",
            |c| {
                c.lead();
            },
            [Alive, Dead, Decommissioned],
        ),
    ];
    for (n, state) in WorkerState::ALL.iter().enumerate() {
        for (name, event, expected) in table {
            let mut cluster = Cluster::with_workers(1);
            match state {
                Alive => {}
                Dead => cluster.lose(0),
                Decommissioned => drop(cluster.drain(0, 1000)),
            }
            event(&mut cluster);
            assert_eq!(cluster.worker(0).state, expected[n], "{name} in {state}");
        }
    }
}

#[test]
fn every_event_in_every_state_of_an_application() {
    use vesta_types::ApplicationState::*;
    type Event = fn(&mut Cluster, &vesta_types::AppId);
    let unregister: Event = |c, app| {
        let (app, message) = (app.clone(), String::new());
        drop(c.ask(Request::UnregisterApplication {
            app,
            failed: false,
            message,
        }));
    };
    let kill: Event = |c, app| drop(c.ask(Request::KillApplication { app: app.clone() }));
    let place: Event = |c, app| {
        let placement = c.executor_placement(app, 0);
        c.place(vec![placement]);
    };
    let table: &[(
        &str,
        Event,
        vesta_types::ApplicationState,
        vesta_types::ApplicationState,
    )] = &[
        // From WAITING, RUNNING.
        ("grant", place, Running, Running),
        ("unregister", unregister, Finished, Finished),
        ("kill", kill, Killed, Killed),
        (
            "lease over",
            |c, app| drop(c.expire(app)),
            Finished,
            Finished,
        ),
        ("confirm", |c, app| drop(c.confirm(app)), Waiting, Running),
        ("worker lost", |c, _| c.lose(0), Waiting, Waiting),
        (
            "new leader",
            |c, _| {
                c.lead();
            },
            Waiting,
            Running,
        ),
    ];
    for state in vesta_types::ApplicationState::ALL {
        for (name, event, waiting, running) in table {
            let mut cluster = Cluster::with_workers(1);
            let app = cluster.register();
            match state {
                Waiting => {}
                Running => drop(cluster.running_executor(&app, 0)),
                Finished => unregister(&mut cluster, &app),
                Killed => kill(&mut cluster, &app),
                Failed => {
                    for _ in 0..2 {
                        let executor = cluster.place_executor(&app, 0);
                        cluster.report(0, &[exited(&executor, 1)]);
                    }
                }
            }
            assert_eq!(cluster.app(&app).state, *state);
            event(&mut cluster, &app);
            let expected = match state {
                Waiting => waiting,
                Running => running,
                over => over,
            };
            assert_eq!(cluster.app(&app).state, *expected, "{name} in {state}");
        }
    }
}
