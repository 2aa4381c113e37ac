//! The replicated state. Every collection is ordered, so every replica iterates alike.

mod application;
mod driver;
mod endpoint;
mod keys;
mod show;
mod tracked;
mod worker;

use std::collections::{BTreeMap, VecDeque};

use serde::{Deserialize, Serialize};
use vesta_types::{AppId, Booking, ClusterId, DriverId, Epoch, InstanceId, Timestamp, WorkerId};

pub use application::{Application, Executor};
pub use driver::{Driver, DriverPlacement};
pub use endpoint::{Endpoint, EndpointOwner};
pub use keys::{KeyRecord, Keys};
pub use tracked::Tracked;
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
    pub workers: Tracked<WorkerId, Worker>,
    /// DEAD workers, the one that has been so longest first.
    pub dead_workers: VecDeque<WorkerId>,
    /// Drivers, live and ended.
    pub drivers: Tracked<DriverId, Driver>,
    /// Applications, live and ended.
    pub applications: Tracked<AppId, Application>,
    /// Drivers that wait for a worker, by ticket: the queue.
    pub driver_queue: BTreeMap<u64, DriverId>,
    /// Those of them whose lost attempt may still run, with its number.
    #[serde(default)]
    pub leased_drivers: BTreeMap<DriverId, u32>,
    /// Applications that are not over, by ticket: the queue.
    pub app_queue: BTreeMap<u64, AppId>,
    /// The worker that got the last driver; round robin goes on after it.
    pub driver_cursor: Option<WorkerId>,
    /// Ended drivers, the oldest first.
    pub ended_drivers: VecDeque<DriverId>,
    /// Ended applications without live executors, the oldest first.
    pub ended_applications: VecDeque<AppId>,
    /// What the descriptions of all drivers and applications here take together, in bytes.
    #[serde(default)]
    pub described_bytes: u64,
    /// What placed drivers and live executors have published, by owner and name.
    #[serde(default)]
    pub endpoints: BTreeMap<EndpointOwner, BTreeMap<String, Endpoint>>,
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

    /// The live instances that are placed on `worker`, and what is booked for each. Empty before the
    /// first leader.
    pub fn placed_on(&self, worker: &WorkerId) -> Vec<(InstanceId, &Booking)> {
        let (Some(worker), Some(cluster)) = (self.workers.get(worker), self.cluster) else {
            return Vec::new();
        };
        let drivers = worker.drivers.iter().filter_map(|id| {
            let driver = self.drivers.get(id)?;
            let instance = InstanceId::driver(cluster, id.clone(), driver.attempt);
            Some((instance, &driver.placement.as_ref()?.booking))
        });
        let executors = worker.executors.iter().filter_map(|id| {
            let executor = self.applications.get(&id.app)?.executors.get(&id.number)?;
            let instance = InstanceId::executor(cluster, id.app.clone(), id.number);
            Some((instance, &executor.booking))
        });
        drivers.chain(executors).collect()
    }

    /// A hash of the whole state: equal on every replica at an equal index.
    pub fn digest(&self) -> u64 {
        crate::codec::fnv1a(&crate::codec::encode(self))
    }
}
