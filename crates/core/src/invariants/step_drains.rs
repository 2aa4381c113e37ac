//! Nothing new is placed on a worker that is drained.
//!
//! Source: what `drain` promises at once, whatever a plan that was made before it says.

use vesta_types::WorkerState;

use super::Broken;
use crate::state::{ClusterState, Worker};

pub(super) fn check(before: &ClusterState, after: &ClusterState, broken: &mut Broken) {
    let drained = |worker: &Worker| worker.state == WorkerState::Decommissioned;
    for (id, old) in before.workers.iter().filter(|(_, worker)| drained(worker)) {
        let Some(new) = after.workers.get(id).filter(|worker| drained(worker)) else {
            continue;
        };
        let attempts =
            |state: &ClusterState, driver| state.drivers.get(driver).map(|it| it.attempt);
        for driver in &new.drivers {
            let stood =
                old.drivers.contains(driver) && attempts(before, driver) == attempts(after, driver);
            broken.unless(stood, || format!("{driver} came to {id}, which is drained"));
        }
        for executor in new.executors.difference(&old.executors) {
            broken.unless(false, || {
                format!("{executor} came to {id}, which is drained")
            });
        }
    }
}
