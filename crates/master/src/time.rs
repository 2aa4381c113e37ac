//! The clocks, read in one place.

use std::sync::Arc;
use std::time::{Duration, SystemTime, UNIX_EPOCH};

use rustix::time::{ClockId, clock_gettime};
use tokio::time::Instant;
use vesta_types::Timestamp;

/// The clocks that a master reads beside tokio's. Cheap to clone.
#[derive(Clone)]
pub struct Clocks {
    boot: Arc<dyn Fn() -> Duration + Send + Sync>,
    wall: Arc<dyn Fn() -> Timestamp + Send + Sync>,
}

impl Default for Clocks {
    fn default() -> Clocks {
        Clocks::simulated(boot, wall)
    }
}

impl Clocks {
    /// Clocks of a simulation's own: `boot` is monotonic and goes on while the machine sleeps, `wall` says
    /// what it likes.
    pub fn simulated(
        boot: impl Fn() -> Duration + Send + Sync + 'static,
        wall: impl Fn() -> Timestamp + Send + Sync + 'static,
    ) -> Clocks {
        Clocks {
            boot: Arc::new(boot),
            wall: Arc::new(wall),
        }
    }

    /// Monotonic, and goes on while the machine sleeps.
    pub(crate) fn boot(&self) -> Duration {
        (self.boot)()
    }

    /// The wall clock.
    pub(crate) fn wall(&self) -> Timestamp {
        (self.wall)()
    }
}

/// CLOCK_BOOTTIME: monotonic, and goes on while the machine sleeps.
fn boot() -> Duration {
    let now = clock_gettime(ClockId::Boottime);
    let seconds = u64::try_from(now.tv_sec).unwrap_or(0);
    Duration::new(seconds, u32::try_from(now.tv_nsec).unwrap_or(0))
}

fn wall() -> Timestamp {
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
