//! The queues hold exactly what waits, each at its own ticket, and no ticket is given twice.
//!
//! Source: failures D1 (an accepted driver that is in no queue is lost) and D15 (order of arrival). A
//! ticket at or above the counter will be given to something else.

use std::collections::{BTreeMap, BTreeSet};

use super::Broken;
use crate::state::ClusterState;

pub(super) fn check(state: &ClusterState, broken: &mut Broken) {
    let waiting: BTreeMap<_, _> = state
        .drivers
        .iter()
        .filter(|(_, driver)| driver.state.is_waiting())
        .map(|(id, driver)| (driver.ticket, id.clone()))
        .collect();
    broken.unless(waiting == state.driver_queue, || {
        format!(
            "drivers that wait {waiting:?}, queue {:?}",
            state.driver_queue
        )
    });
    let live: BTreeMap<_, _> = state
        .applications
        .iter()
        .filter(|(_, app)| app.is_live())
        .map(|(id, app)| (app.ticket, id.clone()))
        .collect();
    broken.unless(live == state.app_queue, || {
        format!(
            "applications that live {live:?}, queue {:?}",
            state.app_queue
        )
    });
    let mut given = BTreeSet::new();
    let drivers = state.drivers.values().map(|driver| driver.ticket);
    for ticket in drivers.chain(state.applications.values().map(|app| app.ticket)) {
        broken.unless(ticket < state.next_ticket, || {
            format!(
                "ticket {ticket} is not below the counter {}",
                state.next_ticket
            )
        });
        broken.unless(given.insert(ticket), || {
            format!("ticket {ticket} was given twice")
        });
    }
}
