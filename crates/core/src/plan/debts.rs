//! Which running drivers wait for their first executor, followed change by change.

use std::collections::{BTreeMap, BTreeSet};

use vesta_types::{AppId, DriverId, DriverState};

use crate::state::ClusterState;

use super::kind::Kind;
use super::reserve::could_ever_hold;
use super::room::{Owed, Room};
use super::trees::Trees;

/// The running drivers that named executor sizes and whose applications hold none (or that have not
/// registered one yet).
#[derive(Clone, Debug, Default)]
pub(super) struct Debts {
    owing: BTreeMap<DriverId, Owed>,
    /// Live applications of each cluster-mode driver, and the driver of each.
    apps_of: BTreeMap<DriverId, BTreeSet<AppId>>,
    owners: BTreeMap<AppId, DriverId>,
}

impl Debts {
    /// What is owed: one executor each, unless no worker could ever hold it. `capacity` is what ALIVE
    /// workers have, empty or not.
    pub fn owed(&self, state: &ClusterState, capacity: &Trees, rooms: &[Room]) -> Vec<Owed> {
        // Where two workers could hold an executor, one of them is not the driver's own.
        let mut holders: BTreeMap<Owed, usize> = BTreeMap::new();
        let possible = self.owing.iter().filter(|(id, owed)| {
            let known = holders.entry(**owed).or_insert_with(|| {
                let holding = capacity.of(owed.kind).holding(0, owed.size);
                let able = holding.filter(|at| rooms[*at].runs.can(owed.kind));
                able.take(2).count()
            });
            let driver = || state.drivers.get(*id);
            let holds = || driver().is_some_and(|driver| could_ever_hold(state, driver, **owed));
            *known > 1 || *known == 1 && holds()
        });
        possible.map(|(_, owed)| *owed).collect()
    }

    /// What kinds of executors are owed.
    pub fn kinds(&self) -> BTreeSet<Kind> {
        self.owing.values().map(|owed| owed.kind).collect()
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
            (!apps.any(served)).then(|| Owed::by(&driver.description, size))
        };
        match owed() {
            Some(owed) => self.owing.insert(id.clone(), owed),
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
