//! Leadership as one value: all that is the leader's alone, dropped whole when its leadership ends.
//!
//! No IO and no clock: [`Leader::take`] takes in what happened, [`Leader::act`] looks at the applied
//! state and answers what to propose and what to send. [`crate::lead`] carries that out.

mod applications;
mod attention;
mod clock;
mod dispatch;
mod drains;
mod leases;
mod liveness;
mod planning;
mod recovery;
mod tables;
mod workers;

#[cfg(test)]
mod tests;

use std::collections::BTreeMap;
use std::time::Duration;

use vesta_core::{ClusterState, Command, Policy, Reply};
use vesta_proto::application::to_application;
use vesta_proto::worker::to_worker;
use vesta_types::{
    AppId, ClusterId, DriverId, Epoch, InstanceReport, RecoveryState, WorkerDescription, WorkerId,
    canary,
};

use clock::LedClock;
pub use clock::Now;
pub use workers::WorkerGlance;
use workers::WorkerLine;

/// One stream to this master, for as long as it lasts; never reused while the process lives.
pub type SessionId = u64;

/// One proposal of this leader.
pub type Ticket = u64;

/// How long what is silent is waited for. Real time; the CLI scales all of them by one factor.
#[derive(Clone, Debug)]
pub struct Timing {
    /// Silence after which a worker is lost.
    pub worker_timeout: Duration,
    /// How long recovery waits for those that don't answer.
    pub recovery_timeout: Duration,
    /// Silence after which an application is over.
    pub app_lease: Duration,
    /// `election_timeout_max`: a quorum acknowledgement older than this suspends the leader.
    pub lease: Duration,
    /// A gap in the leader's own loop after which nothing it knows can be trusted.
    pub gap: Duration,
    /// How often what nobody has taken up is said again: orders, and the question to a worker.
    pub repeat: Duration,
}

/// What happened.
#[derive(Debug)]
pub enum Input {
    /// A worker opened a stream, or has one already when the leadership begins.
    WorkerOpened(SessionId, WorkerDescription),
    /// A worker's stream is gone: a hint, never a verdict.
    WorkerClosed(SessionId),
    /// A worker's heartbeat.
    WorkerHeartbeat(SessionId, u64),
    /// A worker's complete answer.
    WorkerReport(SessionId, WorkerReport),
    /// An application's client opened a stream, or has one already.
    AppOpened(SessionId, AppId),
    /// An application's stream is gone.
    AppClosed(SessionId),
    /// An application's heartbeat.
    AppHeartbeat(SessionId),
    /// An application answered `MasterChanged` of this epoch.
    AppAcknowledged(SessionId, Epoch),
    /// A proposal of this leader was applied; `None` if its outcome is not known.
    Proposed(Ticket, Option<Reply>),
}

/// What a worker said of itself.
#[derive(Clone, Debug)]
pub struct WorkerReport {
    /// The epoch that it answers.
    pub epoch: Epoch,
    /// Who and what it is.
    pub description: WorkerDescription,
    /// Every instance that it accepted and that is not acknowledged.
    pub reports: Vec<InstanceReport>,
    /// Orders that it has refused as stale since its agent started.
    pub stale_orders: u64,
    /// Whether it is about to end, in order.
    pub leaving: bool,
}

/// What is to be done.
#[derive(Debug)]
#[expect(
    clippy::large_enum_variant,
    reason = "a few of them live at once, and none for long"
)]
pub enum Output {
    /// Write this to the log; answer with [`Input::Proposed`].
    Propose(Ticket, Command),
    /// Say this to a worker.
    ToWorker(SessionId, to_worker::Message),
    /// Say this to an application.
    ToApp(SessionId, to_application::Message),
}

/// What a proposal in flight was for.
#[derive(Debug)]
enum Pending {
    Worker(WorkerId),
    Confirm(AppId),
    Plan,
    Complete,
    Lose(Vec<WorkerId>, Box<Command>),
    Expire(Vec<AppId>),
    EndLeases(Vec<(DriverId, u32)>),
    EndDrains(Vec<(WorkerId, u64)>),
}

/// A leadership.
pub struct Leader {
    cluster: ClusterId,
    epoch: Epoch,
    timing: Timing,
    policy: Policy,
    clock: LedClock,
    sessions: BTreeMap<SessionId, WorkerId>,
    workers: BTreeMap<WorkerId, WorkerLine>,
    app_sessions: BTreeMap<SessionId, applications::AppSession>,
    apps: BTreeMap<AppId, applications::AppLine>,
    pending: BTreeMap<Ticket, Pending>,
    next_ticket: Ticket,
    planning: planning::Planning,
    attention: attention::Attention,
    completing: bool,
    /// Those that a proposal to complete the recovery named, until it is complete.
    condemned: Vec<WorkerId>,
    brake: liveness::Brake,
    /// Verdicts whose outcome is not known: proposed again, until it is.
    unsettled: Vec<(Vec<WorkerId>, Box<Command>)>,
    /// Attempts that were lost and may still run.
    lost_attempts: BTreeMap<DriverId, leases::LostAttempt>,
    /// Drains whose deadlines are not over.
    drain_clocks: BTreeMap<WorkerId, drains::DrainClock>,
    outputs: Vec<Output>,
}

impl Leader {
    /// Opens for business: `LeaderStarted` is applied and gave this epoch.
    pub fn open(
        cluster: ClusterId,
        timing: Timing,
        policy: Policy,
        now: Now,
        state: &ClusterState,
    ) -> Leader {
        let mut leader = Leader {
            cluster,
            epoch: state.epoch,
            clock: LedClock::new(now, timing.lease, timing.gap),
            timing,
            policy,
            sessions: BTreeMap::new(),
            workers: BTreeMap::new(),
            app_sessions: BTreeMap::new(),
            apps: BTreeMap::new(),
            pending: BTreeMap::new(),
            next_ticket: 1,
            planning: planning::Planning::default(),
            attention: attention::Attention::default(),
            completing: false,
            condemned: Vec::new(),
            brake: liveness::Brake::default(),
            unsettled: Vec::new(),
            lost_attempts: BTreeMap::new(),
            drain_clocks: BTreeMap::new(),
            outputs: Vec::new(),
        };
        leader.track(state);
        // Breaks I17 and I27: only silence towards this leader counts, since it opened.
        if canary::is_on("deadline-over-step-down") {
            for line in leader.workers.values_mut() {
                line.last_heard = Duration::ZERO;
            }
        }
        leader
    }

    /// Takes in what happened. Cheap: nothing follows from it before the next [`Leader::act`].
    pub fn take(&mut self, now: Now, input: Input, state: &ClusterState) {
        self.advance(now);
        match input {
            Input::WorkerOpened(session, description) => self.worker_opened(session, description),
            Input::WorkerClosed(session) => self.worker_closed(session),
            Input::WorkerHeartbeat(session, sequence) => self.heartbeat(session, sequence, state),
            Input::WorkerReport(session, report) => self.worker_report(session, report),
            Input::AppOpened(session, app) => self.app_opened(session, app),
            Input::AppClosed(session) => self.app_closed(session),
            Input::AppHeartbeat(session) => self.app_heartbeat(session, state),
            Input::AppAcknowledged(session, epoch) => self.app_acknowledged(session, epoch),
            Input::Proposed(ticket, reply) => self.proposed(ticket, reply),
        }
    }

    /// Says what to do now. While suspended nothing is decided: no order, no confirmation, no verdict.
    pub fn act(&mut self, now: Now, state: &ClusterState) -> Vec<Output> {
        self.advance(now);
        self.track(state);
        // The canary breaks I8: a leader that is suspended or deposed orders nothing.
        let leads = self.clock.leading() && state.epoch == self.epoch;
        if leads || canary::is_on("old-epoch-effects") {
            self.propose_reports(state);
            self.ask_the_unanswered(state);
            self.confirm_applications(state);
            self.judge(state);
            self.complete_recovery(state);
            self.end_leases(state);
            self.end_drains(state);
            self.plan(state);
            self.dispatch(state);
            // After the orders: what a worker is to stop it must hear before anything is fresh there again.
            self.confirm_heartbeats(state);
            self.send_tables(state);
        }
        std::mem::take(&mut self.outputs)
    }

    fn advance(&mut self, now: Now) {
        let before = self.clock.leading();
        self.clock.advance(now);
        let leading = self.clock.leading();
        if before != leading {
            tracing::info!(epoch = %self.epoch, leading, "leadership suspended or resumed");
        }
    }

    /// The epoch of this leadership.
    pub fn epoch(&self) -> Epoch {
        self.epoch
    }

    /// How this master shows itself.
    pub fn shown(&self, state: &ClusterState) -> RecoveryState {
        match (self.clock.leading(), state.recovered, self.completing) {
            (false, ..) => RecoveryState::Standby,
            (true, true, _) => RecoveryState::Alive,
            (true, false, true) => RecoveryState::CompletingRecovery,
            (true, false, false) => RecoveryState::Recovering,
        }
    }

    fn proposed(&mut self, ticket: Ticket, reply: Option<Reply>) {
        let Some(pending) = self.pending.remove(&ticket) else {
            return;
        };
        if let Some(Err(rejection)) = &reply {
            tracing::warn!(?pending, %rejection, "a proposal of this leader was refused");
        }
        match pending {
            Pending::Worker(worker) => self.report_proposed(&worker, reply),
            Pending::Confirm(app) => {
                if let Some(line) = self.apps.get_mut(&app) {
                    line.confirming = false;
                }
            }
            Pending::Plan => self.planning.applied(reply),
            Pending::Complete => self.completing = false,
            Pending::Lose(workers, verdict) => match reply {
                Some(_) => self.sentenced(&workers),
                // It may still be applied: until it is, nothing else is to be done with these.
                None => self.unsettled.push((workers, verdict)),
            },
            Pending::EndLeases(drivers) => self.leases_proposed(&drivers),
            Pending::EndDrains(drains) => self.drains_proposed(&drains),
            Pending::Expire(apps) => {
                for app in apps {
                    if let Some(line) = self.apps.get_mut(&app) {
                        line.expiring = false;
                    }
                }
            }
        }
    }

    fn propose(&mut self, pending: Pending, command: Command) {
        let ticket = self.next_ticket;
        self.next_ticket += 1;
        self.pending.insert(ticket, pending);
        self.outputs.push(Output::Propose(ticket, command));
    }
}
