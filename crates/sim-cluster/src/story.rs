//! What happened in a run, one line each, and what was found wrong.

use std::fmt::Display;
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};
use std::time::Duration;

/// What the lines mean, printed before them.
pub const LEGEND: &str = "\
[seconds] who  what        m1… masters, w1… workers, c1… clients, net and disk: a fault
  up, down    a master's process begins, ends      leads term    Raft's leader of that term
  submit ok   acknowledged      lost  outcome unknown      away  nothing was done
  VIOLATION   what must not be";

/// The lines of a run. Cheap to clone.
#[derive(Clone, Default)]
pub struct Story(Arc<Mutex<Lines>>);

#[derive(Default)]
struct Lines {
    all: Vec<String>,
    violations: Vec<String>,
    printed: bool,
}

impl Story {
    /// A story that is printed while it happens.
    pub fn aloud() -> Story {
        let story = Story::default();
        story.lines().printed = true;
        story
    }

    /// Something happened now, in the simulation.
    pub fn say(&self, who: &str, what: impl Display) {
        self.say_at(turmoil::sim_elapsed().unwrap_or_default(), who, what);
    }

    /// Something happened.
    pub fn say_at(&self, at: Duration, who: &str, what: impl Display) {
        let line = format!("[{:>7.3}] {who:<5} {what}", at.as_secs_f64());
        let mut lines = self.lines();
        if lines.printed {
            println!("{line}");
        }
        lines.all.push(line);
    }

    /// Something happened that must not.
    pub fn violation(&self, at: Duration, who: &str, what: impl Display) {
        let text = format!("{who}: {what}");
        self.say_at(at, who, format!("VIOLATION {what}"));
        let mut lines = self.lines();
        if !lines.violations.contains(&text) {
            lines.violations.push(text);
        }
    }

    /// What was found wrong.
    pub fn violations(&self) -> Vec<String> {
        self.lines().violations.clone()
    }

    /// The last `count` lines.
    pub fn last(&self, count: usize) -> Vec<String> {
        let lines = self.lines();
        let from = lines.all.len().saturating_sub(count);
        lines.all[from..].to_vec()
    }

    /// A hash of every line: two runs that have the same were the same.
    pub fn digest(&self) -> u64 {
        let lines = self.lines();
        vesta_core::codec::fnv1a(lines.all.join("\n").as_bytes())
    }

    fn lines(&self) -> MutexGuard<'_, Lines> {
        self.0.lock().unwrap_or_else(PoisonError::into_inner)
    }
}
