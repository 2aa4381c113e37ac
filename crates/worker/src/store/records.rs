//! What the records of one instance say, without IO.

use serde::{Deserialize, Serialize};
use vesta_types::{Exit, InstanceStatus, Ran, Timestamp};

pub use crate::process::Process;

/// Who decided whether an instance is executed.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub enum Started {
    /// The supervisor executes it.
    Executed,
    /// It never will be executed.
    Revoked {
        /// Why.
        reason: String,
    },
}

/// A run's process.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Running {
    /// It.
    pub process: Process,
    /// When it was started, by the worker's clock.
    pub since: Timestamp,
}

/// How a run ended.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Ending {
    /// How.
    pub outcome: Outcome,
    /// When, by the worker's clock.
    pub at: Timestamp,
    /// Whether no restart follows.
    pub last: bool,
}

/// What came of a run.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub enum Outcome {
    /// Its process ended, or could not be run.
    Exited(Exit),
    /// It was too late for it to be executed.
    NeverRan {
        /// Why.
        reason: String,
    },
}

/// What the records of one instance say; whoever creates `started.0` first decides whether it was ever
/// executed.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Records {
    /// The highest `n` for which there is a `started.n`.
    pub last_started: Option<u32>,
    /// Why it never will be executed, if `started.0` says that.
    pub revoked: Option<String>,
    /// `exit.n` of that `n`.
    pub ending: Option<Ending>,
    /// Why it is being interrupted, if it is.
    pub interrupted: Option<String>,
    /// Whether its supervisor lives; looked at only while it is being interrupted.
    pub is_supervised: bool,
    /// The process of that run; between two runs, that of the one before.
    pub running: Option<Running>,
}

impl Records {
    /// Whether they prove that nothing of it runs: its last end, or that it never will start. That it is
    /// being interrupted proves nothing: its process may be in its grace yet.
    pub fn is_over(&self) -> bool {
        let ended = self.ending.as_ref().is_some_and(|ending| ending.last);
        ended || self.revoked.is_some() && self.last_started == Some(0)
    }

    /// How the instance is, and in which restart.
    pub fn status(&self) -> (InstanceStatus, u32) {
        let restart = self.last_started.unwrap_or(0);
        let ran = |Running { process, since }: Running| Ran {
            pid: process.pid,
            since,
        };
        if let Some(Ending { outcome, at, .. }) = self.ending.clone().filter(|it| it.last) {
            let status = match (outcome, self.interrupted.clone()) {
                // Ended because of the interruption, not by itself.
                (Outcome::Exited(Exit { killed: true, .. }), Some(reason)) => {
                    InstanceStatus::Interrupted { reason }
                }
                (Outcome::Exited(exit), _) => {
                    let ran = self.running.clone().map(ran);
                    InstanceStatus::Ended { exit, at, ran }
                }
                (Outcome::NeverRan { reason }, _) => InstanceStatus::NeverRan { reason },
            };
            return (status, restart);
        }
        // While its supervisor lives it is not over: the process may take its whole grace.
        if let Some(reason) = self.interrupted.clone()
            && !self.is_supervised
        {
            return (InstanceStatus::Interrupted { reason }, restart);
        }
        if self.last_started.is_none() {
            return (InstanceStatus::Accepted, 0);
        }
        if let Some(reason) = self.revoked.clone() {
            return (InstanceStatus::NeverRan { reason }, 0);
        }
        match self.running.clone() {
            Some(Running { process, since }) => {
                let pid = process.pid;
                (InstanceStatus::Running { pid, since }, restart)
            }
            None => (InstanceStatus::Accepted, restart),
        }
    }
}
