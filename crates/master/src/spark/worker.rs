//! A worker of Spark's own, as the leader knows workers: it answers with complete sets, and is ordered
//! by complete sets.
//!
//! No IO. What Spark's worker tells in single messages is gathered here, and what the leader orders is
//! taken apart into single messages. Spark's worker keeps no record of what it ran: what a fail-over finds
//! missing there has ended, or never begun, and nobody can tell which.

use std::collections::{BTreeMap, BTreeSet};

use vesta_core::ClusterState;
use vesta_proto::worker_convert::{OrderSet, RunOrder};
use vesta_spark::message::{DriverState, ExecutorState};
use vesta_types::{
    AppId, ClusterId, DriverId, Epoch, Exit, InstanceId, InstanceReport, InstanceStatus, Timestamp,
    Work, WorkerDescription,
};

use super::exits;
use crate::leader::WorkerReport;

/// Of processes on Spark's workers no process id is ever heard.
const NO_PID: u32 = 0;

/// What is to be done for a worker.
#[derive(Debug)]
pub(super) enum Act<A> {
    /// Tell it to start this.
    Launch(Box<RunOrder>),
    /// Tell it to kill this.
    Kill(InstanceId),
    /// Answer what it asked with yes.
    Answer(A),
    /// It is going, and is ordered something all the same: drain it.
    Drain,
    /// Tell the leader all that is known of it.
    Report(Box<WorkerReport>),
}

/// A worker of Spark's own. `A` is an ask of it that waits for its answer.
#[derive(Debug)]
pub(super) struct SparkWorker<A> {
    description: WorkerDescription,
    cluster: ClusterId,
    /// The epoch that reports answer.
    epoch: Epoch,
    /// What the leader is to hear, or has heard and not yet acknowledged as ended.
    instances: BTreeMap<InstanceId, InstanceStatus>,
    /// What was placed there before this leader led: the worker may have been told of it.
    inherited: BTreeSet<InstanceId>,
    /// Ends that are answered once they are in the log.
    asks: Vec<(InstanceId, A)>,
    /// Whether it has said what it runs, since its connection was made.
    has_answered: bool,
    /// Whether it has said that it is going: it starts nothing more, and does not say so.
    goes: bool,
}

impl<A> SparkWorker<A> {
    /// A worker that registers, or one that a new leader finds in the state, with what is placed there
    /// then.
    pub(super) fn new(
        description: WorkerDescription,
        cluster: ClusterId,
        epoch: Epoch,
        inherited: BTreeSet<InstanceId>,
    ) -> SparkWorker<A> {
        SparkWorker {
            description,
            cluster,
            epoch,
            instances: BTreeMap::new(),
            inherited,
            asks: Vec::new(),
            has_answered: false,
            goes: false,
        }
    }

    /// What it is.
    pub(super) fn description(&self) -> &WorkerDescription {
        &self.description
    }

    /// Takes what it says of itself anew.
    pub(super) fn described(&mut self, description: WorkerDescription) {
        self.description = description;
    }

    /// Its connection is gone: whoever comes back says anew what it runs. Its asks died with it.
    pub(super) fn disconnected(&mut self) {
        self.has_answered = false;
        self.asks.clear();
    }

    /// The leader asks for an answer.
    pub(super) fn asked(&mut self) -> Vec<Act<A>> {
        self.report()
    }

    /// It has said what it runs, all of it: executors by application and number, and drivers.
    pub(super) fn runs(
        &mut self,
        executors: &[(AppId, u32)],
        drivers: &[DriverId],
        state: &ClusterState,
        now: Timestamp,
    ) -> Vec<Act<A>> {
        let mut listed = BTreeSet::new();
        for (app, number) in executors {
            let known = state.applications.get(app);
            let known = known.and_then(|app| state.executor_instance(app, *number));
            let own = || InstanceId::executor(self.cluster, app.clone(), *number);
            listed.insert(known.unwrap_or_else(own));
        }
        for driver in drivers {
            listed.insert(self.driver_here(driver, state));
        }
        for instance in &listed {
            let status = self.instances.get(instance);
            if status.is_none_or(|status| !status.is_final()) {
                self.began(instance, now);
            }
        }
        let inherited = std::mem::take(&mut self.inherited);
        for instance in inherited.difference(&listed) {
            let status = self.missing(instance, state);
            self.instances.entry(instance.clone()).or_insert(status);
        }
        let gone: Vec<InstanceId> = self
            .instances
            .iter()
            .filter(|(instance, status)| !status.is_final() && !listed.contains(*instance))
            .map(|(instance, _)| instance.clone())
            .collect();
        for instance in gone {
            let status = self.missing(&instance, state);
            self.instances.insert(instance, status);
        }
        self.has_answered = true;
        self.report()
    }

    /// The attempt of a driver that runs there: the current one if that is placed there, else one before.
    fn driver_here(&self, id: &DriverId, state: &ClusterState) -> InstanceId {
        let Some(driver) = state.drivers.get(id) else {
            return InstanceId::driver(self.cluster, id.clone(), 1);
        };
        let placed = driver.placement.as_ref();
        let here = placed.is_some_and(|placed| placed.worker == self.description.id);
        let attempt = if here || driver.placement.is_none() {
            driver.attempt
        } else {
            driver.attempt.saturating_sub(1)
        };
        let cluster = driver.former.of(attempt).unwrap_or(self.cluster);
        InstanceId::driver(cluster, id.clone(), attempt.max(1))
    }

    /// How something is that the worker was told of, or may have been, and does not have. An executor
    /// that never reported RUNNING is taken not to have begun: its replacement has another number, so
    /// nothing runs twice. A driver has one number for all its attempts: it may have run.
    fn missing(&self, instance: &InstanceId, state: &ClusterState) -> InstanceStatus {
        let ran = match &instance.work {
            Work::Driver { .. } => true,
            Work::Executor { app, number } => {
                let app = state.applications.get(app);
                let executor = app.and_then(|app| app.executors.get(number));
                let known = matches!(
                    self.instances.get(instance),
                    Some(InstanceStatus::Running { .. })
                );
                known || executor.is_some_and(|executor| executor.pid.is_some())
            }
        };
        if ran {
            let reason =
                "its worker, of Spark's own, has it no more and can't say what became of it";
            return InstanceStatus::Interrupted {
                reason: reason.to_owned(),
            };
        }
        let reason = "its worker, of Spark's own, does not have it";
        InstanceStatus::NeverRan {
            reason: reason.to_owned(),
        }
    }

    fn began(&mut self, instance: &InstanceId, now: Timestamp) {
        let running = InstanceStatus::Running {
            pid: NO_PID,
            since: now,
        };
        let status = self.instances.entry(instance.clone()).or_insert(running);
        if *status == InstanceStatus::Accepted {
            *status = InstanceStatus::Running {
                pid: NO_PID,
                since: now,
            };
        }
    }

    /// It says that it is going. It never takes that back: started anew, it is another worker.
    pub(super) fn goes(&mut self) {
        self.goes = true;
    }

    /// It can't be told to start this.
    pub(super) fn not_told(
        &mut self,
        instance: InstanceId,
        why: String,
        now: Timestamp,
    ) -> Vec<Act<A>> {
        let ended = InstanceStatus::Ended {
            exit: Exit {
                error: Some(format!("its worker can't be told to start it: {why}")),
                ..Exit::default()
            },
            at: now,
            ran: None,
        };
        self.instances.insert(instance, ended);
        self.report()
    }

    /// The leader orders.
    pub(super) fn ordered(&mut self, set: OrderSet, now: Timestamp) -> Vec<Act<A>> {
        let mut acts = Vec::new();
        let mut drain = false;
        for run in set.run {
            if self.instances.contains_key(&run.instance) {
                continue;
            }
            if self.goes {
                let reason = "its worker, of Spark's own, is going and starts nothing more";
                let status = InstanceStatus::NeverRan {
                    reason: reason.to_owned(),
                };
                self.instances.insert(run.instance, status);
                drain = true;
                continue;
            }
            self.instances
                .insert(run.instance.clone(), InstanceStatus::Accepted);
            // Spark's workers never say that a driver runs.
            if matches!(run.instance.work, Work::Driver { .. }) {
                self.began(&run.instance, now);
            }
            acts.push(Act::Launch(Box::new(run)));
        }
        acts.extend(drain.then_some(Act::Drain));
        for instance in set.stop {
            match self.instances.get(&instance) {
                Some(status) if status.is_final() => {}
                Some(_) => acts.push(Act::Kill(instance)),
                None => {
                    let reason = "it was to end before its worker was told of it".to_owned();
                    self.instances
                        .insert(instance, InstanceStatus::NeverRan { reason });
                }
            }
        }
        acts.extend(self.report());
        acts
    }

    /// These ends are in the log.
    pub(super) fn acknowledged(&mut self, ended: &BTreeSet<InstanceId>) -> Vec<Act<A>> {
        self.instances
            .retain(|instance, status| !(status.is_final() && ended.contains(instance)));
        let (answered, waiting) = std::mem::take(&mut self.asks)
            .into_iter()
            .partition(|(instance, _)| ended.contains(instance));
        self.asks = waiting;
        let answered: Vec<(InstanceId, A)> = answered;
        answered
            .into_iter()
            .map(|(_, ask)| Act::Answer(ask))
            .collect()
    }

    /// It says how an executor is. An end is answered once it is in the log: until then the worker
    /// says it again.
    pub(super) fn executor_changed(
        &mut self,
        instance: InstanceId,
        (state, message, exit): (ExecutorState, Option<&str>, Option<i32>),
        ask: A,
        now: Timestamp,
    ) -> Vec<Act<A>> {
        let over = self
            .instances
            .get(&instance)
            .is_some_and(InstanceStatus::is_final);
        if state.is_finished() {
            if !over {
                let exit = exits::of_executor(state, message, exit);
                let ended = InstanceStatus::Ended {
                    exit,
                    at: now,
                    ran: None,
                };
                self.instances.insert(instance.clone(), ended);
            }
            self.asks.push((instance, ask));
            return self.report();
        }
        if state == ExecutorState::Running && !over {
            self.began(&instance, now);
        }
        let mut acts = vec![Act::Answer(ask)];
        acts.extend(self.report());
        acts
    }

    /// It says how a driver has ended.
    pub(super) fn driver_ended(
        &mut self,
        id: &DriverId,
        (state, exception): (DriverState, Option<&str>),
        cluster: &ClusterState,
        now: Timestamp,
    ) -> Vec<Act<A>> {
        let Some(exit) = exits::of_driver(state, exception) else {
            return Vec::new();
        };
        let instance = self.driver_here(id, cluster);
        if self
            .instances
            .get(&instance)
            .is_some_and(InstanceStatus::is_final)
        {
            return Vec::new();
        }
        let ended = InstanceStatus::Ended {
            exit,
            at: now,
            ran: None,
        };
        self.instances.insert(instance, ended);
        self.report()
    }

    /// All that is known, once the worker has said what it runs.
    fn report(&self) -> Vec<Act<A>> {
        if !self.has_answered {
            return Vec::new();
        }
        let reports = self.instances.iter().map(|(instance, status)| {
            let (instance, status) = (instance.clone(), status.clone());
            InstanceReport {
                instance,
                status,
                restart: 0,
            }
        });
        vec![Act::Report(Box::new(WorkerReport {
            epoch: self.epoch,
            description: self.description.clone(),
            reports: reports.collect(),
            stale_orders: 0,
            leaving: false,
        }))]
    }
}
