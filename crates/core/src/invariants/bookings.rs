//! What is booked on a worker is the sum over what is placed there, and within its capacity.
//!
//! Source: I10, I11; failure D22 (Spark showed −1 cores used after a fail-over, SPARK-18959). Summed
//! anew from the drivers and applications, not from the worker's own lists.

use std::collections::BTreeMap;

use vesta_types::{Booking, WorkerId};

use super::Broken;
use crate::state::ClusterState;

pub(super) fn check(state: &ClusterState, broken: &mut Broken) {
    let mut sums: BTreeMap<&WorkerId, Booking> = BTreeMap::new();
    for placement in state
        .drivers
        .values()
        .filter_map(|driver| driver.placement.as_ref())
    {
        sums.entry(&placement.worker)
            .or_default()
            .add(&placement.booking);
    }
    for executor in state
        .applications
        .values()
        .flat_map(|app| app.executors.values())
    {
        sums.entry(&executor.worker)
            .or_default()
            .add(&executor.booking);
    }
    for (id, worker) in &state.workers {
        let sum = sums.remove(id).unwrap_or_default();
        broken.unless(worker.booked == sum, || {
            format!(
                "{id} has {:?} booked, and what is placed there holds {sum:?}",
                worker.booked
            )
        });
        let capacity = &worker.description.capacity;
        broken.unless(sum.fits(capacity, &Booking::default()), || {
            format!("{id} has {sum:?} booked of {capacity:?}")
        });
    }
    for id in sums.into_keys() {
        broken.0.push(format!(
            "something is placed on {id}, which is not registered"
        ));
    }
}
