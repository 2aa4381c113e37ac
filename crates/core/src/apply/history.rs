//! Forgetting: ended drivers and applications, and DEAD workers, by entry time, alike on every replica.

use std::collections::VecDeque;

use vesta_types::Timestamp;
use vesta_types::limits::{DEAD_WORKER_AGE, HISTORY_AGE, HISTORY_MAX, HISTORY_MIN};

use super::Applying;

impl Applying<'_> {
    /// Run after each entry. Looks at the oldest of each kind only, so it costs nothing when there is
    /// nothing to forget.
    pub(super) fn trim(&mut self) {
        let now = self.now;
        let state = &mut *self.state;
        while let Some(id) = excess(&mut state.ended_drivers, now, |id| {
            state.drivers.get(id).and_then(|driver| driver.ended)
        }) {
            state.drivers.remove(&id);
        }
        while let Some(id) = excess(&mut state.ended_applications, now, |id| {
            state.applications.get(id).and_then(|app| app.ended)
        }) {
            state.applications.remove(&id);
        }
        while self.oldest_dead_is_due() {
            self.forget_oldest_dead();
        }
    }

    fn oldest_dead_is_due(&self) -> bool {
        self.state.dead_workers.front().is_some_and(|id| {
            let since = self
                .state
                .workers
                .get(id)
                .and_then(|worker| worker.dead_since);
            since.is_none_or(|since| self.now.since(since) > DEAD_WORKER_AGE)
        })
    }

    /// Forgets the worker that has been DEAD longest; `false` if there is none.
    pub(super) fn forget_oldest_dead(&mut self) -> bool {
        let Some(id) = self.state.dead_workers.pop_front() else {
            return false;
        };
        self.state.workers.remove(&id);
        true
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
