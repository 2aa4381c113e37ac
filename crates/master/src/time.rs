//! The clocks, read in one place.

use std::time::{Duration, SystemTime, UNIX_EPOCH};

use rustix::time::{ClockId, clock_gettime};
use tokio::time::Instant;
use vesta_types::Timestamp;

/// CLOCK_BOOTTIME: monotonic, and goes on while the machine sleeps.
pub(crate) fn boot() -> Duration {
    let now = clock_gettime(ClockId::Boottime);
    let seconds = u64::try_from(now.tv_sec).unwrap_or(0);
    Duration::new(seconds, u32::try_from(now.tv_nsec).unwrap_or(0))
}

/// The wall clock.
pub(crate) fn wall() -> Timestamp {
    let since = SystemTime::now()
        .duration_since(UNIX_EPOCH)
        .unwrap_or_default();
    Timestamp(u64::try_from(since.as_millis()).unwrap_or(u64::MAX))
}

/// Turns instants into durations from one fixed point, early enough for every instant of this process.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Base(Instant);

impl Base {
    pub(crate) fn new() -> Base {
        Base(Instant::now())
    }

    /// How long after the fixed point; zero before it.
    pub(crate) fn at(self, instant: Instant) -> Duration {
        instant.saturating_duration_since(self.0)
    }
}
