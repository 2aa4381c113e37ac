//! Drains of workers: nothing new is placed there at once, and after a deadline what can go elsewhere
//! does. Unsupervised drivers have their one run and are left to it. Drivers of Spark's are told at once, as
//! Spark's master tells them: they let go of their executors there themselves, once what those keep is moved.

use std::time::Duration;

use vesta_types::limits::DRAIN_DEADLINE_MAX;
use vesta_types::{AppId, ExecutorState, WorkerId, WorkerState};

use super::Applying;
use crate::reply::{Answer, RejectCode, Rejection, Reply};
use crate::state::{Drain, Worker};

impl Applying<'_> {
    /// Idempotent: the same drain again changes nothing, another deadline counts anew from now. (Once
    /// the deadline is over there is nothing left to put off.)
    pub(super) fn drain_worker(&mut self, id: &WorkerId, deadline_ms: u64) -> Reply {
        let deadline = Duration::from_millis(deadline_ms);
        if deadline > DRAIN_DEADLINE_MAX {
            let message = format!(
                "a deadline of {} s: at most {} s are possible ({} days)",
                deadline.as_secs_f64(),
                DRAIN_DEADLINE_MAX.as_secs(),
                DRAIN_DEADLINE_MAX.as_secs() / (24 * 3600)
            );
            return Err(Rejection::new(RejectCode::Invalid, message));
        }
        let (index, asked) = (self.state.applied, self.now);
        let worker = self.drainable(id)?;
        if let Ok(state) = worker.state.to(WorkerState::Decommissioned) {
            worker.state = state;
        }
        let known = self.state.drains.get(id);
        let stands = |known: &Drain| known.over || known.deadline_ms == deadline_ms;
        if !known.is_some_and(stands) {
            let drain = Drain {
                index,
                asked,
                deadline_ms,
                over: false,
            };
            self.state.drains.insert(id.clone(), drain);
            self.decommission(id);
            if deadline_ms == 0 {
                self.end_drain(id);
            }
        }
        self.drained(id)
    }

    /// Takes a drain back. What was told to end by then ends all the same, and executors that drivers of
    /// Spark's were told to leave stay DECOMMISSIONED: such a driver never comes back to one. They end when
    /// it lets them go, or is over itself.
    pub(super) fn undrain_worker(&mut self, id: &WorkerId) -> Reply {
        let Some(worker) = self.state.workers.get_mut(id) else {
            return Err(unknown(id));
        };
        let was = self.state.drains.remove(id).is_some();
        if worker.state == WorkerState::Decommissioned {
            worker.state = WorkerState::Alive;
        }
        let message = if was {
            "its drain is taken back"
        } else {
            "it is not drained"
        };
        Ok(Answer::Drained {
            state: worker.state.to_string(),
            message: message.to_owned(),
        })
    }

    /// The leader's word that deadlines are over. It holds for the drain that it was about, and no later
    /// one.
    pub(super) fn end_drains(&mut self, drains: &[(WorkerId, u64)]) -> Reply {
        for (id, index) in drains {
            let asked = self.state.drains.get(id).map(|drain| drain.index);
            if asked == Some(*index) {
                self.end_drain(id);
            }
        }
        Ok(Answer::Done)
    }

    /// Executors of Spark's applications there become DECOMMISSIONED, and are not told to end: their
    /// drivers hear of it, and nothing that is kept there is lost if they let go of them in time.
    fn decommission(&mut self, id: &WorkerId) {
        let Some(worker) = self.state.workers.get(id) else {
            return;
        };
        for executor in &worker.executors {
            let app = self.state.applications.get_mut(&executor.app);
            let app = app.filter(|app| app.description.spark.is_some());
            let found = app.and_then(|app| app.executors.get_mut(&executor.number));
            if let Some(found) = found
                && let Ok(state) = found.state.to(ExecutorState::Decommissioned)
            {
                found.state = state;
                if !found.kill_requested {
                    "worker decommissioned".clone_into(&mut found.message);
                }
            }
        }
    }

    /// Executors there become DECOMMISSIONED and are told to end, supervised drivers too: each is
    /// placed anew once its end is committed, and not before. Nothing more comes there, so once is
    /// enough.
    fn end_drain(&mut self, id: &WorkerId) {
        let Some(drain) = self.state.drains.get_mut(id) else {
            return;
        };
        drain.over = true;
        let Some(worker) = self.state.workers.get_mut(id) else {
            return;
        };
        for executor in &worker.executors {
            let app = self.state.applications.get_mut(&executor.app);
            let found = app.and_then(|app| app.executors.get_mut(&executor.number));
            let Some(found) = found else { continue };
            match found.state.to(ExecutorState::Decommissioned) {
                Ok(state) => found.state = state,
                Err(_) if found.kill_requested => continue,
                // Its driver, of Spark's, has not let it go in time.
                Err(_) => {}
            }
            found.kill_requested = true;
            "its worker is drained".clone_into(&mut found.message);
        }
        for driver in &worker.drivers {
            if let Some(driver) = self.state.drivers.get_mut(driver)
                && driver.description.supervise
                && let Some(placement) = &mut driver.placement
            {
                placement.moving = true;
                "moves: its worker is drained".clone_into(&mut driver.message);
            }
        }
    }

    fn is_of_spark(&self, app: &AppId) -> bool {
        let app = self.state.applications.get(app);
        app.is_some_and(|app| app.description.spark.is_some())
    }

    fn drainable(&mut self, id: &WorkerId) -> Result<&mut Worker, Rejection> {
        match self.state.workers.get_mut(id) {
            None => Err(unknown(id)),
            Some(worker) if worker.state == WorkerState::Dead => {
                let message = format!("worker {id} is DEAD: nothing is left on it to drain");
                Err(Rejection::new(RejectCode::State, message))
            }
            Some(worker) => Ok(worker),
        }
    }

    fn drained(&self, id: &WorkerId) -> Reply {
        let (Some(worker), Some(drain)) = (self.state.workers.get(id), self.state.drains.get(id))
        else {
            return Err(unknown(id));
        };
        let supervised = |id| {
            let driver = self.state.drivers.get(id);
            driver.is_some_and(|driver| driver.description.supervise)
        };
        let all = worker.drivers.len();
        let supervised = worker.drivers.iter().filter(|id| supervised(id)).count();
        let executors = worker.executors.len();
        let when = if drain.over {
            "now".to_owned()
        } else {
            let seconds = Duration::from_millis(drain.deadline_ms).as_secs_f64();
            format!("after {seconds} s")
        };
        let mut message = format!(
            "nothing new is placed on it; executors ({executors}) and supervised drivers \
             ({supervised}) that still run there are moved {when}"
        );
        let of_spark = worker
            .executors
            .iter()
            .filter(|it| self.is_of_spark(&it.app));
        let of_spark = of_spark.count();
        if of_spark > 0 {
            message.push_str(&format!(
                "; drivers of Spark's leave theirs ({of_spark}) now"
            ));
        }
        if all > supervised {
            let alone = all - supervised;
            message.push_str(&format!("; unsupervised drivers ({alone}) are waited for"));
        }
        Ok(Answer::Drained {
            state: worker.state.to_string(),
            message,
        })
    }
}

fn unknown(id: &WorkerId) -> Rejection {
    let message = format!("there is no worker {id}: it never registered, or was forgotten");
    Rejection::new(RejectCode::NotFound, message)
}
