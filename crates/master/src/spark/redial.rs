//! When a peer without a connection is dialled, and when it is gone.
//!
//! No IO and no clock.

use std::time::Duration;

use tokio::time::Instant;

/// The pause after the first dial that fails; it doubles from one to the next.
const PAUSE_FIRST: Duration = Duration::from_millis(500);

/// The longest pause.
const PAUSE_MOST: Duration = Duration::from_secs(5);

/// So many dials in a row are refused, over so long, before a process is gone: a port may refuse for a moment,
/// while many dial it.
const REFUSALS: u32 = 5;
const REFUSED_OVER: Duration = Duration::from_secs(10);

/// How a peer is dialled while it has no connection.
#[derive(Debug)]
pub(super) struct Redial {
    dialling: bool,
    due: Instant,
    /// Since when, and how often in a row, its port has refused.
    refused: Option<(Instant, u32)>,
    pause: Duration,
}

impl Redial {
    /// Due at once.
    pub(super) fn due(now: Instant) -> Redial {
        Redial {
            dialling: false,
            due: now,
            refused: None,
            pause: PAUSE_FIRST,
        }
    }

    /// Whether it is to be dialled now; that is then under way.
    pub(super) fn begins(&mut self, now: Instant) -> bool {
        let begins = !self.dialling && self.due <= now;
        self.dialling |= begins;
        begins
    }

    /// The dial has made a connection. Should that end before its peer has answered, the next is not due at once.
    pub(super) fn reached(&mut self, now: Instant) {
        self.failed(now, false);
    }

    /// The dial has failed; `refused` if nobody listens there, which another failure does not show.
    pub(super) fn failed(&mut self, now: Instant, refused: bool) {
        self.dialling = false;
        self.due = now + self.pause;
        self.pause = (self.pause * 2).min(PAUSE_MOST);
        self.refused = refused.then(|| {
            let (since, times) = self.refused.unwrap_or((now, 0));
            (since, times.saturating_add(1))
        });
    }

    /// Whether its process is gone.
    pub(super) fn is_gone(&self, now: Instant) -> bool {
        self.refused
            .is_some_and(|(since, times)| times >= REFUSALS && now >= since + REFUSED_OVER)
    }
}
