//! What Raft wants is carried out, and what comes of that is given to it.

use rand::Rng;

use crate::clock::{Nanos, SECOND};
use crate::raft::{Out, Role, Rpc};
use crate::trace::trace;
use crate::world::{Event, World};

impl World {
    /// Carries out what Raft wants.
    pub(in crate::world) fn raft_acts(&mut self, m: usize) {
        loop {
            let Some(raft) = &mut self.masters[m].raft else {
                return;
            };
            let outs = raft.outputs();
            if outs.is_empty() {
                break;
            }
            for out in outs {
                self.raft_out(m, out);
            }
        }
        self.apply_committed(m);
        let now = self.now;
        let Some(raft) = &self.masters[m].raft else {
            return;
        };
        let (next, ack) = (raft.next_timer(), raft.quorum_ack(now));
        let status = (raft.role == Role::Leader, raft.leader);
        if raft.role == Role::Leader {
            let term = self.masters[m].disk.written.term;
            self.truth.leads(m, term, &mut self.broken);
        }
        if status.0 && std::mem::take(&mut self.kills_first) {
            self.after(0, Event::FirstLeader { m });
        }
        if next < self.masters[m].timer_at {
            self.masters[m].timer_at = next;
            self.at(next.max(now), Event::RaftTimer { m });
        }
        let master = &self.masters[m];
        let changed =
            master.announced != Some(status) || master.standing.term().is_some() != status.0;
        if ack.map(|ack| ack.min(now)) != master.quorum_ack || changed {
            self.masters[m].quorum_ack = ack;
            self.wake(m, 0);
        }
    }

    fn raft_out(&mut self, m: usize, out: Out) {
        let life = self.masters[m].life;
        match out {
            Out::Send(to, rpc) => {
                let rpc = Box::new(rpc);
                self.datagram(m, to, || Event::Rpc {
                    to,
                    from: m,
                    rpc: rpc.clone(),
                });
            }
            Out::Flush => {
                if self.fails_to_write(m) {
                    return;
                }
                let takes = self.flush_takes(m);
                self.after(takes, Event::Flushed { m, life });
            }
            Out::SaveVote(then) => {
                if self.fails_to_write(m) {
                    return;
                }
                let takes = self.flush_takes(m);
                let written = &self.masters[m].disk.written;
                let saved = (written.term, written.vote);
                self.after(
                    takes,
                    Event::VoteSaved {
                        m,
                        life,
                        saved,
                        then: Box::new(then),
                    },
                );
            }
            Out::Install(snapshot, from, sent) => {
                let takes = self.flush_takes(m);
                let snapshot = (snapshot, from, sent);
                self.after(
                    takes,
                    Event::Installed {
                        m,
                        life,
                        snapshot: Box::new(snapshot),
                    },
                );
            }
            Out::Truncated(index) => {
                let taken_back = self.masters[m].waiting.split_off(&index);
                for (_, _, waiter) in taken_back.into_values().flatten() {
                    self.answer(m, waiter, None);
                }
            }
        }
    }

    /// A full or failing disk ends the process.
    fn fails_to_write(&mut self, m: usize) -> bool {
        let fails = self.now < self.masters[m].disk_fails_until;
        if fails && self.masters[m].up {
            trace!(self, "m{}: a write to its disk failed", m + 1);
            self.master_down(m, false);
            self.after(SECOND, Event::MasterUp { m });
        }
        fails
    }

    pub(super) fn flush_takes(&mut self, m: usize) -> Nanos {
        let most = self.options.fsync;
        let slow = self.masters[m].disk_slow;
        let extra = if slow > 0 {
            self.rng.random_range(slow / 2..=slow)
        } else {
            0
        };
        self.rng.random_range(most / 10..=most) + extra
    }

    pub(in crate::world) fn raft_timer(&mut self, m: usize) {
        let now = self.now;
        let master = &mut self.masters[m];
        let Some(raft) = &mut master.raft else { return };
        if now < master.timer_at {
            return;
        }
        master.timer_at = Nanos::MAX;
        raft.timer(now, &mut master.disk, &mut self.rng);
        self.give_up_waiting(m);
        self.raft_acts(m);
    }

    pub(in crate::world) fn rpc(&mut self, to: usize, from: usize, rpc: Rpc) {
        let now = self.now;
        let master = &mut self.masters[to];
        if master.raft.is_none() {
            return;
        }
        if self.trace.is_on() && !matches!(rpc, Rpc::Beat { .. } | Rpc::Beaten { .. }) {
            trace!(self, "m{}<m{} {}", to + 1, from + 1, rpc.name());
        }
        let master = &mut self.masters[to];
        let Some(raft) = &mut master.raft else { return };
        raft.take(from, rpc, now, &mut master.disk, &mut self.rng);
        self.raft_acts(to);
    }

    pub(in crate::world) fn flushed(&mut self, m: usize, life: u32) {
        let master = &mut self.masters[m];
        if master.life != life {
            return;
        }
        if let Some(raft) = &mut master.raft {
            raft.flushed(&mut master.disk);
            self.raft_acts(m);
        }
    }

    pub(in crate::world) fn vote_saved(
        &mut self,
        m: usize,
        life: u32,
        (term, vote): (u64, Option<usize>),
        then: Vec<(usize, Rpc)>,
    ) {
        if self.masters[m].life != life || self.masters[m].raft.is_none() {
            return;
        }
        self.masters[m].disk.vote_flushed(term, vote);
        let durable = self.masters[m].disk.durable.term;
        self.truth.term_seen(m, durable, &mut self.broken);
        if self.masters[m].disk.written.term != term {
            return;
        }
        for (to, rpc) in then {
            match rpc {
                Rpc::Vote { pre: false, .. } => self.truth.voted(m, term, m, &mut self.broken),
                Rpc::Voted { granted: true, .. } => {
                    self.truth.voted(m, term, to, &mut self.broken);
                }
                _ => {}
            }
            self.raft_out(m, Out::Send(to, rpc));
        }
    }
}
