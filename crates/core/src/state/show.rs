//! How objects show: UNKNOWN is derived here, and nowhere stored.

use vesta_types::lifecycle::UNKNOWN;
use vesta_types::{AppId, WorkerId, WorkerState};

use super::{Application, ClusterState, Driver, Executor, Worker};

impl ClusterState {
    /// How `worker` shows: its state, or UNKNOWN until it has answered the current leader. A DEAD one
    /// owes no answer.
    pub fn show_worker(&self, worker: &Worker) -> &'static str {
        if worker.state != WorkerState::Dead && !self.is_confirmed(worker) {
            UNKNOWN
        } else {
            worker.state.as_str()
        }
    }

    /// How `driver` shows: its state, or UNKNOWN while it is placed on a worker that has not answered
    /// the current leader. One that waits is never UNKNOWN (failure D1).
    pub fn show_driver(&self, driver: &Driver) -> &'static str {
        match &driver.placement {
            Some(placement) if !self.is_confirmed_id(&placement.worker) => UNKNOWN,
            _ => driver.state.as_str(),
        }
    }

    /// How `app` shows: its state, or UNKNOWN while it holds executors and its client has not answered
    /// the current leader. One that only waits is never UNKNOWN (failure D19).
    pub fn show_application(&self, app: &Application) -> &'static str {
        if self.is_unknown(app) {
            UNKNOWN
        } else {
            app.state.as_str()
        }
    }

    /// How `executor` shows: its state, or UNKNOWN while it is live and its worker has not answered the
    /// current leader.
    pub fn show_executor(&self, executor: &Executor) -> &'static str {
        if !executor.state.is_final() && !self.is_confirmed_id(&executor.worker) {
            UNKNOWN
        } else {
            executor.state.as_str()
        }
    }

    /// Workers that hold something and have not answered the current leader: what its recovery waits
    /// for. An empty one shows as UNKNOWN too, but holds nothing up.
    pub fn unknown_workers(&self) -> Vec<&WorkerId> {
        let unknown = |worker: &Worker| worker.holds_something() && !self.is_confirmed(worker);
        self.workers
            .iter()
            .filter(|(_, worker)| worker.state != WorkerState::Dead && unknown(worker))
            .map(|(id, _)| id)
            .collect()
    }

    /// Live applications that hold executors and whose clients have not answered the current leader:
    /// what its recovery waits for.
    pub fn unknown_applications(&self) -> Vec<&AppId> {
        self.app_queue
            .values()
            .filter(|id| {
                self.applications
                    .get(*id)
                    .is_some_and(|app| self.is_unknown(app))
            })
            .collect()
    }

    fn is_unknown(&self, app: &Application) -> bool {
        app.is_live() && !app.executors.is_empty() && !self.is_app_confirmed(app)
    }

    fn is_confirmed_id(&self, worker: &WorkerId) -> bool {
        self.workers
            .get(worker)
            .is_some_and(|worker| self.is_confirmed(worker))
    }
}
