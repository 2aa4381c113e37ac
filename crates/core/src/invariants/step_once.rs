//! An unsupervised driver whose process was reported never gets another attempt; and an attempt begins
//! only from waiting, one at a time.
//!
//! Source: I5, I6. To run a program twice that its owner did not allow to be run twice is the one
//! mistake that can't be mended afterwards.

use vesta_types::DriverState;

use super::Broken;
use crate::state::ClusterState;

pub(super) fn check(before: &ClusterState, after: &ClusterState, broken: &mut Broken) {
    for (id, new) in &after.drivers {
        let Some(old) = before.drivers.get(id) else {
            broken.unless(new.attempt == 0, || {
                format!("{id} begins in attempt {}", new.attempt)
            });
            continue;
        };
        let began = new.attempt != old.attempt;
        broken.unless(
            !began || old.may_be_placed() && new.attempt == old.attempt + 1,
            || {
                format!(
                    "{id}, {}, went from attempt {} to {}",
                    old.state, old.attempt, new.attempt
                )
            },
        );
        let ran = old
            .placement
            .as_ref()
            .is_some_and(|placement| placement.started.is_some());
        let again = new.state == DriverState::Relaunching && old.state == DriverState::Running;
        let allowed = new.description.supervise || !ran;
        broken.unless(!again || allowed, || {
            format!("{id} is unsupervised, ran, and waits again")
        });
    }
}
