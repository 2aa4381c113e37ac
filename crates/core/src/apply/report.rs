//! One line of a worker's report: what it says of one instance, held against the state.

use vesta_types::limits::REPORTS_MAX;
use vesta_types::{
    AppId, DriverId, ExecutorId, InstanceId, InstanceReport, InstanceStatus, Work, WorkerId, canary,
};

use super::Applying;
use crate::failover::Outcome;

/// What the state makes of an instance that a worker has.
enum Standing {
    /// It is placed there.
    Current,
    /// It is over, or was never meant to be there. If it runs, it is to be stopped.
    Over(String),
    /// The state can't have known it: the state went back, or is another cluster's. If it runs, it is
    /// kept, and people are told.
    Unexplained(String),
}

impl Applying<'_> {
    /// Applies one line. A late one changes nothing but what the worker is told to stop
    /// (SPARK-19900); one that contradicts the state is left out.
    pub(super) fn report(&mut self, worker: &WorkerId, report: &InstanceReport, attaching: bool) {
        let instance = &report.instance;
        let standing = self.standing(worker, instance);
        let Some(holder) = self.state.workers.get_mut(worker) else {
            return;
        };
        holder.stopping.remove(instance);
        holder.quarantined.remove(instance);
        match standing {
            Standing::Current => self.report_current(report, attaching),
            _ if report.status.is_final() => self.end_lease_of(worker, &instance.work),
            // Breaks I9: what the state does not want does not run on.
            Standing::Over(_) if canary::is_on("orphan-kept") => {}
            // More than a worker may have at once: it will be reported again.
            _ if holder.stopping.len() + holder.quarantined.len() >= REPORTS_MAX => {}
            Standing::Over(why) => {
                holder.stopping.insert(instance.clone(), why.clone());
                self.note(instance, Outcome::Stopped, &why);
            }
            Standing::Unexplained(why) => {
                holder.quarantined.insert(instance.clone(), why.clone());
                self.note(instance, Outcome::Quarantined, &why);
            }
        }
    }

    fn report_current(&mut self, report: &InstanceReport, attaching: bool) {
        let status = &report.status;
        if !status.is_final() {
            self.note(
                name(&report.instance),
                Outcome::Confirmed,
                "its worker has it",
            );
        }
        match (&report.instance.work, status) {
            (_, InstanceStatus::Accepted) => {}
            (Work::Driver { driver, .. }, InstanceStatus::Running { pid, since }) => {
                self.driver_runs(driver, *pid, *since, report.restart);
            }
            (Work::Driver { driver, .. }, _) => {
                // One that was over before it was said to run.
                if let InstanceStatus::Ended { ran: Some(ran), .. } = status {
                    self.driver_runs(driver, ran.pid, ran.since, report.restart);
                }
                self.driver_over(driver, status);
            }
            (Work::Executor { app, number }, InstanceStatus::Running { pid, .. }) => {
                self.executor_runs(&executor_id(app, *number), *pid);
            }
            (Work::Executor { app, number }, _) => {
                self.executor_over(&executor_id(app, *number), status, attaching);
            }
        }
    }

    fn standing(&self, worker: &WorkerId, instance: &InstanceId) -> Standing {
        if !self.state.is_ordered_here(instance) {
            let why = format!("it was ordered by another cluster, {}", instance.cluster);
            return Standing::Unexplained(why);
        }
        match &instance.work {
            Work::Driver { driver, attempt } => self.driver_standing(worker, driver, *attempt),
            Work::Executor { app, number } => self.executor_standing(worker, app, *number),
        }
    }

    fn driver_standing(&self, worker: &WorkerId, id: &DriverId, attempt: u32) -> Standing {
        let Some(driver) = self.state.drivers.get(id) else {
            return unknown("driver", id.number(), self.state.next_driver);
        };
        if attempt > driver.attempt {
            let why = format!(
                "attempt {attempt} is unknown: the last one is {}",
                driver.attempt
            );
            return Standing::Unexplained(why);
        }
        let here = |placement: &crate::state::DriverPlacement| placement.worker == *worker;
        if attempt == driver.attempt && driver.placement.as_ref().is_some_and(here) {
            return Standing::Current;
        }
        // Breaks I6: only the current instance's reports count (SPARK-19900).
        if driver.placement.is_some() && canary::is_on("late-report") {
            return Standing::Current;
        }
        let placed = match &driver.placement {
            Some(placement) => format!(" on {}", placement.worker),
            None => String::new(),
        };
        Standing::Over(format!(
            "attempt {attempt} is not to run here: the driver is {} in attempt {}{placed}",
            driver.state, driver.attempt
        ))
    }

    fn executor_standing(&self, worker: &WorkerId, app: &AppId, number: u32) -> Standing {
        let Some(found) = self.state.applications.get(app) else {
            return unknown("application", app.number(), self.state.next_app);
        };
        if number >= found.next_executor {
            let why = format!(
                "executor {number} is unknown: the next is {}",
                found.next_executor
            );
            return Standing::Unexplained(why);
        }
        match found.executors.get(&number) {
            Some(executor) if executor.worker == *worker => Standing::Current,
            Some(executor) => Standing::Over(format!("it is placed on {}", executor.worker)),
            None => Standing::Over("the executor has ended".to_owned()),
        }
    }
}

/// An id that is not in the state: below the counter it ended and was trimmed long ago; at or above it,
/// this state can't have given it out.
fn unknown(what: &str, number: Option<u64>, next: u64) -> Standing {
    match number {
        Some(number) if number < next => Standing::Over(format!("the {what} ended long ago")),
        _ => Standing::Unexplained(format!("the {what} is unknown: the next number is {next}")),
    }
}

fn executor_id(app: &AppId, number: u32) -> ExecutorId {
    ExecutorId {
        app: app.clone(),
        number,
    }
}

/// The name of what an instance is an attempt of, as people know it.
pub(super) fn name(instance: &InstanceId) -> String {
    match &instance.work {
        Work::Driver { driver, .. } => driver.to_string(),
        Work::Executor { app, number } => executor_id(app, *number).to_string(),
    }
}
