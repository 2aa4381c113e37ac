//! The two clocks: one that can't jump, for deciding, and one for people.

use std::time::{Duration, SystemTime, UNIX_EPOCH};

use serde::{Deserialize, Serialize};
use uuid::Uuid;
use vesta_types::Timestamp;

use crate::failpoint;

/// Nanoseconds of `CLOCK_BOOTTIME`: since the machine's boot, counted on while it sleeps. Comparable
/// between processes of one boot only.
#[derive(
    Clone, Copy, Debug, Default, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize,
)]
pub struct Boottime(pub u64);

impl Boottime {
    /// The time now.
    pub fn now() -> Boottime {
        let time = rustix::time::clock_gettime(rustix::time::ClockId::Boottime);
        let seconds = u64::try_from(time.tv_sec).unwrap_or_default();
        let nanos = u64::try_from(time.tv_nsec).unwrap_or_default();
        Boottime(seconds.saturating_mul(1_000_000_000).saturating_add(nanos))
    }

    /// How long after `earlier` this is; zero if it is before it.
    pub fn since(self, earlier: Boottime) -> Duration {
        Duration::from_nanos(self.0.saturating_sub(earlier.0))
    }

    /// This time plus `duration`.
    pub fn plus(self, duration: Duration) -> Boottime {
        let nanos = u64::try_from(duration.as_nanos()).unwrap_or(u64::MAX);
        Boottime(self.0.saturating_add(nanos))
    }
}

/// The wall-clock time now, for people and for ids.
pub fn wall() -> Timestamp {
    let since = SystemTime::now()
        .duration_since(UNIX_EPOCH)
        .unwrap_or_default();
    Timestamp(u64::try_from(since.as_millis()).unwrap_or(u64::MAX))
}

/// The id of the machine's current boot.
///
/// # Errors
/// When the kernel's file can't be read, or is not a UUID.
pub fn boot_id() -> std::io::Result<Uuid> {
    // A reboot, for tests.
    if let Some(Some(text)) = failpoint::value("worker.boot_id") {
        return Uuid::parse_str(&text).map_err(std::io::Error::other);
    }
    let text = std::fs::read_to_string("/proc/sys/kernel/random/boot_id")?;
    Uuid::parse_str(text.trim()).map_err(std::io::Error::other)
}
