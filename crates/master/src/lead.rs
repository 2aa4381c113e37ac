//! Runs the leadership: watches Raft, begins and ends it, feeds it, and carries out what it says.
//!
//! To begin: Raft says Leader; `LeaderStarted` of this term is committed and applied here, which gives
//! the epoch; the streams that exist are told. To end: Raft says otherwise, or the term has moved; the
//! leadership is dropped whole. The process goes on.

use std::sync::Arc;
use std::time::Duration;

use tokio::sync::mpsc;
use tokio::time::{Instant, MissedTickBehavior};
use vesta_consensus::{Role, Status};
use vesta_core::{Command, Reply};
use vesta_proto::worker::to_worker;
use vesta_proto::{application, worker};
use vesta_types::limits::PROPOSALS_MAX;

use crate::context::{Context, Shown};
use crate::failpoints;
use crate::leader::{Input, Leader, Now, Output, Ticket};
use crate::proposer::Failure;
use crate::standing::{Standing, Step};
use crate::time::Base;

/// How often deadlines are looked at when nothing else happens.
const TICK: Duration = Duration::from_millis(100);

/// How much is taken in before the next decision.
const TAKE_MAX: usize = 1_000;

/// What came of something that this loop had proposed.
enum Done {
    /// `LeaderStarted` of this term; `None` if it has to be tried again.
    Started { term: u64, reply: Option<Reply> },
    /// A proposal of the leadership of this term.
    Proposed {
        term: u64,
        ticket: Ticket,
        reply: Option<Reply>,
    },
}

/// What was last said of the leadership on every stream.
#[derive(Clone, PartialEq)]
struct Announcement {
    cluster: String,
    leading: bool,
    leader: Option<u64>,
    members: Vec<(u64, String)>,
}

/// The loop's own state.
struct Lead {
    context: Arc<Context>,
    base: Base,
    standing: Standing,
    done: mpsc::Sender<Done>,
    /// When a leadership of its own ended.
    led_last: Option<Instant>,
    announced: Option<Announcement>,
    /// Whether the log has it that nothing is heard of a leader.
    told_silent: bool,
    /// When it was looked at last what the leadership knows of each worker.
    glanced: Option<Instant>,
}

/// Runs until the process ends.
pub async fn run(context: Arc<Context>, mut events: mpsc::Receiver<Input>) {
    let (done, mut finished) = mpsc::channel(PROPOSALS_MAX);
    let mut status = context.node.watch();
    let mut applied = context.shared.applied();
    let mut tick = tokio::time::interval(TICK);
    tick.set_missed_tick_behavior(MissedTickBehavior::Delay);
    let mut lead = Lead {
        context,
        base: Base::new(),
        standing: Standing::default(),
        done,
        led_last: None,
        announced: None,
        told_silent: false,
        glanced: None,
    };
    loop {
        let (input, done) = tokio::select! {
            Some(done) = finished.recv() => (None, Some(done)),
            Some(input) = events.recv() => (Some(input), None),
            changed = applied.changed() => match changed { Ok(()) => (None, None), Err(_) => return },
            changed = status.changed() => match changed { Ok(()) => (None, None), Err(_) => return },
            _ = tick.tick() => (None, None),
        };
        let now = status.borrow_and_update().clone();
        lead.follow(&now);
        // Whatever else has come by now is taken in before anything is decided on it.
        lead.take(&now, input, done);
        for _ in 0..TAKE_MAX {
            match (finished.try_recv().ok(), events.try_recv().ok()) {
                (None, None) => break,
                (done, input) => lead.take(&now, input, done),
            }
        }
        lead.act(&now);
        lead.announce(&now);
        lead.tell_silence(&now);
        lead.context.pulse.beat();
    }
}

impl Lead {
    /// Follows Raft's role: begins to claim, or drops the leadership.
    fn follow(&mut self, status: &Status) {
        let leads = status.role == Role::Leader;
        loop {
            match self.standing.follow(leads, status.term) {
                Step::Revoked => self.revoke(),
                Step::Claim(term) => return self.claim(term),
                Step::Nothing | Step::Opened => return,
            }
        }
    }

    /// Mirror of [`Lead::establish`].
    fn revoke(&mut self) {
        tracing::info!("this master leads no longer");
        self.led_last = Some(Instant::now());
        self.glanced = None;
        self.show(Shown::default());
    }

    /// Proposes `LeaderStarted`.
    fn claim(&mut self, term: u64) {
        let Some(cluster) = self.context.cluster() else {
            return;
        };
        tracing::info!(
            term,
            "elected: the leadership begins with an entry of its own"
        );
        self.standing.claiming(term);
        // Its own leadership counts as one that it heard.
        let heard = self.context.node.leader_heard().max(self.led_last);
        let leaderless = heard.map_or(Duration::ZERO, |heard| heard.elapsed());
        let command = Command::LeaderStarted {
            cluster,
            term,
            node: self.context.config.node.node_id,
            leaderless_ms: u64::try_from(leaderless.as_millis()).unwrap_or(u64::MAX),
        };
        let (proposer, done) = (self.context.proposer.clone(), self.done.clone());
        tokio::spawn(async move {
            let reply = proposer.own(command).await;
            if let Err(error) = &reply {
                tracing::warn!(term, %error, "the first entry of a leadership was not applied");
            }
            let reply = after_pause(reply).await;
            let _ = done.send(Done::Started { term, reply }).await;
        });
    }

    /// Open for business: everything that exists is told.
    fn establish(&mut self, status: &Status) {
        let context = Arc::clone(&self.context);
        context.meters.leaderships.inc();
        for (session, description) in context.sessions.workers() {
            self.feed(status, Input::WorkerOpened(session, description));
        }
        for (session, app) in context.sessions.apps() {
            self.feed(status, Input::AppOpened(session, app));
        }
    }

    fn take(&mut self, status: &Status, input: Option<Input>, done: Option<Done>) {
        match done {
            Some(Done::Started { term, reply }) => self.started(status, term, reply),
            Some(Done::Proposed {
                term,
                ticket,
                reply,
            }) => {
                let now = self.now(status);
                let state = self.context.shared.state();
                self.standing.proposed(term, ticket, reply, now, &state);
            }
            None => {}
        }
        if let Some(input) = input {
            self.feed(status, input);
        }
    }

    fn started(&mut self, status: &Status, term: u64, reply: Option<Reply>) {
        if let Some(Err(rejection)) = &reply {
            tracing::error!(%rejection, "the first entry of a leadership was refused");
        }
        let context = Arc::clone(&self.context);
        let Some(cluster) = context.cluster() else {
            return;
        };
        let now = self.now(status);
        let step = {
            let state = context.shared.state();
            let config = &context.config;
            self.standing.started(term, reply.as_ref(), &state, || {
                tracing::info!(term, epoch = %state.epoch, recovered = state.recovered, "this master leads");
                let (timing, policy) = (config.timing.clone(), config.policy.clone());
                Leader::open(cluster, timing, policy, now, &state)
            })
        };
        match step {
            Step::Opened => self.establish(status),
            Step::Claim(term) => self.claim(term),
            Step::Nothing | Step::Revoked => {}
        }
    }

    fn feed(&mut self, status: &Status, input: Input) {
        let now = self.now(status);
        self.standing.take(now, input, &self.context.shared.state());
    }

    fn act(&mut self, status: &Status) {
        let now = self.now(status);
        let glance = self.glanced.is_none_or(|at| at.elapsed() >= TICK);
        let (term, outputs, status, workers) = {
            let state = self.context.shared.state();
            let begun = Instant::now();
            let Some((term, outputs)) = self.standing.act(now, &state) else {
                return;
            };
            self.context.meters.decided(begun.elapsed());
            let Some(leader) = self.standing.leader() else {
                return;
            };
            let workers = glance.then(|| {
                let glances = leader.glance();
                glances.map(|(id, it)| (id.clone(), it)).collect()
            });
            (term, outputs, leader.shown(&state), workers)
        };
        let workers = match workers {
            Some(workers) => {
                self.glanced = Some(Instant::now());
                Arc::new(workers)
            }
            None => self.context.shown().workers,
        };
        self.show(Shown { status, workers });
        for output in outputs {
            self.carry_out(term, output);
        }
    }

    fn carry_out(&self, term: u64, output: Output) {
        match output {
            Output::Propose(ticket, command) => {
                let (proposer, done) = (self.context.proposer.clone(), self.done.clone());
                tokio::spawn(async move {
                    let reply = proposer.own(command).await;
                    if let Err(error) = &reply {
                        tracing::warn!(%error, "a proposal of this leader has no answer");
                    }
                    let reply = after_pause(reply).await;
                    let proposed = Done::Proposed {
                        term,
                        ticket,
                        reply,
                    };
                    let _ = done.send(proposed).await;
                });
            }
            Output::ToWorker(session, message) => self.tell_worker(session, message),
            Output::ToApp(session, message) => {
                let announcement = matches!(
                    message,
                    application::to_application::Message::MasterChanged(_)
                );
                if announcement && failpoints::is_on(failpoints::DROP_ANNOUNCEMENT) {
                    return;
                }
                self.context.sessions.to_app(session, message);
            }
        }
    }

    fn tell_worker(&self, session: u64, message: to_worker::Message) {
        let announcement = matches!(message, to_worker::Message::MasterChanged(_));
        if announcement && failpoints::is_on(failpoints::DROP_ANNOUNCEMENT) {
            return;
        }
        if let to_worker::Message::Orders(orders) = &message {
            if !orders.run.is_empty() && failpoints::is_on(failpoints::DROP_DISPATCH) {
                return;
            }
            if !orders.run.is_empty() && failpoints::is_on_while_there(failpoints::HOLD_DISPATCH) {
                tracing::warn!("a failpoint holds an order back");
                let context = Arc::clone(&self.context);
                tokio::spawn(async move {
                    while failpoints::is_on_while_there(failpoints::HOLD_DISPATCH) {
                        tokio::time::sleep(Duration::from_millis(5)).await;
                    }
                    context.sessions.to_worker(session, message);
                });
                return;
            }
        }
        self.context.sessions.to_worker(session, message);
    }

    fn now(&self, status: &Status) -> Now {
        Now {
            boot: self.context.clocks.boot(),
            mono: self.base.at(Instant::now()),
            quorum_ack: status.last_quorum_ack.map(|ack| self.base.at(ack)),
            sole_voter: status.sole_voter,
        }
    }

    /// For whoever reads a standby's log: nothing is heard of a leader, or one is heard again.
    fn tell_silence(&mut self, status: &Status) {
        let heard = self.context.node.leader_heard().max(self.led_last);
        let leads = status.role == Role::Leader;
        let silent = !leads
            && heard.is_some_and(|heard| heard.elapsed() > self.context.config.timing.lease * 2);
        if silent != self.told_silent {
            self.told_silent = silent;
            if silent {
                tracing::warn!(
                    leader = status.leader,
                    "nothing is heard of a leader: no quorum, or this master is cut off"
                );
            } else {
                tracing::info!(leader = status.leader, "a leader is heard again");
            }
        }
    }

    fn show(&self, shown: Shown) {
        *self
            .context
            .shown
            .lock()
            .expect("nothing panics while it holds this lock") = shown;
    }

    /// Tells every stream who leads and who the members are, when that has changed.
    fn announce(&mut self, status: &Status) {
        let now = Announcement {
            cluster: self
                .context
                .cluster()
                .map(|id| id.to_string())
                .unwrap_or_default(),
            leading: self.standing.leader().is_some(),
            leader: status.leader,
            members: self.context.members(),
        };
        if self.announced.as_ref() == Some(&now) {
            return;
        }
        self.context.name(&now.members);
        let before = self.announced.replace(now);
        if before.and_then(|before| before.leader) != status.leader {
            match status.leader {
                Some(leader) => tracing::info!(leader, term = status.term, "a leader is known"),
                None => tracing::warn!(term = status.term, "no leader is known"),
            }
        }
        for (session, _) in self.context.sessions.workers() {
            let welcome = to_worker::Message::Welcome(self.context.worker_welcome());
            self.context.sessions.to_worker(session, welcome);
        }
        for (session, _) in self.context.sessions.apps() {
            let welcome = self.context.app_welcome();
            let welcome = application::to_application::Message::Welcome(welcome);
            self.context.sessions.to_app(session, welcome);
        }
    }
}

/// A reply at once; that there is none after a pause. Whoever hears of that proposes again, and Raft refuses at
/// once while it hands the leadership over.
async fn after_pause(reply: Result<Reply, Failure>) -> Option<Reply> {
    if reply.is_err() {
        tokio::time::sleep(TICK).await;
    }
    reply.ok()
}

impl Context {
    /// What a worker's stream begins with.
    pub fn worker_welcome(&self) -> worker::Welcome {
        worker::Welcome {
            cluster_id: self.cluster().map(|id| id.to_string()).unwrap_or_default(),
            epoch: self.shared.state().epoch.0,
            leading: self.shown().status != vesta_types::RecoveryState::Standby,
            leader: self.node.status().leader,
            members: self
                .members()
                .into_iter()
                .map(|(node_id, client_address)| worker::Member {
                    node_id,
                    client_address,
                })
                .collect(),
        }
    }

    /// What an application's stream begins with.
    pub fn app_welcome(&self) -> application::Welcome {
        let welcome = self.worker_welcome();
        application::Welcome {
            cluster_id: welcome.cluster_id,
            epoch: welcome.epoch,
            leading: welcome.leading,
            leader: welcome.leader,
            members: welcome
                .members
                .into_iter()
                .map(|member| application::Member {
                    node_id: member.node_id,
                    client_address: member.client_address,
                })
                .collect(),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[tokio::test]
    async fn what_raft_refuses_at_once_is_not_proposed_again_without_pause() {
        let begun = Instant::now();
        assert_eq!(after_pause(Err(Failure::NotLeader)).await, None);
        assert!(begun.elapsed() >= TICK);
    }
}
