//! A master's disk: what is written, which a killed process leaves behind, and what is durable, which a
//! power cut leaves.

use std::collections::VecDeque;
use std::rc::Rc;

use vesta_core::Entry;

/// An index and the term of the entry there; (0, 0) is before the first.
pub type LogId = (u64, u64);

/// One entry of the log. The blank ones are Raft's own: a new leader begins with one.
#[derive(Clone, Debug)]
pub struct LogEntry {
    /// The term of the leader that made it.
    pub term: u64,
    /// What it says to the state; nothing, if it is a blank one.
    pub command: Option<Rc<Entry>>,
}

/// A log, without what snapshots have replaced.
#[derive(Clone, Debug, Default)]
pub struct Log {
    base: LogId,
    entries: VecDeque<LogEntry>,
}

impl Log {
    /// Its last entry.
    pub fn last(&self) -> LogId {
        let term = self.entries.back().map_or(self.base.1, |entry| entry.term);
        (self.base.0 + self.entries.len() as u64, term)
    }

    /// What came before its first entry.
    pub fn base(&self) -> LogId {
        self.base
    }

    /// The entry at `index`, if the log has it.
    pub fn get(&self, index: u64) -> Option<&LogEntry> {
        let at = index.checked_sub(self.base.0 + 1)?;
        self.entries.get(usize::try_from(at).ok()?)
    }

    /// The term at `index`, if that is known.
    pub fn term_at(&self, index: u64) -> Option<u64> {
        if index == self.base.0 {
            return Some(self.base.1);
        }
        self.get(index).map(|entry| entry.term)
    }

    /// Adds one at the end.
    pub fn push(&mut self, entry: LogEntry) {
        self.entries.push_back(entry);
    }

    /// Takes away `index` and what follows.
    pub fn truncate(&mut self, index: u64) {
        let keep = index.saturating_sub(self.base.0 + 1);
        self.entries
            .truncate(usize::try_from(keep).unwrap_or(usize::MAX));
    }

    /// Forgets everything up to `index`, which it has.
    pub fn purge(&mut self, index: u64) {
        while self.base.0 < index {
            let Some(entry) = self.entries.pop_front() else {
                return;
            };
            self.base = (self.base.0 + 1, entry.term);
        }
    }

    /// Begins anew after `base`.
    pub fn restart(&mut self, base: LogId) {
        self.base = base;
        self.entries.clear();
    }
}

/// A snapshot, as bytes of the real codec.
#[derive(Debug)]
pub struct Snapshot {
    /// Up to where it stands for the log.
    pub at: LogId,
    /// The state.
    pub bytes: Vec<u8>,
}

/// Everything that a master has on its disk.
#[derive(Clone, Debug, Default)]
pub struct Image {
    /// Raft's term.
    pub term: u64,
    /// Whom it voted for in that term.
    pub vote: Option<usize>,
    /// The log.
    pub log: Log,
    /// The newest snapshot.
    pub snapshot: Option<Rc<Snapshot>>,
}

/// A disk. What is durable of the log is always the beginning of what is written.
#[derive(Clone, Debug, Default)]
pub struct Disk {
    /// As processes see it.
    pub written: Image,
    /// As it is after a power cut.
    pub durable: Image,
}

impl Disk {
    /// Everything from `index` on is taken away, durably: the journal syncs that before anything is appended
    /// there again. So what was replaced never comes back, not even beneath a newer snapshot, where
    /// openraft would take it for damage.
    pub fn truncate(&mut self, index: u64) {
        self.written.log.truncate(index);
        self.durable.log.truncate(index);
    }

    /// The log up to `target` is durable.
    pub fn flushed(&mut self, target: u64) {
        let (written, durable) = (&self.written.log, &mut self.durable.log);
        if durable.last().0 < written.base.0 {
            durable.restart(written.base);
        }
        let target = target.min(written.last().0);
        for index in durable.last().0 + 1..=target {
            match written.get(index) {
                Some(entry) => durable.push(entry.clone()),
                None => break,
            }
        }
    }

    /// The term and vote are durable.
    pub fn vote_flushed(&mut self, term: u64, vote: Option<usize>) {
        if term > self.durable.term {
            (self.durable.term, self.durable.vote) = (term, vote);
        } else if term == self.durable.term {
            // Saves end in the order in which they began: that of a term met comes before that of the vote
            // in it.
            self.durable.vote = self.durable.vote.or(vote);
        }
    }

    /// The snapshot is durable, and the log goes on from `purged`.
    pub fn snapshot_flushed(&mut self, snapshot: Rc<Snapshot>, purged: u64) {
        for image in [&mut self.written, &mut self.durable] {
            image.snapshot = Some(Rc::clone(&snapshot));
            image.log.purge(purged.min(image.log.last().0));
        }
    }

    /// A snapshot of another master replaces everything.
    pub fn installed(&mut self, snapshot: Rc<Snapshot>) {
        let at = snapshot.at;
        for image in [&mut self.written, &mut self.durable] {
            image.snapshot = Some(Rc::clone(&snapshot));
            image.log.restart(at);
        }
    }

    /// Power is cut: what was not durable is gone, but for `kept` entries that had reached the disk.
    pub fn cut(&mut self, kept: u64) {
        if kept > 0 {
            self.flushed(self.durable.log.last().0.saturating_add(kept));
        }
        self.written = self.durable.clone();
    }

    /// A process opens the disk: it syncs what an earlier one has left.
    ///
    /// What is applied need not be durable here, since a quorum has it; so a snapshot may have outlived the
    /// entries before it. Such a log goes on after the snapshot, as openraft has it when it starts.
    pub fn opened(&mut self) {
        self.flushed(u64::MAX);
        let (term, vote) = (self.written.term, self.written.vote);
        self.vote_flushed(term, vote);
        let covered = self.written.snapshot.as_ref().map(|it| it.at);
        if let Some(at) = covered.filter(|at| self.written.log.last().0 < at.0) {
            self.written.log.restart(at);
            self.durable.log.restart(at);
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn entry(term: u64) -> LogEntry {
        LogEntry {
            term,
            command: None,
        }
    }

    #[test]
    fn a_power_cut_takes_what_was_not_flushed_and_a_kill_does_not() {
        let mut disk = Disk::default();
        (0..5).for_each(|_| disk.written.log.push(entry(1)));
        disk.flushed(3);
        let mut killed = disk.clone();
        killed.opened();
        assert_eq!(killed.durable.log.last(), (5, 1));
        disk.cut(0);
        assert_eq!(disk.written.log.last(), (3, 1));
    }

    #[test]
    fn a_tail_that_was_replaced_does_not_come_back_though_power_is_cut_before_the_next_flush() {
        let mut disk = Disk::default();
        (0..3).for_each(|_| disk.written.log.push(entry(1)));
        disk.flushed(3);
        disk.truncate(2);
        disk.written.log.push(entry(2));
        let mut late = disk.clone();
        disk.cut(0);
        assert_eq!(disk.written.log.last(), (1, 1));
        late.flushed(2);
        late.cut(0);
        assert_eq!(late.written.log.last(), (2, 2));
    }

    #[test]
    fn a_log_that_a_power_cut_left_shorter_than_its_snapshot_goes_on_after_that() {
        let mut disk = Disk::default();
        (0..9).for_each(|_| disk.written.log.push(entry(1)));
        disk.flushed(4);
        let snapshot = Rc::new(Snapshot {
            at: (8, 1),
            bytes: Vec::new(),
        });
        disk.snapshot_flushed(snapshot, 0);
        disk.cut(0);
        assert_eq!(disk.written.log.last(), (4, 1));
        disk.opened();
        for log in [&disk.written.log, &disk.durable.log] {
            assert_eq!((log.base(), log.last()), ((8, 1), (8, 1)));
        }
    }
}
