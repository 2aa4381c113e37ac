//! Deadlines of drains: when what can go elsewhere must.

use std::time::Duration;

use vesta_core::{ClusterState, Command};
use vesta_types::WorkerId;

use super::{Leader, Pending};

/// A drain whose deadline is not over.
#[derive(Debug)]
pub(super) struct DrainClock {
    /// Which drain of its worker it is.
    index: u64,
    /// Led time when this leader first saw it: for one that was asked for under an earlier leader, when
    /// this one opened. So an election puts the deadline off, and never brings it forward.
    since: Duration,
    deadline: Duration,
    proposed: bool,
}

impl DrainClock {
    /// What is left of it.
    pub(super) fn left(&self, led: Duration) -> Duration {
        self.deadline.saturating_sub(led.saturating_sub(self.since))
    }
}

impl Leader {
    /// Ends the drains whose deadlines are over. Only time led counts, which is never more than what has
    /// passed.
    pub(super) fn end_drains(&mut self, state: &ClusterState) {
        let led = self.clock.led();
        self.drain_clocks.retain(|id, clock| {
            let drain = state.drains.get(id);
            drain.is_some_and(|drain| drain.index == clock.index && !drain.over)
        });
        let mut over: Vec<(WorkerId, u64)> = Vec::new();
        for (id, drain) in state.drains.iter().filter(|(_, drain)| !drain.over) {
            let clock = self.drain_clocks.entry(id.clone()).or_insert(DrainClock {
                index: drain.index,
                since: led,
                deadline: Duration::from_millis(drain.deadline_ms),
                proposed: false,
            });
            if !clock.proposed && clock.left(led).is_zero() {
                clock.proposed = true;
                over.push((id.clone(), drain.index));
            }
        }
        if !over.is_empty() {
            tracing::info!(workers = ?over, "drains are over: what can go elsewhere is moved");
            let command = Command::EndDrains {
                epoch: self.epoch,
                drains: over.clone(),
            };
            self.propose(Pending::EndDrains(over), command);
        }
    }

    /// Whatever came of it: what is not over is proposed again.
    pub(super) fn drains_proposed(&mut self, drains: &[(WorkerId, u64)]) {
        for (id, index) in drains {
            if let Some(clock) = self.drain_clocks.get_mut(id)
                && clock.index == *index
            {
                clock.proposed = false;
            }
        }
    }
}
