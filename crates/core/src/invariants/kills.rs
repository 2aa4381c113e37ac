//! A driver whose end was asked for never waits for a worker.
//!
//! Source: I19: a killed driver never runs again, and the kill is as durable as the driver.

use super::Broken;
use crate::state::ClusterState;

pub(super) fn check(state: &ClusterState, broken: &mut Broken) {
    for (id, driver) in &state.drivers {
        broken.unless(
            !(driver.kill_requested && driver.state.is_waiting()),
            || format!("the end of {id} was asked for, and it is {}", driver.state),
        );
    }
}
