//! The time in which a leader led.

use std::time::Duration;

use vesta_types::canary;

/// The time of one step, and what is known of the quorum at it.
///
/// `boot` is CLOCK_BOOTTIME. `mono` and `quorum_ack` are of one monotonic clock, from any fixed point.
#[derive(Clone, Copy, Debug)]
pub struct Now {
    /// CLOCK_BOOTTIME: goes on while the machine sleeps, so a gap can't hide.
    pub boot: Duration,
    /// Monotonic time.
    pub mono: Duration,
    /// When the newest message was *sent* that a quorum has acknowledged.
    pub quorum_ack: Option<Duration>,
    /// Whether this master is the only voter; its quorum is itself.
    pub sole_voter: bool,
}

/// Counts the time in which this master led, and says whether it leads.
///
/// It leads while it is the only voter, or its last quorum acknowledgement is younger than the lease
/// (openraft's own `election_timeout_max`: nobody else can have been elected). After a gap in its own
/// loop it waits until something sent after the gap is acknowledged. Every deadline is kept in led
/// time, so a suspension moves all of them.
#[derive(Debug)]
pub(super) struct LedClock {
    lease: Duration,
    gap: Duration,
    last: Now,
    led: Duration,
    leading: bool,
    /// Nothing counts until something sent after this is acknowledged.
    distrust_until: Option<Duration>,
}

impl LedClock {
    pub(super) fn new(now: Now, lease: Duration, gap: Duration) -> LedClock {
        let mut clock = LedClock {
            lease,
            gap,
            last: now,
            led: if canary::is_on("deadline-over-step-down") {
                now.boot
            } else {
                Duration::ZERO
            },
            leading: false,
            distrust_until: None,
        };
        clock.advance(now);
        clock
    }

    pub(super) fn advance(&mut self, now: Now) {
        let passed = now.boot.saturating_sub(self.last.boot);
        if passed > self.gap {
            self.distrust_until = Some(now.mono);
        }
        let led_before = self.leading;
        let trusted = match self.distrust_until {
            Some(since) => now.sole_voter || now.quorum_ack.is_some_and(|ack| ack > since),
            None => true,
        };
        if trusted {
            self.distrust_until = None;
        }
        let fresh = now
            .quorum_ack
            .is_some_and(|ack| now.mono.saturating_sub(ack) < self.lease);
        self.leading = trusted && (now.sole_voter || fresh);
        if led_before && self.leading && passed <= self.gap {
            self.led += passed;
        }
        self.last = now;
    }

    /// Whether this master leads now; otherwise its leadership is suspended.
    pub(super) fn leading(&self) -> bool {
        self.leading
    }

    /// Time led since it opened for business.
    pub(super) fn led(&self) -> Duration {
        self.led
    }

    /// Monotonic time of this step.
    pub(super) fn mono(&self) -> Duration {
        self.last.mono
    }

    /// Whether a quorum has acknowledged something sent after `instant`.
    pub(super) fn acked_since(&self, instant: Duration) -> bool {
        let acked = self.last.quorum_ack.is_some_and(|ack| ack > instant);
        self.last.sole_voter || acked || canary::is_on("old-epoch-effects")
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn at(boot_ms: u64, ack_ms: Option<u64>) -> Now {
        Now {
            boot: Duration::from_millis(boot_ms),
            mono: Duration::from_millis(boot_ms),
            quorum_ack: ack_ms.map(Duration::from_millis),
            sole_voter: false,
        }
    }

    fn clock(now: Now) -> LedClock {
        LedClock::new(now, Duration::from_millis(600), Duration::from_secs(1))
    }

    #[test]
    fn a_leader_without_a_quorum_is_suspended_and_its_deadlines_stand_still() {
        let mut clock = clock(at(1000, Some(1000)));
        clock.advance(at(1500, Some(1400)));
        assert!(clock.leading());
        assert_eq!(clock.led(), Duration::from_millis(500));
        clock.advance(at(2300, Some(1400)));
        assert!(!clock.leading());
        clock.advance(at(2900, Some(2850)));
        assert!(clock.leading());
        assert_eq!(
            clock.led(),
            Duration::from_millis(500),
            "time suspended does not count"
        );
        clock.advance(at(3000, Some(2950)));
        assert_eq!(clock.led(), Duration::from_millis(600));
    }

    #[test]
    fn after_a_pause_a_leader_waits_for_something_sent_after_it() {
        let mut clock = clock(at(1000, Some(1000)));
        // Paused for 5 s. An acknowledgement that arrived meanwhile looks fresh by its arrival, but
        // answers something sent before.
        clock.advance(at(6000, Some(5990)));
        assert!(!clock.leading());
        clock.advance(at(6100, Some(6000)));
        assert!(!clock.leading(), "sent at the gap's end is not after it");
        clock.advance(at(6200, Some(6050)));
        assert!(clock.leading());
    }

    #[test]
    fn a_sole_voter_leads_without_acknowledgements() {
        let alone = |ms| Now {
            sole_voter: true,
            ..at(ms, None)
        };
        let mut clock = clock(alone(0));
        clock.advance(alone(900));
        assert!(clock.leading());
        assert_eq!(clock.led(), Duration::from_millis(900));
        assert!(clock.acked_since(Duration::from_millis(900)));
    }
}
