//! A master: Raft's model, the real state, the real leadership. Its process begins and ends here.

mod lead;
mod proposals;
mod raft;
mod sessions;
mod snapshots;
mod verdicts;

use std::collections::BTreeMap;
use std::time::Duration;

use rand::Rng;
use vesta_core::{ClusterState, Reply};
use vesta_master::leader::{Now, SessionId, Ticket};
use vesta_master::machine::load;
use vesta_master::standing::Standing;
use vesta_types::{RecoveryState, WorkerId, canary};

use crate::clock::{Clock, Nanos, SECOND};
use crate::raft::{Disk, Raft, Role, Settings, Snapshot};
use crate::trace::trace;
use crate::world::client::Request;
use crate::world::{Event, World};

use verdicts::Led;

/// What came of a proposal of its own.
#[derive(Debug)]
pub enum Done {
    /// `LeaderStarted` of this term.
    Started { term: u64, reply: Option<Reply> },
    /// Another one.
    Proposed {
        term: u64,
        ticket: Ticket,
        reply: Option<Reply>,
    },
}

/// Who waits for an entry to be applied.
#[derive(Debug)]
pub enum Waiter {
    /// The claim of this term.
    Claim(u64),
    /// The leadership of this term.
    Own(u64, Ticket),
    /// A client.
    Client(Request),
    /// Nobody: it is proposed again if it was in vain.
    Nobody,
}

/// One master.
pub struct Master {
    /// Its node id, from 1.
    pub id: u64,
    /// How often it has been started.
    pub life: u32,
    /// Whether its process is there.
    pub up: bool,
    /// Whether it is stopped (SIGSTOP), and what waits for it meanwhile.
    pub paused: bool,
    /// What came meanwhile.
    pub deferred: Vec<Event>,
    /// It never comes back.
    pub gone: bool,
    /// Until then a write to its disk ends the process.
    pub disk_fails_until: Nanos,
    /// Flushes take so much longer.
    pub disk_slow: Nanos,
    /// Its clocks.
    pub clock: Clock,
    /// Its disk.
    pub disk: Disk,
    /// Raft, while the process is there.
    pub raft: Option<Raft>,
    /// The state as it has applied it.
    pub state: ClusterState,
    /// Up to where.
    pub applied: u64,
    standing: Standing,
    sessions: BTreeMap<SessionId, (usize, Option<WorkerId>)>,
    next_session: SessionId,
    waiting: BTreeMap<u64, Vec<(u64, Nanos, Waiter)>>,
    timer_at: Nanos,
    wake_at: Nanos,
    quorum_ack: Option<Nanos>,
    led_last: Option<Nanos>,
    announced: Option<(bool, Option<usize>)>,
    snapshot_at: u64,
    led: Led,
}

impl Master {
    pub(super) fn new(id: u64, clock: Clock) -> Master {
        Master {
            id,
            life: 0,
            up: false,
            paused: false,
            deferred: Vec::new(),
            gone: false,
            disk_fails_until: 0,
            disk_slow: 0,
            clock,
            disk: Disk::default(),
            raft: None,
            state: ClusterState::default(),
            applied: 0,
            standing: Standing::default(),
            sessions: BTreeMap::new(),
            next_session: 1,
            waiting: BTreeMap::new(),
            timer_at: Nanos::MAX,
            wake_at: Nanos::MAX,
            quorum_ack: None,
            led_last: None,
            announced: None,
            snapshot_at: 0,
            led: Led::default(),
        }
    }

    /// Whether Raft says that it leads.
    pub fn is_raft_leader(&self) -> bool {
        self.raft
            .as_ref()
            .is_some_and(|raft| raft.role == Role::Leader)
    }

    /// How it shows itself.
    pub fn shown(&self) -> RecoveryState {
        let shown = self
            .standing
            .leader()
            .map(|leader| leader.shown(&self.state));
        shown.unwrap_or(RecoveryState::Standby)
    }

    /// How many streams it holds, and how many proposals wait.
    pub fn held(&self) -> (usize, usize) {
        (self.sessions.len(), self.waiting.len())
    }

    fn now(&self, now: Nanos) -> Now {
        let local = |at: Nanos| Duration::from_nanos(self.clock.boot(at));
        Now {
            boot: local(now),
            mono: local(now),
            quorum_ack: self
                .raft
                .as_ref()
                .and_then(|raft| raft.quorum_ack(now))
                .map(local),
            sole_voter: false,
        }
    }
}

impl World {
    /// A master's process begins, with what is on its disk.
    pub(super) fn master_up(&mut self, m: usize) {
        if self.masters[m].up || self.masters[m].gone {
            return;
        }
        if self.now < self.masters[m].disk_fails_until {
            // It can't open its disk, and is started again.
            self.after(SECOND, Event::MasterUp { m });
            return;
        }
        let (heartbeat, election_min, election_max) = self.options.raft;
        let members = self.masters.len();
        let settings = Settings {
            members,
            heartbeat,
            election_min,
            election_max,
        };
        let now = self.now;
        let master = &mut self.masters[m];
        master.up = true;
        master.life += 1;
        master.disk.opened();
        master.raft = Some(Raft::new(m, settings, &master.disk, now, &mut self.rng));
        master.standing = Standing::default();
        (master.timer_at, master.wake_at) = (Nanos::MAX, Nanos::MAX);
        (master.quorum_ack, master.announced) = (None, None);
        master.led_last = None;
        let snapshot = master.disk.written.snapshot.clone();
        let (term, at) = (
            master.disk.written.term,
            snapshot.as_ref().map_or(0, |it| it.at.0),
        );
        let log = master.disk.written.log.last().0;
        trace!(
            self,
            "m{} starts in term {term}, snapshot {at}, log to {log}",
            m + 1
        );
        self.truth.term_seen(m, term, &mut self.broken);
        let vote = self.masters[m].disk.written.vote;
        self.truth.remembers(m, term, vote, &mut self.broken);
        self.masters[m].state = ClusterState::default();
        self.masters[m].applied = 0;
        self.masters[m].snapshot_at = at;
        if let Some(snapshot) = snapshot {
            self.restore(m, &snapshot);
        }
        self.raft_acts(m);
    }

    /// Takes the state from a snapshot; what it had before is gone.
    fn restore(&mut self, m: usize, snapshot: &Snapshot) {
        match load(snapshot.at.0, &snapshot.bytes) {
            Ok(state) => {
                self.truth
                    .restored(m, snapshot.at.0, &state, &mut self.broken);
                self.masters[m].state = state;
                self.masters[m].applied = snapshot.at.0;
            }
            Err(error) => self.broken(format!("I21: a snapshot can't be read: {error}")),
        }
    }

    /// A master's process ends at once. `power`: its machine with it.
    pub(super) fn master_down(&mut self, m: usize, power: bool) {
        if !self.masters[m].up {
            return;
        }
        trace!(
            self,
            "m{} ends{}",
            m + 1,
            if power { ", power is cut" } else { "" }
        );
        let tail = {
            let disk = &self.masters[m].disk;
            disk.written
                .log
                .last()
                .0
                .saturating_sub(disk.durable.log.last().0)
        };
        let kept = if tail > 0 {
            self.rng.random_range(0..=tail)
        } else {
            0
        };
        let master = &mut self.masters[m];
        master.up = false;
        master.paused = false;
        master.deferred.clear();
        master.raft = None;
        master.standing = Standing::default();
        master.sessions.clear();
        if power {
            master.disk.cut(kept);
        }
        if canary::is_on("vote-not-persisted") {
            master.disk.written.vote = None;
            master.disk.durable.vote = None;
        }
        let waiting = std::mem::take(&mut master.waiting);
        for (_, _, waiter) in waiting.into_values().flatten() {
            if let Waiter::Client(request) = waiter {
                self.client_lost(&request);
            }
        }
        let held = |it: &super::net::Stream| it.master == m && it.open_master;
        for stream in self.streams_where(held) {
            self.hung_up(stream, false, power);
        }
    }
}
