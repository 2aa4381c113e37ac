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
    /// The hash of each entry that some node knew to be committed.
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
        let compared = self.compared.entry(machine.id).or_default();
        for index in *compared + 1..=status.applied {
            // Not synced here yet, or covered by a snapshot. Up to what it has applied, for a node may know of a commit
            // before it has cut off what stands there.
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
        *compared = status.applied.max(*compared);
    }
}
