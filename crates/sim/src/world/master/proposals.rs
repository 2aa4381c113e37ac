//! What is proposed, applied once it is committed, and answered.

use std::rc::Rc;

use rand::Rng;
use vesta_core::{Command, Entry, Reply};

use super::{Done, Waiter};
use crate::clock::{MS, Nanos};
use crate::raft::LogEntry;
use crate::trace::trace;
use crate::world::{Event, World};

impl World {
    /// Writes a command to the log; `Err` if this master can't.
    pub(in crate::world) fn propose(
        &mut self,
        m: usize,
        command: Command,
        waiter: Waiter,
        patience: Nanos,
    ) -> Result<(), Waiter> {
        let now = self.now;
        let master = &mut self.masters[m];
        let at = master.clock.wall(now);
        let Some(raft) = master.raft.as_mut().filter(|raft| raft.is_writable(now)) else {
            return Err(waiter);
        };
        let term = master.disk.written.term;
        let entry = LogEntry {
            term,
            command: Some(Rc::new(Entry { at, command })),
        };
        let index = raft.propose(entry, now, &mut master.disk);
        master
            .waiting
            .entry(index)
            .or_default()
            .push((term, now + patience, waiter));
        self.raft_acts(m);
        Ok(())
    }

    pub(super) fn give_up_waiting(&mut self, m: usize) {
        let now = self.now;
        let mut over = Vec::new();
        self.masters[m].waiting.retain(|_, waiters| {
            let (late, rest) = std::mem::take(waiters)
                .into_iter()
                .partition(|it| it.1 <= now);
            *waiters = rest;
            over.extend::<Vec<_>>(late);
            !waiters.is_empty()
        });
        for (_, _, waiter) in over {
            self.answer(m, waiter, None);
        }
    }

    pub(super) fn apply_committed(&mut self, m: usize) {
        let mut any = false;
        loop {
            let master = &mut self.masters[m];
            let Some(raft) = &master.raft else { return };
            let index = master.applied + 1;
            if index > raft.commit {
                break;
            }
            let Some(entry) = master.disk.written.log.get(index).cloned() else {
                break;
            };
            master.applied = index;
            any = true;
            let reply = self.apply(m, index, &entry);
            for (term, _, waiter) in self.masters[m].waiting.remove(&index).unwrap_or_default() {
                let reply = reply.clone().filter(|_| term == entry.term);
                self.answer(m, waiter, reply);
            }
        }
        if any {
            self.wake(m, 0);
            self.snapshot_if_due(m);
        }
    }

    fn apply(&mut self, m: usize, index: u64, entry: &LogEntry) -> Option<Reply> {
        let first = self.truth.committed(m, index, entry, &mut self.broken);
        let command = entry.command.as_ref()?;
        if first && self.trace.is_on() {
            let text = format!("{:?}", command.command);
            let short: String = text.chars().take(160).collect();
            trace!(
                self,
                "m{} apply {index} (term {}) {short}",
                m + 1,
                entry.term
            );
        }
        let before = (first && self.truth.wants_step(index)).then(|| self.masters[m].state.clone());
        let reply = self.masters[m].state.apply(index, command);
        self.truth.applied(
            index,
            &self.masters[m].state,
            &reply,
            command,
            first,
            before.as_ref(),
            &mut self.broken,
        );
        Some(reply)
    }

    /// Somebody who waited for an entry hears of it.
    pub(super) fn answer(&mut self, m: usize, waiter: Waiter, reply: Option<Reply>) {
        let to_client = matches!(waiter, Waiter::Client(_)) && reply.is_some();
        if to_client && std::mem::take(&mut self.cuts_at_answer) {
            self.after(0, Event::CutAll);
        }
        let life = self.masters[m].life;
        let done = match waiter {
            Waiter::Claim(term) => Done::Started { term, reply },
            Waiter::Own(term, ticket) => Done::Proposed {
                term,
                ticket,
                reply,
            },
            Waiter::Client(request) => return self.answer_client(m, request, reply),
            Waiter::Nobody => return,
        };
        let takes = self.rng.random_range(0..=MS);
        self.after(
            takes,
            Event::Done {
                m,
                life,
                done: Box::new(done),
            },
        );
    }
}
