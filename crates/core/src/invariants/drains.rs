//! A worker is DECOMMISSIONED exactly while it is drained and not DEAD, and executors of Spark's there are
//! too; what a drain moves is told to end, and an unsupervised driver is never moved.
//!
//! Source: what `drain` promises. A drain without its worker would be listed for ever; an executor that
//! is DECOMMISSIONED and not told to end would hold its place for ever, if no driver of Spark's were told
//! to let it go.

use vesta_types::{ExecutorState, WorkerState};

use super::Broken;
use crate::state::ClusterState;

pub(super) fn check(state: &ClusterState, broken: &mut Broken) {
    for (id, worker) in &state.workers {
        let drain = state.drains.get(id);
        let fits = match worker.state {
            WorkerState::Alive => drain.is_none(),
            WorkerState::Decommissioned => drain.is_some(),
            WorkerState::Dead => true,
        };
        broken.unless(fits, || {
            format!("{id} is {}, drained: {drain:?}", worker.state)
        });
        let Some(drain) = drain else { continue };
        for executor in &worker.executors {
            let app = state.applications.get(&executor.app);
            let found = app.and_then(|app| Some((app, app.executors.get(&executor.number)?)));
            let counts = found
                .is_none_or(|(app, found)| app.description.spark.is_some() && app.counts(found));
            broken.unless(!counts, || {
                format!("{id} is drained, and the driver of {executor} is not told")
            });
            let ends = found.is_some_and(|(_, found)| found.kill_requested);
            broken.unless(ends || !drain.over, || {
                format!("the drain of {id} is over, and {executor} is to run there")
            });
        }
        if !drain.over {
            continue;
        }
        for id in &worker.drivers {
            let Some(driver) = state.drivers.get(id) else {
                continue;
            };
            let moving = driver.placement.as_ref().is_some_and(|it| it.moving);
            broken.unless(moving || !driver.description.supervise, || {
                format!("the drain of its worker is over, and {id} stays")
            });
        }
    }
    for id in state.drains.keys() {
        broken.unless(state.workers.contains_key(id), || {
            format!("{id} is drained, and there is no such worker")
        });
    }
    for driver in state.drivers.values() {
        let moving = driver.placement.as_ref().is_some_and(|it| it.moving);
        broken.unless(!moving || driver.description.supervise, || {
            format!("{} is not supervised, and moves", driver.id)
        });
    }
    for app in state.applications.values() {
        let live = app.executors.values();
        for executor in live.filter(|it| it.state == ExecutorState::Decommissioned) {
            let of_spark = app.description.spark.is_some();
            broken.unless(executor.kill_requested || of_spark, || {
                format!(
                    "{}/{} is {}, and not told to end",
                    app.id, executor.number, executor.state
                )
            });
        }
    }
}
