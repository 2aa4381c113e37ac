//! What counts up never goes back: the index, the clock, the epoch, the counters that ids are made of,
//! the floor of the keys, attempts, restarts within one, and numbers of executors.
//!
//! Source: I4, I22; failure D7. An id is given twice exactly when its counter goes back.

use super::Broken;
use crate::state::ClusterState;

pub(super) fn check(before: &ClusterState, after: &ClusterState, broken: &mut Broken) {
    let mut rises = |what: String, old: u64, new: u64| {
        broken.unless(old <= new, || {
            format!("{what} went back from {old} to {new}")
        });
    };
    rises(
        "the applied index".to_owned(),
        before.applied,
        after.applied,
    );
    rises("the clock".to_owned(), before.clock.0, after.clock.0);
    rises("the epoch".to_owned(), before.epoch.0, after.epoch.0);
    rises(
        "the counter of drivers".to_owned(),
        before.next_driver,
        after.next_driver,
    );
    rises(
        "the counter of applications".to_owned(),
        before.next_app,
        after.next_app,
    );
    rises(
        "the counter of tickets".to_owned(),
        before.next_ticket,
        after.next_ticket,
    );
    rises(
        "the floor of the keys".to_owned(),
        before.keys.floor.0,
        after.keys.floor.0,
    );
    for (id, new) in &after.drivers {
        let Some(old) = before.drivers.get(id) else {
            continue;
        };
        rises(
            format!("the attempt of {id}"),
            old.attempt.into(),
            new.attempt.into(),
        );
        let places = old.placement.as_ref().zip(new.placement.as_ref());
        if let Some((old, new)) = places.filter(|_| old.attempt == new.attempt) {
            let (old, new) = (old.restart, new.restart);
            rises(format!("the restart of {id}"), old.into(), new.into());
        }
    }
    for (id, new) in &after.applications {
        let Some(old) = before.applications.get(id) else {
            continue;
        };
        let (old, new) = (old.next_executor, new.next_executor);
        rises(
            format!("the counter of executors of {id}"),
            old.into(),
            new.into(),
        );
    }
}
