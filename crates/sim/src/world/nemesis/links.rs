//! Faults of links and streams.

use rand::Rng;
use rand::seq::{IndexedRandom, SliceRandom};

use super::heal::Heal;
use crate::clock::{MS, SECOND};
use crate::fault::Fault;
use crate::world::{Event, World};

impl World {
    fn cut_for_a_while(&mut self, links: Vec<(usize, usize)>) {
        for (from, to) in &links {
            self.net.cut(*from, *to);
        }
        let lasts = self.duration();
        self.after(lasts, Event::Heal(Box::new(Heal::Links(links))));
    }

    fn both_ways(one: &[usize], other: &[usize]) -> Vec<(usize, usize)> {
        let pairs = one.iter().flat_map(|a| other.iter().map(move |b| (*a, *b)));
        pairs.flat_map(|(a, b)| [(a, b), (b, a)]).collect()
    }

    /// Masters fall into two parts; workers and clients are with either, or with both.
    pub(super) fn partition(&mut self) {
        let mut masters: Vec<usize> = (0..self.masters.len()).collect();
        masters.shuffle(&mut self.rng);
        if let Some(leader) = self.raft_leader() {
            // The leader with a minority, or with the majority.
            masters.retain(|m| *m != leader);
            let at = if self.rng.random_bool(0.6) {
                0
            } else {
                masters.len()
            };
            masters.insert(at, leader);
        }
        let few = self.rng.random_range(1..=masters.len() / 2);
        let (minority, majority) = masters.split_at(few);
        let mut links = World::both_ways(minority, majority);
        let others: Vec<usize> = (self.masters.len()
            ..self.masters.len() + self.workers.len() + self.options.clients)
            .collect();
        for other in others {
            match self.rng.random_range(0..4) {
                0 => links.extend(World::both_ways(&[other], majority)),
                1 | 2 => links.extend(World::both_ways(&[other], minority)),
                _ => {}
            }
        }
        self.cut_for_a_while(links);
    }

    /// All links between masters but those of one are cut; or one link comes and goes.
    pub(super) fn bridge(&mut self) {
        let masters: Vec<usize> = (0..self.masters.len()).collect();
        let middle = self.some_master();
        let rest: Vec<usize> = masters.into_iter().filter(|m| *m != middle).collect();
        if self.rng.random_bool(0.5) {
            let (one, other) = rest.split_at(rest.len() / 2);
            let links = World::both_ways(one, other);
            self.cut_for_a_while(links);
        } else {
            let links = World::both_ways(&[middle], &rest);
            let times = self.rng.random_range(2..8);
            self.heal(Heal::Flap(links, times, true));
        }
    }

    /// Messages go one way only, between a master and some workers, or two masters.
    pub(super) fn one_way(&mut self) {
        let m = self.raft_leader().unwrap_or_else(|| self.some_master());
        let first = self.masters.len();
        let mut links = Vec::new();
        let out = self.rng.random_bool(0.5);
        for w in 0..self.workers.len() {
            if self.rng.random_bool(0.5) {
                links.push(if out { (m, first + w) } else { (first + w, m) });
            }
        }
        if self.rng.random_range(0..3) == 0 {
            let other = self.some_master();
            if other != m {
                links.push(if out { (m, other) } else { (other, m) });
            }
        }
        self.cut_for_a_while(links);
    }

    /// Some workers see none but the leader, and that is cut off from the other masters.
    pub(super) fn old_leader(&mut self) {
        let m = self.raft_leader().unwrap_or_else(|| self.some_master());
        let rest: Vec<usize> = (0..self.masters.len()).filter(|it| *it != m).collect();
        let mut links = World::both_ways(&[m], &rest);
        for w in 0..self.workers.len() {
            if self.rng.random_bool(0.5) {
                links.extend(World::both_ways(&[self.masters.len() + w], &rest));
            }
        }
        self.cut_for_a_while(links);
    }

    pub(super) fn slow_network(&mut self) {
        let sites = self.masters.len() + self.workers.len() + self.options.clients;
        let delay = *[50 * MS, 300 * MS, 2 * SECOND]
            .choose(&mut self.rng)
            .expect("not empty");
        let loss = *[0, 20, 200].choose(&mut self.rng).expect("not empty");
        let share = self.rng.random_range(0.1..1.0);
        let mut links = Vec::new();
        for from in 0..sites {
            for to in 0..sites {
                if from != to && self.rng.random_bool(share) {
                    self.net.slow(from, to, (delay, loss));
                    links.push((from, to));
                }
            }
        }
        let lasts = self.duration();
        self.after(lasts, Event::Heal(Box::new(Heal::Fast(links))));
    }

    pub(super) fn break_streams(&mut self, fault: Fault) -> bool {
        let open = self.streams_where(|it| it.open_client && it.open_master && !it.vanished);
        if open.is_empty() {
            return false;
        }
        let many = self.rng.random_range(1..=open.len().min(6));
        for stream in open
            .choose_multiple(&mut self.rng, many)
            .copied()
            .collect::<Vec<_>>()
        {
            if fault == Fault::Reset {
                self.reset(stream);
            } else {
                self.streams[stream].vanished = true;
                self.keepalive(stream);
            }
        }
        true
    }
}
