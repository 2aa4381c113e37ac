//! The fencing number of a leadership.

use std::fmt;

use serde::{Deserialize, Serialize};

/// A counter in the replicated state, raised once for each leadership by a committed entry.
///
/// It goes with every order to a worker and with every command that a leader proposes of its own
/// accord. A worker keeps the highest it has met, on disk, and refuses lower; `apply` refuses a
/// command that was decided under another epoch. Unlike a Raft term it can't be shared by a leader
/// that restarts and resumes. Zero is "no leader yet".
#[derive(
    Clone, Copy, Debug, Default, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize,
)]
pub struct Epoch(pub u64);

impl Epoch {
    /// The epoch after this one.
    pub fn next(self) -> Epoch {
        Epoch(self.0 + 1)
    }
}

impl fmt::Display for Epoch {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{}", self.0)
    }
}
