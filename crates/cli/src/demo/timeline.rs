//! What happened when: told to whoever watches, and kept for the report.

use std::io::Write;
use std::sync::{Mutex, PoisonError};
use std::time::{Duration, Instant, SystemTime, UNIX_EPOCH};

use serde::{Deserialize, Serialize};

/// Who, at most; longer names push their line to the right.
const WHO_WIDTH: usize = 10;

/// One line.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub struct Event {
    /// Since the demo began, in seconds.
    pub at_s: f64,
    /// Who did it, or whom it happened to.
    pub who: String,
    /// What.
    pub what: String,
}

/// Where the lines go.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Output {
    /// Standard output.
    Out,
    /// Standard error: standard output is for the report.
    Err,
}

/// The demo's clock and its lines.
#[derive(Debug)]
pub struct Timeline {
    output: Output,
    began: Instant,
    began_unix: Duration,
    events: Mutex<Vec<Event>>,
}

impl Timeline {
    /// Begins now.
    pub fn begin(output: Output) -> Timeline {
        let began_unix = SystemTime::now()
            .duration_since(UNIX_EPOCH)
            .unwrap_or_default();
        Timeline {
            output,
            began: Instant::now(),
            began_unix,
            events: Mutex::default(),
        }
    }

    /// How long it has gone on.
    pub fn elapsed(&self) -> Duration {
        self.began.elapsed()
    }

    /// This moment in Unix milliseconds, as the ledger counts them, on a clock that can't jump.
    pub fn unix_ms(&self) -> u64 {
        millis(self.began_unix + self.elapsed())
    }

    /// Tells and keeps one line.
    pub fn say(&self, who: impl Into<String>, what: impl Into<String>) {
        let at_s = (self.elapsed().as_secs_f64() * 1000.0).round() / 1000.0;
        let event = Event {
            at_s,
            who: who.into(),
            what: what.into(),
        };
        self.print(&line(&event));
        self.events
            .lock()
            .unwrap_or_else(PoisonError::into_inner)
            .push(event);
    }

    /// Tells a line that is no event.
    pub fn print(&self, line: &str) {
        // Whoever watched may have stopped; the demo goes on.
        let _ = match self.output {
            Output::Out => writeln!(std::io::stdout(), "{line}"),
            Output::Err => writeln!(std::io::stderr(), "{line}"),
        };
    }

    /// All lines so far.
    pub fn events(&self) -> Vec<Event> {
        self.events
            .lock()
            .unwrap_or_else(PoisonError::into_inner)
            .clone()
    }
}

/// A duration in whole milliseconds.
pub fn millis(duration: Duration) -> u64 {
    u64::try_from(duration.as_millis()).unwrap_or(u64::MAX)
}

/// Milliseconds as people read them.
pub fn seconds(ms: u64) -> String {
    format!("{}.{:02} s", ms / 1000, ms % 1000 / 10)
}

fn line(event: &Event) -> String {
    format!(
        "{:8.2} s  {:WHO_WIDTH$}  {}",
        event.at_s, event.who, event.what
    )
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_line_shows_the_time_who_and_what_in_columns() {
        let event = |at_s, who: &str| Event {
            at_s,
            who: who.into(),
            what: "leads".into(),
        };
        assert_eq!(
            line(&event(3.21, "master 2")),
            "    3.21 s  master 2    leads"
        );
        assert_eq!(line(&event(12.0, "demo")), "   12.00 s  demo        leads");
        assert_eq!(seconds(1_239), "1.23 s");
    }
}
