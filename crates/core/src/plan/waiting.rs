//! What waits, by what it needs: equal demands are answered once.

use std::collections::{BTreeMap, BTreeSet};
use std::ops::Bound;

use super::room::{Need, Size};

/// A place in the queue: a ticket, and the number of a profile (0 for drivers).
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
pub(super) struct Group {
    /// The demand.
    pub demand: Demand,
    /// Whether it is known to fit on no worker. Only more room somewhere changes that.
    blocked: bool,
    /// Where in the queue it waits.
    places: BTreeSet<Place>,
}

/// Drivers, or applications, that wait: each at its places, of which drivers have one.
#[derive(Clone, Debug, Default)]
pub(super) struct Waiting {
    groups: Vec<Group>,
    /// The group of each demand; those of no demand are free to be used again.
    by_demand: BTreeMap<Demand, usize>,
    free: Vec<usize>,
    /// The group of each place.
    by_place: BTreeMap<Place, usize>,
}

impl Waiting {
    /// Whoever holds `ticket` waits with these demands, by profile, and with no other.
    pub fn set(&mut self, ticket: u64, demands: impl IntoIterator<Item = (u32, Demand)>) {
        let range = (ticket, 0)..=(ticket, u32::MAX);
        while let Some((place, at)) = self.by_place.range(range.clone()).next() {
            let (place, at) = (*place, *at);
            self.by_place.remove(&place);
            let group = &mut self.groups[at];
            group.places.remove(&place);
            if group.places.is_empty() {
                self.by_demand.remove(&group.demand);
                self.free.push(at);
            }
        }
        for (profile, demand) in demands {
            let at = self.group_of(demand);
            self.groups[at].places.insert((ticket, profile));
            self.by_place.insert((ticket, profile), at);
        }
    }

    fn group_of(&mut self, demand: Demand) -> usize {
        if let Some(at) = self.by_demand.get(&demand) {
            return *at;
        }
        let group = Group {
            demand: demand.clone(),
            blocked: false,
            places: BTreeSet::new(),
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

    /// Some worker has this much room now: what fits into that is not known to fit nowhere any more.
    pub fn unblock(&mut self, room: Size) {
        for group in &mut self.groups {
            group.blocked &= !room.holds((&group.demand.need).into());
        }
    }

    /// What demands something like that is not known to fit nowhere any more.
    pub fn unblock_if(&mut self, is: impl Fn(&Demand) -> bool) {
        for group in &mut self.groups {
            group.blocked &= !is(&group.demand);
        }
    }

    /// It fits on no worker.
    pub fn block(&mut self, at: usize) {
        self.groups[at].blocked = true;
    }

    /// The first place of each group that may fit somewhere, and the group.
    pub fn heads(&self) -> impl Iterator<Item = (Place, usize)> {
        let groups = self.groups.iter().enumerate();
        let open = groups.filter(|(_, group)| !group.blocked);
        open.filter_map(|(at, group)| Some((*group.places.first()?, at)))
    }

    /// The first place of a group that is behind `place`.
    pub fn after(&self, at: usize, place: Place) -> Option<Place> {
        let behind = (Bound::Excluded(place), Bound::Unbounded);
        self.groups[at].places.range(behind).next().copied()
    }

    /// What those of a group need.
    pub fn demand(&self, at: usize) -> &Demand {
        &self.groups[at].demand
    }
}
