//! The loop of a master: it follows what Raft says, claims a leadership and carries out what that wants.

use std::time::Duration;

use rand::Rng;
use vesta_core::{Command, Policy, version};
use vesta_master::leader::{Input, Leader, Output, SessionId, Timing};
use vesta_master::standing::Step;
use vesta_proto::worker::to_worker;

use super::verdicts::Led;
use super::{Done, Waiter};
use crate::clock::{MS, Nanos, SECOND};
use crate::trace::trace;
use crate::world::net::Down;
use crate::world::{Event, Who, World};

/// After so long the outcome of a proposal is taken for unknown.
const PROPOSE_TIMEOUT: Nanos = 10 * SECOND;

/// A claim that could not be written is tried again after this.
const CLAIM_AGAIN: Nanos = 100 * MS;

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

    /// Has the loop of a master go round soon.
    pub(in crate::world) fn wake(&mut self, m: usize, takes: Nanos) {
        let due = self.now + takes;
        let master = &mut self.masters[m];
        if due < master.wake_at {
            master.wake_at = due;
            let life = master.life;
            self.at(due, Event::Wake { m, life });
        }
    }

    /// One round of the loop of `vesta_master::lead`.
    pub(in crate::world) fn master_round(&mut self, m: usize, life: u32) {
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

    pub(super) fn follow(&mut self, m: usize) {
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

    pub(super) fn claim(&mut self, m: usize, term: u64) {
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

    pub(in crate::world) fn done(&mut self, m: usize, life: u32, done: Done) {
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

    pub(super) fn opened(&mut self, m: usize) {
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

    /// What happens on streams goes to the leadership, if there is one.
    pub(super) fn feed(&mut self, m: usize, input: Input) {
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
}
