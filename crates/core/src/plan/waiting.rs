//! What waits, by what it needs: equal demands are answered once.

use std::collections::BTreeMap;
use std::ops::Bound;

use super::room::{Need, Size};

/// Its place in the queue: a ticket, and the number of a profile.
pub(super) type Place = (u64, u32);

/// What one thing needs. Where one of two equal demands does not fit, neither does the other.
#[derive(Clone, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub(super) struct Demand {
    /// For itself.
    pub need: Need,
    /// The executors that it means to ask for, if it is a driver that said so.
    pub own: Option<Size>,
}

/// All that waits with the same demand.
#[derive(Clone, Debug)]
pub(super) struct Group<I> {
    /// The demand.
    pub demand: Demand,
    /// Whether it is known to fit on no worker. Only more room somewhere changes that.
    pub blocked: bool,
    /// Who waits, in the order of the queue.
    queue: BTreeMap<Place, I>,
}

impl<I> Group<I> {
    /// Who waits at `place`.
    pub fn at(&self, place: Place) -> Option<&I> {
        self.queue.get(&place)
    }

    /// Who is the first after `place`.
    pub fn after(&self, place: Option<Place>) -> Option<(Place, &I)> {
        let from = place.map_or(Bound::Unbounded, Bound::Excluded);
        let mut rest = self.queue.range((from, Bound::Unbounded));
        rest.next().map(|(place, id)| (*place, id))
    }
}

/// Drivers, or applications, that wait.
#[derive(Clone, Debug)]
pub(super) struct Waiting<I> {
    groups: Vec<Group<I>>,
    /// The group of each demand; those of no demand are free to be used again.
    by_demand: BTreeMap<Demand, usize>,
    free: Vec<usize>,
    /// Where each one waits.
    places: BTreeMap<I, Vec<(usize, Place)>>,
}

impl<I> Default for Waiting<I> {
    fn default() -> Waiting<I> {
        Waiting {
            groups: Vec::new(),
            by_demand: BTreeMap::new(),
            free: Vec::new(),
            places: BTreeMap::new(),
        }
    }
}

impl<I: Ord + Clone> Waiting<I> {
    /// `id` waits at these places from now on, and at no other.
    pub fn set(&mut self, id: &I, places: Vec<(Place, Demand)>) {
        for (at, place) in self.places.remove(id).unwrap_or_default() {
            let group = &mut self.groups[at];
            group.queue.remove(&place);
            if group.queue.is_empty() {
                self.by_demand.remove(&group.demand);
                self.free.push(at);
            }
        }
        if places.is_empty() {
            return;
        }
        let entered = places.into_iter().map(|(place, demand)| {
            let at = self.group_of(demand);
            self.groups[at].queue.insert(place, id.clone());
            (at, place)
        });
        let entered = entered.collect();
        self.places.insert(id.clone(), entered);
    }

    fn group_of(&mut self, demand: Demand) -> usize {
        if let Some(at) = self.by_demand.get(&demand) {
            return *at;
        }
        let group = Group {
            demand: demand.clone(),
            blocked: false,
            queue: BTreeMap::new(),
        };
        let at = match self.free.pop() {
            Some(at) => {
                self.groups[at] = group;
                at
            }
            None => {
                self.groups.push(group);
                self.groups.len() - 1
            }
        };
        self.by_demand.insert(demand, at);
        at
    }
}

impl<I> Waiting<I> {
    /// Some worker has this much room now: what fits into that is not known to fit nowhere any more.
    pub fn unblock(&mut self, room: Size) {
        for group in &mut self.groups {
            group.blocked &= !room.holds((&group.demand.need).into());
        }
    }

    /// The groups in which somebody waits who may fit somewhere, with the first place of each.
    pub fn heads(&self) -> impl Iterator<Item = (Place, usize)> {
        let groups = self.groups.iter().enumerate();
        let open = groups.filter(|(_, group)| !group.blocked);
        open.filter_map(|(at, group)| Some((group.after(None)?.0, at)))
    }

    /// A group.
    pub fn group(&self, at: usize) -> &Group<I> {
        &self.groups[at]
    }

    /// It fits on no worker.
    pub fn block(&mut self, at: usize) {
        self.groups[at].blocked = true;
    }
}
