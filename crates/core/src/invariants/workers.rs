//! An address has at most one worker that is not DEAD, and the DEAD ones are known in the order in
//! which they are to be forgotten.
//!
//! Source: Spark's registration by address (A55 of the original): two workers at one address would be
//! one machine booked twice.

use std::collections::BTreeSet;

use vesta_types::WorkerState;

use super::Broken;
use crate::state::ClusterState;

pub(super) fn check(state: &ClusterState, broken: &mut Broken) {
    let mut addresses = BTreeSet::new();
    let mut dead = 0;
    for (id, worker) in &state.workers {
        let is_dead = worker.state == WorkerState::Dead;
        broken.unless(is_dead == worker.dead_since.is_some(), || {
            format!(
                "{id} is {} and dead since {:?}",
                worker.state, worker.dead_since
            )
        });
        let described = &worker.description;
        let alone = is_dead || addresses.insert((&described.host, described.port));
        broken.unless(alone, || {
            format!("{id} shares its address with another worker")
        });
        let idle = !worker.holds_something() && worker.quarantined.is_empty();
        broken.unless(!is_dead || idle, || {
            format!("{id} is DEAD and holds something")
        });
        dead += usize::from(is_dead);
    }
    broken.unless(state.dead_workers.len() == dead, || {
        format!(
            "{dead} workers are DEAD, {} are listed so",
            state.dead_workers.len()
        )
    });
    let since: Vec<_> = state
        .dead_workers
        .iter()
        .map(|id| state.workers.get(id).and_then(|worker| worker.dead_since))
        .collect();
    broken.unless(
        since.iter().all(Option::is_some) && since.is_sorted(),
        || format!("the list of DEAD workers is not one, or not in order: {since:?}"),
    );
}
