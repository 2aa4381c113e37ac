//! What the clients asked for and what they were told, which is what the end is judged by.

use std::collections::{BTreeMap, BTreeSet};
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};
use std::time::Duration;

use vesta_types::{DriverId, SubmissionKey};

/// What became of one submission, over all its repetitions.
#[derive(Clone, Debug, Default)]
pub struct Submission {
    /// The ids that were acknowledged for its key.
    pub acknowledged: BTreeSet<DriverId>,
    /// Whether a call ended with its outcome unknown.
    pub unknown: bool,
}

/// Everything that was asked for. Cheap to clone.
#[derive(Clone, Default)]
pub struct History(Arc<Mutex<Asked>>);

/// What was asked for.
#[derive(Default)]
pub struct Asked {
    /// Every submission that was begun, by its key.
    pub submissions: BTreeMap<SubmissionKey, Submission>,
    /// Drivers whose kill was acknowledged.
    pub killed: BTreeSet<DriverId>,
    /// Submissions that were acknowledged: when they were begun and answered, and their drivers.
    pub served: Vec<(Duration, Duration, DriverId)>,
    /// Instances that were executed, and when.
    pub executed: BTreeMap<String, Duration>,
    /// Calls of any kind that got an answer.
    pub answers: u64,
}

impl History {
    /// Looks at it or adds to it.
    pub fn lock(&self) -> MutexGuard<'_, Asked> {
        self.0.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

impl Asked {
    /// Whether an instance of a driver that was acknowledged, and submitted after `at`, was executed.
    pub fn executed_after(&self, at: Duration) -> bool {
        let later = self.served.iter().filter(|(begun, _, _)| *begun >= at);
        later.into_iter().any(|(_, _, driver)| {
            let from = format!("{driver}.");
            self.executed
                .range(from.clone()..)
                .next()
                .is_some_and(|(id, _)| id.starts_with(&from))
        })
    }

    /// When the first submission that was begun after `at` was acknowledged.
    pub fn served_after(&self, at: Duration) -> Option<Duration> {
        let later = self.served.iter().filter(|(begun, ..)| *begun >= at);
        later.map(|(_, answered, _)| *answered).min()
    }

    /// The longest time without an acknowledgement before `until`.
    pub fn longest_gap(&self, until: Duration) -> Duration {
        let mut answered: Vec<Duration> = self.served.iter().map(|(_, at, _)| *at).collect();
        answered.push(until);
        answered.sort_unstable();
        let gaps = answered.windows(2).map(|pair| pair[1] - pair[0]);
        gaps.max().unwrap_or_default()
    }
}
