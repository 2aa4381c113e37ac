//! Registrations that came while this master did not lead: they are answered if it leads soon.
//!
//! A driver of Spark's asks every master to register its application, hears nothing of one that stands by, and asks
//! again only 20 s later. Without this, an application that comes in the gap between two leaders waits as long.
//!
//! No IO and no clock.

use std::collections::BTreeMap;
use std::time::Duration;

use tokio::time::Instant;

/// For how long a driver waits before it asks again, and some more: what is older is of a driver that was answered
/// by another master.
const KEPT_FOR: Duration = Duration::from_secs(25);

/// Bytes that are kept of all. What does not fit is not kept: it is asked again.
const BYTES_MAX: usize = 64 << 20;

/// The newest of each connection.
#[derive(Debug)]
pub(super) struct Unanswered<C, M> {
    kept: BTreeMap<C, Kept<M>>,
    bytes: usize,
}

#[derive(Debug)]
struct Kept<M> {
    asked: Instant,
    bytes: usize,
    message: M,
}

impl<C: Ord + Clone, M> Unanswered<C, M> {
    /// Nothing.
    pub(super) fn new() -> Unanswered<C, M> {
        let kept = BTreeMap::new();
        Unanswered { kept, bytes: 0 }
    }

    /// Keeps what came over a connection, in place of what came before.
    pub(super) fn keep(&mut self, now: Instant, connection: C, bytes: usize, message: M) {
        self.forget(&connection);
        self.forget_old(now);
        if self.bytes + bytes > BYTES_MAX {
            return;
        }
        self.bytes += bytes;
        let asked = now;
        let kept = Kept {
            asked,
            bytes,
            message,
        };
        self.kept.insert(connection, kept);
    }

    /// The connection is gone: there is nobody to answer.
    pub(super) fn forget(&mut self, connection: &C) {
        if let Some(kept) = self.kept.remove(connection) {
            self.bytes -= kept.bytes;
        }
    }

    /// What is too old is kept no longer.
    pub(super) fn forget_old(&mut self, now: Instant) {
        self.kept.retain(|_, kept| now < kept.asked + KEPT_FOR);
        self.bytes = self.kept.values().map(|kept| kept.bytes).sum();
    }

    /// All that is to be answered now, in the order in which it came. Nothing is kept any more.
    pub(super) fn take(&mut self, now: Instant) -> Vec<(C, M)> {
        self.forget_old(now);
        self.bytes = 0;
        let mut kept: Vec<_> = std::mem::take(&mut self.kept).into_iter().collect();
        kept.sort_by_key(|(_, kept)| kept.asked);
        let answered = kept.into_iter();
        answered
            .map(|(connection, kept)| (connection, kept.message))
            .collect()
    }
}
