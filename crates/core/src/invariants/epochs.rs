//! Nothing is confirmed in an epoch that has not begun; the newest fail-over report is the current
//! epoch's and says that recovery is over exactly when it is; and before the first leader there is
//! nothing.
//!
//! Source: I15, and the rule that UNKNOWN is derived: an object confirmed in a later epoch would be
//! taken as confirmed by a leader that it never answered.

use vesta_types::Epoch;
use vesta_types::limits::FAILOVER_REPORTS_MAX;

use super::Broken;
use crate::state::ClusterState;

pub(super) fn check(state: &ClusterState, broken: &mut Broken) {
    let current = state.epoch;
    for (id, worker) in &state.workers {
        let epoch = worker.confirmed_epoch;
        broken.unless(epoch <= current, || {
            format!("{id} is confirmed in {epoch} of {current}")
        });
    }
    for (id, app) in &state.applications {
        let epoch = app.confirmed_epoch;
        broken.unless(epoch <= current, || {
            format!("{id} is confirmed in {epoch} of {current}")
        });
    }
    broken.unless(state.failovers.len() <= FAILOVER_REPORTS_MAX, || {
        format!("{} fail-over reports are kept", state.failovers.len())
    });
    if current == Epoch::default() {
        let empty = state.workers.is_empty()
            && state.drivers.is_empty()
            && state.applications.is_empty()
            && state.keys.answered.is_empty();
        broken.unless(empty, || {
            "there is something before the first leader".to_owned()
        });
        return;
    }
    broken.unless(state.cluster.is_some(), || {
        format!("epoch {current} of no cluster")
    });
    let Some(newest) = state.failovers.back() else {
        broken
            .0
            .push(format!("epoch {current} has no fail-over report"));
        return;
    };
    broken.unless(newest.epoch == current, || {
        format!(
            "the newest fail-over report is of epoch {}, not {current}",
            newest.epoch
        )
    });
    broken.unless(newest.recovery_ms.is_some() == state.recovered, || {
        format!(
            "recovered is {}, the report says {:?}",
            state.recovered, newest.recovery_ms
        )
    });
    broken.unless(newest.executors_killed == 0, || {
        format!(
            "the fail-over to epoch {current} cost {} executors",
            newest.executors_killed
        )
    });
}
