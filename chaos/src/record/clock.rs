//! The time of a run.

use std::fmt;
use std::time::Duration;

use serde::{Deserialize, Serialize};
use vesta_local::ledger::boot_us;

/// A time of a run: microseconds since its start.
#[derive(
    Clone, Copy, Debug, Default, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize,
)]
#[serde(transparent)]
pub struct Moment(pub u64);

impl Moment {
    /// The time `duration` after the run's start.
    pub fn of(duration: Duration) -> Moment {
        Moment(u64::try_from(duration.as_micros()).unwrap_or(u64::MAX))
    }

    /// How long after `earlier` it is; zero if it is not.
    pub fn since(self, earlier: Moment) -> Duration {
        Duration::from_micros(self.0.saturating_sub(earlier.0))
    }

    /// The time `duration` later.
    pub fn plus(self, duration: Duration) -> Moment {
        Moment(self.0.saturating_add(Moment::of(duration).0))
    }

    /// The time `duration` earlier, no earlier than the run's start.
    pub fn minus(self, duration: Duration) -> Moment {
        Moment(self.0.saturating_sub(Moment::of(duration).0))
    }

    /// In seconds.
    pub fn seconds(self) -> f64 {
        self.0 as f64 / 1e6
    }
}

impl fmt::Display for Moment {
    /// `83.204 s`.
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{}.{:03} s", self.0 / 1_000_000, self.0 / 1_000 % 1_000)
    }
}

/// The clock of a run: any process that knows when the run started (see
/// [`Options::started_boot_us`](super::Options)) has the same.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Clock {
    started_boot_us: u64,
}

impl Clock {
    /// The clock of a run that starts now.
    pub fn start() -> Clock {
        Clock::started_at(boot_us())
    }

    /// The clock of a run that started at this time of CLOCK_BOOTTIME, in microseconds.
    pub fn started_at(started_boot_us: u64) -> Clock {
        Clock { started_boot_us }
    }

    /// When the run started: CLOCK_BOOTTIME, microseconds.
    pub fn started_boot_us(self) -> u64 {
        self.started_boot_us
    }

    /// Now.
    pub fn now(self) -> Moment {
        self.moment(boot_us())
    }

    /// A time of CLOCK_BOOTTIME in microseconds (of the ledger, say) as a time of the run.
    pub fn moment(self, boot_us: u64) -> Moment {
        Moment(boot_us.saturating_sub(self.started_boot_us))
    }
}
