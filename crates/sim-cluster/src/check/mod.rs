//! What must hold, looked at after every step of the simulation.

mod end;
mod entries;
mod leaders;
mod memory;
mod states;

use std::sync::Arc;
use std::time::Duration;

use crate::machine::Machine;
use crate::story::Story;

pub use end::{Settled, judge, settled};

/// The checks of one run.
pub struct Checks {
    leaders: leaders::Leaders,
    memory: memory::Memory,
    entries: entries::Entries,
    states: states::States,
}

impl Checks {
    /// Checks that have seen nothing yet.
    pub fn new() -> Checks {
        Checks {
            leaders: leaders::Leaders::default(),
            memory: memory::Memory::default(),
            entries: entries::Entries::default(),
            states: states::States::default(),
        }
    }

    /// Looks at every machine as it is `at` this moment.
    pub fn look(&mut self, at: Duration, machines: &[Arc<Machine>], story: &Story) {
        for machine in machines {
            let Some(master) = machine.master() else {
                continue;
            };
            let status = master.node.status();
            self.leaders.look(at, machine, &status, story);
            self.memory.look(at, machine, &status, story);
            self.entries.look(at, machine, &status, machines, story);
            self.states.look(at, machine, &master, story);
        }
    }

    /// What the run has seen, for people.
    pub fn summary(&self) -> String {
        format!(
            "{} terms led, {} committed entries compared, {} states compared",
            self.leaders.count(),
            self.entries.count(),
            self.states.count()
        )
    }
}
