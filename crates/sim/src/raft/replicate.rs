//! The log: appending, replicating, committing.

use rand_chacha::ChaCha8Rng;
use vesta_types::canary;

use super::{Disk, LogEntry, LogId, Out, Raft, Role, Rpc};
use crate::clock::{Nanos, SECOND};

/// The most entries of one message.
const BATCH: usize = 64;

/// How long an answer to an append is waited for.
const PATIENCE: Nanos = SECOND;

impl Raft {
    /// Whether a leader that has lost its quorum says nothing for now: one whose messages go out but
    /// whose answers are lost must not hold up elections.
    fn is_quiet(&self, now: Nanos) -> bool {
        let lease = self.settings.election_max;
        let since = self.quorum_ack(now).unwrap_or(self.led_since) + lease;
        now > since && ((now - since) / (lease * 3)).is_multiple_of(2)
    }

    pub(super) fn beat(&mut self, now: Nanos, disk: &mut Disk) {
        if self.is_quiet(now) {
            return;
        }
        let (term, commit) = (disk.written.term, self.commit);
        for to in self.others() {
            self.send(
                to,
                Rpc::Beat {
                    term,
                    commit,
                    sent: now,
                },
            );
            self.replicate(to, now, disk);
        }
    }

    /// Writes a command to the log of this leader; where.
    pub fn propose(&mut self, entry: LogEntry, now: Nanos, disk: &mut Disk) -> u64 {
        self.add(entry, disk);
        if !self.is_quiet(now) {
            for to in self.others() {
                self.replicate(to, now, disk);
            }
        }
        disk.written.log.last().0
    }

    pub(super) fn add(&mut self, entry: LogEntry, disk: &mut Disk) {
        disk.written.log.push(entry);
        self.flush(disk);
    }

    fn flush(&mut self, disk: &Disk) {
        if self.flushing.is_none() {
            self.flushing = Some(disk.written.log.last().0);
            self.out.push(Out::Flush);
        }
        if canary::is_on("acknowledge-before-flush") {
            self.durable_to(disk.written.log.last().0, disk);
        }
    }

    /// What was to be flushed is durable.
    pub fn flushed(&mut self, disk: &mut Disk) {
        let Some(target) = self.flushing.take() else {
            return;
        };
        disk.flushed(target);
        self.durable_to(disk.durable.log.last().0, disk);
        if disk.durable.log.last() != disk.written.log.last() {
            self.flush(disk);
        }
    }

    fn durable_to(&mut self, index: u64, disk: &Disk) {
        if self.role == Role::Leader {
            self.peers[self.me].matched = index;
            self.count(disk);
        } else if let Some((to, upto, sent)) = self.owed
            && index >= upto
        {
            self.owed = None;
            let term = disk.written.term;
            let answer = Rpc::Appended {
                term,
                matched: Some(upto),
                hint: 0,
                sent,
            };
            self.send(to, answer);
        }
    }

    fn replicate(&mut self, to: usize, now: Nanos, disk: &Disk) {
        let peer = self.peers[to];
        let (term, log) = (disk.written.term, &disk.written.log);
        if now < peer.busy_until {
            return;
        }
        if peer.next <= log.base().0 {
            if let Some(snapshot) = disk.written.snapshot.clone() {
                self.peers[to].busy_until = now + 2 * PATIENCE;
                self.send(
                    to,
                    Rpc::Install {
                        term,
                        snapshot,
                        sent: now,
                    },
                );
            }
            return;
        }
        let is_behind = peer.next <= log.last().0;
        let is_known = peer.matched + 1 == peer.next;
        if !is_behind && is_known {
            return;
        }
        let before = peer.next - 1;
        let Some(before_term) = log.term_at(before) else {
            return;
        };
        let entries = (peer.next..=log.last().0).take(BATCH);
        let entries = entries
            .filter_map(|index| log.get(index).cloned())
            .collect();
        self.peers[to].busy_until = now + PATIENCE;
        let (prev, commit) = ((before, before_term), self.commit);
        self.send(
            to,
            Rpc::Append {
                term,
                prev,
                entries,
                commit,
                sent: now,
            },
        );
    }

    pub(super) fn append(
        &mut self,
        from: usize,
        (term, prev, entries, commit, sent): (u64, LogId, Vec<LogEntry>, u64, Nanos),
        now: Nanos,
        disk: &mut Disk,
        rng: &mut ChaCha8Rng,
    ) {
        let own = |disk: &Disk| disk.written.term;
        if !self.follows(from, term, now, disk, rng) {
            let answer = Rpc::Appended {
                term: own(disk),
                matched: None,
                hint: 0,
                sent,
            };
            return self.send(from, answer);
        }
        let log = &disk.written.log;
        // Before the base everything is committed, and so alike.
        let fits = prev.0 < log.base().0 || log.term_at(prev.0) == Some(prev.1);
        if !fits {
            let hint = log.last().0.min(prev.0.saturating_sub(1)).max(self.commit);
            let answer = Rpc::Appended {
                term,
                matched: None,
                hint,
                sent,
            };
            return self.send(from, answer);
        }
        let upto = prev.0 + entries.len() as u64;
        for (index, entry) in (prev.0 + 1..).zip(entries) {
            if index <= disk.written.log.base().0 {
                continue;
            }
            match disk.written.log.term_at(index) {
                Some(term) if term == entry.term => continue,
                Some(_) => {
                    disk.truncate(index);
                    // A flush that has begun knows nothing of what is put there now.
                    self.flushing = self.flushing.map(|target| target.min(index - 1));
                    self.out.push(Out::Truncated(index));
                }
                None => {}
            }
            disk.written.log.push(entry);
        }
        self.verified = self.verified.max(upto);
        self.commit_to(commit.min(self.verified));
        if disk.durable.log.last().0 >= upto && self.flushing.is_none() {
            let answer = Rpc::Appended {
                term,
                matched: Some(upto),
                hint: 0,
                sent,
            };
            return self.send(from, answer);
        }
        self.owed = Some((from, upto, sent));
        self.flush(disk);
    }

    pub(super) fn acked(&mut self, from: usize, term: u64, sent: Nanos, disk: &Disk) {
        if self.role == Role::Leader && term == disk.written.term && sent >= self.led_since {
            let acked = &mut self.peers[from].acked;
            *acked = (*acked).max(Some(sent));
        }
    }

    pub(super) fn appended(
        &mut self,
        from: usize,
        term: u64,
        matched: Option<u64>,
        hint: u64,
        now: Nanos,
        disk: &Disk,
    ) {
        if self.role != Role::Leader || term != disk.written.term {
            return;
        }
        let peer = &mut self.peers[from];
        peer.busy_until = 0;
        match matched {
            Some(matched) => {
                peer.matched = peer.matched.max(matched);
                peer.next = peer.next.max(peer.matched + 1);
                if peer.next <= peer.matched {
                    peer.next = peer.matched + 1;
                }
            }
            None => peer.next = (hint + 1).max(peer.matched + 1).min(peer.next),
        }
        self.count(disk);
        if !self.is_quiet(now) {
            self.replicate(from, now, disk);
        }
    }

    /// What a quorum has, and is of this term, is committed.
    fn count(&mut self, disk: &Disk) {
        let mut matched: Vec<u64> = self.peers.iter().map(|peer| peer.matched).collect();
        matched.sort_unstable();
        let index = matched[(self.settings.members - 1) / 2];
        if index > self.commit && disk.written.log.term_at(index) == Some(disk.written.term) {
            self.commit = index;
        }
    }

    /// A snapshot of the leader `from` is in place here.
    pub fn installed(&mut self, at: LogId, from: usize, sent: Nanos, disk: &Disk) {
        self.commit_to(at.0);
        let term = disk.written.term;
        if self.role == Role::Follower && self.leader == Some(from) {
            self.verified = self.verified.max(at.0);
            let answer = Rpc::Appended {
                term,
                matched: Some(at.0),
                hint: 0,
                sent,
            };
            self.send(from, answer);
        }
        self.flushing = None;
        self.owed = None;
    }
}
