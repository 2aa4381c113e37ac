//! What happens to executors, whoever caused it.

use vesta_types::limits::ENDED_EXECUTORS_MAX;
use vesta_types::{ApplicationState, ExecutorId, ExecutorState, Exit, InstanceStatus, canary};

use super::{Applying, clip};
use crate::failover::Outcome;
use crate::state::EndpointOwner;

/// Why an executor ends.
#[derive(Clone, Copy, PartialEq, Eq)]
pub(super) enum Cause {
    /// Its worker was lost.
    WorkerLost,
    /// Its worker says so, and the executor's own failing is not what ended it.
    Reported,
    /// Its worker says so, and the executor failed: it counts against the application's retries.
    Failing,
}

impl Applying<'_> {
    /// The executor runs, says its worker. That ends a row of failures; not of an application that runs
    /// to completion, whose programs all run for a moment at least.
    pub(super) fn executor_runs(&mut self, id: &ExecutorId, pid: u32) {
        let Some(app) = self.state.applications.get_mut(&id.app) else {
            return;
        };
        let Some(executor) = app.executors.get_mut(&id.number) else {
            return;
        };
        executor.pid = Some(pid);
        if executor.state == ExecutorState::Launching {
            executor.state = ExecutorState::Running;
            if !app.description.run_to_completion {
                app.retries = 0;
            }
        }
    }

    /// The executor is over, says its worker; `attaching` if it says so when it comes back.
    pub(super) fn executor_over(
        &mut self,
        id: &ExecutorId,
        status: &InstanceStatus,
        attaching: bool,
    ) {
        let Some(app) = self.state.applications.get(&id.app) else {
            return;
        };
        let Some(executor) = app.executors.get(&id.number) else {
            return;
        };
        let killing = executor.kill_requested;
        let (to, exit, message, failing) = match status {
            InstanceStatus::NeverRan { reason } if killing => (
                ExecutorState::Killed,
                None,
                format!("killed before it ran ({reason})"),
                false,
            ),
            InstanceStatus::NeverRan { reason } if executor.pid.is_none() => (
                ExecutorState::Lost,
                None,
                format!("it never ran: {reason}"),
                false,
            ),
            // A worker that says "never ran" of what it had reported running contradicts itself: nothing
            // is proven, and it is as interrupted. What a worker finds interrupted when it comes back
            // ended with its agent or machine. That says nothing of the executor, and ten on one machine
            // must not fail their application.
            InstanceStatus::NeverRan { reason } | InstanceStatus::Interrupted { reason } => (
                ExecutorState::Failed,
                None,
                format!("interrupted: {reason}"),
                !attaching,
            ),
            InstanceStatus::Ended { exit, .. } => {
                let to = match exit {
                    Exit { killed: true, .. } if killing => ExecutorState::Killed,
                    Exit { error: Some(_), .. } => ExecutorState::Failed,
                    _ => ExecutorState::Exited,
                };
                (
                    to,
                    Some(exit),
                    exit.to_string(),
                    !exit.killed && !exit.is_success(),
                )
            }
            InstanceStatus::Accepted | InstanceStatus::Running { .. } => return,
        };
        let exempt = killing || executor.state == ExecutorState::Decommissioned;
        let cause = if failing && !exempt {
            Cause::Failing
        } else {
            Cause::Reported
        };
        let exit = exit.map(|exit| Exit {
            error: exit.error.as_deref().map(clip),
            ..exit.clone()
        });
        self.note(id, Outcome::Ended, &clip(&message));
        self.end_executor(id, to, exit, &message, cause);
    }

    /// Ends an executor: its booking is free, and its application may be over, with too many failures
    /// in a row or because this was the last one of an ended application. Nothing if its state does not
    /// lead there.
    pub(super) fn end_executor(
        &mut self,
        id: &ExecutorId,
        to: ExecutorState,
        exit: Option<Exit>,
        message: &str,
        cause: Cause,
    ) {
        let unconfirmed = |app: &crate::Application| app.confirmed_epoch != self.state.epoch;
        let unknown = self
            .state
            .applications
            .get(&id.app)
            .is_some_and(unconfirmed);
        let Some(app) = self.state.applications.get_mut(&id.app) else {
            return;
        };
        let legal = |executor: &crate::Executor| executor.state.to(to).is_ok();
        if !app.executors.get(&id.number).is_some_and(legal) {
            return;
        }
        let Some(mut executor) = app.executors.remove(&id.number) else {
            return;
        };
        if let Some(worker) = self.state.workers.get_mut(&executor.worker) {
            worker.executors.remove(id);
            worker.booked.remove(&executor.booking);
            // Breaks I11: what is booked is the sum over what lives.
            if canary::is_on("free-twice") {
                worker.booked.remove(&executor.booking);
            }
        }
        // A fail-over alone must never cost an executor. One that had run, and is gone though neither
        // was its worker lost nor its end asked for, was cost by it.
        let gone = matches!(to, ExecutorState::Lost | ExecutorState::Killed);
        let asked = executor.kill_requested || cause == Cause::WorkerLost;
        let in_failover = self.noting || !self.state.recovered;
        let counts = in_failover && gone && !asked && executor.pid.is_some();
        if let Some(report) = self.state.failovers.back_mut().filter(|_| counts) {
            report.executors_killed += 1;
        }
        self.state
            .endpoints
            .remove(&EndpointOwner::Executor(id.clone()));
        let done = to == ExecutorState::Exited && exit.as_ref().is_some_and(Exit::is_success);
        if done && app.description.run_to_completion {
            app.retries = 0;
            let wanted = app.description.profiles.get_mut(&executor.profile);
            if let Some(target) = wanted.and_then(|wanted| wanted.target.as_mut()) {
                *target = target.saturating_sub(1);
            }
        }
        executor.state = to;
        executor.ended = Some(self.now);
        executor.exit = exit;
        executor.message = clip(message);
        app.ended_executors.insert(id.number, executor);
        app.ended_executors_total = app.ended_executors_total.saturating_add(1);
        while app.ended_executors.len() > ENDED_EXECUTORS_MAX {
            app.ended_executors.pop_first();
        }
        if app.is_live() {
            self.after_executor_of_live(id, message, cause == Cause::Failing, unknown);
        } else if app.executors.is_empty() {
            self.state.ended_applications.push_back(id.app.clone());
        }
    }

    /// Counts a failure, and ends the application when there were too many in a row and nothing RUNS
    /// (Spark's rule), or nothing is left that could end the row.
    fn after_executor_of_live(
        &mut self,
        id: &ExecutorId,
        message: &str,
        failed: bool,
        unknown: bool,
    ) {
        let Some(app) = self.state.applications.get_mut(&id.app) else {
            return;
        };
        let counted = failed && !unknown;
        if counted {
            app.retries = app.retries.saturating_add(1);
        }
        if app.executors.is_empty() {
            app.state = ApplicationState::Waiting;
        }
        if app.is_completed() {
            let all = "as many executors succeeded as it wanted";
            self.end_application(&id.app, ApplicationState::Finished, all);
            return;
        }
        let running = |executor: &crate::Executor| executor.state == ExecutorState::Running;
        let hopeless = app.executors.is_empty() || counted && !app.executors.values().any(running);
        if app.retries_exhausted() && hopeless {
            let why = format!(
                "{} of its executors failed in a row, the last one, {id}, with: {message}",
                app.retries
            );
            self.end_application(&id.app, ApplicationState::Failed, &why);
        }
    }
}
