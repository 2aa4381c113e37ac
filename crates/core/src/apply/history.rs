//! Forgetting: ended drivers and applications, and DEAD workers, alike on every replica: by a clock that
//! follows no leader's wall clock (`ClusterState::ageing`).

use std::collections::VecDeque;

use vesta_types::limits::{
    DEAD_WORKER_AGE, DESCRIBED_BYTES_MAX, HISTORY_AGE, HISTORY_MAX, HISTORY_MIN,
};
use vesta_types::{AppId, DriverId, Timestamp};

use super::Applying;
use crate::state::ClusterState;

impl Applying<'_> {
    /// Run after each entry. Looks at the oldest of each kind only, so it costs nothing when there is
    /// nothing to forget.
    pub(super) fn trim(&mut self) {
        let now = self.ages_from().unwrap_or(self.now);
        let state = &mut *self.state;
        while let Some(id) = excess(&mut state.ended_drivers, now, |id| {
            let driver = state.drivers.get(id)?;
            driver.ages_from.or(driver.ended)
        }) {
            state.forget_driver(&id);
        }
        while let Some(id) = excess(&mut state.ended_applications, now, |id| {
            let app = state.applications.get(id)?;
            app.ages_from.or(app.ended)
        }) {
            state.forget_application(&id);
        }
        while self.oldest_dead_is_due(now) {
            self.forget_oldest_dead();
        }
    }

    /// Forgets the oldest of what has ended until `bytes` more may be described, or nothing is left to
    /// forget.
    pub(super) fn make_room_for(&mut self, bytes: u64) {
        let state = &mut *self.state;
        while state.described_bytes.saturating_add(bytes) > DESCRIBED_BYTES_MAX {
            let driver = state.ended_drivers.front();
            let driver_ended = driver.and_then(|id| state.drivers.get(id)?.ended);
            let app = state.ended_applications.front();
            let app_ended = app.and_then(|id| state.applications.get(id)?.ended);
            let driver_first = match (driver_ended, app_ended) {
                (Some(driver), Some(app)) => driver <= app,
                (driver, _) => driver.is_some(),
            };
            if driver_first && let Some(id) = state.ended_drivers.pop_front() {
                state.forget_driver(&id);
            } else if let Some(id) = state.ended_applications.pop_front() {
                state.forget_application(&id);
            } else {
                return;
            }
        }
    }

    fn oldest_dead_is_due(&self, now: Timestamp) -> bool {
        self.state.dead_workers.front().is_some_and(|id| {
            let worker = self.state.workers.get(id);
            let since = worker.and_then(|worker| worker.ages_from.or(worker.dead_since));
            since.is_none_or(|since| now.since(since) > DEAD_WORKER_AGE)
        })
    }

    /// Forgets the worker that has been DEAD longest; `false` if there is none.
    pub(super) fn forget_oldest_dead(&mut self) -> bool {
        let Some(id) = self.state.dead_workers.pop_front() else {
            return false;
        };
        self.state.workers.remove(&id);
        self.state.drains.remove(&id);
        true
    }
}

impl ClusterState {
    fn forget_driver(&mut self, id: &DriverId) {
        if let Some(driver) = self.drivers.remove(id) {
            self.described_bytes -= driver.description.bytes();
        }
    }

    fn forget_application(&mut self, id: &AppId) {
        if let Some(app) = self.applications.remove(id) {
            self.described_bytes -= app.description.bytes();
        }
    }
}

/// The oldest of `queue`, taken out, if it is to be forgotten: by number beyond the maximum, by age
/// beyond the minimum.
fn excess<T>(
    queue: &mut VecDeque<T>,
    now: Timestamp,
    ended: impl Fn(&T) -> Option<Timestamp>,
) -> Option<T> {
    let oldest = queue.front()?;
    let aged = || ended(oldest).is_none_or(|ended| now.since(ended) > HISTORY_AGE);
    let forget = queue.len() > HISTORY_MAX || queue.len() > HISTORY_MIN && aged();
    if forget { queue.pop_front() } else { None }
}
