//! What must always hold.

use crate::state::ClusterState;

/// Every invariant that `state` breaks, one sentence each.
///
/// # Errors
/// When there is at least one.
pub fn check(_state: &ClusterState) -> Result<(), Vec<String>> {
    Ok(())
}
