//! Elections.

use rand_chacha::ChaCha8Rng;
use vesta_types::canary;

use super::{Disk, LogId, Out, Peer, Raft, Role, Rpc};
use crate::clock::Nanos;
use crate::raft::LogEntry;

impl Raft {
    /// Asks for votes, or (`pre`) whether it would get them.
    pub(super) fn run_for(
        &mut self,
        pre: bool,
        force: bool,
        now: Nanos,
        disk: &mut Disk,
        rng: &mut ChaCha8Rng,
    ) {
        self.be_patient(now, rng);
        self.leader = None;
        self.role = Role::Candidate(pre);
        self.votes = 1 << self.me;
        let term = disk.written.term + 1;
        let last = disk.written.log.last();
        let ask = Rpc::Vote {
            term,
            last,
            pre,
            force,
        };
        let asked: Vec<(usize, Rpc)> = self.others().map(|to| (to, ask.clone())).collect();
        if pre {
            for (to, ask) in asked {
                self.send(to, ask);
            }
            return;
        }
        disk.written.term = term;
        disk.written.vote = Some(self.me);
        self.verified = 0;
        self.owed = None;
        self.out.push(Out::SaveVote(asked));
    }

    pub(super) fn asked_for_vote(
        &mut self,
        from: usize,
        (term, last, pre, force): (u64, LogId, bool, bool),
        now: Nanos,
        disk: &mut Disk,
        rng: &mut ChaCha8Rng,
    ) {
        let own = disk.written.term;
        let heard = self
            .heard
            .is_some_and(|at| now < at + self.settings.election_min);
        let leads = self.role == Role::Leader && self.is_writable(now);
        let (_, own_last) = (own, disk.written.log.last());
        let newer = (last.1, last.0) >= (own_last.1, own_last.0);
        if term < own || (!force && (heard && self.leader != Some(from) || leads)) {
            return self.send(
                from,
                Rpc::Voted {
                    term: own,
                    granted: false,
                    pre,
                },
            );
        }
        if pre {
            let granted = newer && term > own;
            return self.send(
                from,
                Rpc::Voted {
                    term: own,
                    granted,
                    pre,
                },
            );
        }
        self.meet(term, now, disk, rng);
        let free = disk.written.vote.is_none_or(|vote| vote == from);
        let granted = newer && free && self.role == Role::Follower;
        let answer = Rpc::Voted { term, granted, pre };
        if !granted {
            return self.send(from, answer);
        }
        if !canary::is_on("double-vote") {
            disk.written.vote = Some(from);
        }
        self.be_patient(now, rng);
        self.out.push(Out::SaveVote(vec![(from, answer)]));
    }

    pub(super) fn voted(
        &mut self,
        from: usize,
        (term, granted, pre): (u64, bool, bool),
        now: Nanos,
        disk: &mut Disk,
        rng: &mut ChaCha8Rng,
    ) {
        self.meet(term, now, disk, rng);
        let counts = self.role == Role::Candidate(pre) && (pre || term == disk.written.term);
        if !counts || !granted {
            return;
        }
        self.votes |= 1 << from;
        if self.votes.count_ones() < self.quorum() {
            return;
        }
        if pre {
            self.run_for(false, false, now, disk, rng);
        } else {
            self.lead(now, disk);
        }
    }

    fn lead(&mut self, now: Nanos, disk: &mut Disk) {
        self.role = Role::Leader;
        self.leader = Some(self.me);
        self.led_since = now;
        let next = disk.written.log.last().0 + 1;
        self.peers = vec![
            Peer {
                next,
                ..Peer::default()
            };
            self.settings.members
        ];
        let term = disk.written.term;
        self.next_beat = now + self.settings.heartbeat;
        self.add(
            LogEntry {
                term,
                command: None,
            },
            disk,
        );
        self.beat(now, disk);
    }

    /// Hands the leadership to the member that has most of the log, if one has all that is committed.
    /// To whom.
    pub fn hand_over(&mut self, disk: &Disk) -> Option<usize> {
        if self.role != Role::Leader {
            return None;
        }
        let to = self
            .others()
            .max_by_key(|other| self.peers[*other].matched)?;
        if self.peers[to].matched < self.commit {
            return None;
        }
        let term = disk.written.term;
        self.send(to, Rpc::TakeOver { term });
        Some(to)
    }
}
