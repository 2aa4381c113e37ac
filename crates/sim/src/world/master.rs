//! A master: Raft's model, the real state, the real leadership.

use std::collections::BTreeMap;
use std::rc::Rc;
use std::time::Duration;

use rand::Rng;
use vesta_core::{ClusterState, Command, Entry, Policy, Reply, version};
use vesta_master::leader::{Input, Leader, Now, Output, SessionId, Ticket, Timing};
use vesta_master::machine::{load, save};
use vesta_master::services::worker::checked;
use vesta_master::standing::{Standing, Step};
use vesta_proto::application::{self, from_application, to_application};
use vesta_proto::worker::{self, from_worker, to_worker};
use vesta_types::{Epoch, RecoveryState, WorkerDescription, WorkerId, canary};

use super::client::Request;
use super::net::{Down, Up};
use super::{Event, Who, World};
use crate::clock::{Clock, MS, Nanos, SECOND};
use crate::raft::{Disk, LogEntry, Out, Raft, Role, Rpc, Settings, Snapshot};
use crate::trace::trace;

/// After so long the outcome of a proposal is taken for unknown.
const PROPOSE_TIMEOUT: Nanos = 10 * SECOND;

/// A claim that could not be written is tried again after this.
const CLAIM_AGAIN: Nanos = 100 * MS;

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

/// The time that a leadership has led, as seen from outside, and what it heard when.
#[derive(Debug, Default)]
struct Led {
    time: Nanos,
    at: Nanos,
    leads: bool,
    heard: BTreeMap<WorkerId, Nanos>,
}

/// By so much its own count may differ: it looks more often.
const LED_SLACK: Nanos = 600 * MS;

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

    /// Counts as the leader does: at each of its steps, by its own clock. A gap of nearly a second counts there,
    /// which by true time is one too long where its clock is slow.
    fn count_led(&mut self, now: Nanos) {
        let now = self.clock.boot(now);
        let leads = self.shown() != RecoveryState::Standby;
        let passed = now.saturating_sub(self.led.at);
        if leads && self.led.leads && passed <= SECOND {
            self.led.time += passed;
        }
        (self.led.leads, self.led.at) = (leads, now);
    }

    fn hears(&mut self, worker: &WorkerId) {
        self.led.heard.insert(worker.clone(), self.led.time);
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
    fn timing(&self) -> Timing {
        Timing {
            worker_timeout: self.options.worker_timeout(),
            recovery_timeout: self.options.worker_timeout(),
            app_lease: self.options.app_lease(),
            lease: Duration::from_nanos(self.options.raft.2),
            gap: Duration::from_secs(1),
            repeat: Duration::from_secs(2),
        }
    }

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

    /// Carries out what Raft wants.
    pub(super) fn raft_acts(&mut self, m: usize) {
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

    fn flush_takes(&mut self, m: usize) -> Nanos {
        let most = self.options.fsync;
        let slow = self.masters[m].disk_slow;
        let extra = if slow > 0 {
            self.rng.random_range(slow / 2..=slow)
        } else {
            0
        };
        self.rng.random_range(most / 10..=most) + extra
    }

    pub(super) fn raft_timer(&mut self, m: usize) {
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

    fn give_up_waiting(&mut self, m: usize) {
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

    pub(super) fn rpc(&mut self, to: usize, from: usize, rpc: Rpc) {
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

    pub(super) fn flushed(&mut self, m: usize, life: u32) {
        let master = &mut self.masters[m];
        if master.life != life {
            return;
        }
        if let Some(raft) = &mut master.raft {
            raft.flushed(&mut master.disk);
            self.raft_acts(m);
        }
    }

    pub(super) fn vote_saved(
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

    pub(super) fn snapshot_installed(
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

    fn apply_committed(&mut self, m: usize) {
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

    fn snapshot_if_due(&mut self, m: usize) {
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

    pub(super) fn snapshot_taken(
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

    /// Somebody who waited for an entry hears of it.
    fn answer(&mut self, m: usize, waiter: Waiter, reply: Option<Reply>) {
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

    /// Writes a command to the log; `Err` if this master can't.
    pub(super) fn propose(
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

    /// Has the loop of a master go round soon.
    pub(super) fn wake(&mut self, m: usize, takes: Nanos) {
        let due = self.now + takes;
        let master = &mut self.masters[m];
        if due < master.wake_at {
            master.wake_at = due;
            let life = master.life;
            self.at(due, Event::Wake { m, life });
        }
    }

    /// One round of the loop of `vesta_master::lead`.
    pub(super) fn master_round(&mut self, m: usize, life: u32) {
        if self.masters[m].life != life || !self.masters[m].up {
            return;
        }
        if self.now < self.masters[m].wake_at {
            return;
        }
        self.masters[m].wake_at = Nanos::MAX;
        self.follow(m);
        let now = self.now;
        let master = &mut self.masters[m];
        let at = master.now(now);
        let acted = master.standing.act(at, &master.state);
        master.count_led(now);
        if let Some((term, outputs)) = acted {
            for output in outputs {
                self.carry_out(m, term, output);
            }
            // Deadlines are looked at again, whatever happens.
            let pause = self.rng.random_range(100 * MS..=400 * MS);
            self.wake(m, pause);
        }
        self.announce(m);
    }

    fn follow(&mut self, m: usize) {
        loop {
            let now = self.now;
            let master = &mut self.masters[m];
            let leads = master.is_raft_leader();
            let term = master.disk.written.term;
            match master.standing.follow(leads, term) {
                Step::Revoked => {
                    trace!(self, "m{} leads no longer", m + 1);
                    self.masters[m].led_last = Some(now);
                }
                Step::Claim(term) => return self.claim(m, term),
                Step::Nothing | Step::Opened => return,
            }
        }
    }

    fn claim(&mut self, m: usize, term: u64) {
        let now = self.now;
        let master = &mut self.masters[m];
        master.standing.claiming(term);
        let raft = master.raft.as_ref();
        let heard = raft.and_then(|raft| raft.heard).max(master.led_last);
        let leaderless = heard.map_or(0, |heard| now.saturating_sub(heard));
        let command = Command::LeaderStarted {
            cluster: self.cluster,
            term,
            node: master.id,
            leaderless_ms: leaderless / MS,
        };
        let life = master.life;
        if self
            .propose(m, command, Waiter::Claim(term), PROPOSE_TIMEOUT)
            .is_err()
        {
            let done = Box::new(Done::Started { term, reply: None });
            self.after(CLAIM_AGAIN, Event::Done { m, life, done });
        }
    }

    pub(super) fn done(&mut self, m: usize, life: u32, done: Done) {
        if self.masters[m].life != life || !self.masters[m].up {
            return;
        }
        self.follow(m);
        let now = self.masters[m].now(self.now);
        let (cluster, timing) = (self.cluster, self.timing());
        match done {
            Done::Started { term, reply } => {
                let master = &mut self.masters[m];
                let state = &master.state;
                let open = || Leader::open(cluster, timing, Policy::default(), now, state);
                let step = master.standing.started(term, reply.as_ref(), state, open);
                match step {
                    Step::Claim(term) => self.claim(m, term),
                    Step::Opened => {
                        trace!(
                            self,
                            "m{} leads in term {term}, epoch {}",
                            m + 1,
                            self.masters[m].state.epoch
                        );
                        self.masters[m].led = Led::default();
                        self.truth.opened(self.now, m);
                        self.opened(m);
                        self.raise_version(m);
                    }
                    Step::Nothing | Step::Revoked => {}
                }
            }
            Done::Proposed {
                term,
                ticket,
                reply,
            } => {
                let master = &mut self.masters[m];
                master
                    .standing
                    .proposed(term, ticket, reply, now, &master.state);
                master.count_led(self.now);
            }
        }
        self.wake(m, 0);
    }

    fn opened(&mut self, m: usize) {
        let sessions: Vec<(SessionId, usize)> = self.masters[m]
            .sessions
            .iter()
            .map(|(id, (stream, _))| (*id, *stream))
            .collect();
        for (session, stream) in sessions {
            let input = match self.streams[stream].who {
                Who::Worker(w) => Input::WorkerOpened(session, self.said_at_first(w, stream)),
                Who::App(a) => Input::AppOpened(session, self.apps[a].id()),
            };
            self.feed(m, input);
        }
    }

    /// The rules that this code adds are followed from some leadership on, as after a rolling upgrade.
    fn raise_version(&mut self, m: usize) {
        let state = &self.masters[m].state;
        if state.version >= version::LATEST || self.rng.random_bool(0.5) {
            return;
        }
        let raise = Command::RaiseVersion {
            epoch: state.epoch,
            version: version::LATEST,
        };
        // In vain where it can't be written: the next leadership does it.
        let _ = self.propose(m, raise, Waiter::Nobody, PROPOSE_TIMEOUT);
    }

    fn said_at_first(&self, w: usize, stream: usize) -> WorkerDescription {
        let hello = self.streams[stream].hello.as_deref().cloned();
        hello.unwrap_or_else(|| self.workers[w].description())
    }

    /// What happens on streams goes to the leadership, if there is one.
    fn feed(&mut self, m: usize, input: Input) {
        let now = self.masters[m].now(self.now);
        let at = self.now;
        let master = &mut self.masters[m];
        master.standing.take(now, input, &master.state);
        master.count_led(at);
        if master.standing.leader().is_some() {
            let takes = self.rng.random_range(0..=MS);
            self.wake(m, takes);
        }
    }

    fn carry_out(&mut self, m: usize, term: u64, output: Output) {
        match output {
            Output::Propose(ticket, command) => {
                self.judge_verdict(m, &command);
                let waiter = Waiter::Own(term, ticket);
                if let Err(waiter) = self.propose(m, command, waiter, PROPOSE_TIMEOUT) {
                    self.answer(m, waiter, None);
                }
            }
            Output::ToWorker(session, mut message) => {
                let Some((stream, _)) = self.masters[m].sessions.get(&session) else {
                    return;
                };
                let stream = *stream;
                if let to_worker::Message::Confirmed(confirmed) = &mut message {
                    confirmed.session = self.streams[stream].name.to_string();
                }
                self.say_down(stream, Down::Worker(message));
            }
            Output::ToApp(session, message) => {
                if let Some((stream, _)) = self.masters[m].sessions.get(&session) {
                    let stream = *stream;
                    self.say_down(stream, Down::App(message));
                }
            }
        }
    }

    /// Verdicts come by time led, never by less.
    fn judge_verdict(&mut self, m: usize, command: &Command) {
        let (epoch, lost): (Epoch, Vec<WorkerId>) = match command {
            Command::LoseWorkers {
                epoch,
                workers,
                cause,
            } if !cause.contains("in order") => {
                (*epoch, workers.iter().map(|it| it.0.clone()).collect())
            }
            Command::CompleteRecovery { epoch, condemned } => (*epoch, condemned.clone()),
            _ => return,
        };
        let timeout = crate::clock::nanos(self.options.worker_timeout());
        let least = (timeout / 100 * 95).saturating_sub(LED_SLACK);
        let led = &self.masters[m].led;
        for worker in lost {
            // What is proposed again was judged when it was proposed first.
            if !self.truth.is_new_verdict(epoch, &worker) {
                continue;
            }
            let silent = led.time - led.heard.get(&worker).copied().unwrap_or(0);
            if silent < least {
                let ms = silent / MS;
                self.broken(format!(
                    "m{} gives {worker} up after {ms} ms of silence while it led",
                    m + 1
                ));
                return;
            }
        }
    }

    fn announce(&mut self, m: usize) {
        let master = &mut self.masters[m];
        let leader = master.raft.as_ref().and_then(|raft| raft.leader);
        let now = (master.standing.leader().is_some(), leader);
        if master.announced == Some(now) {
            return;
        }
        master.announced = Some(now);
        let streams: Vec<usize> = master
            .sessions
            .values()
            .map(|(stream, _)| *stream)
            .collect();
        for stream in streams {
            self.welcome(m, stream);
        }
    }

    fn welcome(&mut self, m: usize, stream: usize) {
        let master = &self.masters[m];
        let leader = master.raft.as_ref().and_then(|raft| raft.leader);
        let leads = master.shown() != RecoveryState::Standby;
        let (epoch, cluster_id) = (
            master.state.epoch.0,
            master.state.cluster.map(|id| id.to_string()),
        );
        let cluster_id = cluster_id.unwrap_or_default();
        let leader = leader.map(|leader| leader as u64 + 1);
        let down = match self.streams[stream].who {
            Who::Worker(_) => Down::Worker(to_worker::Message::Welcome(worker::Welcome {
                cluster_id,
                epoch,
                leading: leads,
                leader,
                members: Vec::new(),
            })),
            Who::App(_) => Down::App(to_application::Message::Welcome(application::Welcome {
                cluster_id,
                epoch,
                leading: leads,
                leader,
                members: Vec::new(),
            })),
        };
        self.say_down(stream, down);
    }

    /// A master reads what a client of a stream said.
    pub(super) fn hear_up(&mut self, stream: usize, message: Up) {
        let (m, session) = (self.streams[stream].master, self.streams[stream].session);
        let life = self.streams[stream].master_life;
        if !self.masters[m].up || self.masters[m].life != life || !self.streams[stream].open_master
        {
            return;
        }
        self.follow(m);
        if let Who::Worker(w) = self.streams[stream].who
            && !matches!(message, Up::Fin)
        {
            let worker = self.workers[w].id.clone();
            self.masters[m].hears(&worker);
        }
        match message {
            Up::Hello => self.greet(m, stream),
            Up::Fin => self.broken_at_master(stream),
            Up::Worker(from_worker::Message::Heartbeat(beat)) => {
                self.feed(m, Input::WorkerHeartbeat(session, beat.sequence));
            }
            Up::Worker(from_worker::Message::Report(report)) => match checked(report) {
                Ok((report, _)) => self.feed(m, Input::WorkerReport(session, report)),
                Err(why) => self.broken(format!("a report of a worker can't be read: {why}")),
            },
            Up::App(from_application::Message::Heartbeat(_)) => {
                self.feed(m, Input::AppHeartbeat(session));
            }
            Up::App(from_application::Message::Acknowledge(answer)) => {
                self.feed(m, Input::AppAcknowledged(session, Epoch(answer.epoch)));
            }
            Up::Worker(_) | Up::App(_) => {}
        }
    }

    /// A session begins; an older one of the same worker is closed.
    fn greet(&mut self, m: usize, stream: usize) {
        let who = self.streams[stream].who;
        let master = &mut self.masters[m];
        let session = master.next_session;
        master.next_session += 1;
        self.streams[stream].session = session;
        self.say_down(stream, Down::Accepted);
        let opened = match who {
            Who::Worker(w) => {
                let description = self.said_at_first(w, stream);
                let id = description.id.clone();
                let same = |(_, (_, own)): &(&SessionId, &(usize, Option<WorkerId>))| {
                    own.as_ref() == Some(&id)
                };
                let older = self.masters[m]
                    .sessions
                    .iter()
                    .find(same)
                    .map(|(id, (stream, _))| (*id, *stream));
                self.masters[m].sessions.insert(session, (stream, Some(id)));
                self.welcome(m, stream);
                if let Some((older, old_stream)) = older {
                    self.masters[m].sessions.remove(&older);
                    self.hung_up(old_stream, false, false);
                    self.feed(m, Input::WorkerClosed(older));
                }
                Input::WorkerOpened(session, description)
            }
            Who::App(a) => {
                self.masters[m].sessions.insert(session, (stream, None));
                self.welcome(m, stream);
                Input::AppOpened(session, self.apps[a].id())
            }
        };
        self.feed(m, opened);
    }

    /// A master finds a stream broken.
    pub(super) fn broken_at_master(&mut self, stream: usize) {
        let it = &mut self.streams[stream];
        if !std::mem::replace(&mut it.open_master, false) {
            return;
        }
        let (m, session, life, who) = (it.master, it.session, it.master_life, it.who);
        if it.open_client && !it.vanished {
            // The machine says so to the other end.
            self.say_down(stream, Down::Fin);
        }
        if self.masters[m].life != life || !self.masters[m].up || session == 0 {
            return;
        }
        self.masters[m].sessions.remove(&session);
        let input = match who {
            Who::Worker(_) => Input::WorkerClosed(session),
            Who::App(_) => Input::AppClosed(session),
        };
        self.feed(m, input);
    }
}
