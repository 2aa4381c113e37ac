//! No worker is told to stop what it is to run, and nothing that is quarantined is stopped.
//!
//! Source: I17, and §5 of the design: what the state can't explain is kept. An instance in both sets
//! would be started and stopped in turn for ever.

use std::collections::BTreeSet;

use super::Broken;
use crate::state::ClusterState;

pub(super) fn check(state: &ClusterState, broken: &mut Broken) {
    for (id, worker) in &state.workers {
        let placed: BTreeSet<_> = state.placed_on(id).into_iter().map(|(id, _)| id).collect();
        for instance in worker.stopping.keys() {
            broken.unless(!placed.contains(instance), || {
                format!("{id} is to run {instance} and to stop it")
            });
            broken.unless(!worker.quarantined.contains_key(instance), || {
                format!("{instance} is quarantined on {id} and to be stopped")
            });
        }
        for instance in worker.quarantined.keys() {
            broken.unless(!placed.contains(instance), || {
                format!("{instance} is quarantined on {id}, where it is placed")
            });
        }
    }
}
