//! A driver that has a lease out waits, is to stop when it is cut off, and is in the index; the index holds
//! nothing else.
//!
//! Source: failure D2 and what `stop` promises: never a second copy beside a lease.

use std::collections::BTreeMap;

use super::Broken;
use crate::state::ClusterState;

pub(super) fn check(state: &ClusterState, broken: &mut Broken) {
    let leased = state.drivers.values().filter(|it| it.leased_to.is_some());
    let mut index = BTreeMap::new();
    for driver in leased {
        index.insert(driver.id.clone(), driver.attempt);
        let may = driver.state.is_waiting()
            && driver.placement.is_none()
            && driver.description.lease.is_some();
        broken.unless(may, || {
            format!("{} has a lease out and is {}", driver.id, driver.state)
        });
    }
    broken.unless(index == state.leased_drivers, || {
        format!("leases {index:?}, index {:?}", state.leased_drivers)
    });
}
