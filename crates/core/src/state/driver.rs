//! A driver in cluster mode, as the masters know it.

use serde::{Deserialize, Serialize};
use vesta_types::{
    Booking, DriverDescription, DriverId, DriverState, Exit, Incarnation, SubmissionKey, Timestamp,
    WorkerId,
};

use super::Former;

/// Where the current attempt of a driver is.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct DriverPlacement {
    /// On which worker.
    pub worker: WorkerId,
    /// In which life of it.
    pub incarnation: Incarnation,
    /// What is booked for it there.
    pub booking: Booking,
    /// When its worker reported its process, for the first time.
    pub started: Option<Timestamp>,
    /// Its process id, once reported.
    pub pid: Option<u32>,
    /// How often its worker has restarted it in this attempt.
    pub restart: u32,
    /// Whether it is to end here so that the next attempt can be elsewhere: its worker is drained.
    /// Left out while it does not: what format 1 froze knows no drain.
    #[serde(default, skip_serializing_if = "std::ops::Not::not")]
    pub moving: bool,
}

/// A driver.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Driver {
    /// Its id: the same over relaunches.
    pub id: DriverId,
    /// What was submitted.
    pub description: DriverDescription,
    /// The key that it was submitted with.
    pub key: SubmissionKey,
    /// Its state.
    pub state: DriverState,
    /// How often it has been placed; the number of its current or last attempt.
    pub attempt: u32,
    /// Its place in the queue, kept over relaunches.
    pub ticket: u64,
    /// The current attempt, while it is placed.
    pub placement: Option<DriverPlacement>,
    /// The last attempt, once it is over and until there is another.
    pub last_placement: Option<DriverPlacement>,
    /// The worker on which the last attempt was lost, while it may still run there: until its lease is
    /// over, or its end is reported, there is no other.
    #[serde(default)]
    pub leased_to: Option<WorkerId>,
    /// Where the current or last attempt was placed.
    pub last_worker: Option<WorkerId>,
    /// Whether its end was asked for. Durable: whoever leads carries it out.
    pub kill_requested: bool,
    /// When it was accepted.
    pub submitted: Timestamp,
    /// When it ended.
    pub ended: Option<Timestamp>,
    /// The same by what history ages by, from version 2 of the rules on; left out before.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub ages_from: Option<Timestamp>,
    /// How it ended, if its process did.
    pub exit: Option<Exit>,
    /// Why it is as it is, for people.
    pub message: String,
    /// Attempts that former clusters ordered, if this one was restored.
    #[serde(default, skip_serializing_if = "Former::is_empty")]
    pub former: Former,
}

impl Driver {
    /// Whether it waits for a worker and may be given one now.
    pub fn may_be_placed(&self) -> bool {
        self.state.is_waiting() && !self.kill_requested && self.leased_to.is_none()
    }
}
