//! What the cluster is about: the phases that faults are counted in.

use vesta_core::orders;
use vesta_core::orders::Should;
use vesta_types::RecoveryState;

use super::World;

impl World {
    /// The phases of now, as bits in the order of [`crate::fault::PHASES`].
    pub(super) fn phases(&self) -> u16 {
        let newest = self.newest();
        let state = &self.masters[newest].state;
        let leads =
            |state: RecoveryState| self.masters.iter().any(|it| it.up && it.shown() == state);
        let recovering =
            leads(RecoveryState::Recovering) || leads(RecoveryState::CompletingRecovery);
        let led = recovering || leads(RecoveryState::Alive);
        let mut unaccepted = false;
        let mut unstarted = false;
        for worker in &self.workers {
            let orders = orders::for_worker(state, &worker.id);
            unaccepted |= orders
                .run
                .iter()
                .any(|(id, _): &(_, Should<'_>)| !worker.disk.instances.contains_key(id));
            unstarted |= worker.supervisors.keys().any(|id| {
                worker
                    .disk
                    .instances
                    .get(id)
                    .is_none_or(|it| it.pids.is_empty())
            });
        }
        let placed_and_killed =
            |driver: &vesta_core::Driver| driver.kill_requested && driver.placement.is_some();
        let lags = |it: &super::Master| {
            it.applied + self.options.snapshot_every < self.masters[newest].applied
        };
        let phases = [
            state.epoch.0 == 0,
            self.calls_open > 0,
            unaccepted,
            unstarted,
            self.workers
                .iter()
                .any(|worker| !worker.processes.is_empty()),
            (0..self.workers.len()).any(|w| self.has_unacknowledged_ends(w)),
            state.drivers.values().any(placed_and_killed),
            !led,
            recovering,
            self.masters.iter().any(lags),
            self.rolling,
        ];
        phases
            .iter()
            .enumerate()
            .fold(0, |bits, (at, is)| bits | u16::from(*is) << at)
    }
}
