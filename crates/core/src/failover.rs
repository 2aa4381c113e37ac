//! The fail-over report: what each election found, and what became of it.
//!
//! It is a part of the replicated state, written by `apply` as the entries of an epoch pass, so any
//! later leader can show it.

use serde::{Deserialize, Serialize};
use vesta_types::{Epoch, Timestamp, limits::FAILOVER_OBJECTS_MAX};

/// What became of an object in a fail-over.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Serialize, Deserialize)]
pub enum Outcome {
    /// It answered, and goes on.
    Confirmed,
    /// It had been ordered, and only this leader's order started it.
    Started,
    /// It ended while nobody led, as its worker's report shows.
    Ended,
    /// Its worker was lost.
    Lost,
    /// It waits for a worker again, as a new attempt.
    Relaunched,
    /// It was known to have ended and is being stopped.
    Stopped,
    /// It runs and the state can't explain it: kept, and an alarm.
    Quarantined,
}

impl Outcome {
    /// The name, in capitals as states are.
    pub const fn as_str(self) -> &'static str {
        match self {
            Outcome::Confirmed => "CONFIRMED",
            Outcome::Started => "STARTED",
            Outcome::Ended => "ENDED",
            Outcome::Lost => "LOST",
            Outcome::Relaunched => "RELAUNCHED",
            Outcome::Stopped => "STOPPED",
            Outcome::Quarantined => "QUARANTINED",
        }
    }
}

/// One line of a report.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct ObjectLine {
    /// Id of a worker, application, driver or executor.
    pub id: String,
    /// What became of it.
    pub outcome: Outcome,
    /// Why.
    pub why: String,
    /// Entry time since the epoch began.
    pub after_ms: u64,
}

/// The report of one election.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct FailoverReport {
    /// The epoch that began.
    pub epoch: Epoch,
    /// Its Raft term.
    pub term: u64,
    /// The leader's node id.
    pub leader: u64,
    /// When it began.
    pub started: Timestamp,
    /// How long the new leader had heard no leader.
    pub election_ms: u64,
    /// When recovery was complete, since it began; `None` while it goes on.
    pub recovery_ms: Option<u64>,
    /// What became of the objects, the first [`FAILOVER_OBJECTS_MAX`] of them.
    pub objects: Vec<ObjectLine>,
    /// Objects beyond that.
    pub objects_not_named: u64,
    /// How many objects of each outcome, in the order of [`Outcome`].
    pub counts: std::collections::BTreeMap<Outcome, u64>,
    /// Executors that ended because of this fail-over alone. Always 0, or there is a defect.
    pub executors_killed: u64,
}

impl FailoverReport {
    /// Adds what became of an object. Only while the recovery goes on does it belong to the fail-over.
    pub fn note(&mut self, id: impl ToString, outcome: Outcome, why: &str, at: Timestamp) {
        *self.counts.entry(outcome).or_default() += 1;
        if self.objects.len() >= FAILOVER_OBJECTS_MAX {
            self.objects_not_named += 1;
            return;
        }
        let after_ms = u64::try_from(at.since(self.started).as_millis()).unwrap_or(u64::MAX);
        self.objects.push(ObjectLine {
            id: id.to_string(),
            outcome,
            why: why.to_owned(),
            after_ms,
        });
    }
}
