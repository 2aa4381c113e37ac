//! What a benchmark finds.

use std::time::Duration;

use serde::Serialize;

/// The figures of one benchmark.
#[derive(Debug, Default, Serialize)]
pub struct Found {
    figures: Vec<Figure>,
    /// What a reader has to know, such as a load that was not reached.
    notes: Vec<String>,
}

/// One of them.
#[derive(Debug, Serialize)]
struct Figure {
    what: String,
    unit: &'static str,
    #[serde(flatten)]
    seen: Seen,
    /// What it should be (DESIGN §8), for people.
    #[serde(skip_serializing_if = "str::is_empty")]
    aim: &'static str,
}

#[derive(Debug, PartialEq, Serialize)]
#[serde(untagged)]
enum Seen {
    /// By nearest rank; means would hide what users wait for.
    Many {
        n: usize,
        p50: f64,
        p99: f64,
        max: f64,
    },
    One {
        value: f64,
    },
}

impl Found {
    /// Adds the distribution of what took so long each time, in milliseconds.
    pub fn times(&mut self, what: impl Into<String>, times: &[Duration], aim: &'static str) {
        let what = what.into();
        match spread(times) {
            Some(seen) => self.figures.push(Figure {
                what,
                unit: "ms",
                seen,
                aim,
            }),
            None => self.note(format!("{what}: never came to be")),
        }
    }

    /// Adds a value that there is one of.
    pub fn value(
        &mut self,
        what: impl Into<String>,
        value: f64,
        unit: &'static str,
        aim: &'static str,
    ) {
        let (what, seen) = (what.into(), Seen::One { value });
        self.figures.push(Figure {
            what,
            unit,
            seen,
            aim,
        });
    }

    /// Adds what a reader has to know.
    pub fn note(&mut self, note: impl Into<String>) {
        self.notes.push(note.into());
    }

    /// All of it, for people.
    pub fn lines(&self) -> Vec<String> {
        let row = |what: &str, cells: [&str; 5], aim: &str| {
            let [n, p50, p99, max, unit] = cells;
            let line = format!("  {what:62} {n:>6} {p50:>9} {p99:>9} {max:>9}  {unit:5}  {aim}");
            line.trim_end().to_owned()
        };
        let mut lines = vec![row("", ["n", "p50", "p99", "max", ""], "aim")];
        for figure in &self.figures {
            let cells = match &figure.seen {
                Seen::Many { n, p50, p99, max } => {
                    [n.to_string(), short(*p50), short(*p99), short(*max)]
                }
                Seen::One { value } => ["", &short(*value), "", ""].map(str::to_owned),
            };
            let [n, p50, p99, max] = &cells;
            lines.push(row(
                &figure.what,
                [n, p50, p99, max, figure.unit],
                figure.aim,
            ));
        }
        lines.extend(self.notes.iter().map(|note| format!("  NOTE: {note}")));
        lines
    }
}

/// Three digits, or all before the point.
fn short(value: f64) -> String {
    let digits = match value {
        value if value >= 99.95 => 0,
        value if value >= 9.995 => 1,
        _ => 2,
    };
    format!("{value:.digits$}")
}

fn spread(times: &[Duration]) -> Option<Seen> {
    let mut sorted = times.to_vec();
    sorted.sort_unstable();
    // The least that so many of a hundred do not exceed.
    let rank = |percent: usize| {
        let rank = (sorted.len() * percent).div_ceil(100);
        sorted
            .get(rank.checked_sub(1)?)
            .map(|time| time.as_secs_f64() * 1e3)
    };
    Some(Seen::Many {
        n: sorted.len(),
        p50: rank(50)?,
        p99: rank(99)?,
        max: rank(100)?,
    })
}

/// The machine's load over the last minute, as Linux counts it; 0 if it does not say.
pub fn load() -> f64 {
    let text = std::fs::read_to_string("/proc/loadavg").unwrap_or_default();
    let first = text.split(' ').next().and_then(|it| it.parse().ok());
    first.unwrap_or_default()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn percentiles_are_values_that_were_seen() {
        let times: Vec<_> = (1..=200).rev().map(Duration::from_millis).collect();
        let wanted = Seen::Many {
            n: 200,
            p50: 100.0,
            p99: 198.0,
            max: 200.0,
        };
        assert_eq!(spread(&times), Some(wanted));
        let one = Seen::Many {
            n: 1,
            p50: 7.0,
            p99: 7.0,
            max: 7.0,
        };
        assert_eq!(spread(&[Duration::from_millis(7)]), Some(one));
        assert_eq!(spread(&[]), None);
    }

    #[test]
    fn a_table_shows_notes_and_what_never_came_to_be() {
        let mut found = Found::default();
        found.times("killed", &[Duration::from_micros(1_234_567)], "≤ 1.2 s");
        found.times("handed over", &[], "");
        found.value("rate", 5.678, "/s", "");
        let text = found.lines().join("\n");
        for wanted in ["1235", "≤ 1.2 s", "5.68", "NOTE: handed over: never came"] {
            assert!(text.contains(wanted), "{wanted}\n{text}");
        }
    }
}
