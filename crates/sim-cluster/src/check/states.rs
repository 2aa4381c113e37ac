//! States of the same index are the same (I20), and each holds core's invariants.

use std::collections::BTreeMap;
use std::time::Duration;

use vesta_master::context::Context;

use crate::machine::Machine;
use crate::story::Story;

/// How often a node's state is hashed while it changes: encoding it costs more than all other checks.
const EVERY: Duration = Duration::from_millis(100);

#[derive(Default)]
pub(super) struct States {
    by_index: BTreeMap<u64, (u64, u64)>,
    looked: BTreeMap<u64, (Duration, u64)>,
    compared: usize,
}

impl States {
    pub(super) fn count(&self) -> usize {
        self.compared
    }

    pub(super) fn look(
        &mut self,
        at: Duration,
        machine: &Machine,
        master: &Context,
        story: &Story,
    ) {
        let state = master.shared.state();
        let (last, index) = self.looked.get(&machine.id).copied().unwrap_or_default();
        // On the same beat at every node, so that their indices meet.
        let beat = at.as_millis() / EVERY.as_millis() != last.as_millis() / EVERY.as_millis();
        if !beat || state.applied == index {
            return;
        }
        self.looked.insert(machine.id, (at, state.applied));
        let digest = state.digest();
        match self.by_index.get(&state.applied) {
            None => {
                self.by_index.insert(state.applied, (digest, machine.id));
            }
            Some((first, _)) if *first == digest => self.compared += 1,
            Some((_, other)) => {
                let text = format!(
                    "has another state at index {} than m{other} had",
                    state.applied
                );
                story.violation(at, &machine.name, text);
            }
        }
    }
}
