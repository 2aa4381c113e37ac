//! Which running drivers wait for their first executor, followed change by change.

use std::collections::{BTreeMap, BTreeSet};

use vesta_types::{AppId, DriverId, DriverState};

use crate::state::ClusterState;

use super::reserve::could_ever_hold;
use super::room::Size;
use super::tree::Tree;

/// The running drivers that named executor sizes and whose applications hold none (or that have not
/// registered one yet).
#[derive(Clone, Debug, Default)]
pub(super) struct Debts {
    owing: BTreeMap<DriverId, Size>,
    /// Live applications of each cluster-mode driver, and the driver of each.
    apps_of: BTreeMap<DriverId, BTreeSet<AppId>>,
    owners: BTreeMap<AppId, DriverId>,
}

impl Debts {
    /// What is owed: one executor each, unless no worker could ever hold it. `capacity` is what ALIVE
    /// workers have, empty or not.
    pub fn owed(&self, state: &ClusterState, capacity: &Tree) -> Vec<Size> {
        // Where two workers could hold an executor, one of them is not the driver's own.
        let mut holders: BTreeMap<Size, usize> = BTreeMap::new();
        let possible = self.owing.iter().filter(|(id, size)| {
            let known = holders.entry(**size).or_insert_with(|| {
                let first = capacity.first(0, **size);
                let second = first.and_then(|at| capacity.first(at + 1, **size));
                usize::from(first.is_some()) + usize::from(second.is_some())
            });
            let driver = || state.drivers.get(*id);
            let holds = || driver().is_some_and(|driver| could_ever_hold(state, driver, **size));
            *known > 1 || *known == 1 && holds()
        });
        possible.map(|(_, size)| *size).collect()
    }

    /// A driver may have changed.
    pub fn follow_driver(&mut self, state: &ClusterState, id: &DriverId) {
        let owed = || {
            let driver = state.drivers.get(id)?;
            let runs = driver.state == DriverState::Running && !driver.kill_requested;
            let size = driver.description.executor.as_ref().filter(|_| runs)?;
            let served = |app: &AppId| {
                state.applications.get(app).is_some_and(|app| {
                    let owner = app.description.owner.as_ref();
                    let current = owner.is_some_and(|owner| owner.attempt == driver.attempt);
                    current && !app.executors.is_empty()
                })
            };
            let mut apps = self.apps_of.get(id).into_iter().flatten();
            (!apps.any(served)).then(|| Size::from(size))
        };
        match owed() {
            Some(size) => self.owing.insert(id.clone(), size),
            None => self.owing.remove(id),
        };
    }

    /// An application may have changed, and with it what its driver waits for.
    pub fn follow_application(&mut self, state: &ClusterState, id: &AppId) {
        let app = state.applications.get(id).filter(|app| app.is_live());
        if let Some(owner) = app.and_then(|app| app.description.owner.as_ref()) {
            self.owners.insert(id.clone(), owner.driver.clone());
            let of = self.apps_of.entry(owner.driver.clone()).or_default();
            of.insert(id.clone());
            self.follow_driver(state, &owner.driver);
        } else if let Some(driver) = self.owners.remove(id) {
            if let Some(of) = self.apps_of.get_mut(&driver) {
                of.remove(id);
                if of.is_empty() {
                    self.apps_of.remove(&driver);
                }
            }
            self.follow_driver(state, &driver);
        }
    }
}
