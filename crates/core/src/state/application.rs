//! An application and its executors, as the masters know them.

use std::collections::BTreeMap;

use serde::{Deserialize, Serialize};
use vesta_types::{
    AppId, ApplicationDescription, ApplicationState, Booking, Epoch, ExecutorState, Exit,
    Incarnation, ProfileRequest, SubmissionKey, Timestamp, WorkerId,
};

use super::Former;

/// An executor: a grant of the log, and what its worker reported of it.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Executor {
    /// Its number in the application; never reused.
    pub number: u32,
    /// The profile that it was made for.
    pub profile: u32,
    /// On which worker.
    pub worker: WorkerId,
    /// In which life of it.
    pub incarnation: Incarnation,
    /// What is booked for it there, until it has ended.
    pub booking: Booking,
    /// Its state.
    pub state: ExecutorState,
    /// Whether its end was asked for (by its application, or because that is over).
    pub kill_requested: bool,
    /// Its process id, once reported.
    pub pid: Option<u32>,
    /// When it was granted.
    pub granted: Timestamp,
    /// When it ended.
    pub ended: Option<Timestamp>,
    /// How it ended, if its process did.
    pub exit: Option<Exit>,
    /// Why it is as it is, for people.
    pub message: String,
}

/// An application.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Application {
    /// Its id.
    pub id: AppId,
    /// What was registered. The executor targets in it are the current ones.
    pub description: ApplicationDescription,
    /// The key that it was registered with.
    pub key: SubmissionKey,
    /// Its own state; UNKNOWN is derived from `confirmed_epoch`.
    pub state: ApplicationState,
    /// The last epoch in which its client answered.
    pub confirmed_epoch: Epoch,
    /// Its place in the queue.
    pub ticket: u64,
    /// The number of its next executor.
    pub next_executor: u32,
    /// Executors that failed since the last one RAN.
    pub retries: u32,
    /// Its executors that have not ended, by number.
    pub executors: BTreeMap<u32, Executor>,
    /// The last ended ones, by number.
    pub ended_executors: BTreeMap<u32, Executor>,
    /// How many have ended in all.
    pub ended_executors_total: u32,
    /// When it was registered.
    pub submitted: Timestamp,
    /// When it ended.
    pub ended: Option<Timestamp>,
    /// The same by what history ages by, from version 2 of the rules on; left out before.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub ages_from: Option<Timestamp>,
    /// Why it is as it is, for people.
    pub message: String,
    /// Executors that former clusters ordered, if this one was restored.
    #[serde(default, skip_serializing_if = "Former::is_empty")]
    pub former: Former,
}

impl Application {
    /// Whether a live executor counts towards its targets and its limit of cores. One of Spark's that is
    /// DECOMMISSIONED does not: its driver gives it nothing more to do, and is to have another.
    pub fn counts(&self, executor: &Executor) -> bool {
        self.description.spark.is_none() || executor.state != ExecutorState::Decommissioned
    }

    /// Cores that its live executors hold, of those that count.
    pub fn cores_held(&self) -> u32 {
        self.executors
            .values()
            .filter(|executor| self.counts(executor))
            .map(|executor| executor.booking.cores)
            .fold(0, u32::saturating_add)
    }

    /// Cores that it may still get, under its own limit.
    pub fn cores_left(&self) -> u32 {
        self.description
            .max_cores
            .unwrap_or(u32::MAX)
            .saturating_sub(self.cores_held())
    }

    /// Live executors of a profile that count.
    pub fn live_of(&self, profile: u32) -> u32 {
        let of = self
            .executors
            .values()
            .filter(|executor| executor.profile == profile && self.counts(executor));
        u32::try_from(of.count()).unwrap_or(u32::MAX)
    }

    /// Whether its executors failed as often in a row as it allows. It then gets no more of them; what
    /// RUNS goes on, and once nothing does it FAILED. (With a limit of 0, the first failure is enough.)
    pub fn retries_exhausted(&self) -> bool {
        let limit = self.description.max_executor_retries;
        u32::try_from(limit).is_ok_and(|limit| self.retries >= limit.max(1))
    }

    /// Whether it runs to completion, and nothing is left to do.
    pub fn is_completed(&self) -> bool {
        let done = |wanted: &ProfileRequest| wanted.target == Some(0);
        let mut profiles = self.description.profiles.values();
        self.description.run_to_completion && profiles.all(done) && self.executors.is_empty()
    }

    /// Whether it has not ended.
    pub fn is_live(&self) -> bool {
        !self.state.is_final()
    }
}
