//! Clients: they submit, kill and drain, with the real rules of repeating a call, and keep a history of
//! what they were told.

use std::rc::Rc;
use std::time::Duration;

use rand::Rng;
use vesta_client::ClientOptions;
use vesta_client::attempts::{Attempts, Then, Verdict};
use vesta_core::{Answer, Command, Reply, Request as Body};
use vesta_types::{AppId, DriverDescription, DriverId, Launch, Lease, OnDisconnect, SubmissionKey};

use super::master::Waiter;
use super::{Event, World};
use crate::clock::{MS, Nanos, SECOND, nanos};
use crate::trace::trace;

/// How long a standby waits for somebody to lead before it says that nobody does.
const LEADER_WAIT: Nanos = 1500 * MS;

/// How long a write may take at a master.
const WRITE_DEADLINE: Nanos = 5 * SECOND;

/// Who made a call, and what for.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Purpose {
    /// A client, for itself.
    Own(usize),
    /// An application's client: its registration, a target, its end.
    App(usize),
}

/// One attempt on its way.
#[derive(Clone, Debug)]
pub struct Request {
    /// Which call it belongs to, and which attempt of that it is.
    pub call: usize,
    attempt: u32,
    /// Who passes the answer back, if another master was asked first.
    via: Option<usize>,
    since: Nanos,
}

/// One call, over as many attempts as its deadline allows.
pub struct Call {
    /// Whose it is.
    pub purpose: Purpose,
    /// Its key.
    pub key: SubmissionKey,
    /// What is asked for.
    pub body: Rc<Body>,
    site: usize,
    attempts: Attempts,
    attempt: u32,
    masters: Vec<usize>,
    pause: Duration,
    until: Nanos,
    /// Whether it is over.
    pub over: bool,
}

/// What a master said to an attempt.
#[derive(Clone, Debug)]
pub enum Said {
    /// The answer.
    Reply(Reply),
    /// A failure.
    Failed(Verdict),
}

impl World {
    fn client_options() -> ClientOptions {
        ClientOptions::default()
    }

    /// A key of now, by the wall clock of a site.
    pub(super) fn key(&mut self, site: usize) -> SubmissionKey {
        let wall = self.site_clock(site).wall(self.now).0;
        let low = u128::from(self.rng.random::<u64>() >> 2);
        let middle = u128::from(self.rng.random_range(0..0x1000u32));
        let bits = u128::from(wall) << 80 | 7 << 76 | middle << 64 | 2 << 62 | low;
        SubmissionKey::new(uuid::Uuid::from_u128(bits)).expect("its version is 7")
    }

    /// Begins a call.
    pub(super) fn call(&mut self, purpose: Purpose, site: usize, body: Body) -> usize {
        let key = self.key(site);
        self.call_with(purpose, site, key, Rc::new(body))
    }

    pub(super) fn call_with(
        &mut self,
        purpose: Purpose,
        site: usize,
        key: SubmissionKey,
        body: Rc<Body>,
    ) -> usize {
        let options = World::client_options();
        let mut masters: Vec<usize> = (0..self.masters.len()).collect();
        let first = self.rng.random_range(0..masters.len());
        masters.rotate_left(first);
        masters.reverse();
        let until = self.now + nanos(options.deadline);
        self.truth.asked(key, &body);
        self.calls.push(Call {
            purpose,
            key,
            body,
            site,
            attempts: Attempts::new(true),
            attempt: 0,
            masters,
            pause: options.pause_first,
            until,
            over: false,
        });
        let call = self.calls.len() - 1;
        self.calls_open += 1;
        self.attempt(call);
        call
    }

    fn attempt(&mut self, call: usize) {
        let options = World::client_options();
        let it = &mut self.calls[call];
        if it.over {
            return;
        }
        let left = Duration::from_nanos(it.until.saturating_sub(self.now));
        let Some(master) = it.masters.pop() else {
            if !it.attempts.may_change() {
                return self.give_up_call(call);
            }
            it.masters = (0..self.masters.len()).rev().collect();
            it.attempts.begin_round();
            let pause = it.pause;
            it.pause = (pause * 2).min(options.pause_longest);
            return self.after(nanos(pause), Event::Attempt { call });
        };
        if left < it.attempts.least(&options) {
            return self.give_up_call(call);
        }
        it.attempt += 1;
        let request = Request {
            call,
            attempt: it.attempt,
            via: None,
            since: 0,
        };
        let (site, attempt) = (it.site, it.attempt);
        let reached = self.net.is_up(site, master) && self.net.is_up(master, site);
        if !reached || !self.masters[master].up {
            let takes = if reached { MS } else { nanos(options.connect) };
            let said = Said::Failed(Verdict::NothingDone);
            return self.after(
                takes,
                Event::Answered {
                    request,
                    said: Box::new(said),
                },
            );
        }
        self.once(site, master, Event::Asked { m: master, request });
        let patience = nanos(left.min(options.attempt));
        self.after(patience, Event::AttemptOver { call, attempt });
    }

    pub(super) fn try_again(&mut self, call: usize) {
        self.attempt(call);
    }

    pub(super) fn attempt_over(&mut self, call: usize, attempt: u32) {
        let request = Request {
            call,
            attempt,
            via: None,
            since: 0,
        };
        self.answered(&request, Said::Failed(Verdict::Lost));
    }

    /// A client hears what came of an attempt.
    pub(super) fn answered(&mut self, request: &Request, said: Said) {
        let it = &mut self.calls[request.call];
        if it.over || it.attempt != request.attempt {
            return;
        }
        it.attempt += 1;
        let call = request.call;
        match said {
            Said::Reply(reply) => self.call_over(call, Some(reply)),
            Said::Failed(verdict) => match it.attempts.failed(verdict) {
                Then::Next => self.attempt(call),
                Then::Round(pause) => {
                    it.masters.clear();
                    self.after(nanos(pause), Event::Attempt { call });
                }
                Then::End => self.give_up_call(call),
            },
        }
    }

    fn give_up_call(&mut self, call: usize) {
        self.call_over(call, None);
    }

    /// A call is over: with an answer, or with none.
    fn call_over(&mut self, call: usize, reply: Option<Reply>) {
        let it = &mut self.calls[call];
        it.over = true;
        self.calls_open -= 1;
        let (purpose, key, body) = (it.purpose, it.key, Rc::clone(&it.body));
        let may_be_done = it.attempts.may_be_done();
        if self.trace.is_on() {
            trace!(
                self,
                "c{} call {call} {}: {reply:?}",
                self.calls[call].site,
                kind(&body)
            );
        }
        self.truth.answered(
            self.now,
            key,
            &body,
            reply.as_ref(),
            may_be_done,
            &mut self.broken,
        );
        match purpose {
            Purpose::Own(client) => {
                // Who does not know asks again with the same key, sometimes.
                if reply.is_none() && self.rng.random_bool(0.5) {
                    let site = self.calls[call].site;
                    self.call_with(purpose, site, key, body);
                    return;
                }
                if let Some(Ok(answer)) = &reply {
                    self.client_learns(client, answer);
                }
            }
            Purpose::App(app) => self.app_answered(app, &body, reply),
        }
    }

    fn client_learns(&mut self, _client: usize, answer: &Answer) {
        let answer = match answer {
            Answer::Repeated(answer) => answer,
            answer => answer,
        };
        if let Answer::Submitted { driver } = answer {
            self.submitted.push(driver.clone());
        }
    }

    /// A request arrives at a master: answered here, or at the leader, one hop away.
    pub(super) fn asked(&mut self, m: usize, mut request: Request) {
        if !self.masters[m].up {
            return;
        }
        if request.since == 0 {
            request.since = self.now;
        }
        if self.masters[m].is_raft_leader() {
            let it = &self.calls[request.call];
            let command = Command::Client {
                key: it.key,
                request: (*it.body).clone(),
            };
            let waiter = Waiter::Client(request);
            if let Err(Waiter::Client(request)) = self.propose(m, command, waiter, WRITE_DEADLINE) {
                self.reply(m, &request, Said::Failed(Verdict::NothingDone));
            }
            return;
        }
        if request.via.is_some() {
            return self.reply(m, &request, Said::Failed(Verdict::NothingDone));
        }
        let leader = self.masters[m]
            .raft
            .as_ref()
            .and_then(|raft| raft.leader)
            .filter(|it| *it != m);
        if let Some(leader) = leader
            && self.masters[leader].up
            && self.net.is_up(m, leader)
            && self.net.is_up(leader, m)
        {
            request.via = Some(m);
            return self.once(m, leader, Event::Asked { m: leader, request });
        }
        if self.now >= request.since + LEADER_WAIT {
            return self.reply(m, &request, Said::Failed(Verdict::NothingDone));
        }
        self.after(50 * MS, Event::Asked { m, request });
    }

    fn reply(&mut self, m: usize, request: &Request, said: Said) {
        match request.via {
            Some(via) if via != m => {
                // The standby that sent it on passes the answer back.
                let mut back = request.clone();
                back.via = None;
                let (request, said) = (back, Box::new(said));
                self.once(m, via, Event::PassedOn { via, request, said });
            }
            _ => {
                let site = self.calls[request.call].site;
                let (request, said) = (request.clone(), Box::new(said));
                self.once(m, site, Event::Answered { request, said });
            }
        }
    }

    pub(super) fn passed_on(&mut self, via: usize, request: &Request, said: Said) {
        if self.masters[via].up {
            self.reply(via, request, said);
        }
    }

    pub(super) fn answer_client(&mut self, m: usize, request: Request, reply: Option<Reply>) {
        let said = reply.map_or(Said::Failed(Verdict::Lost), Said::Reply);
        let said = match said {
            Said::Reply(Err(rejection)) => match rejection.code {
                vesta_core::RejectCode::NotStarted => Said::Failed(Verdict::NothingDone),
                _ => Said::Reply(Err(rejection)),
            },
            said => said,
        };
        self.reply(m, &request, said);
    }

    /// The master that was asked is gone: the client sees its connection break, if that reaches it.
    pub(super) fn client_lost(&mut self, request: &Request) {
        let request = request.clone();
        let takes = self.options.latency;
        self.after(
            takes,
            Event::Answered {
                request,
                said: Box::new(Said::Failed(Verdict::Lost)),
            },
        );
    }

    /// A client does something.
    pub(super) fn client_acts(&mut self, client: usize) {
        if !self.load_is_on {
            return;
        }
        let pause = self
            .rng
            .random_range(self.options.request_every / 4..=self.options.request_every * 7 / 4);
        self.after(pause, Event::Client { client });
        let site = self.client_site(client);
        let body = match self.rng.random_range(0..100) {
            0..72 => {
                let description = self.some_driver();
                Body::SubmitDriver { description }
            }
            72..88 => {
                let Some(driver) = self.some_submitted() else {
                    return;
                };
                Body::KillDriver { driver }
            }
            88..94 => {
                let worker = self.rng.random_range(0..self.workers.len());
                let worker = self.workers[worker].id.clone();
                let deadline_ms = self.rng.random_range(0..10_000);
                Body::DrainWorker {
                    worker,
                    deadline_ms,
                }
            }
            _ => {
                let worker = self.rng.random_range(0..self.workers.len());
                Body::UndrainWorker {
                    worker: self.workers[worker].id.clone(),
                }
            }
        };
        let call = self.call(Purpose::Own(client), site, body);
        if self.rng.random_range(0..20) == 0 {
            // It is sent twice, with one key.
            let (key, body) = (self.calls[call].key, Rc::clone(&self.calls[call].body));
            self.call_with(Purpose::Own(client), site, key, body);
        }
    }

    fn some_submitted(&mut self) -> Option<DriverId> {
        if self.submitted.is_empty() {
            return None;
        }
        let recent = self.submitted.len().saturating_sub(12);
        let at = self.rng.random_range(recent..self.submitted.len());
        Some(self.submitted[at].clone())
    }

    fn some_driver(&mut self) -> DriverDescription {
        let rng = &mut self.rng;
        let for_ever = rng.random_range(0..10) == 0;
        let runs = if for_ever {
            "-".to_owned()
        } else {
            rng.random_range(20..8_000).to_string()
        };
        let code = if rng.random_range(0..4) == 0 { 1 } else { 0 };
        let term = if rng.random_range(0..8) == 0 {
            "ignores-term"
        } else {
            "-"
        };
        let stop = rng.random_range(0..3) == 0;
        let cores = rng.random_range(1..=2);
        let supervise = rng.random_range(0..3) == 0;
        let args = vec![runs, code.to_string(), term.to_owned(), "5".to_owned()];
        self.driver(args, cores, supervise, stop)
    }

    /// A driver, as a master that accepts it completes it.
    pub(super) fn driver(
        &self,
        args: Vec<String>,
        cores: u32,
        supervise: bool,
        stop: bool,
    ) -> DriverDescription {
        let ms = |time: Duration| u64::try_from(time.as_millis()).unwrap_or(u64::MAX);
        let lease = Lease {
            time_ms: ms(self.options.stop_lease()),
            grace_ms: ms(self.options.grace()),
        };
        DriverDescription {
            name: "driver".to_owned(),
            launch: Launch {
                program: "it".to_owned(),
                args,
                ..Launch::default()
            },
            cores,
            memory_mib: 64,
            supervise,
            conf: Default::default(),
            executor: None,
            total_executor_cores: None,
            named: Default::default(),
            on_disconnect: Some(if stop {
                OnDisconnect::Stop
            } else {
                OnDisconnect::Keep
            }),
            lease: stop.then_some(lease),
        }
    }

    /// Told to end, by a client that does not give up.
    pub(super) fn kill_driver(&mut self, driver: DriverId) {
        let site = self.client_site(0);
        self.call(Purpose::Own(0), site, Body::KillDriver { driver });
    }

    /// Told to end, likewise.
    pub(super) fn kill_application(&mut self, app: AppId) {
        let site = self.client_site(0);
        self.call(Purpose::Own(0), site, Body::KillApplication { app });
    }
}

pub(super) fn kind(body: &Body) -> &'static str {
    match body {
        Body::SubmitDriver { .. } => "submit",
        Body::KillDriver { .. } => "kill",
        Body::RegisterApplication { .. } => "register",
        Body::SetExecutorTarget { .. } => "target",
        Body::UnregisterApplication { .. } => "unregister",
        Body::KillApplication { .. } => "kill-application",
        Body::DrainWorker { .. } => "drain",
        Body::UndrainWorker { .. } => "undrain",
        _ => "other",
    }
}
