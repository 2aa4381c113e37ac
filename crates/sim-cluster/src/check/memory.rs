//! Terms and committed indices never go back on a node, over restarts and power cuts (I22).

use std::collections::BTreeMap;
use std::time::Duration;

use vesta_consensus::Status;

use crate::machine::Machine;
use crate::story::Story;

#[derive(Default)]
pub(super) struct Memory {
    highest: BTreeMap<u64, Highest>,
}

#[derive(Clone, Copy, Default)]
struct Highest {
    term: u64,
    /// Committed, and synced here, at one moment.
    kept: u64,
}

impl Memory {
    pub(super) fn look(&mut self, at: Duration, machine: &Machine, status: &Status, story: &Story) {
        let highest = self.highest.entry(machine.id).or_default();
        if status.term < highest.term {
            let text = format!(
                "is in term {} and was in term {}",
                status.term, highest.term
            );
            story.violation(at, &machine.name, text);
        }
        highest.term = highest.term.max(status.term);
        let durable = machine.disk.durable();
        let kept = durable.last.max(durable.snapshot);
        if kept < highest.kept {
            let text = format!(
                "has entries up to {kept}, and once had committed ones up to {}",
                highest.kept
            );
            story.violation(at, &machine.name, text);
        }
        highest.kept = highest.kept.max(kept.min(status.committed));
    }
}
