//! Pauses between attempts.

use std::time::Duration;

use rand::Rng;

/// Pauses that double from the first to the longest, each shortened at random to between a half and
/// the whole, so that many clients that failed together don't come back together.
#[derive(Clone, Debug)]
pub(crate) struct Backoff {
    first: Duration,
    longest: Duration,
    next: Duration,
}

impl Backoff {
    pub(crate) fn new(first: Duration, longest: Duration) -> Backoff {
        Backoff {
            first,
            longest,
            next: first,
        }
    }

    /// The next pause.
    pub(crate) fn pause(&mut self) -> Duration {
        let whole = self.next;
        self.next = (whole * 2).min(self.longest);
        whole.mul_f64(rand::rng().random_range(0.5..=1.0))
    }

    /// Begins again with the first pause.
    pub(crate) fn reset(&mut self) {
        self.next = self.first;
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn pauses_grow_to_the_longest_and_begin_again() {
        let ms = Duration::from_millis;
        let mut backoff = Backoff::new(ms(100), ms(2_000));
        for whole in [100, 200, 400, 800, 1_600, 2_000, 2_000] {
            let pause = backoff.pause();
            assert!(
                pause >= ms(whole / 2) && pause <= ms(whole),
                "{pause:?} of {whole} ms"
            );
        }
        backoff.reset();
        assert!(backoff.pause() <= ms(100));
    }
}
