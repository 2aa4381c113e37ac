//! What a worker should run and what it should stop, derived from the state.

use vesta_types::{InstanceId, WorkerId};

use crate::state::{Application, ClusterState, Driver, DriverPlacement, Executor};

/// One instance that should run.
#[derive(Clone, Copy, Debug)]
pub enum Should<'a> {
    /// A driver's current attempt.
    Driver(&'a Driver),
    /// An executor.
    Executor(&'a Application, &'a Executor),
}

/// The two sets for one worker, as of one index.
#[derive(Debug, Default)]
pub struct Orders<'a> {
    /// Should run, with their ids, ordered by id.
    pub run: Vec<(InstanceId, Should<'a>)>,
    /// Known to be over, or asked to end; ordered.
    pub stop: Vec<InstanceId>,
}

/// What `worker` should run and stop, as of `state`. What is in neither set, it reports and keeps.
///
/// Both sets are empty for a worker that is not registered, and before the first leader. Whether the
/// worker may be told (this master leads, the worker has answered it) is for the caller to know.
pub fn for_worker<'a>(state: &'a ClusterState, worker: &WorkerId) -> Orders<'a> {
    let mut orders = Orders::default();
    let Some(worker) = state.workers.get(worker) else {
        return orders;
    };
    orders.stop.extend(worker.stopping.keys().cloned());
    for id in &worker.drivers {
        let Some(driver) = state.drivers.get(id) else {
            continue;
        };
        let Some(instance) = state.driver_instance(driver) else {
            continue;
        };
        let moving = |placement: &DriverPlacement| placement.moving;
        if driver.kill_requested || driver.placement.as_ref().is_some_and(moving) {
            orders.stop.push(instance);
        } else {
            orders.run.push((instance, Should::Driver(driver)));
        }
    }
    for id in &worker.executors {
        let Some(app) = state.applications.get(&id.app) else {
            continue;
        };
        let Some(executor) = app.executors.get(&id.number) else {
            continue;
        };
        let Some(instance) = state.executor_instance(app, id.number) else {
            continue;
        };
        if executor.kill_requested {
            orders.stop.push(instance);
        } else {
            orders.run.push((instance, Should::Executor(app, executor)));
        }
    }
    orders.run.sort_by(|(a, _), (b, _)| a.cmp(b));
    orders.stop.sort();
    orders.stop.dedup();
    orders
}
