//! What is free on a worker while a plan is made, and what something needs there.

use std::collections::{BTreeMap, BTreeSet};

use vesta_types::{
    ApplicationDescription, Capacity, DriverDescription, ExecutorSize, Incarnation,
    ResourceProfile, WorkerId,
};

use crate::state::{ClusterState, Worker};

use super::kind::{Kind, Runs};

/// What one driver or executor needs, all of it on one worker.
#[derive(Clone, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub(super) struct Need {
    /// Cores; for a greedy executor the one that it must at least get.
    pub cores: u32,
    /// Memory in MiB.
    pub memory_mib: u64,
    /// How many addresses of each named resource.
    pub named: BTreeMap<String, u32>,
    /// What its worker must be able to run.
    pub kind: Kind,
}

impl Need {
    /// Cores and memory for a program, and no named resources.
    pub fn plain(cores: u32, memory_mib: u64) -> Need {
        Need {
            cores,
            memory_mib,
            named: BTreeMap::new(),
            kind: Kind::Program,
        }
    }

    /// What a driver needs for itself.
    pub fn of_driver(driver: &DriverDescription) -> Need {
        Need {
            named: driver.named.clone(),
            kind: Kind::of_driver(driver),
            ..Need::plain(driver.cores, driver.memory_mib)
        }
    }

    /// What one executor of the profile needs for `app`, with at least one core.
    pub fn of_executor(app: &ApplicationDescription, profile: &ResourceProfile) -> Need {
        Need {
            cores: profile.cores.unwrap_or(1).max(1),
            memory_mib: profile.memory_mib,
            named: profile.named.clone(),
            kind: Kind::of_executor(app),
        }
    }

    /// Whether `worker` could hold it if it were ALIVE and nothing else were there.
    pub fn fits_worker(&self, worker: &Worker) -> bool {
        self.fits_capacity(&worker.description.capacity) && Runs::of(worker).can(self.kind)
    }

    fn fits_capacity(&self, capacity: &Capacity) -> bool {
        self.cores <= capacity.cores
            && self.memory_mib <= capacity.memory_mib
            && self.named.iter().all(|(name, count)| {
                let all = capacity.named.get(name).map_or(0, BTreeSet::len);
                all >= *count as usize
            })
    }
}

/// Cores and memory: of one executor, or free on one worker.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, PartialOrd, Ord)]
pub(super) struct Size {
    /// Cores.
    pub cores: u32,
    /// Memory in MiB.
    pub memory_mib: u64,
}

impl Size {
    /// Whether `other` fits into it.
    pub fn holds(self, other: Size) -> bool {
        other.cores <= self.cores && other.memory_mib <= self.memory_mib
    }

    /// The larger of each.
    pub fn max(self, other: Size) -> Size {
        Size {
            cores: self.cores.max(other.cores),
            memory_mib: self.memory_mib.max(other.memory_mib),
        }
    }
}

/// An executor that room is kept for.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub(super) struct Owed {
    /// Its cores and memory.
    pub size: Size,
    /// What its worker must be able to run.
    pub kind: Kind,
}

impl Owed {
    /// An executor of this size, which `driver` means to ask for.
    pub fn by(driver: &DriverDescription, size: &ExecutorSize) -> Owed {
        Owed {
            size: size.into(),
            kind: Kind::of_driver(driver).anywhere(),
        }
    }
}

impl From<&Need> for Size {
    fn from(need: &Need) -> Size {
        Size {
            cores: need.cores,
            memory_mib: need.memory_mib,
        }
    }
}

impl From<&ExecutorSize> for Size {
    fn from(size: &ExecutorSize) -> Size {
        Size {
            cores: size.cores,
            memory_mib: size.memory_mib,
        }
    }
}

/// What is free on one worker. Planning takes from it; nothing is ever put back.
#[derive(Clone, Debug)]
pub(super) struct Room {
    /// The worker.
    pub worker: WorkerId,
    /// The life of it that is planned with.
    pub incarnation: Incarnation,
    /// Free cores.
    pub cores: u32,
    /// Free memory in MiB.
    pub memory_mib: u64,
    /// What it can run.
    pub runs: Runs,
    /// Free addresses of named resources, the lowest last.
    named: BTreeMap<String, Vec<String>>,
}

impl Room {
    /// What is free on `worker`, by its bookings.
    pub fn of(worker: &Worker) -> Room {
        let booked = &worker.booked.named;
        let free = |(name, all): (&String, &BTreeSet<String>)| {
            let taken = booked.get(name);
            let is_free = |address: &&String| !taken.is_some_and(|taken| taken.contains(*address));
            let mut free: Vec<String> = all.iter().filter(is_free).cloned().collect();
            // Addresses are mostly plain numbers: by length and then by text, 2 is before 10.
            free.sort_unstable_by(|a, b| (b.len(), b).cmp(&(a.len(), a)));
            (name.clone(), free)
        };
        Room {
            cores: worker.cores_free(),
            memory_mib: worker.memory_free_mib(),
            named: worker.description.capacity.named.iter().map(free).collect(),
            ..Room::closed(worker)
        }
    }

    /// No room at all: nothing is to be placed on `worker`.
    pub fn closed(worker: &Worker) -> Room {
        Room {
            worker: worker.description.id.clone(),
            incarnation: worker.description.incarnation.clone(),
            cores: 0,
            memory_mib: 0,
            runs: Runs::of(worker),
            named: BTreeMap::new(),
        }
    }

    /// Its cores and memory.
    pub fn size(&self) -> Size {
        Size {
            cores: self.cores,
            memory_mib: self.memory_mib,
        }
    }

    /// Whether whatever fits into it fits into `other` too.
    pub fn is_within(&self, other: &Room) -> bool {
        let fewer = |(name, free): (&String, &Vec<String>)| free.len() <= other.named_free(name);
        let runs = self.runs == other.runs;
        runs && other.size().holds(self.size()) && self.named.iter().all(fewer)
    }

    /// How many addresses of a named resource are free.
    pub fn named_free(&self, name: &str) -> usize {
        self.named.get(name).map_or(0, Vec::len)
    }

    /// Whether `need` fits.
    pub fn fits(&self, need: &Need) -> bool {
        self.runs.can(need.kind) && self.fits_times(need, 0)
    }

    /// Whether `need` fits once more after it was taken `times` times.
    fn fits_times(&self, need: &Need, times: u32) -> bool {
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
            let taken = taken.unwrap_or_default().into_iter();
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
pub(super) fn usable(state: &ClusterState) -> Vec<Room> {
    let usable = state.workers.values().filter(|w| is_usable(state, w));
    usable.map(Room::of).collect()
}
