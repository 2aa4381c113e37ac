//! Room that is kept for executors of running drivers, so that drivers alone can't fill the cluster
//! and wait for executors for ever (failure D20; SPARK-27750).

use std::cmp::Reverse;
use std::collections::{BTreeMap, BTreeSet};

use vesta_types::{DriverState, ExecutorSize};

use crate::state::{ClusterState, Driver};

use super::Policy;
use super::kind::Runs;
use super::room::{Need, Owed, Room, Size};

impl Size {
    /// What is left of it without `other`, if it holds that.
    fn without(self, other: Size) -> Option<Size> {
        Some(Size {
            cores: self.cores.checked_sub(other.cores)?,
            memory_mib: self.memory_mib.checked_sub(other.memory_mib)?,
        })
    }

    fn with(self, other: Size) -> Size {
        Size {
            cores: self.cores.saturating_add(other.cores),
            memory_mib: self.memory_mib.saturating_add(other.memory_mib),
        }
    }
}

/// A packing of one executor for each driver that waits for its first, onto what is free.
///
/// A driver that named executor sizes is placed only into what the packing leaves, and only if one
/// executor of its own fits there too: so after it was placed, a packing exists. The packing is greedy
/// (the largest first, each where the least is left over), so it may keep back a driver that a cleverer
/// one would admit; it is made anew for each plan. With no running driver that waits for executors the
/// check is exact, so on an otherwise empty cluster whatever can run at all is placed.
///
/// Drivers that named no sizes and executors of applications take what they find: the packing is moved
/// out of their way, and where that fails nothing more with sizes is placed in this plan.
#[derive(Debug)]
pub(super) struct Reserve {
    on: bool,
    /// What is left on each worker, by its position, beside the packed executors.
    left: Vec<Size>,
    /// What each can run.
    runs: Vec<Runs>,
    /// The same where a core is left, the least first, once something is packed.
    by_left: Option<BTreeSet<(Size, usize)>>,
    /// The executors packed there.
    packed: BTreeMap<usize, Vec<Owed>>,
    /// Whether an executor of a running driver does not fit already.
    short: bool,
}

impl Reserve {
    /// The packing for the drivers that run now.
    pub fn of(state: &ClusterState, policy: &Policy, rooms: &[Room]) -> Reserve {
        let owed = policy.reserve_for_executors.then(|| owed(state));
        Reserve::for_owed(owed, rooms)
    }

    /// The packing for these executors; `None` keeps nothing and admits whatever fits.
    pub fn for_owed(owed: Option<Vec<Owed>>, rooms: &[Room]) -> Reserve {
        let mut reserve = Reserve {
            on: owed.is_some(),
            left: rooms.iter().map(Room::size).collect(),
            runs: rooms.iter().map(|room| room.runs.clone()).collect(),
            by_left: None,
            packed: BTreeMap::new(),
            short: false,
        };
        let mut owed = owed.unwrap_or_default();
        owed.sort_unstable_by_key(|owed| Reverse(*owed));
        for owed in owed {
            reserve.pack(owed);
        }
        reserve
    }

    /// Packs one executor where the least is left over. When one does not fit, nothing more is admitted,
    /// so it does not matter where the others would go.
    fn pack(&mut self, owed: Owed) {
        if self.short {
            return;
        }
        let left = &self.left;
        let by_left = self.by_left.get_or_insert_with(|| {
            let some = left.iter().enumerate().filter(|(_, left)| left.cores > 0);
            some.map(|(at, left)| (*left, at)).collect()
        });
        let runs = &self.runs;
        let fits = |(left, at): &&(Size, usize)| left.holds(owed.size) && runs[*at].can(owed.kind);
        match by_left.range((owed.size, 0)..).find(fits).copied() {
            Some((left, at)) => {
                let rest = left.without(owed.size).unwrap_or_default();
                self.set_left(at, rest);
                self.packed.entry(at).or_default().push(owed);
            }
            None => self.short = true,
        }
    }

    fn set_left(&mut self, at: usize, left: Size) {
        let before = std::mem::replace(&mut self.left[at], left);
        if let Some(by_left) = &mut self.by_left {
            by_left.remove(&(before, at));
            if left.cores > 0 {
                by_left.insert((left, at));
            }
        }
    }

    /// Where a driver that needs `need`, and whose executors are as `own`, is admitted; `None` if
    /// nowhere.
    pub fn admission(&self, need: &Need, own: &ExecutorSize) -> Option<Admission<'_>> {
        let own = Owed {
            size: own.into(),
            kind: need.kind.anywhere(),
        };
        let homes = (0..self.left.len()).filter(|at| self.is_home(*at, own));
        let homes = homes.take(2).count();
        let refused = self.on && (self.short || homes == 0);
        (!refused).then(|| Admission {
            reserve: self,
            need: need.into(),
            own,
            homes,
        })
    }

    fn is_home(&self, at: usize, owed: Owed) -> bool {
        self.left[at].holds(owed.size) && self.runs[at].can(owed.kind)
    }

    /// A driver was placed at `at`. Executors packed there make way; if it has sizes (`own`), one of
    /// its executors is packed too.
    ///
    /// Whether some made way: what was not admitted before may be admitted then, and only then.
    pub fn placed(&mut self, at: usize, need: &Need, own: Option<&ExecutorSize>) -> bool {
        if !self.on {
            return false;
        }
        let (kind, need) = (need.kind.anywhere(), Size::from(need));
        let mut moved = Vec::new();
        while !self.left[at].holds(need) {
            let Some(owed) = self.packed.get_mut(&at).and_then(Vec::pop) else {
                break;
            };
            self.set_left(at, self.left[at].with(owed.size));
            moved.push(owed);
        }
        if let Some(left) = self.left[at].without(need) {
            self.set_left(at, left);
        }
        moved.sort_unstable_by_key(|owed| Reverse(*owed));
        let any = !moved.is_empty();
        let own = own.map(|own| Owed {
            size: own.into(),
            kind,
        });
        for owed in moved.into_iter().chain(own) {
            self.pack(owed);
        }
        any
    }
}

/// Where one driver is admitted.
pub(super) struct Admission<'a> {
    reserve: &'a Reserve,
    need: Size,
    own: Owed,
    /// On how many workers its executor would fit before the driver is placed; 2 is at least two.
    homes: usize,
}

impl Admission<'_> {
    /// Whether the driver may go to position `at`: it fits beside the packing, and afterwards one of
    /// its executors fits somewhere.
    pub fn at(&self, at: usize) -> bool {
        if !self.reserve.on {
            return true;
        }
        let left = self.reserve.left[at];
        let elsewhere = self.homes - usize::from(self.reserve.is_home(at, self.own));
        let able = self.reserve.runs[at].can(self.own.kind);
        left.without(self.need)
            .is_some_and(|left| elsewhere > 0 || able && left.holds(self.own.size))
    }
}

/// One executor for each running driver that named sizes and whose applications hold none (or that has
/// not registered one yet).
///
/// A driver whose end was asked for needs none. Neither does one whose executor no worker could hold
/// even if it were empty but for that driver: it can't be helped, and must not stop all others.
fn owed(state: &ClusterState) -> Vec<Owed> {
    let served: BTreeSet<_> = state
        .app_queue
        .values()
        .filter_map(|app| state.applications.get(app))
        .filter(|app| !app.executors.is_empty())
        .filter_map(|app| app.description.owner.as_ref())
        .map(|owner| (&owner.driver, owner.attempt))
        .collect();
    let waits = |driver: &&Driver| {
        driver.state == DriverState::Running
            && !driver.kill_requested
            && !served.contains(&(&driver.id, driver.attempt))
    };
    let owed = |driver: &Driver| {
        let size = driver.description.executor.as_ref()?;
        let owed = Owed::by(&driver.description, size);
        could_ever_hold(state, driver, owed).then_some(owed)
    };
    // Only placed drivers run, so the workers name them all.
    let placed = state.workers.values().flat_map(|worker| &worker.drivers);
    placed
        .filter_map(|id| state.drivers.get(id))
        .filter(waits)
        .filter_map(owed)
        .collect()
}

/// Whether some ALIVE worker, whether it has answered yet or not, could hold one executor of a running
/// driver beside that driver alone.
pub(super) fn could_ever_hold(state: &ClusterState, driver: &Driver, owed: Owed) -> bool {
    let (size, placement) = (owed.size, driver.placement.as_ref());
    state.workers.values().any(|worker| {
        let capacity = &worker.description.capacity;
        let own = placement.filter(|placement| placement.worker == worker.description.id);
        let taken = own.map_or((0, 0), |own| (own.booking.cores, own.booking.memory_mib));
        worker.is_alive()
            && size.cores.saturating_add(taken.0) <= capacity.cores
            && size.memory_mib.saturating_add(taken.1) <= capacity.memory_mib
            && Runs::of(worker).can(owed.kind)
    })
}
