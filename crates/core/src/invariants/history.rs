//! What has ended is in the history, once, and nothing else is; the history is bounded.
//!
//! Source: failure D23 (ended drivers vanish with their master), I28.

use std::collections::BTreeSet;

use vesta_types::limits::{DESCRIBED_BYTES_MAX, HISTORY_MAX};

use super::Broken;
use crate::state::ClusterState;

pub(super) fn check(state: &ClusterState, broken: &mut Broken) {
    let listed: BTreeSet<_> = state.ended_drivers.iter().collect();
    broken.unless(listed.len() == state.ended_drivers.len(), || {
        "a driver is twice in the history".to_owned()
    });
    broken.unless(listed.len() <= HISTORY_MAX, || {
        format!("{} ended drivers", listed.len())
    });
    let ended: BTreeSet<_> = state
        .drivers
        .iter()
        .filter(|(_, driver)| driver.state.is_final())
        .map(|(id, _)| id)
        .collect();
    broken.unless(listed == ended, || {
        format!("ended drivers {ended:?}, history {listed:?}")
    });
    for (id, driver) in &state.drivers {
        broken.unless(driver.state.is_final() == driver.ended.is_some(), || {
            format!("{id} is {} and ended at {:?}", driver.state, driver.ended)
        });
    }

    let listed: BTreeSet<_> = state.ended_applications.iter().collect();
    broken.unless(listed.len() == state.ended_applications.len(), || {
        "an application is twice in the history".to_owned()
    });
    broken.unless(listed.len() <= HISTORY_MAX, || {
        format!("{} ended apps", listed.len())
    });
    let ended: BTreeSet<_> = state
        .applications
        .iter()
        .filter(|(_, app)| !app.is_live() && app.executors.is_empty())
        .map(|(id, _)| id)
        .collect();
    broken.unless(listed == ended, || {
        format!("ended applications {ended:?}, history {listed:?}")
    });
    let drivers = state.drivers.values().map(|it| it.description.bytes());
    let applications = state.applications.values().map(|it| it.description.bytes());
    let described: u64 = drivers.chain(applications).sum();
    let counted = state.described_bytes;
    broken.unless(
        described == counted && counted <= DESCRIBED_BYTES_MAX,
        || format!("descriptions take {described} bytes, counted as {counted}"),
    );
    for (id, app) in &state.applications {
        broken.unless(app.is_live() == app.ended.is_none(), || {
            format!("{id} is {} and ended at {:?}", app.state, app.ended)
        });
    }
}
