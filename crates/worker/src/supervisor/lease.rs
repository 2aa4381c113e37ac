//! The lease of a driver that is to stop when no master is heard.

use std::time::Duration;

use uuid::Uuid;
use vesta_types::Lease;

use crate::clock::Boottime;
use crate::store::{InstanceDir, freshness};

/// How often is looked at least: the machine may sleep, and timers with it.
const LOOK_AGAIN: Duration = Duration::from_secs(1);

/// A driver's lease: it runs from the sending of the last confirmed heartbeat, on CLOCK_BOOTTIME.
///
/// The supervisor itself enforces it, so that neither the end nor a pause of the agent gets in its way.
pub(super) struct Leased {
    lease: Option<Lease>,
    boot: Uuid,
    root: std::path::PathBuf,
}

impl Leased {
    pub(super) fn new(lease: Option<Lease>, boot: Uuid, dir: &InstanceDir) -> Leased {
        Leased {
            lease,
            boot,
            root: dir.root().to_owned(),
        }
    }

    /// How long its process may take to end once the lease is over; `None` without a lease.
    pub(super) fn grace(&self) -> Option<Duration> {
        self.lease
            .map(|lease| Duration::from_millis(lease.grace_ms))
    }

    /// Why the instance was ended.
    pub(super) fn reason(&self) -> String {
        let time = self.lease.map_or(0, |lease| lease.time_ms);
        format!(
            "its lease is over: no heartbeat of the last {} s was confirmed",
            time as f64 / 1000.0
        )
    }

    /// Waits until the lease is over; for ever without one.
    pub(super) async fn over(&self) {
        let Some(lease) = self.lease else {
            return std::future::pending().await;
        };
        let time = Duration::from_millis(lease.time_ms);
        loop {
            let stamp = freshness::last(&self.root, self.boot);
            let now = Boottime::now();
            let left = left(time, stamp, now);
            if left.is_zero() {
                return;
            }
            tokio::time::sleep(left.min(LOOK_AGAIN)).await;
        }
    }
}

/// What is left at `now` of a lease of `time`, when the latest heartbeat that was confirmed in this boot
/// was sent at `stamp`. Without one nothing was confirmed since the boot.
pub fn left(time: Duration, stamp: Option<Boottime>, now: Boottime) -> Duration {
    stamp.map_or(Duration::ZERO, |stamp| {
        time.saturating_sub(now.since(stamp))
    })
}

#[cfg(test)]
mod tests {
    use super::*;

    #[tokio::test]
    async fn a_lease_is_over_when_the_last_confirmed_heartbeat_is_as_old() {
        let root = tempfile::tempdir().unwrap();
        let dir = InstanceDir::at(&root.path().join("instances/x"));
        let boot = Uuid::from_u128(1);
        let lease = |time_ms| {
            let lease = Lease {
                time_ms,
                grace_ms: 1,
            };
            Leased::new(Some(lease), boot, &dir)
        };
        freshness::confirm(root.path(), boot, Boottime::now()).unwrap();
        assert!(!is_over(&lease(60_000)).await);
        lease(20).over().await;
        assert!(is_over(&lease(20)).await);
        // A new confirmation is a new lease.
        freshness::confirm(root.path(), boot, Boottime::now().plus(LOOK_AGAIN)).unwrap();
        assert!(!is_over(&lease(20)).await);
        assert!(is_over(&Leased::new(lease(60_000).lease, Uuid::from_u128(2), &dir)).await);
        assert!(!is_over(&Leased::new(None, boot, &dir)).await);
    }

    async fn is_over(leased: &Leased) -> bool {
        tokio::time::timeout(Duration::ZERO, leased.over())
            .await
            .is_ok()
    }
}
