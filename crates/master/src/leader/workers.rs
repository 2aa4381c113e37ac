//! Workers' sessions: heartbeats, confirmations, reports.

use std::collections::BTreeSet;
use std::time::Duration;

use vesta_core::{Answer, ClusterState, Command, Reply, Worker, version};
use vesta_proto::worker::{Acknowledged, Confirmed, MasterChanged, to_worker};
use vesta_types::{
    InstanceId, InstanceReport, InstanceStatus, Work, WorkerDescription, WorkerId, WorkerState,
    canary,
};

use super::attention::{Attention, keep};
use super::{Leader, Output, Pending, SessionId, WorkerReport, dispatch};

/// What this leader knows of a worker, beside the state.
#[derive(Debug)]
pub(super) struct WorkerLine {
    /// Its stream here, if it has one. Without it the worker is suspect.
    pub(super) session: Option<SessionId>,
    /// What it said of itself when it opened the stream.
    pub(super) description: Option<WorkerDescription>,
    /// Led time when it was last heard.
    pub(super) last_heard: Duration,
    /// A heartbeat of this session that is not confirmed yet: sequence, arrival in monotonic time.
    unconfirmed: Option<(u64, Duration)>,
    /// The newest report that is not proposed yet. Reports are complete, so only the newest counts.
    report: Option<WorkerReport>,
    /// Whether a report of it is being proposed.
    proposing: bool,
    /// Whether it is about to be proposed as lost.
    pub(super) condemned: bool,
    /// What was ordered last on this session.
    pub(super) ordered: Option<dispatch::Sent>,
    /// Orders that it has refused as stale, as it says.
    pub(super) stale_orders: u64,
    /// Led time when it was asked last on this session to answer this epoch.
    asked: Duration,
    /// Whether it is to be asked again though it has answered.
    ask_again: bool,
    /// Whether it is about to end, in order, as it says.
    pub(super) leaving: bool,
    /// What it has, by its newest report on this session; `None` before the first.
    pub(super) has: Option<BTreeSet<InstanceId>>,
}

impl WorkerLine {
    pub(super) fn new(led: Duration) -> WorkerLine {
        WorkerLine {
            session: None,
            description: None,
            last_heard: led,
            unconfirmed: None,
            report: None,
            proposing: false,
            condemned: false,
            ordered: None,
            stale_orders: 0,
            asked: led,
            ask_again: false,
            leaving: false,
            has: None,
        }
    }

    /// It as the state has it, unless that is DEAD or another life of it.
    pub(super) fn known_in<'a>(&self, state: &'a ClusterState) -> Option<&'a Worker> {
        let description = self.description.as_ref()?;
        state.workers.get(&description.id).filter(|worker| {
            worker.state != WorkerState::Dead
                && worker.description.incarnation == description.incarnation
        })
    }

    /// Whether the state has its answer to the current leader, on this session.
    fn has_answered(&self, state: &ClusterState) -> bool {
        let confirmed = |worker| state.is_confirmed(worker);
        self.has.is_some() && self.known_in(state).is_some_and(confirmed)
    }

    /// Whether it has homes of Spark that the state lacks though it may have them now: it attached before
    /// every master spoke of them.
    fn lacks_homes(&self, state: &ClusterState) -> bool {
        let said = self.description.as_ref().map(|it| &it.spark_homes);
        let known = self.known_in(state).map(|it| &it.description.spark_homes);
        state.version >= version::SPARK && known.is_some() && known != said
    }

    /// Whether it has said something that no entry has taken up yet.
    pub(super) fn has_unproposed(&self) -> bool {
        self.report.is_some() || self.proposing
    }
}

/// What the leader shows of a worker beside the state.
#[derive(Clone, Debug)]
pub struct WorkerGlance {
    /// How long ago it was heard, in time led.
    pub silent: Duration,
    /// It has no stream here; its time is not over.
    pub suspect: bool,
    /// Orders that it has refused as stale.
    pub stale_orders: u64,
    /// What is left of the deadline of its drain, in time led; `None` if none is under way.
    pub drain_left: Option<Duration>,
}

impl Leader {
    /// What this leader knows of each worker.
    pub fn glance(&self) -> impl Iterator<Item = (&WorkerId, WorkerGlance)> {
        let led = self.clock.led();
        self.workers.iter().map(move |(id, line)| {
            let drain = self.drain_clocks.get(id);
            let glance = WorkerGlance {
                silent: led.saturating_sub(line.last_heard),
                suspect: line.session.is_none(),
                stale_orders: line.stale_orders,
                drain_left: drain.map(|clock| clock.left(led)),
            };
            (id, glance)
        })
    }

    pub(super) fn worker_opened(&mut self, session: SessionId, description: WorkerDescription) {
        let led = self.clock.led();
        let id = description.id.clone();
        let line = self
            .workers
            .entry(id.clone())
            .or_insert_with(|| WorkerLine::new(led));
        // A new session closes the older one: what that still says counts for nothing. Ids ascend, so
        // an opening that comes late is told from a new one.
        if line.session.is_some_and(|newer| newer > session) {
            return;
        }
        if let Some(older) = line.session.replace(session)
            && older != session
        {
            self.sessions.remove(&older);
        }
        line.description = Some(description);
        line.unconfirmed = None;
        line.report = None;
        line.ordered = None;
        line.has = None;
        line.leaving = false;
        line.last_heard = led;
        self.attention.workers.insert(id.clone());
        self.sessions.insert(session, id.clone());
        self.ask(&id);
    }

    pub(super) fn worker_closed(&mut self, session: SessionId) {
        let Some(id) = self.sessions.remove(&session) else {
            return;
        };
        if let Some(line) = self.workers.get_mut(&id) {
            tracing::info!(worker = %id, "the stream of a worker is gone: suspect");
            line.session = None;
            line.unconfirmed = None;
            line.ordered = None;
            // Breaks "a broken connection is a hint, never a verdict" (I17, I27).
            if canary::is_on("verdict-by-connection") {
                line.last_heard = Duration::ZERO;
            }
        }
        self.attention.workers.insert(id);
    }

    pub(super) fn heartbeat(&mut self, session: SessionId, sequence: u64, state: &ClusterState) {
        let (led, mono) = (self.clock.led(), self.clock.mono());
        let Some(id) = self.sessions.get(&session) else {
            return;
        };
        let Some(line) = self.workers.get_mut(id) else {
            return;
        };
        keep(&mut self.attention.beating, id, true);
        line.last_heard = led;
        line.unconfirmed = Some((sequence, mono));
        // One that was declared lost and has kept its stream has not answered since.
        if !line.has_answered(state) || line.lacks_homes(state) {
            let due = line.asked + self.timing.repeat;
            self.attention.to_ask.insert((due, id.clone()));
        }
    }

    /// Asks a worker at once to answer this epoch, and again at the pace of [`Timing::repeat`] until its
    /// answer counts: a worker answers at once, so whoever asked at each answer that doesn't count would
    /// ask as fast as the network goes.
    ///
    /// [`Timing::repeat`]: super::Timing::repeat
    fn ask(&mut self, id: &WorkerId) {
        let led = self.clock.led();
        let Some(line) = self.workers.get_mut(id) else {
            return;
        };
        let Some(session) = line.session else {
            return;
        };
        line.asked = led;
        line.ask_again = false;
        let due = led + self.timing.repeat;
        self.attention.to_ask.insert((due, id.clone()));
        let message = MasterChanged {
            epoch: self.epoch.0,
            cluster_id: self.cluster.to_string(),
        };
        self.outputs.push(Output::ToWorker(
            session,
            to_worker::Message::MasterChanged(message),
        ));
    }

    /// Asks a worker again, though it may have answered, no sooner than [`Timing::repeat`] after the last
    /// time.
    ///
    /// [`Timing::repeat`]: super::Timing::repeat
    fn ask_again(&mut self, id: &WorkerId) {
        let Some(line) = self.workers.get_mut(id) else {
            return;
        };
        line.ask_again = true;
        let due = line.asked + self.timing.repeat;
        self.attention.to_ask.insert((due, id.clone()));
    }

    /// Asks those again that send, and whose answer doesn't count after all this time.
    pub(super) fn ask_the_unanswered(&mut self, state: &ClusterState) {
        let led = self.clock.led();
        let due =
            |attention: &Attention| attention.to_ask.first().is_some_and(|(due, _)| *due <= led);
        while due(&self.attention) {
            let Some((_, id)) = self.attention.to_ask.pop_first() else {
                return;
            };
            let (repeat, silence) = (self.timing.repeat, self.timing.worker_timeout);
            let wanted = self.workers.get(&id).is_some_and(|line| {
                let overdue = led >= line.asked + repeat;
                let sends = led < line.last_heard + silence;
                let answered = line.has_answered(state) && !line.lacks_homes(state);
                let open = !answered && !line.has_unproposed();
                overdue && sends && (line.ask_again || open)
            });
            if wanted {
                self.ask(&id);
            }
        }
    }

    pub(super) fn worker_report(&mut self, session: SessionId, report: WorkerReport) {
        let (led, epoch) = (self.clock.led(), self.epoch);
        let Some(id) = self.sessions.get(&session).cloned() else {
            return;
        };
        let Some(line) = self.workers.get_mut(&id) else {
            return;
        };
        line.last_heard = led;
        line.stale_orders = report.stale_orders;
        if report.epoch != epoch {
            self.ask_again(&id);
            return;
        }
        let has = report.reports.iter().map(|report| report.instance.clone());
        let has = has.collect();
        if let Some(ordered) = &mut line.ordered {
            ordered.reported(&has);
        }
        line.has = Some(has);
        line.leaving = report.leaving;
        line.description = Some(report.description.clone());
        line.report = Some(report);
        keep(&mut self.attention.workers, &id, true);
        keep(&mut self.attention.reported, &id, true);
    }

    /// Confirms heartbeats: only when a quorum has acknowledged something sent after the heartbeat
    /// arrived, and only for a worker that the applied state has in this very life and not as DEAD, and
    /// that has answered this leader and was told on this session what it is to stop: a driver that waits
    /// there for its restart, and has been replaced meanwhile, is executed as soon as anything is fresh.
    pub(super) fn confirm_heartbeats(&mut self, state: &ClusterState) {
        let clock = &self.clock;
        self.attention.beating.retain(|id| {
            let Some(line) = self.workers.get_mut(id) else {
                return false;
            };
            let (Some(session), Some((sequence, arrived))) = (line.session, line.unconfirmed)
            else {
                return false;
            };
            let told = line.ordered.is_some() && line.has_answered(state);
            if !told || line.condemned || !clock.acked_since(arrived) {
                return true;
            }
            line.unconfirmed = None;
            // The session's name is filled in by whoever owns the stream.
            let message = Confirmed {
                epoch: self.epoch.0,
                session: String::new(),
                sequence,
            };
            self.outputs.push(Output::ToWorker(
                session,
                to_worker::Message::Confirmed(message),
            ));
            false
        });
    }

    /// Proposes what workers said. One proposal per worker at a time.
    pub(super) fn propose_reports(&mut self, state: &ClusterState) {
        let mut proposals = Vec::new();
        self.attention.reported.retain(|id| {
            let Some(line) = self.workers.get_mut(id) else {
                return false;
            };
            if line.proposing || line.condemned {
                return true;
            }
            let command = line.report.take();
            if let Some(command) = command.and_then(|report| command_for(report, state)) {
                line.proposing = true;
                proposals.push((id.clone(), command));
            }
            false
        });
        for (id, command) in proposals {
            self.propose(Pending::Worker(id), command);
        }
    }

    pub(super) fn report_proposed(&mut self, worker: &WorkerId, reply: Option<Reply>) {
        let epoch = self.epoch.0;
        let Some(line) = self.workers.get_mut(worker) else {
            return;
        };
        line.proposing = false;
        line.ask_again = false;
        // Refused, or its fate is not known.
        if !matches!(reply, Some(Ok(_))) {
            return self.ask_again(worker);
        }
        if let (Some(session), Some(Ok(Answer::Reported { acknowledged }))) = (line.session, reply)
            && !acknowledged.is_empty()
        {
            let instances = acknowledged.iter().map(ToString::to_string).collect();
            let message = to_worker::Message::Acknowledged(Acknowledged { epoch, instances });
            self.outputs.push(Output::ToWorker(session, message));
        }
    }
}

/// What to propose for a worker's report, if it has news.
fn command_for(report: WorkerReport, state: &ClusterState) -> Option<Command> {
    let WorkerReport {
        epoch,
        mut description,
        reports,
        ..
    } = report;
    // Until every master knows of homes, a worker that has some is as one that has none. It reports
    // again, and attaches with them then.
    if state.version < version::SPARK {
        description.spark_homes.clear();
    }
    let attached = state.workers.get(&description.id).filter(|worker| {
        worker.state != WorkerState::Dead
            && worker.description == description
            && worker.confirmed_epoch == epoch
    });
    // A report is complete: what the worker is told to stop and does not have needs no stopping, and
    // attaching anew clears that.
    let attached = attached.filter(|worker| {
        let has: BTreeSet<&InstanceId> = reports.iter().map(|report| &report.instance).collect();
        worker.stopping.keys().all(|id| has.contains(id))
    });
    let Some(worker) = attached else {
        return Some(Command::AttachWorker {
            epoch,
            worker: description,
            reports,
        });
    };
    let news: Vec<InstanceReport> = reports
        .into_iter()
        .filter(|report| is_news(report, worker, state))
        .collect();
    if news.is_empty() {
        return None;
    }
    let WorkerDescription {
        id, incarnation, ..
    } = description;
    Some(Command::ReportInstances {
        epoch,
        worker: id,
        incarnation,
        reports: news,
    })
}

/// Whether a report says what the state does not have yet. An end always does: it is reported until
/// an entry has acknowledged it.
fn is_news(report: &InstanceReport, worker: &Worker, state: &ClusterState) -> bool {
    if report.status.is_final() {
        return true;
    }
    let id = &report.instance;
    if worker.stopping.contains_key(id) || worker.quarantined.contains_key(id) {
        return false;
    }
    let known_pid = match &id.work {
        _ if !state.is_ordered_here(id) => return true,
        Work::Driver { driver, attempt } => state
            .drivers
            .get(driver)
            .filter(|known| known.attempt == *attempt)
            .and_then(|known| known.placement.as_ref())
            .filter(|placement| placement.worker == worker.description.id)
            .map(|placement| (placement.pid, placement.restart)),
        Work::Executor { app, number } => state
            .applications
            .get(app)
            .and_then(|app| app.executors.get(number))
            .filter(|executor| executor.worker == worker.description.id)
            .map(|executor| (executor.pid, 0)),
    };
    match (known_pid, &report.status) {
        (None, _) => true,
        (Some((known, restart)), InstanceStatus::Running { pid, .. }) => {
            known != Some(*pid) || restart != report.restart
        }
        (Some(_), _) => false,
    }
}
