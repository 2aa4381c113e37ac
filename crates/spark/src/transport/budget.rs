//! Bytes that all connections together may hold.

use std::sync::Arc;
use std::sync::atomic::{AtomicUsize, Ordering};

use tokio::sync::{OwnedSemaphorePermit, Semaphore, TryAcquireError};

/// Bytes that came in and are not yet dealt with. Whoever wants to read waits until there is room.
pub(super) struct InBudget {
    room: Arc<Semaphore>,
    limit: usize,
}

impl InBudget {
    pub(super) fn new(bytes: usize) -> Self {
        let limit = bytes.min(Semaphore::MAX_PERMITS);
        let room = Arc::new(Semaphore::new(limit));
        Self { room, limit }
    }

    /// Waits for room. Nothing ever closes the budget.
    pub(super) async fn claim(&self, bytes: u32) -> InClaim {
        let permits = Arc::clone(&self.room).acquire_many_owned(bytes).await;
        InClaim(permits.expect("the semaphore is never closed"))
    }

    /// Whether three quarters are taken. The last one is for short frames: else a few peers that begin long ones
    /// and do not end them could keep all others waiting.
    pub(super) fn is_scarce(&self) -> bool {
        self.room.available_permits() < self.limit / 4
    }

    /// A claim of nothing.
    pub(super) fn nothing(&self) -> InClaim {
        match Arc::clone(&self.room).try_acquire_many_owned(0) {
            Ok(permits) => InClaim(permits),
            Err(TryAcquireError::NoPermits | TryAcquireError::Closed) => {
                unreachable!("no permits are always to be had, and the semaphore is never closed")
            }
        }
    }
}

/// Room that is taken, until this is dropped.
pub(super) struct InClaim(OwnedSemaphorePermit);

impl InClaim {
    /// Takes what `other` claims.
    pub(super) fn merge(&mut self, other: InClaim) {
        self.0.merge(other.0);
    }

    /// Gives back all but `bytes`.
    pub(super) fn shrink_to(&mut self, bytes: usize) {
        let over = self.0.num_permits().saturating_sub(bytes);
        drop(self.0.split(over));
    }

    /// Takes `bytes` out of it; fewer, if it claims fewer.
    pub(super) fn split(&mut self, bytes: usize) -> InClaim {
        let bytes = bytes.min(self.0.num_permits());
        InClaim(self.0.split(bytes).expect("it claims as many"))
    }
}

/// Bytes that wait to be written. Nobody waits for room: what does not fit closes its connection.
pub(super) struct OutBudget {
    limit: usize,
    used: AtomicUsize,
}

impl OutBudget {
    pub(super) fn new(limit: usize) -> Arc<Self> {
        Arc::new(Self {
            limit,
            used: AtomicUsize::new(0),
        })
    }
}

/// Room of one connection in an [`OutBudget`].
pub(super) struct OutClaim {
    budget: Arc<OutBudget>,
    bytes: usize,
}

impl OutClaim {
    pub(super) fn nothing(budget: &Arc<OutBudget>) -> Self {
        Self {
            budget: Arc::clone(budget),
            bytes: 0,
        }
    }

    /// Claims `bytes` in all; `false` if there is no room for that many, and then it claims what it did.
    pub(super) fn set(&mut self, bytes: usize) -> bool {
        let used = &self.budget.used;
        if bytes > self.bytes {
            let more = bytes - self.bytes;
            let fits = |used: usize| {
                used.checked_add(more)
                    .filter(|sum| *sum <= self.budget.limit)
            };
            if used
                .fetch_update(Ordering::Relaxed, Ordering::Relaxed, fits)
                .is_err()
            {
                return false;
            }
        } else {
            used.fetch_sub(self.bytes - bytes, Ordering::Relaxed);
        }
        self.bytes = bytes;
        true
    }

    /// How much more `bytes` in all would be, and the limit that this is over.
    pub(super) fn missing(&self, bytes: usize) -> (usize, usize) {
        (bytes.saturating_sub(self.bytes), self.budget.limit)
    }
}

impl Drop for OutClaim {
    fn drop(&mut self) {
        self.set(0);
    }
}
