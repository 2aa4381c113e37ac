//! An address of a named resource has at most one owner, and is one that its worker registered.
//!
//! Source: Spark's rule for GPUs ("whole addresses only"). Two executors on one GPU fail both, far from
//! the mistake. The sum in `booked` can't show it, since a set holds an address once.

use std::collections::BTreeSet;

use super::Broken;
use crate::state::ClusterState;

pub(super) fn check(state: &ClusterState, broken: &mut Broken) {
    for (id, worker) in &state.workers {
        let mut owned = BTreeSet::new();
        for (instance, booking) in state.placed_on(id) {
            for (name, addresses) in &booking.named {
                let registered = worker.description.capacity.named.get(name);
                for address in addresses {
                    broken.unless(registered.is_some_and(|all| all.contains(address)), || {
                        format!("{instance} holds {name} {address}, which {id} has not registered")
                    });
                    broken.unless(owned.insert((name, address)), || {
                        format!("{name} {address} of {id} has two owners, {instance} is one")
                    });
                }
            }
        }
    }
}
