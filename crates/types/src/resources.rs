//! Cores, memory and named resources: what a worker has, what is asked for, what is booked.

use std::collections::{BTreeMap, BTreeSet};

use serde::{Deserialize, Serialize};

/// What a worker registers.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
pub struct Capacity {
    /// Cores, at least 1.
    pub cores: u32,
    /// Memory in MiB. Booked, not enforced.
    pub memory_mib: u64,
    /// Addresses of named resources, such as `gpu` → `{"0", "1"}`.
    pub named: BTreeMap<String, BTreeSet<String>>,
}

/// What one driver or executor holds of a worker, or what is booked there in all.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
pub struct Booking {
    /// Cores.
    pub cores: u32,
    /// Memory in MiB.
    pub memory_mib: u64,
    /// Addresses of named resources; each has at most one owner.
    pub named: BTreeMap<String, BTreeSet<String>>,
}

impl Booking {
    /// Cores and memory, and no named resources.
    pub fn plain(cores: u32, memory_mib: u64) -> Booking {
        Booking {
            cores,
            memory_mib,
            named: BTreeMap::new(),
        }
    }

    /// Whether this much more fits into `capacity` beside what is `booked` there: no address that is
    /// not registered or that has an owner already.
    pub fn fits(&self, capacity: &Capacity, booked: &Booking) -> bool {
        let plain = |used: u64, more: u64, total: u64| used.saturating_add(more) <= total;
        plain(
            booked.cores.into(),
            self.cores.into(),
            capacity.cores.into(),
        ) && plain(booked.memory_mib, self.memory_mib, capacity.memory_mib)
            && self.named.iter().all(|(name, addresses)| {
                let taken = booked.named.get(name);
                let registered = capacity.named.get(name);
                addresses.iter().all(|address| {
                    registered.is_some_and(|all| all.contains(address))
                        && !taken.is_some_and(|taken| taken.contains(address))
                })
            })
    }

    /// Adds `more`.
    pub fn add(&mut self, more: &Booking) {
        self.cores = self.cores.saturating_add(more.cores);
        self.memory_mib = self.memory_mib.saturating_add(more.memory_mib);
        for (name, addresses) in &more.named {
            self.named
                .entry(name.clone())
                .or_default()
                .extend(addresses.iter().cloned());
        }
    }

    /// Takes `less` away.
    pub fn remove(&mut self, less: &Booking) {
        self.cores = self.cores.saturating_sub(less.cores);
        self.memory_mib = self.memory_mib.saturating_sub(less.memory_mib);
        for (name, addresses) in &less.named {
            if let Some(own) = self.named.get_mut(name) {
                own.retain(|address| !addresses.contains(address));
                if own.is_empty() {
                    self.named.remove(name);
                }
            }
        }
    }
}

/// What each executor of one kind gets (Spark's stage-level scheduling; profile 0 is the default one).
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
pub struct ResourceProfile {
    /// The profile's number within its application.
    pub id: u32,
    /// Cores per executor; `None` takes, as Spark does, every free core of a worker up to the
    /// application's limit, one executor per worker and pass.
    pub cores: Option<u32>,
    /// Memory per executor in MiB.
    pub memory_mib: u64,
    /// How many addresses of each named resource.
    pub named: BTreeMap<String, u32>,
}

/// An amount of memory for people, as it can be written too: `4g`, `1536m`.
pub fn show_memory(mib: u64) -> String {
    if mib >= 1024 && mib.is_multiple_of(1024) {
        format!("{}g", mib / 1024)
    } else {
        format!("{mib}m")
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn gpus(addresses: &[&str]) -> BTreeMap<String, BTreeSet<String>> {
        let addresses = addresses.iter().map(|a| (*a).to_owned()).collect();
        BTreeMap::from([("gpu".to_owned(), addresses)])
    }

    #[test]
    fn an_address_has_at_most_one_owner() {
        let capacity = Capacity {
            cores: 8,
            memory_mib: 8192,
            named: gpus(&["0", "1"]),
        };
        let mut booked = Booking::default();
        let wanted = Booking {
            cores: 1,
            memory_mib: 1,
            named: gpus(&["0"]),
        };
        assert!(wanted.fits(&capacity, &booked));
        booked.add(&wanted);
        assert!(!wanted.fits(&capacity, &booked));
        booked.remove(&wanted);
        assert_eq!(booked, Booking::default());
    }

    #[test]
    fn what_was_never_registered_does_not_fit() {
        let capacity = Capacity {
            cores: 8,
            memory_mib: 8192,
            named: gpus(&["0"]),
        };
        let wanted = Booking {
            cores: 1,
            memory_mib: 1,
            named: gpus(&["7"]),
        };
        assert!(!wanted.fits(&capacity, &Booking::default()));
        assert!(!Booking::plain(u32::MAX, 1).fits(&capacity, &Booking::plain(1, 0)));
    }
}
