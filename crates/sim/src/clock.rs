//! A machine's clocks: what it reads at a moment of the simulation's own time.

use std::time::Duration;

use vesta_types::Timestamp;

/// Nanoseconds of the simulation's own time, from 0 at the beginning of a run.
pub type Nanos = u64;

/// One millisecond.
pub const MS: Nanos = 1_000_000;

/// One second.
pub const SECOND: Nanos = 1_000_000_000;

/// The wall-clock time at which every run begins, in milliseconds since 1970.
const BEGINNING: u64 = 1_795_258_800_000;

/// `duration` in the simulation's time.
pub fn nanos(duration: Duration) -> Nanos {
    u64::try_from(duration.as_nanos()).unwrap_or(u64::MAX)
}

/// The clocks of one machine.
#[derive(Clone, Copy, Debug)]
pub struct Clock {
    /// How much faster than time it runs, in millionths; bounded, as a quartz is.
    pub ppm: i64,
    /// When the machine was booted.
    pub booted: Nanos,
    /// How far its wall clock is off, in milliseconds.
    pub wall_off_ms: i64,
}

impl Clock {
    /// CLOCK_BOOTTIME at `now`; it counts from the boot and can't jump. (The same as its monotonic
    /// clock: these machines don't sleep; a stopped process is another thing.)
    pub fn boot(&self, now: Nanos) -> Nanos {
        let passed = now.saturating_sub(self.booted);
        let drift = i128::from(passed) * i128::from(self.ppm) / 1_000_000;
        // A minute after the boot the machine's processes begin.
        let read = 60 * i128::from(SECOND) + i128::from(passed) + drift;
        u64::try_from(read).unwrap_or_default()
    }

    /// How much time passes until the machine's clock has gone on by `local`; never too little.
    pub fn until(&self, local: Nanos) -> Nanos {
        let scaled = u128::from(local) * 1_000_000;
        let rate = u128::try_from(1_000_000 + self.ppm).unwrap_or(1_000_000);
        u64::try_from(scaled.div_ceil(rate))
            .unwrap_or(u64::MAX)
            .saturating_add(1)
    }

    /// The wall clock at `now`: it may be off by hours, and jump.
    pub fn wall(&self, now: Nanos) -> Timestamp {
        let ms = i64::try_from(BEGINNING + now / MS).unwrap_or(i64::MAX);
        Timestamp(u64::try_from(ms + self.wall_off_ms).unwrap_or_default())
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn waiting_as_long_as_a_clock_says_is_enough_for_that_clock() {
        for ppm in [-40_000, 0, 40_000] {
            let clock = Clock {
                ppm,
                booted: 0,
                wall_off_ms: 0,
            };
            let begun = clock.boot(5 * SECOND);
            let later = clock.boot(5 * SECOND + clock.until(3 * SECOND));
            assert!(later - begun >= 3 * SECOND && later - begun < 3 * SECOND + MS);
        }
    }
}
