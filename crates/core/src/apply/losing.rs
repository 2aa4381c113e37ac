//! Losing a worker: one way for every cause.

use vesta_types::{
    DriverState, ExecutorId, ExecutorState, Incarnation, InstanceId, Work, WorkerId, WorkerState,
    canary,
};

use super::Applying;
use super::executors::Cause;
use crate::failover::Outcome;
use crate::reply::{Answer, Reply};

impl Applying<'_> {
    /// The leader's verdicts. Each holds for the incarnation that was judged, and for no later one.
    pub(super) fn lose_workers(
        &mut self,
        workers: &[(WorkerId, Incarnation)],
        cause: &str,
    ) -> Reply {
        self.noting = !self.state.recovered;
        for (id, judged) in workers {
            let same = |worker: &crate::Worker| worker.description.incarnation == *judged;
            if self.state.workers.get(id).is_some_and(same) {
                self.lose_worker(id, cause);
            }
        }
        Ok(Answer::Done)
    }

    /// Makes a worker DEAD, and what was placed on it terminal or waiting again: executors are LOST
    /// (the planner replaces them), a supervised driver waits for a new attempt under its id and at
    /// its place in the queue, any other driver is over. Nothing if the worker is DEAD already.
    pub(super) fn lose_worker(&mut self, id: &WorkerId, cause: &str) {
        let (now, ages_from) = (self.now, self.ages_from());
        let Some(worker) = self.state.workers.get_mut(id) else {
            return;
        };
        let Ok(dead) = worker.state.to(WorkerState::Dead) else {
            return;
        };
        worker.state = dead;
        worker.dead_since = Some(now);
        worker.ages_from = ages_from;
        // What it still has to stop, it will report anew if it returns.
        worker.stopping.clear();
        worker.quarantined.clear();
        let executors: Vec<ExecutorId> = worker.executors.iter().cloned().collect();
        let drivers: Vec<_> = worker.drivers.iter().cloned().collect();
        self.state.dead_workers.push_back(id.clone());
        self.note(id, Outcome::Lost, cause);

        let why = format!("its worker {id} was lost: {cause}");
        for executor in executors {
            self.note(&executor, Outcome::Lost, &why);
            self.end_executor(
                &executor,
                ExecutorState::Lost,
                None,
                &why,
                Cause::WorkerLost,
            );
        }
        for driver in drivers {
            self.lose_driver(&driver, &why);
        }
    }

    /// Ends one instance of which nothing will be heard any more, as if its worker had been lost.
    pub(super) fn lose_instance(&mut self, instance: &InstanceId, why: &str) {
        match &instance.work {
            Work::Driver { driver, .. } => self.lose_driver(driver, why),
            Work::Executor { app, number } => {
                let id = ExecutorId {
                    app: app.clone(),
                    number: *number,
                };
                self.note(&id, Outcome::Lost, why);
                self.end_executor(&id, ExecutorState::Lost, None, why, Cause::WorkerLost);
            }
        }
    }

    fn lose_driver(&mut self, id: &vesta_types::DriverId, why: &str) {
        let Some(driver) = self.state.drivers.get(id) else {
            return;
        };
        if driver.kill_requested {
            self.note(id, Outcome::Lost, why);
            self.end_driver(id, DriverState::Killed, None, why);
        // The canary breaks I5: an unsupervised driver is executed at most once.
        } else if driver.description.supervise || canary::is_on("unsupervised-relaunch") {
            let lost_on = driver.description.lease.and(driver.last_worker.clone());
            // Breaks "at most one copy of a driver with a lease" (failure D2).
            let lost_on = lost_on.filter(|_| !canary::is_on("stop-lease-ignored"));
            self.note(id, Outcome::Relaunched, why);
            self.relaunch_driver(id, why);
            if let Some(worker) = lost_on {
                self.lease(id, worker);
            }
        } else {
            self.note(id, Outcome::Lost, why);
            self.end_driver(id, DriverState::Error, None, why);
        }
    }
}
