//! Placing work: a pure function of the state and the policy.
//!
//! Only the leader plans. Its plan goes through the log as `Command::Place`, and `apply` re-checks all
//! of it; so a plan can be wrong (made on a state that has moved on) without doing harm.
//!
//! There are two forms that give the same plans. [`plan`] is the plain one: it looks at every worker for
//! everything that waits, and says what is meant. [`Planner`] is what the leader uses: it follows the
//! state and looks at what has changed. Property tests hold the one against the other.
//!
//! - [`drivers`]: drivers, round robin, in queue order.
//! - [`reserve`]: what is kept free meanwhile for executors of running drivers.
//! - [`executors`]: executors, application after application, spread out or packed.
//! - [`kind`]: which workers can run what.
//! - [`why`]: why something waits, in words; [`lacks`]: what it is short of.
//! - [`planner`], with [`trees`], [`tree`], [`waiting`], [`debts`] and [`pass`]: the incremental form.

mod debts;
mod drivers;
mod executors;
pub(crate) mod kind;
mod lacks;
mod pass;
mod planner;
mod reserve;
mod room;
mod selection;
#[cfg(test)]
mod tests;
mod tree;
mod trees;
mod waiting;
mod why;

use std::collections::BTreeSet;

use serde::{Deserialize, Serialize};
use vesta_types::WorkerId;

use crate::command::Placement;
use crate::state::ClusterState;

pub use planner::Planner;
pub use selection::WorkerSelection;
pub use why::{Reasons, never_fits_driver, never_fits_executor, together, waits};

/// Most placements of one plan: it is one log entry, and everything behind it in the log waits for its
/// `apply`. What is left over is planned in the next pass.
pub const PLACEMENTS_MAX: usize = 1_000;

/// How the leader plans. Not replicated: `apply` verifies a plan without it.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Policy {
    /// Spread an application's executors over many workers (Spark's default), or pack them.
    pub spread_out: bool,
    /// Which workers an application's executors go to first.
    pub worker_selection: WorkerSelection,
    /// The most drivers that run at once (Spark's `spark.deploy.maxDrivers`); `None` is no limit.
    pub max_drivers: Option<u32>,
    /// Place a driver that named executor sizes only while one such executor still fits for each
    /// running driver whose application holds none (failure D20).
    pub reserve_for_executors: bool,
    /// Workers that get nothing new for now: the leader has no stream to them (suspect), so an order
    /// would wait for their return or their verdict.
    pub avoid: BTreeSet<WorkerId>,
}

impl Default for Policy {
    fn default() -> Policy {
        Policy {
            spread_out: true,
            worker_selection: WorkerSelection::default(),
            max_drivers: None,
            reserve_for_executors: true,
            avoid: BTreeSet::new(),
        }
    }
}

/// What the leader decided, ready to be proposed as `Command::Place`.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Plan {
    /// The placements, in the order in which they were decided; at most [`PLACEMENTS_MAX`].
    pub placements: Vec<Placement>,
    /// The worker that got the last driver of this plan; `None` if it places no driver.
    pub cursor: Option<WorkerId>,
}

impl Plan {
    /// Whether nothing is to be proposed.
    pub fn is_empty(&self) -> bool {
        self.placements.is_empty()
    }

    fn is_full(&self) -> bool {
        self.placements.len() >= PLACEMENTS_MAX
    }
}

/// Plans what waits onto what is free: drivers first, then applications.
///
/// Nothing is placed on a worker, or for an application, that has not answered the current leader:
/// what it really holds is not known yet. The same state and policy give the same plan.
///
/// The plain form, O(workers × waiting): what [`Planner`] is held against.
pub fn plan(state: &ClusterState, policy: &Policy) -> Plan {
    let mut plan = Plan::default();
    let mut rooms = room::usable(state);
    rooms.retain(|room| !policy.avoid.contains(&room.worker));
    drivers::place(state, policy, &mut rooms, &mut plan);
    executors::place(state, policy, &mut rooms, &mut plan);
    plan
}
