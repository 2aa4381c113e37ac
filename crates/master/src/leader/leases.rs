//! Leases of lost attempts: when nothing of them can run any more.

use std::time::Duration;

use vesta_core::{ClusterState, Command};
use vesta_types::DriverId;

use super::{Leader, Pending};

/// A lost attempt that may still run.
#[derive(Debug)]
pub(super) struct LostAttempt {
    attempt: u32,
    /// Led time when its worker was last heard, or when this leader opened, if that is later: a heartbeat
    /// that an earlier leader confirmed was sent before.
    last_heard: Duration,
    proposed: bool,
}

impl Leader {
    /// Ends what leases are over. Only time led counts, which is never more than what has passed.
    pub(super) fn end_leases(&mut self, state: &ClusterState) {
        let led = self.clock.led();
        self.lost_attempts
            .retain(|id, lost| state.leased_drivers.get(id) == Some(&lost.attempt));
        let mut over: Vec<(DriverId, u32)> = Vec::new();
        for (id, attempt) in &state.leased_drivers {
            let Some(driver) = state.drivers.get(id) else {
                continue;
            };
            let worker = driver.leased_to.as_ref();
            let heard = worker.and_then(|worker| self.workers.get(worker));
            let heard = heard.map(|line| line.last_heard);
            let lost = self.lost_attempts.entry(id.clone()).or_insert(LostAttempt {
                attempt: *attempt,
                // Of a worker that is forgotten nothing is known but that it is silent from now on.
                last_heard: heard.unwrap_or(led),
                proposed: false,
            });
            lost.last_heard = lost.last_heard.max(heard.unwrap_or_default());
            let lease = driver.description.lease.map_or(0, |it| it.over_after_ms());
            let silent = led.saturating_sub(lost.last_heard);
            if !lost.proposed && silent > Duration::from_millis(lease) {
                lost.proposed = true;
                over.push((id.clone(), *attempt));
            }
        }
        if !over.is_empty() {
            tracing::info!(drivers = ?over, "leases are over: these may be started elsewhere");
            let command = Command::EndLeases {
                epoch: self.epoch,
                drivers: over.clone(),
            };
            self.propose(Pending::EndLeases(over), command);
        }
    }

    /// Whatever came of it: what is still leased is proposed again.
    pub(super) fn leases_proposed(&mut self, drivers: &[(DriverId, u32)]) {
        for (id, _) in drivers {
            if let Some(lost) = self.lost_attempts.get_mut(id) {
                lost.proposed = false;
            }
        }
    }
}
