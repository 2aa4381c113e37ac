//! What the load has submitted and may still be live.

use std::collections::{BTreeMap, BTreeSet};
use std::sync::{Mutex, MutexGuard, PoisonError};

use rand::Rng;
use vesta_types::{DriverId, SubmissionKey};

use crate::record::Submit;

/// How many drivers that run until they are killed there may be: above, the oldest is killed.
const LASTING_MAX: usize = 12;

/// How many of the last drivers are read.
const RECENT_MAX: usize = 40;

/// What was submitted, over all clients.
#[derive(Default)]
pub(super) struct Own(Mutex<Inner>);

#[derive(Default)]
struct Inner {
    /// Every key that was sent.
    submitted: BTreeMap<SubmissionKey, Submit>,
    /// Drivers that run until they are killed, the oldest first.
    lasting: Vec<DriverId>,
    /// The last drivers, the newest last.
    recent: Vec<DriverId>,
    /// Drivers that were not seen to have ended.
    live: BTreeSet<DriverId>,
}

impl Own {
    fn inner(&self) -> MutexGuard<'_, Inner> {
        // Nothing panics while it is held.
        self.0.lock().unwrap_or_else(PoisonError::into_inner)
    }

    pub(super) fn sent(&self, submit: &Submit) {
        let mut inner = self.inner();
        inner.submitted.insert(submit.key, submit.clone());
    }

    pub(super) fn acknowledged(&self, submit: &Submit, driver: &DriverId) {
        let mut inner = self.inner();
        if !inner.live.insert(driver.clone()) {
            return;
        }
        if !submit.manner.ends() {
            inner.lasting.push(driver.clone());
        }
        inner.recent.push(driver.clone());
        if inner.recent.len() > RECENT_MAX {
            inner.recent.remove(0);
        }
    }

    /// One of those that run until they are killed: any, or the oldest when there are too many.
    pub(super) fn to_kill(&self, random: &mut impl Rng) -> Option<DriverId> {
        let mut inner = self.inner();
        let count = inner.lasting.len();
        let at = match count {
            0 => return None,
            1..LASTING_MAX => random.random_range(0..count),
            _ => 0,
        };
        Some(inner.lasting.remove(at))
    }

    /// Whether there are as many that run until they are killed as there may be.
    pub(super) fn is_full(&self) -> bool {
        self.inner().lasting.len() >= LASTING_MAX
    }

    /// One whose kill did not come through is killed again.
    pub(super) fn not_killed(&self, driver: DriverId) {
        self.inner().lasting.push(driver);
    }

    /// One of the last, or any that was not seen to have ended: so that most ends are seen before the masters
    /// forget them.
    pub(super) fn to_read(&self, random: &mut impl Rng) -> Option<DriverId> {
        let inner = self.inner();
        let live = inner.live.len();
        if live > 0 && random.random_bool(0.6) {
            return inner.live.iter().nth(random.random_range(0..live)).cloned();
        }
        let count = inner.recent.len();
        (count > 0).then(|| inner.recent[random.random_range(0..count)].clone())
    }

    pub(super) fn ended(&self, driver: &DriverId) {
        self.inner().live.remove(driver);
    }

    pub(super) fn live(&self) -> Vec<DriverId> {
        self.inner().live.iter().cloned().collect()
    }

    pub(super) fn submitted(&self) -> Vec<Submit> {
        self.inner().submitted.values().cloned().collect()
    }
}
