//! What is committed is on the disks of a quorum, and never another entry (I20).

use std::collections::BTreeMap;
use std::sync::Arc;
use std::time::Duration;

use vesta_consensus::Status;
use vesta_core::codec::fnv1a;

use crate::machine::Machine;
use crate::story::Story;

#[derive(Default)]
pub(super) struct Entries {
    /// The hash of each entry that some node has applied.
    committed: BTreeMap<u64, u64>,
    /// Up to where each node's entries were compared.
    compared: BTreeMap<u64, u64>,
    /// Up to where a quorum was seen to have them.
    on_quorum: u64,
}

impl Entries {
    pub(super) fn count(&self) -> usize {
        self.committed.len()
    }

    pub(super) fn look(
        &mut self,
        at: Duration,
        machine: &Machine,
        status: &Status,
        machines: &[Arc<Machine>],
        story: &Story,
    ) {
        if status.committed > self.on_quorum {
            let has = |machine: &&Arc<Machine>| {
                let durable = machine.disk.durable();
                durable.last.max(durable.snapshot) >= status.committed
            };
            let count = machines.iter().filter(has).count();
            if count * 2 <= machines.len() {
                let text = format!(
                    "takes entry {} for committed, and {count} of {} disks have it",
                    status.committed,
                    machines.len()
                );
                story.violation(at, &machine.name, text);
            }
            self.on_quorum = status.committed;
        }
        self.compare(at, machine, status.applied, story);
    }

    /// Compares what this node has applied, and synced, with what others have.
    ///
    /// Not what it knows to be committed: openraft counts a commit from the entries that it has *accepted*, while the
    /// order to cut off what stands at their places may still wait in the flusher's queue. Until that is done the disk
    /// rightly has other entries there, of a leader that was never followed. Cut, append and apply are carried out
    /// in this order, each after the one before, so nothing of the kind is left at or below what is applied.
    fn compare(&mut self, at: Duration, machine: &Machine, applied: u64, story: &Story) {
        let compared = self.compared.entry(machine.id).or_default();
        // A process that begins anew applies anew.
        *compared = applied.min(*compared);
        let to = applied.min(machine.disk.durable().last);
        for index in *compared + 1..=to {
            // Covered by a snapshot.
            let Some(entry) = machine.disk.entry(index) else {
                continue;
            };
            let hash = fnv1a(&entry);
            let first = *self.committed.entry(index).or_insert(hash);
            if first != hash {
                let text = format!("has another entry {index} than was committed");
                story.violation(at, &machine.name, text);
            }
        }
        *compared = to.max(*compared);
    }
}
