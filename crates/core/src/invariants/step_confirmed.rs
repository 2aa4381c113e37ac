//! Nothing is placed on a worker that was not ALIVE, or had not answered this epoch's leader, or for an
//! application whose client had not.
//!
//! Source: I13, I15 (instead of its last clause: what is confirmed may be used during recovery too).
//! Until it answers, a worker may run what the state does not know of.

use vesta_types::{Incarnation, WorkerId};

use super::Broken;
use crate::state::ClusterState;

pub(super) fn check(before: &ClusterState, after: &ClusterState, broken: &mut Broken) {
    let usable = |id: &WorkerId, incarnation: &Incarnation| {
        before.workers.get(id).is_some_and(|worker| {
            worker.is_alive()
                && before.is_confirmed(worker)
                && worker.description.incarnation == *incarnation
        })
    };
    for (id, driver) in &after.drivers {
        let old = before.drivers.get(id).map_or(0, |driver| driver.attempt);
        let Some(placement) = driver.placement.as_ref().filter(|_| driver.attempt > old) else {
            continue;
        };
        broken.unless(usable(&placement.worker, &placement.incarnation), || {
            format!(
                "{id} was placed on {}, which may not be used",
                placement.worker
            )
        });
    }
    for (id, app) in &after.applications {
        let old = before.applications.get(id);
        let first_new = old.map_or(0, |app| app.next_executor);
        for (number, executor) in app.executors.range(first_new..) {
            broken.unless(usable(&executor.worker, &executor.incarnation), || {
                format!(
                    "{id}/{number} was placed on {}, which may not be used",
                    executor.worker
                )
            });
            let confirmed = old.is_some_and(|app| before.is_app_confirmed(app) && app.is_live());
            broken.unless(confirmed, || {
                format!("{id}/{number} was placed for an UNKNOWN client")
            });
        }
    }
}
