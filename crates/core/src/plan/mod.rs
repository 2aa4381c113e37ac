//! Placing work: a pure function of the state and the policy.

use serde::{Deserialize, Serialize};

/// How the leader plans. Not replicated: `apply` verifies a plan without it.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Policy {
    /// Spread an application's executors over many workers (Spark's default), or pack them.
    pub spread_out: bool,
    /// Place a driver that named executor sizes only while one such executor still fits for each
    /// running driver whose application holds none (failure D20).
    pub reserve_for_executors: bool,
}

impl Default for Policy {
    fn default() -> Policy {
        Policy {
            spread_out: true,
            reserve_for_executors: true,
        }
    }
}
