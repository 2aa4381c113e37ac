//! Recovery: those that were placed answer, or their time is over; then it is complete, once.

use vesta_core::{ClusterState, Command};
use vesta_types::WorkerId;

use super::{Leader, Pending};

impl Leader {
    /// Proposes to complete the recovery when nothing is UNKNOWN any more, or when the time for it is
    /// over. Only after every answer already received was proposed and applied. It condemns UNKNOWN
    /// workers from which nothing has come at all; one that sends and has not answered is asked again
    /// and judged later.
    pub(super) fn complete_recovery(&mut self, state: &ClusterState) {
        if state.recovered || self.completing {
            return;
        }
        let unknown = state.unknown_workers();
        let all_known = unknown.is_empty() && state.unknown_applications().is_empty();
        let led = self.clock.led();
        let answers_waiting = self.workers.values().any(super::WorkerLine::has_unproposed)
            || self.apps.values().any(|app| app.confirming);
        if answers_waiting || !(all_known || led >= self.timing.recovery_timeout) {
            return;
        }
        let silent = |id: &&WorkerId| {
            self.workers.get(*id).is_none_or(|line| {
                led.saturating_sub(line.last_heard) >= self.timing.worker_timeout
            })
        };
        let condemned: Vec<WorkerId> = unknown.into_iter().filter(silent).cloned().collect();
        let condemned = self.brake(condemned, state);
        for id in &condemned {
            if let Some(line) = self.workers.get_mut(id) {
                line.condemned = true;
            }
        }
        self.completing = true;
        tracing::info!(epoch = %self.epoch, condemned = condemned.len(), "recovery is complete");
        let epoch = self.epoch;
        self.propose(
            Pending::Complete(condemned.clone()),
            Command::CompleteRecovery { epoch, condemned },
        );
    }
}
