//! A leadership begins, and its recovery ends.

use vesta_types::{ClusterId, Epoch, WorkerId, WorkerState, canary, limits};

use super::Applying;
use crate::failover::FailoverReport;
use crate::reply::{Answer, RejectCode, Rejection, Reply};
use crate::version;

impl Applying<'_> {
    /// Raises the epoch, once per (term, node). That alone makes everything that is placed UNKNOWN.
    pub(super) fn leader_started(
        &mut self,
        cluster: ClusterId,
        leader: (u64, u64),
        leaderless_ms: u64,
    ) -> Reply {
        match self.state.cluster {
            Some(ours) if ours != cluster => {
                return Err(Rejection::new(
                    RejectCode::Invalid,
                    format!("it is of cluster {cluster}, and this is cluster {ours}"),
                ));
            }
            _ => self.state.cluster = Some(cluster),
        }
        if self.state.leader == Some(leader) && self.state.epoch > Epoch::default() {
            return Ok(Answer::LeaderStarted {
                epoch: self.state.epoch,
            });
        }
        self.state.version = self.state.version.max(version::FIRST);
        self.state.epoch = self.state.epoch.next();
        self.state.leader = Some(leader);
        // Nothing live and placed: there is nobody to wait for. Executors and running drivers are on
        // workers, and what only waits is not UNKNOWN.
        self.state.recovered = self.state.unknown_workers().is_empty();
        self.state.failovers.push_back(FailoverReport {
            epoch: self.state.epoch,
            term: leader.0,
            leader: leader.1,
            started: self.now,
            election_ms: leaderless_ms,
            recovery_ms: self.state.recovered.then_some(0),
            objects: Vec::new(),
            objects_not_named: 0,
            counts: Default::default(),
            executors_killed: 0,
        });
        while self.state.failovers.len() > limits::FAILOVER_REPORTS_MAX {
            self.state.failovers.pop_front();
        }
        Ok(Answer::LeaderStarted {
            epoch: self.state.epoch,
        })
    }

    /// Ends the recovery, at most once per epoch. The condemned are lost, but for those that have
    /// answered since the leader made this entry. UNKNOWN applications are left to their own lease.
    pub(super) fn complete_recovery(&mut self, condemned: &[WorkerId]) -> Reply {
        // The canary breaks I15: once per epoch.
        if self.state.recovered && !canary::is_on("recovery-twice") {
            return Ok(Answer::Recovered);
        }
        self.noting = true;
        let epoch = self.state.epoch;
        for id in condemned {
            let silent = |worker: &crate::Worker| {
                worker.state != WorkerState::Dead && worker.confirmed_epoch != epoch
            };
            if self.state.workers.get(id).is_some_and(silent) {
                self.lose_worker(id, "it did not answer the new leader");
            }
        }
        if canary::is_on("recovery-ends-waiting") {
            self.end_waiting_drivers();
        }
        self.state.recovered = true;
        if let Some(report) = self.state.failovers.back_mut() {
            let took = self.now.since(report.started).as_millis();
            report.recovery_ms = Some(u64::try_from(took).unwrap_or(u64::MAX));
        }
        Ok(Answer::Recovered)
    }
}
