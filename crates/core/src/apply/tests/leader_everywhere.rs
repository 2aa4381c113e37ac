//! Failure D16: a leader that dies at any point, inside a recovery too, leaves nothing stuck, nothing
//! lost and nothing run twice. Here it falls before every single entry of a whole day of a cluster, and
//! its successor one to four entries later.

use vesta_types::{InstanceId, Work};

use super::support::*;
use super::world::World;
use crate::command::Request;

/// A day: drivers and an application, an end, a failing executor, a lost worker that comes back, a kill,
/// a worker that is drained and comes back.
fn day(falls: impl IntoIterator<Item = usize>) -> World {
    let mut world = World::new(2, falls);
    world.settle();
    let supervised = world.submit(true);
    let plain = world.submit(false);
    let moved = world.submit(true);
    let moved_too = world.submit(true);
    world.settle();
    let app = world.register_of(&supervised);
    world.settle();
    world.exit(&world.cluster.instance(&plain), 0);
    world.settle();
    world.exit(&InstanceId::executor(cluster_id(), app.clone(), 0), 1);
    world.settle();
    world.lose(1);
    world.settle();
    let killed = world.submit(false);
    world.settle();
    world.nodes.get_mut(&1).unwrap().reachable = true;
    world.settle();
    world.ask(Request::KillDriver { driver: killed });
    world.settle();
    world.ask(Request::SetExecutorTarget {
        app: app.clone(),
        profile: 0,
        target: 1,
    });
    let executors = world
        .cluster
        .app(&app)
        .executors
        .keys()
        .copied()
        .skip(1)
        .collect();
    world.ask(Request::KillExecutors { app, executors });
    world.settle();
    world.drain(0);
    world.settle();
    world.ask(Request::UndrainWorker {
        worker: worker_id(0),
    });
    world.settle();
    for id in [&supervised, &moved, &moved_too] {
        world.exit(&world.cluster.instance(id), 0);
    }
    world.settle();
    world
}

/// Everything that must not depend on who led when.
fn outcome(world: &World) -> Vec<String> {
    let state = &world.cluster.state;
    let drivers = state.drivers.values().map(|driver| {
        let run = driver.last_worker.as_ref();
        format!(
            "{} {} attempt {} {run:?}",
            driver.id, driver.state, driver.attempt
        )
    });
    let apps = state.applications.values().map(|app| {
        let ends: Vec<_> = app
            .ended_executors
            .values()
            .map(|executor| executor.state)
            .collect();
        format!(
            "{} {} {:?} live {}",
            app.id,
            app.state,
            ends,
            app.executors.len()
        )
    });
    let workers = state.workers.iter().map(|(id, worker)| {
        let to_stop = worker.stopping.len() + worker.quarantined.len();
        format!(
            "{id} {} {:?} {to_stop}",
            state.show_worker(worker),
            worker.booked
        )
    });
    let executions = world.executions();
    let ran = executions
        .iter()
        .map(|(instance, times)| format!("{instance} ran {times} times"));
    drivers.chain(apps).chain(workers).chain(ran).collect()
}

#[test]
fn d16_a_leader_may_fall_before_any_entry_and_its_successor_soon_after() {
    let undisturbed = day([]);
    let expected = outcome(&undisturbed);
    assert!(undisturbed.executions().values().all(|times| *times == 1));
    assert!(
        expected.iter().all(|line| !line.contains("RUNNING")),
        "{expected:#?}"
    );
    let entries = undisturbed.proposed;
    assert!(entries > 30, "{entries} entries");
    for first in 1..=entries {
        for second in [0, 1, 2, 3, 4] {
            let world = day([first, first + second]);
            assert!(world.cluster.epoch().0 > 1);
            assert_eq!(
                outcome(&world),
                expected,
                "falls before {first} and {second} later"
            );
            let killed: u64 = world
                .cluster
                .state
                .failovers
                .iter()
                .map(|r| r.executors_killed)
                .sum();
            assert_eq!(killed, 0);
        }
    }
}

#[test]
fn an_unsupervised_driver_is_executed_once_whenever_leaders_fall() {
    for fall in 1..30 {
        let world = day([fall, fall + 7, fall + 14]);
        let mut drivers = std::collections::BTreeMap::new();
        for (instance, times) in world.executions() {
            assert_eq!(times, 1, "{instance}");
            if let Work::Driver { driver, .. } = instance.work {
                *drivers.entry(driver).or_insert(0) += 1;
            }
        }
        for (id, executed) in drivers {
            let supervise = world.cluster.driver(&id).description.supervise;
            assert!(
                supervise || executed == 1,
                "{id} was executed {executed} times"
            );
        }
    }
}
