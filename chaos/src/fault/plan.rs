//! What a seed decides: which fault, on whom, after what pause, for how long.

use std::time::Duration;

use rand::rngs::StdRng;
use rand::seq::SliceRandom;
use rand::{Rng, SeedableRng};

use super::Kind;

/// The pause between the beginnings of two faults, in seconds.
const PAUSE: (f64, f64) = (3.0, 8.0);

/// One fault of a plan. Whom it hits is known once it begins: a leader may be anyone.
#[derive(Clone, Debug, PartialEq)]
pub struct Planned {
    /// Its number in the run, from 1.
    pub id: u32,
    /// Which.
    pub kind: Kind,
    /// How long after the one before it begins.
    pub pause: Duration,
    /// How long it lasts.
    pub lasts: Duration,
    /// Whom, among those that it could hit.
    pub whom: u64,
    /// Whatever else is drawn, such as how late, or how far a clock jumps.
    pub amount: u64,
}

/// The faults of a seed, one after the other, without end.
#[derive(Debug)]
pub struct Plan {
    random: StdRng,
    kinds: Vec<Kind>,
    /// What is left of a shuffled set of all kinds: so each comes about as often as any other.
    bag: Vec<Kind>,
    id: u32,
}

impl Plan {
    /// The plan of a seed that chooses from these kinds. Their order does not matter.
    pub fn new(seed: u64, mut kinds: Vec<Kind>) -> Plan {
        kinds.sort();
        kinds.dedup();
        Plan {
            random: StdRng::seed_from_u64(seed),
            kinds,
            bag: Vec::new(),
            id: 0,
        }
    }
}

impl Iterator for Plan {
    type Item = Planned;

    /// The next; none only if there is no kind to choose from.
    fn next(&mut self) -> Option<Planned> {
        if self.bag.is_empty() {
            self.bag = self.kinds.clone();
            self.bag.shuffle(&mut self.random);
        }
        let kind = self.bag.pop()?;
        self.id += 1;
        let mut seconds = |(least, most): (f64, f64)| {
            Duration::from_secs_f64(self.random.random_range(least..=most))
        };
        let (pause, lasts) = (seconds(PAUSE), seconds(kind.lasts()));
        Some(Planned {
            id: self.id,
            kind,
            pause,
            lasts,
            whom: self.random.random(),
            amount: self.random.random(),
        })
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use std::collections::BTreeMap;

    #[test]
    fn one_seed_gives_one_plan_and_another_a_different_one() {
        let plan = |seed| Plan::new(seed, Kind::usual()).take(100).collect::<Vec<_>>();
        assert_eq!(plan(1), plan(1));
        assert_ne!(plan(1), plan(2));
    }

    #[test]
    fn every_kind_comes_as_often_as_any_other() {
        let kinds = Kind::usual();
        let mut counts: BTreeMap<Kind, u32> = BTreeMap::new();
        for planned in Plan::new(7, kinds.clone()).take(kinds.len() * 3) {
            *counts.entry(planned.kind).or_default() += 1;
            assert!(planned.pause >= Duration::from_secs(3));
            assert!(planned.pause <= Duration::from_secs(8));
        }
        assert!(kinds.iter().all(|kind| counts[kind] == 3), "{counts:?}");
        assert_eq!(Plan::new(7, Vec::new()).next(), None);
    }
}
