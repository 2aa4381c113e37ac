//! At most one plan in flight: two plans on one state would grant twice.

use vesta_core::plan::{Plan, Planner};
use vesta_core::{Answer, ClusterState, Command, Reply};

use vesta_types::canary;

use super::{Leader, Pending};

/// Where planning is.
#[derive(Debug, Default)]
pub(super) struct Planning {
    in_flight: bool,
    /// The applied index that was planned on last; on the same state nothing new comes of it.
    planned_on: u64,
    /// A plan's fate is not known. An empty plan goes through the log first: once that is applied,
    /// the unknown one has been applied before it or never will be.
    barrier: bool,
    /// What is free and what waits, followed since this leadership began.
    planner: Planner,
}

impl Planning {
    pub(super) fn applied(&mut self, reply: Option<Reply>) {
        self.in_flight = false;
        match reply {
            Some(Ok(Answer::Placed { refused, .. })) if refused > 0 => {
                tracing::info!(
                    refused,
                    "placements no longer fitted when they were applied"
                );
            }
            Some(_) => {}
            None => self.barrier = true,
        }
    }
}

impl Leader {
    pub(super) fn plan(&mut self, state: &ClusterState) {
        // With `over-commit` each plan grants what the one in flight grants, and `apply` lets it.
        let twice = canary::is_on("over-commit");
        if self.planning.in_flight && !twice {
            return;
        }
        let epoch = self.epoch;
        if self.planning.barrier {
            self.planning.barrier = false;
            self.planning.in_flight = true;
            let barrier = Command::Place {
                epoch,
                placements: Vec::new(),
                cursor: None,
            };
            self.propose(Pending::Plan, barrier);
            return;
        }
        let suspects = &self.attention.suspects;
        if self.planning.planned_on == state.applied && self.policy.avoid == *suspects && !twice {
            return;
        }
        self.planning.planned_on = state.applied;
        if self.policy.avoid != *suspects {
            self.policy.avoid.clone_from(suspects);
        }
        let planner = &mut self.planning.planner;
        let Plan { placements, cursor } = planner.plan(state, &self.policy);
        if !placements.is_empty() {
            self.planning.in_flight = true;
            self.propose(
                Pending::Plan,
                Command::Place {
                    epoch,
                    placements,
                    cursor,
                },
            );
        }
    }
}
