//! Executors are added only up to the target of their profile.
//!
//! Source: I12. The target may be lowered below what runs, so only growth is held against it.

use super::Broken;
use crate::state::ClusterState;

pub(super) fn check(before: &ClusterState, after: &ClusterState, broken: &mut Broken) {
    for (id, new) in &after.applications {
        let Some(old) = before.applications.get(id) else {
            continue;
        };
        if new.next_executor == old.next_executor {
            continue;
        }
        for (profile, wanted) in &new.description.profiles {
            let (was, is) = (old.live_of(*profile), new.live_of(*profile));
            let target = wanted.target.unwrap_or(u32::MAX);
            broken.unless(is <= was || is <= target, || {
                format!("{id} went from {was} to {is} executors of profile {profile}: {target}")
            });
        }
    }
}
