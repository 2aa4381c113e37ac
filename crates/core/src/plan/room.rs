//! What is free on a worker while a plan is made, and what something needs there.

use std::collections::{BTreeMap, BTreeSet};

use vesta_types::{Capacity, DriverDescription, Incarnation, ResourceProfile, WorkerId};

use crate::state::{ClusterState, Worker};

/// What one driver or executor needs, all of it on one worker.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(super) struct Need {
    /// Cores; for a greedy executor the one that it must at least get.
    pub cores: u32,
    /// Memory in MiB.
    pub memory_mib: u64,
    /// How many addresses of each named resource.
    pub named: BTreeMap<String, u32>,
}

impl Need {
    /// Cores and memory, and no named resources.
    pub fn plain(cores: u32, memory_mib: u64) -> Need {
        Need {
            cores,
            memory_mib,
            named: BTreeMap::new(),
        }
    }

    /// What a driver needs for itself.
    pub fn of_driver(driver: &DriverDescription) -> Need {
        Need {
            named: driver.named.clone(),
            ..Need::plain(driver.cores, driver.memory_mib)
        }
    }

    /// What one executor of the profile needs, with at least one core.
    pub fn of_executor(profile: &ResourceProfile) -> Need {
        Need {
            cores: profile.cores.unwrap_or(1).max(1),
            memory_mib: profile.memory_mib,
            named: profile.named.clone(),
        }
    }

    /// Whether a worker of this capacity could hold it if nothing else were there.
    pub fn fits_capacity(&self, capacity: &Capacity) -> bool {
        self.cores <= capacity.cores
            && self.memory_mib <= capacity.memory_mib
            && self.named.iter().all(|(name, count)| {
                let all = capacity.named.get(name).map_or(0, BTreeSet::len);
                all >= *count as usize
            })
    }
}

/// What is free on one worker. Planning takes from it; nothing is ever put back.
#[derive(Clone, Debug)]
pub(super) struct Room<'a> {
    /// The worker.
    pub worker: &'a WorkerId,
    /// The life of it that is planned with.
    pub incarnation: &'a Incarnation,
    /// Free cores.
    pub cores: u32,
    /// Free memory in MiB.
    pub memory_mib: u64,
    /// Free addresses of named resources, the lowest last.
    named: BTreeMap<&'a str, Vec<&'a str>>,
}

impl<'a> Room<'a> {
    /// What is free on `worker`, by its bookings.
    pub fn of(worker: &'a Worker) -> Room<'a> {
        let booked = &worker.booked.named;
        let free = |(name, all): (&'a String, &'a BTreeSet<String>)| {
            let is_free = |address: &&String| {
                !booked
                    .get(name)
                    .is_some_and(|taken| taken.contains(*address))
            };
            let mut free: Vec<&str> = all.iter().filter(is_free).map(String::as_str).collect();
            // Addresses are mostly plain numbers: by length and then by text, 2 is before 10.
            free.sort_unstable_by(|a, b| (b.len(), b).cmp(&(a.len(), a)));
            (name.as_str(), free)
        };
        Room {
            worker: &worker.description.id,
            incarnation: &worker.description.incarnation,
            cores: worker.cores_free(),
            memory_mib: worker.memory_free_mib(),
            named: worker.description.capacity.named.iter().map(free).collect(),
        }
    }

    /// How many addresses of a named resource are free.
    pub fn named_free(&self, name: &str) -> usize {
        self.named.get(name).map_or(0, Vec::len)
    }

    /// Whether `need` fits.
    pub fn fits(&self, need: &Need) -> bool {
        self.fits_times(need, 0)
    }

    /// Whether `need` fits once more after it was taken `times` times.
    pub fn fits_times(&self, need: &Need, times: u32) -> bool {
        let all = u64::from(times) + 1;
        u64::from(need.cores).saturating_mul(all) <= u64::from(self.cores)
            && self.fits_beside_cores(need, times)
    }

    /// As [`Room::fits_times`], without a look at cores.
    pub fn fits_beside_cores(&self, need: &Need, times: u32) -> bool {
        let all = u64::from(times) + 1;
        need.memory_mib.saturating_mul(all) <= self.memory_mib
            && need.named.iter().all(|(name, count)| {
                u64::from(*count).saturating_mul(all) <= self.named_free(name) as u64
            })
    }

    /// Takes `need`, but `cores` cores, and returns the addresses that it gets: the lowest free ones.
    pub fn take(&mut self, need: &Need, cores: u32) -> BTreeMap<String, BTreeSet<String>> {
        self.cores = self.cores.saturating_sub(cores);
        self.memory_mib = self.memory_mib.saturating_sub(need.memory_mib);
        let mut addresses = BTreeMap::new();
        for (name, count) in need.named.iter().filter(|(_, count)| **count > 0) {
            let free = self.named.get_mut(name.as_str());
            let taken = free.map(|free| free.split_off(free.len().saturating_sub(*count as usize)));
            let taken = taken.unwrap_or_default().into_iter().map(str::to_owned);
            addresses.insert(name.clone(), taken.collect());
        }
        addresses
    }
}

/// Whether work may be placed on `worker` now: it is ALIVE and has answered the current leader.
pub(super) fn is_usable(state: &ClusterState, worker: &Worker) -> bool {
    worker.is_alive() && state.is_confirmed(worker)
}

/// The rooms of all usable workers, in the order of their ids: a position is a tie-break by id.
pub(super) fn usable(state: &ClusterState) -> Vec<Room<'_>> {
    let usable = state.workers.values().filter(|w| is_usable(state, w));
    usable.map(Room::of).collect()
}
