//! One pass of the planner over what waits and may fit.

use std::cmp::Reverse;
use std::collections::{BTreeSet, BinaryHeap};

use crate::state::ClusterState;

use super::drivers::{first_after_cursor, placement, places_left};
use super::executors::{Wanted, grant, shares};
use super::planner::Planner;
use super::reserve::{Admission, Reserve};
use super::room::{Need, Size};
use super::{Plan, Policy};

/// Plans drivers, then executors, and takes the room of what it places: the positions say of which
/// workers.
pub(super) fn run(
    planner: &mut Planner,
    state: &ClusterState,
    policy: &Policy,
) -> (Plan, BTreeSet<usize>) {
    let mut pass = Pass {
        planner,
        state,
        policy,
        plan: Plan::default(),
        taken: BTreeSet::new(),
    };
    pass.drivers();
    pass.executors();
    (pass.plan, pass.taken)
}

struct Pass<'a> {
    planner: &'a mut Planner,
    state: &'a ClusterState,
    policy: &'a Policy,
    plan: Plan,
    taken: BTreeSet<usize>,
}

impl Pass<'_> {
    /// In queue order over all groups. What fits nowhere blocks its group, for this pass and those after
    /// it. What fits and is kept back for executors may be admitted later in this pass, but only after
    /// some of the packed ones have made way.
    fn drivers(&mut self) {
        let heads = self.planner.drivers.heads().map(Reverse);
        let mut heads: BinaryHeap<_> = heads.collect();
        let mut places = places_left(self.state, self.policy);
        if heads.is_empty() || places == Some(0) {
            return;
        }
        let mut reserve = self.reserve();
        let mut next = first_after_cursor(self.state, &self.planner.rooms);
        let mut kept_back = Vec::new();
        while let Some(Reverse((place, at))) = heads.pop() {
            if self.plan.is_full() || places == Some(0) {
                return;
            }
            let id = self.state.driver_queue.get(&place.0);
            let Some(driver) = id.and_then(|id| self.state.drivers.get(id)) else {
                // It ended and was forgotten between two plans; those behind it still wait.
                let next = self.planner.drivers.after(at, place);
                heads.extend(next.map(|place| Reverse((place, at))));
                self.planner.drivers.set(place.0, None);
                continue;
            };
            let need = self.planner.drivers.demand(at).need.clone();
            let own = driver.description.executor.as_ref();
            let mut found = self.find(&need, next, None);
            if found.is_none() {
                self.planner.drivers.block(at);
                continue;
            }
            if let (Some(own), Some(reserve)) = (own, &reserve) {
                let admission = reserve.admission(&need, own);
                found = admission.and_then(|admission| self.find(&need, next, Some(&admission)));
            }
            let Some(position) = found else {
                kept_back.push(at);
                continue;
            };
            let room = &mut self.planner.rooms[position];
            let named = room.take(&need, need.cores);
            let placed = placement(driver, room, named);
            self.plan.cursor = Some(room.worker.clone());
            self.plan.placements.push(placed);
            places = places.map(|places| places - 1);
            next = (position + 1) % self.planner.rooms.len();
            let moved = reserve
                .as_mut()
                .is_some_and(|it| it.placed(position, &need, own));
            self.took(position);
            let mut again = vec![at];
            if moved {
                again.append(&mut kept_back);
            }
            for at in again {
                let next = self.planner.drivers.after(at, place);
                heads.extend(next.map(|place| Reverse((place, at))));
            }
        }
    }

    /// What is kept for executors, if any driver waits that it could keep back.
    fn reserve(&self) -> Option<Reserve> {
        if !self.policy.reserve_for_executors {
            return None;
        }
        let drivers = &self.planner.drivers;
        let mut groups = drivers.heads().map(|(_, at)| drivers.demand(at));
        let matters = groups.any(|it| it.own.is_some() && self.find(&it.need, 0, None).is_some());
        matters.then(|| {
            let owed = self.planner.owed(self.state);
            Reserve::for_owed(Some(owed), &self.planner.rooms)
        })
    }

    fn executors(&mut self) {
        let heads = self.planner.executors.heads().map(Reverse);
        let mut heads: BinaryHeap<_> = heads.collect();
        // Cores that this pass gave to the application that it is at.
        let mut given = (0, 0);
        while let Some(Reverse((place, at))) = heads.pop() {
            if self.plan.is_full() {
                return;
            }
            let (ticket, number) = place;
            let id = self.state.app_queue.get(&ticket);
            let app = id.and_then(|id| self.state.applications.get(id));
            let request = app.and_then(|app| app.description.profiles.get(&number));
            let (Some(app), Some(request)) = (app, request) else {
                // It ended and was forgotten between two plans; those behind it still wait.
                let next = self.planner.executors.after(at, place);
                heads.extend(next.map(|place| Reverse((place, at))));
                self.planner.executors.set(ticket, None);
                continue;
            };
            if given.0 != ticket {
                given = (ticket, 0);
            }
            let cores_left = app.cores_left().saturating_sub(given.1);
            let wanted = Wanted::of(app, number, request, cores_left);
            if wanted.workers_max() > 0 {
                let order = self.best(&wanted);
                if order.is_empty() {
                    self.planner.executors.block(at);
                    continue;
                }
                let shares = shares(self.policy, &self.planner.rooms, &wanted, order);
                let rooms = &mut self.planner.rooms;
                let positions: Vec<usize> = shares.iter().map(|(position, _)| *position).collect();
                given.1 += grant(app, number, &wanted.need, shares, rooms, &mut self.plan);
                for position in positions {
                    self.took(position);
                }
            }
            let next = self.planner.executors.after(at, place);
            heads.extend(next.map(|place| Reverse((place, at))));
        }
    }

    /// The workers that can give something of what is wanted, the best first. Where the best is the one
    /// with the least, every worker that fits is looked at.
    fn best(&self, wanted: &Wanted) -> Vec<usize> {
        let planner = &self.planner;
        let most = usize::try_from(wanted.workers_max()).unwrap_or(usize::MAX);
        let (selection, size) = (self.policy.worker_selection, Size::from(&wanted.need));
        let fits = |at: &usize| planner.rooms[*at].fits(&wanted.need);
        let most_wanted = |room| selection.most_wanted(room).unwrap_or_default();
        let free = planner.free.of(wanted.need.kind);
        let mut best = free.by_most(size, most_wanted).filter(fits);
        if selection.most_wanted(size).is_some() {
            return best.by_ref().take(most).collect();
        }
        let mut all: Vec<usize> = best.collect();
        all.sort_by_cached_key(|at| (selection.rank(planner.rooms[*at].size()), *at));
        all.truncate(most);
        all
    }

    /// The first position, from `next` on and around, where a driver that needs `need` fits and is
    /// admitted.
    fn find(&self, need: &Need, next: usize, admission: Option<&Admission<'_>>) -> Option<usize> {
        let relaxed = (!self.could_ever_hold(need)).then(|| Need {
            kind: need.kind.anywhere(),
            ..need.clone()
        });
        let (need, size) = (relaxed.as_ref().unwrap_or(need), Size::from(need));
        let good = |at: &usize| {
            let admitted = admission.is_none_or(|admission| admission.at(*at));
            admitted && self.planner.rooms[*at].fits(need)
        };
        let free = self.planner.free.of(need.kind);
        let behind = free.holding(next, size).find(good);
        behind.or_else(|| {
            let mut before = free.holding(0, size).take_while(|at| *at < next);
            before.find(good)
        })
    }

    /// Whether some ALIVE worker of the kind that a driver asks for first could hold it, see
    /// [`need_of`](super::drivers::need_of).
    fn could_ever_hold(&self, need: &Need) -> bool {
        let Planner {
            rooms, capacity, ..
        } = &*self.planner;
        let could = |at: usize| {
            let worker = self.state.workers.get(&rooms[at].worker);
            worker.is_some_and(|worker| need.fits_worker(worker))
        };
        let holding = || capacity.of(need.kind).holding(0, need.into());
        need.kind == need.kind.anywhere() || holding().any(could)
    }

    fn took(&mut self, position: usize) {
        let Planner { rooms, free, .. } = &mut *self.planner;
        let room = &rooms[position];
        free.set(position, room.size(), |kind| room.runs.can(kind));
        self.taken.insert(position);
    }
}
