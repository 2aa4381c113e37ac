//! The wait between restarts of a supervised driver.

use std::time::Duration;

const FIRST: Duration = Duration::from_secs(1);
const MOST: Duration = Duration::from_secs(30);

/// A run longer than this counts as healthy: the wait begins anew (as Spark's `DriverRunner`).
const HEALTHY: Duration = Duration::from_secs(5);

/// Doubles from 1 s to at most 30 s; Spark's has no cap.
pub struct Backoff {
    scale: f64,
    next: Duration,
}

impl Backoff {
    /// `scale` multiplies every time.
    pub fn new(scale: f64) -> Backoff {
        Backoff { scale, next: FIRST }
    }

    /// How long to wait after a run that failed after `lasted`.
    pub fn after(&mut self, lasted: Duration) -> Duration {
        if lasted > HEALTHY.mul_f64(self.scale) {
            self.next = FIRST;
        }
        let wait = self.next;
        self.next = (wait * 2).min(MOST);
        wait.mul_f64(self.scale)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn waits_double_up_to_a_cap_and_begin_anew_after_a_healthy_run() {
        let mut backoff = Backoff::new(1.0);
        let mut next = |seconds| backoff.after(Duration::from_secs(seconds)).as_secs();
        let waits: Vec<u64> = (0..7).map(|_| next(1)).collect();
        assert_eq!(waits, [1, 2, 4, 8, 16, 30, 30]);
        assert_eq!([next(6), next(1)], [1, 2]);
    }

    #[test]
    fn every_time_is_scaled() {
        let mut backoff = Backoff::new(0.001);
        assert_eq!(backoff.after(Duration::ZERO), Duration::from_millis(1));
        assert_eq!(
            backoff.after(Duration::from_millis(6)),
            Duration::from_millis(1)
        );
    }
}
