//! Wall-clock time as a value.

use std::fmt;
use std::time::Duration;

use serde::{Deserialize, Serialize};

/// Milliseconds since the Unix epoch, UTC.
///
/// Stamped by the leader into what it proposes, or by a worker into what it reports. It is shown to
/// people, used to age keys and history, and never decides liveness: that is measured on a clock
/// that can't jump.
#[derive(
    Clone, Copy, Debug, Default, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize,
)]
pub struct Timestamp(pub u64);

impl Timestamp {
    /// This time plus `duration`, at most the largest representable time.
    pub fn plus(self, duration: Duration) -> Timestamp {
        let millis = u64::try_from(duration.as_millis()).unwrap_or(u64::MAX);
        Timestamp(self.0.saturating_add(millis))
    }

    /// This time minus `duration`, at least zero.
    pub fn minus(self, duration: Duration) -> Timestamp {
        let millis = u64::try_from(duration.as_millis()).unwrap_or(u64::MAX);
        Timestamp(self.0.saturating_sub(millis))
    }

    /// How long after `earlier` this is; zero if it is before it.
    pub fn since(self, earlier: Timestamp) -> Duration {
        Duration::from_millis(self.0.saturating_sub(earlier.0))
    }

    /// `yyyyMMddHHmmss` in UTC, the middle part of Spark's ids.
    pub fn compact(self) -> String {
        self.format("%Y%m%d%H%M%S")
    }

    fn format(self, pattern: &str) -> String {
        let millis = i64::try_from(self.0).unwrap_or(i64::MAX);
        let time = jiff::Timestamp::from_millisecond(millis).unwrap_or(jiff::Timestamp::MAX);
        time.strftime(pattern).to_string()
    }
}

impl fmt::Display for Timestamp {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&self.format("%Y-%m-%dT%H:%M:%S%.3fZ"))
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_timestamp_prints_as_utc_and_as_the_middle_of_an_id() {
        let time = Timestamp(1_795_258_800_123);
        assert_eq!(time.to_string(), "2026-11-21T11:00:00.123Z");
        assert_eq!(time.compact(), "20261121110000");
    }

    #[test]
    fn an_absurd_timestamp_prints_instead_of_panicking() {
        assert!(Timestamp(u64::MAX).to_string().starts_with("9999"));
    }
}
