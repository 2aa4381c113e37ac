//! Recovery: those that were placed answer, or their time is over; then it is complete, once.

use std::collections::BTreeSet;

use vesta_core::{ClusterState, Command};
use vesta_types::{AppId, WorkerId, canary};

use super::liveness::VERDICT_WORKERS_MAX;
use super::{Leader, Pending};

impl Leader {
    /// Proposes to complete the recovery when nothing is UNKNOWN any more, or when the time for it is
    /// over. Only after every answer already received was proposed and applied. It condemns UNKNOWN
    /// workers from which nothing has come at all; one that sends and has not answered is asked again
    /// and judged later.
    pub(super) fn complete_recovery(&mut self, state: &ClusterState) {
        if self.completing && !canary::is_on("recovery-twice") {
            return;
        }
        if state.recovered {
            let condemned = std::mem::take(&mut self.condemned);
            self.sentenced(&condemned);
            return;
        }
        let (unknown, unknown_apps) = (state.unknown_workers(), state.unknown_applications());
        let all_known = unknown.is_empty() && unknown_apps.is_empty();
        let led = self.clock.led();
        // What those say that have answered before changes nothing here: it must not hold this up.
        let waits = |id: &&WorkerId| {
            let line = self.workers.get(*id);
            line.is_some_and(super::WorkerLine::has_unproposed)
        };
        let confirming = |id: &&AppId| self.apps.get(*id).is_some_and(|app| app.confirming);
        let answers_waiting = unknown.iter().any(waits) || unknown_apps.iter().any(confirming);
        if answers_waiting || !(all_known || led >= self.timing.recovery_timeout) {
            return;
        }
        let silent = |id: &&WorkerId| {
            self.workers.get(*id).is_none_or(|line| {
                led.saturating_sub(line.last_heard) >= self.timing.worker_timeout
            })
        };
        // A verdict that was proposed may still be applied, though its outcome is not known: it stays.
        // More than one entry has room for are judged later, by the ordinary timer.
        let condemned = unknown.into_iter().filter(silent).take(VERDICT_WORKERS_MAX);
        let condemned: Vec<WorkerId> = condemned.cloned().collect();
        let mut condemned: BTreeSet<WorkerId> = self.brake(condemned, state).into_iter().collect();
        condemned.extend(self.condemned.drain(..));
        let condemned: Vec<WorkerId> = condemned.into_iter().collect();
        self.condemned.clone_from(&condemned);
        for id in &condemned {
            if let Some(line) = self.workers.get_mut(id) {
                line.condemned = true;
            }
        }
        self.completing = true;
        tracing::info!(epoch = %self.epoch, condemned = condemned.len(), "recovery is complete");
        let epoch = self.epoch;
        self.propose(
            Pending::Complete,
            Command::CompleteRecovery { epoch, condemned },
        );
    }
}
