//! The run's own record: what it did and saw, in a file and, what matters, on the terminal.

use std::sync::Arc;

use anyhow::Result;

use crate::record::{Appender, Clock, Event, Phase, RunDir, What};

/// Writes `events.jsonl`. Cloning is cheap.
#[derive(Clone, Debug)]
pub struct Journal {
    clock: Clock,
    events: Arc<Appender<Event>>,
}

impl Journal {
    /// Opens the file of a run that has this clock.
    ///
    /// # Errors
    /// When it can't be written.
    pub fn open(dir: &RunDir, clock: Clock) -> Result<Journal> {
        Ok(Journal {
            clock,
            events: Arc::new(Appender::open(&dir.events())?),
        })
    }

    /// The run's clock.
    pub fn clock(&self) -> Clock {
        self.clock
    }

    /// Writes one event; now is when.
    ///
    /// # Errors
    /// When it can't be written.
    pub fn write(&self, what: What) -> Result<()> {
        let at = self.clock.now();
        self.events.append(&Event { at, what })?;
        Ok(())
    }

    /// Begins a phase.
    ///
    /// # Errors
    /// As [`Journal::write`].
    pub fn phase(&self, phase: Phase) -> Result<()> {
        self.say(&format!("{phase:?}"));
        self.write(What::Phase { phase })
    }

    /// Notes something, for people.
    ///
    /// # Errors
    /// As [`Journal::write`].
    pub fn note(&self, text: &str) -> Result<()> {
        self.say(text);
        self.write(What::Note {
            text: text.to_owned(),
        })
    }

    /// A line on the terminal alone.
    pub fn say(&self, text: &str) {
        println!("{:>9.3}  {text}", self.clock.now().seconds());
    }
}
