//! Verdicts. They come by time led, never by a broken connection.

use std::time::Duration;

use vesta_core::{ClusterState, Command};
use vesta_types::{AppId, WorkerId, WorkerState};

use super::{Leader, Pending};

/// Losing more than this share of the workers at once is more likely our fault than theirs.
const BRAKE_PERCENT: usize = 20;

/// Fewer than this many workers may always be lost at once.
const BRAKE_WORKERS: usize = 5;

/// How often within a worker's timeout it is looked at who is silent: every second by default, as Spark
/// does.
const JUDGED_PER_TIMEOUT: u32 = 60;

/// The most workers that one entry names, so that it is never too large for the log.
pub(super) const VERDICT_WORKERS_MAX: usize = 1_000;

/// What holds back a verdict over many workers at once.
#[derive(Debug, Default)]
pub(super) struct Brake {
    /// Led time until which it does.
    until: Option<Duration>,
    /// Led times of the last verdicts, one for each worker.
    lost: Vec<Duration>,
}

fn is_in(state: &ClusterState, worker: &WorkerId) -> bool {
    let known = state.workers.get(worker);
    known.is_some_and(|worker| worker.state != WorkerState::Dead)
}

impl Leader {
    /// Declares lost what has been silent for too long.
    pub(super) fn judge(&mut self, state: &ClusterState) {
        if state.recovered {
            for (workers, verdict) in std::mem::take(&mut self.unsettled) {
                let command = Command::clone(&verdict);
                self.propose(Pending::Lose(workers, verdict), command);
            }
            self.take_leave(state);
        }
        let led = self.clock.led();
        let pause = self.timing.worker_timeout / JUDGED_PER_TIMEOUT;
        if led.saturating_sub(self.attention.judged) >= pause {
            self.attention.judged = led;
            if state.recovered {
                self.judge_workers(state);
            }
            self.judge_applications(state);
        }
    }

    fn judge_workers(&mut self, state: &ClusterState) {
        let led = self.clock.led();
        let timeout = self.timing.worker_timeout;
        let silent = self.workers.iter().filter(|(id, line)| {
            !line.condemned
                && !line.has_unproposed()
                && led.saturating_sub(line.last_heard) > timeout
                && is_in(state, id)
        });
        let silent = silent.take(VERDICT_WORKERS_MAX);
        let silent: Vec<WorkerId> = silent.map(|(id, _)| id.clone()).collect();
        let lost = self.brake(silent, state);
        for id in &lost {
            tracing::warn!(worker = %id, ?timeout, "a worker is lost: nothing was heard of it");
        }
        let cause = format!("nothing was heard of it for {} s", timeout.as_secs_f64());
        self.condemn(lost, cause, state);
    }

    /// A worker that said that it ends in order, has nothing left and is gone, is not waited for.
    fn take_leave(&mut self, state: &ClusterState) {
        let leaving = self.attention.leaving.iter();
        let leaving = leaving.filter_map(|id| Some((id, self.workers.get(id)?)));
        let gone = leaving.filter(|(id, line)| {
            let empty = state.workers.get(*id).is_some_and(|worker| {
                worker.state != WorkerState::Dead
                    && worker.drivers.is_empty()
                    && worker.executors.is_empty()
            });
            line.leaving && line.session.is_none() && !line.condemned && empty
        });
        let gone: Vec<WorkerId> = gone
            .filter(|(_, line)| !line.has_unproposed())
            .take(VERDICT_WORKERS_MAX)
            .map(|(id, _)| id.clone())
            .collect();
        for id in &gone {
            tracing::info!(worker = %id, "a worker has ended in order");
        }
        self.condemn(gone, "it ended in order".to_owned(), state);
    }

    fn condemn(&mut self, ids: Vec<WorkerId>, cause: String, state: &ClusterState) {
        if ids.is_empty() {
            return;
        }
        let mut workers = Vec::new();
        for id in &ids {
            if let (Some(line), Some(worker)) = (self.workers.get_mut(id), state.workers.get(id)) {
                line.condemned = true;
                workers.push((id.clone(), worker.description.incarnation.clone()));
            }
        }
        let verdict = Command::LoseWorkers {
            epoch: self.epoch,
            workers,
            cause,
        };
        self.propose(Pending::Lose(ids, Box::new(verdict.clone())), verdict);
    }

    /// The verdict over these workers has been applied, or refused: whatever they say from now on counts.
    pub(super) fn sentenced(&mut self, workers: &[WorkerId]) {
        for worker in workers {
            if let Some(line) = self.workers.get_mut(worker) {
                line.condemned = false;
            }
            self.attention.workers.insert(worker.clone());
        }
    }

    /// Holds a verdict over many workers back for one further timeout, with an alarm: a leader that
    /// marks the whole fleet down is itself the likelier culprit (ROCm/spur #624).
    ///
    /// Heartbeats are spread over time, so a fleet falls silent one by one: those count too that have
    /// been silent for most of the timeout, and those that were lost within the last one.
    pub(super) fn brake(&mut self, silent: Vec<WorkerId>, state: &ClusterState) -> Vec<WorkerId> {
        let led = self.clock.led();
        let timeout = self.timing.worker_timeout;
        let lost_since = |at: &Duration| led.saturating_sub(*at) <= timeout;
        self.brake.lost.retain(lost_since);
        let fading = self.workers.iter().filter(|(id, line)| {
            led.saturating_sub(line.last_heard) > timeout / 4 * 3 && is_in(state, id)
        });
        let alive = state.workers.keys().filter(|id| is_in(state, id)).count();
        let going = fading.count() + self.brake.lost.len();
        let all = alive + self.brake.lost.len();
        let many = going >= BRAKE_WORKERS && going * 100 > all * BRAKE_PERCENT;
        if !many {
            self.brake.until = None;
        } else if !silent.is_empty() {
            let until = *self.brake.until.get_or_insert_with(|| {
                tracing::error!(
                    silent = going,
                    of = all,
                    "so many workers are silent at once that the verdict waits for one more timeout"
                );
                led + timeout
            });
            if led < until {
                return Vec::new();
            }
            // Whoever falls silent later is judged anew; those that this verdict has no room for, not.
            if silent.len() < VERDICT_WORKERS_MAX {
                self.brake.until = None;
            }
        }
        self.brake.lost.extend(silent.iter().map(|_| led));
        silent
    }

    fn judge_applications(&mut self, state: &ClusterState) {
        let led = self.clock.led();
        let lease = self.timing.app_lease;
        let mut over: Vec<AppId> = Vec::new();
        for (id, line) in &mut self.apps {
            if line.expiring || led.saturating_sub(line.last_heard) <= lease {
                continue;
            }
            let live = |app: &vesta_core::Application| !app.state.is_final();
            if state.applications.get(id).is_some_and(live) {
                tracing::warn!(app = %id, ?lease, "the lease of an application is over");
                line.expiring = true;
                over.push(id.clone());
            }
        }
        if !over.is_empty() {
            let epoch = self.epoch;
            let command = Command::ExpireApplications {
                epoch,
                apps: over.clone(),
            };
            self.propose(Pending::Expire(over), command);
        }
    }
}
