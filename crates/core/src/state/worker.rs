//! A worker, as the masters know it.

use std::collections::{BTreeMap, BTreeSet};

use serde::{Deserialize, Serialize};
use vesta_types::{
    Booking, DriverId, Epoch, ExecutorId, InstanceId, Timestamp, WorkerDescription, WorkerState,
};

/// A registered worker.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Worker {
    /// What it registered, with its incarnation.
    pub description: WorkerDescription,
    /// Its own state; UNKNOWN is derived from `confirmed_epoch`.
    pub state: WorkerState,
    /// The last epoch in which it answered.
    pub confirmed_epoch: Epoch,
    /// When this incarnation registered.
    pub registered: Timestamp,
    /// When it became DEAD; it is forgotten some time later.
    pub dead_since: Option<Timestamp>,
    /// The same by what history ages by, from version 2 of the rules on; left out before.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub ages_from: Option<Timestamp>,
    /// What is booked: the sum over `drivers` and `executors`.
    pub booked: Booking,
    /// Drivers placed here and not ended.
    pub drivers: BTreeSet<DriverId>,
    /// Executors placed here and not ended.
    pub executors: BTreeSet<ExecutorId>,
    /// Instances that it still runs though they are over for us, and why: it is told to stop them
    /// until it reports their end.
    pub stopping: BTreeMap<InstanceId, String>,
    /// Instances that it runs and that this state can't explain (it went back, or was restored): kept,
    /// shown, never stopped.
    pub quarantined: BTreeMap<InstanceId, String>,
}

impl Worker {
    /// Whether something may be placed on it, by its own state.
    pub fn is_alive(&self) -> bool {
        self.state == WorkerState::Alive
    }

    /// Whether anything is placed on it or to be stopped there, so that its answer is waited for.
    pub fn holds_something(&self) -> bool {
        !(self.drivers.is_empty() && self.executors.is_empty() && self.stopping.is_empty())
    }

    /// Whether it holds the address `host:port`. A DEAD one holds none any more.
    pub fn is_at(&self, host: &str, port: u16) -> bool {
        self.state != WorkerState::Dead
            && self.description.port == port
            && self.description.host == host
    }

    /// Cores that are not booked.
    pub fn cores_free(&self) -> u32 {
        self.description
            .capacity
            .cores
            .saturating_sub(self.booked.cores)
    }

    /// Memory that is not booked, in MiB.
    pub fn memory_free_mib(&self) -> u64 {
        self.description
            .capacity
            .memory_mib
            .saturating_sub(self.booked.memory_mib)
    }
}
