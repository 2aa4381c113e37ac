//! What is placed and what workers hold is the same, seen from both sides: each driver that RUNS, and
//! each live executor, is on one worker, in its registered life, and is listed there; a DEAD worker
//! holds nothing.
//!
//! Source: I6, I13. A one-sided link is a driver that is never relaunched, or capacity that never
//! comes back.

use vesta_types::{DriverState, ExecutorId, Incarnation, WorkerId, WorkerState};

use super::Broken;
use crate::state::{ClusterState, Worker};

pub(super) fn check(state: &ClusterState, broken: &mut Broken) {
    let holder = |id: &WorkerId, incarnation: &Incarnation| -> Option<&Worker> {
        let worker = state.workers.get(id)?;
        let same = worker.description.incarnation == *incarnation;
        (same && worker.state != WorkerState::Dead).then_some(worker)
    };
    let (mut drivers, mut executors) = (0, 0);
    for (id, driver) in &state.drivers {
        let placed = driver.placement.is_some();
        broken.unless(placed == (driver.state == DriverState::Running), || {
            format!("{id} is {} and placed: {placed}", driver.state)
        });
        let Some(placement) = &driver.placement else {
            continue;
        };
        drivers += 1;
        let on = holder(&placement.worker, &placement.incarnation);
        broken.unless(on.is_some_and(|worker| worker.drivers.contains(id)), || {
            format!(
                "{id} is placed on {}, which does not hold it",
                placement.worker
            )
        });
        broken.unless(
            driver.last_worker.as_ref() == Some(&placement.worker),
            || {
                format!(
                    "{id} is placed on {}, not on its last worker",
                    placement.worker
                )
            },
        );
    }
    for (app, number, executor) in live_executors(state) {
        executors += 1;
        let id = ExecutorId {
            app: app.clone(),
            number,
        };
        let on = holder(&executor.worker, &executor.incarnation);
        broken.unless(
            on.is_some_and(|worker| worker.executors.contains(&id)),
            || {
                format!(
                    "{id} is placed on {}, which does not hold it",
                    executor.worker
                )
            },
        );
    }
    // Everything placed is listed where it is; so with equal numbers nothing else is listed.
    let listed: usize = state
        .workers
        .values()
        .map(|worker| worker.drivers.len())
        .sum();
    broken.unless(listed == drivers, || {
        format!("workers hold {listed} drivers, and {drivers} are placed")
    });
    let listed: usize = state
        .workers
        .values()
        .map(|worker| worker.executors.len())
        .sum();
    broken.unless(listed == executors, || {
        format!("workers hold {listed} executors, and {executors} are placed")
    });
}

fn live_executors(
    state: &ClusterState,
) -> impl Iterator<Item = (&vesta_types::AppId, u32, &crate::Executor)> {
    let of = |(id, app)| {
        let app: &crate::Application = app;
        app.executors
            .iter()
            .map(move |(number, executor)| (id, *number, executor))
    };
    state.applications.iter().flat_map(of)
}
