//! A kill that was recorded stays recorded, and its driver never gets another attempt.
//!
//! Source: I19.

use super::Broken;
use crate::state::ClusterState;

pub(super) fn check(before: &ClusterState, after: &ClusterState, broken: &mut Broken) {
    let asked = before
        .drivers
        .iter()
        .filter(|(_, driver)| driver.kill_requested);
    for (id, old) in asked {
        let Some(new) = after.drivers.get(id) else {
            continue;
        };
        let kept = new.kill_requested && new.attempt == old.attempt;
        broken.unless(kept, || {
            format!("the end of {id} was asked for, and it goes on")
        });
    }
    for (id, old) in &before.applications {
        let Some(new) = after.applications.get(id) else {
            continue;
        };
        for (number, _) in old.executors.iter().filter(|(_, old)| old.kill_requested) {
            let kept = new
                .executors
                .get(number)
                .is_none_or(|new| new.kill_requested);
            broken.unless(kept, || {
                format!("the end of {id}/{number} is no longer asked for")
            });
        }
    }
}
