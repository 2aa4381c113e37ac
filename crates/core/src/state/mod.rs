//! The replicated state. Every collection is ordered, so every replica iterates alike.

mod ageing;
mod application;
mod drain;
mod driver;
mod endpoint;
mod former;
mod keys;
mod show;
mod tracked;
mod worker;

use std::collections::{BTreeMap, VecDeque};

use serde::{Deserialize, Serialize};
use vesta_types::{
    AppId, Booking, ClusterId, DriverId, Epoch, InstanceId, SparkApplication, Timestamp, Work,
    WorkerId,
};

pub use ageing::Ageing;
pub use application::{Application, Executor};
pub use drain::Drain;
pub use driver::{Driver, DriverPlacement};
pub use endpoint::{Endpoint, EndpointOwner};
pub use former::Former;
pub use keys::{KeyRecord, Keys};
pub use tracked::Tracked;
pub use worker::Worker;

use crate::FailoverReport;

/// Everything that the masters agree on.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
pub struct ClusterState {
    /// The cluster; `None` until the first leader started.
    pub cluster: Option<ClusterId>,
    /// Which rules `apply` follows; raised only when all members speak it. 0 before the first leader.
    pub version: u32,
    /// Every master that was ever a member, with its data directory: a node id is never given to
    /// another directory.
    pub masters: BTreeMap<u64, uuid::Uuid>,
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
    /// By what the history ages, from version 2 of the rules on; before that, by `clock`. Left out until
    /// then.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub ageing: Option<Ageing>,
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
    /// Drains of workers, DEAD ones too until they are forgotten. Left out while there is none, as
    /// `endpoints`.
    #[serde(default, skip_serializing_if = "BTreeMap::is_empty")]
    pub drains: BTreeMap<WorkerId, Drain>,
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
    /// What placed drivers and live executors have published, by owner and name. Left out while there is
    /// none: what format 1 froze has none.
    #[serde(default, skip_serializing_if = "BTreeMap::is_empty")]
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

    /// The live application of this Spark driver, by where that is reached, its name and its user. One
    /// driver has one application at a time; another process may have taken its address, with another
    /// name.
    pub fn spark_application(&self, spark: &SparkApplication, name: &str) -> Option<&Application> {
        let live = self.app_queue.values();
        let mut live = live.filter_map(|id| self.applications.get(id));
        live.find(|app| {
            let of = app.description.spark.as_ref();
            let same = of.is_some_and(|of| of.peer == spark.peer && of.user == spark.user);
            same && app.description.name == name
        })
    }

    /// The live instances that are placed on `worker`, and what is booked for each. Empty before the
    /// first leader.
    pub fn placed_on(&self, worker: &WorkerId) -> Vec<(InstanceId, &Booking)> {
        let Some(worker) = self.workers.get(worker) else {
            return Vec::new();
        };
        let drivers = worker.drivers.iter().filter_map(|id| {
            let driver = self.drivers.get(id)?;
            let instance = self.driver_instance(driver)?;
            Some((instance, &driver.placement.as_ref()?.booking))
        });
        let executors = worker.executors.iter().filter_map(|id| {
            let app = self.applications.get(&id.app)?;
            let executor = app.executors.get(&id.number)?;
            let instance = self.executor_instance(app, id.number)?;
            Some((instance, &executor.booking))
        });
        drivers.chain(executors).collect()
    }

    /// The instance of a driver's current or last attempt; `None` before the first leader.
    pub fn driver_instance(&self, driver: &Driver) -> Option<InstanceId> {
        let cluster = driver.former.of(driver.attempt).or(self.cluster)?;
        Some(InstanceId::driver(
            cluster,
            driver.id.clone(),
            driver.attempt,
        ))
    }

    /// The instance of an application's executor; `None` before the first leader.
    pub fn executor_instance(&self, app: &Application, number: u32) -> Option<InstanceId> {
        let cluster = app.former.of(number).or(self.cluster)?;
        Some(InstanceId::executor(cluster, app.id.clone(), number))
    }

    /// Whether this cluster, or the one that it was restored from, ordered `instance`, or would if it
    /// is still to come.
    pub fn is_ordered_here(&self, instance: &InstanceId) -> bool {
        let former = match &instance.work {
            Work::Driver { driver, attempt } => {
                let driver = self.drivers.get(driver);
                driver.and_then(|driver| driver.former.of(*attempt))
            }
            Work::Executor { app, number } => {
                let app = self.applications.get(app);
                app.and_then(|app| app.former.of(*number))
            }
        };
        former.or(self.cluster) == Some(instance.cluster)
    }

    /// This state as the beginning of another cluster, `cluster`, restored at `now`. What it had ordered
    /// keeps its instance ids. Keys up to now that it does not know may have been answered after the
    /// state was saved: they are refused. Its masters are not this cluster's.
    #[must_use]
    pub fn restored(mut self, cluster: ClusterId, now: Timestamp) -> ClusterState {
        if let Some(former) = self.cluster.replace(cluster) {
            let drivers: Vec<DriverId> = self.drivers.keys().cloned().collect();
            for id in drivers {
                if let Some(driver) = self.drivers.get_mut(&id) {
                    let next = driver.attempt.saturating_add(1);
                    driver.former.close(next, former);
                }
            }
            let applications: Vec<AppId> = self.applications.keys().cloned().collect();
            for id in applications {
                if let Some(app) = self.applications.get_mut(&id) {
                    app.former.close(app.next_executor, former);
                }
            }
        }
        self.leader = None;
        self.masters.clear();
        self.keys.restored = Some(now);
        self
    }

    /// A hash of the whole state: equal on every replica at an equal index.
    pub fn digest(&self) -> u64 {
        crate::codec::fnv1a(&crate::codec::encode(self))
    }
}
