//! Verdicts. They come by time led, never by a broken connection.

use vesta_core::{ClusterState, Command};
use vesta_types::{AppId, WorkerId, WorkerState};

use super::{Leader, Pending};

/// Losing more than this share of the workers at once is more likely our fault than theirs.
const BRAKE_PERCENT: usize = 20;

/// Fewer than this many workers may always be lost at once.
const BRAKE_WORKERS: usize = 5;

impl Leader {
    /// Declares lost what has been silent for too long.
    pub(super) fn judge(&mut self, state: &ClusterState) {
        if state.recovered {
            self.judge_workers(state);
        }
        self.judge_applications(state);
    }

    fn judge_workers(&mut self, state: &ClusterState) {
        let led = self.clock.led();
        let timeout = self.timing.worker_timeout;
        let silent = self.workers.iter().filter(|(id, line)| {
            !line.condemned
                && !line.has_unproposed()
                && led.saturating_sub(line.last_heard) > timeout
                && state
                    .workers
                    .get(*id)
                    .is_some_and(|worker| worker.state != WorkerState::Dead)
        });
        let silent: Vec<WorkerId> = silent.map(|(id, _)| id.clone()).collect();
        if silent.is_empty() {
            self.brake = None;
            return;
        }
        let lost = self.brake(silent, state);
        if lost.is_empty() {
            return;
        }
        let mut workers = Vec::new();
        for id in &lost {
            if let (Some(line), Some(worker)) = (self.workers.get_mut(id), state.workers.get(id)) {
                tracing::warn!(worker = %id, ?timeout, "a worker is lost: nothing was heard of it");
                line.condemned = true;
                workers.push((id.clone(), worker.description.incarnation.clone()));
            }
        }
        let cause = format!("nothing was heard of it for {} s", timeout.as_secs_f64());
        let epoch = self.epoch;
        self.propose(
            Pending::Lose(lost),
            Command::LoseWorkers {
                epoch,
                workers,
                cause,
            },
        );
    }

    /// The verdict over these workers has been applied, or refused: whatever they say from now on counts.
    pub(super) fn sentenced(&mut self, workers: &[WorkerId]) {
        for worker in workers {
            if let Some(line) = self.workers.get_mut(worker) {
                line.condemned = false;
            }
        }
    }

    /// Holds a verdict over many workers back for one further timeout, with an alarm: a leader that
    /// marks the whole fleet down is itself the likelier culprit (ROCm/spur #624).
    pub(super) fn brake(&mut self, silent: Vec<WorkerId>, state: &ClusterState) -> Vec<WorkerId> {
        let alive = state
            .workers
            .values()
            .filter(|worker| worker.state != WorkerState::Dead)
            .count();
        let many = silent.len() >= BRAKE_WORKERS && silent.len() * 100 > alive * BRAKE_PERCENT;
        if !many {
            return silent;
        }
        let led = self.clock.led();
        let until = *self.brake.get_or_insert_with(|| {
            tracing::error!(
                silent = silent.len(),
                alive,
                "so many workers are silent at once that the verdict waits for one more timeout"
            );
            led + self.timing.worker_timeout
        });
        if led >= until { silent } else { Vec::new() }
    }

    fn judge_applications(&mut self, state: &ClusterState) {
        let led = self.clock.led();
        let lease = self.timing.app_lease;
        let mut over: Vec<AppId> = Vec::new();
        for (id, line) in &mut self.apps {
            let live = state
                .applications
                .get(id)
                .is_some_and(|app| !app.state.is_final());
            if live && !line.expiring && led.saturating_sub(line.last_heard) > lease {
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
