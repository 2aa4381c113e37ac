//! When a leader that hears no quorum must hold its tongue.
//!
//! Messages that arrive keep followers from electing, even when none of their answers come back.
//! openraft therefore pauses *heartbeats* in every other period after a leader's lease ran out;
//! entries and snapshots are ours to pause, by the same clock.

use std::sync::{Mutex, PoisonError};
use std::time::Duration;

use openraft::Instant as _;
use openraft::async_runtime::watch::WatchReceiver;
use tokio::time::Instant;

use crate::me::LateMetrics;

/// Tells whether a leader is in a quiet period.
pub(crate) struct Quiet {
    metrics: LateMetrics,
    lease: Duration,
    period: Duration,
    /// The newest term led by this node, and when it was first seen.
    led: Mutex<Option<(u64, Instant)>>,
}

impl Quiet {
    pub(crate) fn new(metrics: LateMetrics, lease: Duration, period: Duration) -> Self {
        Quiet {
            metrics,
            lease,
            period,
            led: Mutex::new(None),
        }
    }

    /// Whether the leader of `term`, which is this node, must send neither entries nor snapshots
    /// now.
    pub(crate) fn now(&self, term: u64) -> bool {
        let leading = self.first_seen(term).elapsed();
        let acknowledged = self.metrics.get().and_then(|metrics| {
            let metrics = metrics.borrow_watched();
            (metrics.current_term == term)
                .then_some(metrics.last_quorum_acked)
                .flatten()
        });
        let silence = acknowledged.map_or(leading, |instant| instant.elapsed().min(leading));
        is_quiet(silence, self.lease, self.period)
    }

    fn first_seen(&self, term: u64) -> Instant {
        let now = Instant::now();
        let mut led = self.led.lock().unwrap_or_else(PoisonError::into_inner);
        match *led {
            Some((known, since)) if known == term => since,
            _ => {
                *led = Some((term, now));
                now
            }
        }
    }
}

/// The rule of openraft's `quorum_loss_probe_interval`: quiet first, then by turns.
fn is_quiet(silence: Duration, lease: Duration, period: Duration) -> bool {
    match silence.checked_sub(lease) {
        None => false,
        Some(_) if period.is_zero() => false,
        Some(over) => (over.as_nanos() / period.as_nanos()).is_multiple_of(2),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_leader_falls_silent_when_its_lease_is_over_and_then_tries_by_turns() {
        let quiet = |millis| {
            is_quiet(
                Duration::from_millis(millis),
                Duration::from_millis(300),
                Duration::from_millis(900),
            )
        };
        assert!(!quiet(0));
        assert!(!quiet(299));
        assert!(quiet(300));
        assert!(quiet(1199));
        assert!(!quiet(1200));
        assert!(!quiet(2099));
        assert!(quiet(2100));
    }
}
