//! Snapshots: taken, written, and installed from another master.

use std::rc::Rc;

use vesta_master::machine::save;

use crate::clock::Nanos;
use crate::raft::Snapshot;
use crate::trace::trace;
use crate::world::{Event, World};

impl World {
    pub(in crate::world) fn snapshot_installed(
        &mut self,
        m: usize,
        life: u32,
        (snapshot, from, sent): (Rc<Snapshot>, usize, Nanos),
    ) {
        if self.masters[m].life != life || self.masters[m].raft.is_none() {
            return;
        }
        let at = snapshot.at;
        if at.0 > self.masters[m].applied {
            trace!(self, "m{} installs snapshot {}", m + 1, at.0);
            self.cover.snapshots += 1;
            self.masters[m].disk.installed(Rc::clone(&snapshot));
            self.masters[m].snapshot_at = at.0;
            self.restore(m, &snapshot);
            let upto: Vec<u64> = self.masters[m]
                .waiting
                .range(..=at.0)
                .map(|(at, _)| *at)
                .collect();
            for index in upto {
                for (_, _, waiter) in self.masters[m].waiting.remove(&index).unwrap_or_default() {
                    self.answer(m, waiter, None);
                }
            }
        }
        let master = &mut self.masters[m];
        if let Some(raft) = &mut master.raft {
            raft.installed(at, from, sent, &master.disk);
        }
        self.wake(m, 0);
        self.raft_acts(m);
    }

    pub(super) fn snapshot_if_due(&mut self, m: usize) {
        let master = &mut self.masters[m];
        if master.applied < master.snapshot_at + self.options.snapshot_every {
            return;
        }
        let at = (
            master.applied,
            master.disk.written.log.term_at(master.applied).unwrap_or(0),
        );
        let purged = master.snapshot_at;
        master.snapshot_at = at.0;
        let bytes = save(&master.state);
        let snapshot = Rc::new(Snapshot { at, bytes });
        self.truth
            .saved(&snapshot, &self.masters[m].state, &mut self.broken);
        let life = self.masters[m].life;
        let takes = self.flush_takes(m) * 2;
        self.after(
            takes,
            Event::SnapshotTaken {
                m,
                life,
                snapshot,
                purged,
            },
        );
    }

    pub(in crate::world) fn snapshot_taken(
        &mut self,
        m: usize,
        life: u32,
        snapshot: Rc<Snapshot>,
        purged: u64,
    ) {
        if self.masters[m].life != life || !self.masters[m].up {
            return;
        }
        let newest = self.masters[m]
            .disk
            .written
            .snapshot
            .as_ref()
            .map_or(0, |it| it.at.0);
        if snapshot.at.0 > newest {
            self.masters[m].disk.snapshot_flushed(snapshot, purged);
        }
    }
}
