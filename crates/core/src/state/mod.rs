//! The replicated state. Every collection is ordered, so every replica iterates alike.

mod application;
mod driver;
mod keys;
mod worker;

use std::collections::{BTreeMap, VecDeque};

use serde::{Deserialize, Serialize};
use vesta_types::{AppId, ClusterId, DriverId, Epoch, Timestamp, WorkerId};

pub use application::{Application, Executor};
pub use driver::{Driver, DriverPlacement};
pub use keys::{KeyRecord, Keys};
pub use worker::Worker;

use crate::FailoverReport;

/// Everything that the masters agree on.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
pub struct ClusterState {
    /// The cluster; `None` until the first leader started.
    pub cluster: Option<ClusterId>,
    /// Which rules `apply` follows; raised only when all members speak it.
    pub version: u32,
    /// The last applied log index.
    pub applied: u64,
    /// The current epoch; 0 until the first leader started.
    pub epoch: Epoch,
    /// (term, node) that the epoch belongs to.
    pub leader: Option<(u64, u64)>,
    /// Whether this epoch's recovery is complete.
    pub recovered: bool,
    /// The highest entry time so far; entry times never go back.
    pub clock: Timestamp,
    /// Number of the next driver.
    pub next_driver: u64,
    /// Number of the next application.
    pub next_app: u64,
    /// Place in the queue of whatever waits next; drivers and applications share it.
    pub next_ticket: u64,
    /// Registered workers, DEAD ones too until they are forgotten.
    pub workers: BTreeMap<WorkerId, Worker>,
    /// Drivers, live and ended.
    pub drivers: BTreeMap<DriverId, Driver>,
    /// Applications, live and ended.
    pub applications: BTreeMap<AppId, Application>,
    /// Drivers that wait for a worker, by ticket: the queue.
    pub driver_queue: BTreeMap<u64, DriverId>,
    /// Applications that are not over, by ticket: the queue.
    pub app_queue: BTreeMap<u64, AppId>,
    /// The worker that got the last driver; round robin goes on after it.
    pub driver_cursor: Option<WorkerId>,
    /// Ended drivers, the oldest first.
    pub ended_drivers: VecDeque<DriverId>,
    /// Ended applications without live executors, the oldest first.
    pub ended_applications: VecDeque<AppId>,
    /// Submission keys and their answers.
    pub keys: Keys,
    /// Reports of the last elections, the oldest first.
    pub failovers: VecDeque<FailoverReport>,
}

impl ClusterState {
    /// Whether `worker` has answered the current leader. One that has not shows as UNKNOWN, with all
    /// that is placed on it.
    pub fn is_confirmed(&self, worker: &Worker) -> bool {
        worker.confirmed_epoch == self.epoch
    }

    /// Whether `app` has answered the current leader.
    pub fn is_app_confirmed(&self, app: &Application) -> bool {
        app.confirmed_epoch == self.epoch
    }

    /// A hash of the whole state: equal on every replica at an equal index.
    pub fn digest(&self) -> u64 {
        // FNV-1a, 64 bits: stable over versions of the compiler, unlike the standard hasher.
        crate::codec::encode(self)
            .iter()
            .fold(0xcbf2_9ce4_8422_2325, |hash, byte| {
                (hash ^ u64::from(*byte)).wrapping_mul(0x0000_0100_0000_01b3)
            })
    }
}
