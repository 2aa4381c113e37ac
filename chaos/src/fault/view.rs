//! What the masters were last seen to be.

use std::time::{Duration, Instant};

use crate::record::Letter;

/// What is older says nothing about now.
const FRESH: Duration = Duration::from_secs(2);

/// How long an election, or what follows it, is said to go on after it was seen.
const JUST: Duration = Duration::from_millis(1_500);

/// What one master showed last.
#[derive(Clone, Debug, PartialEq)]
pub struct Seen {
    /// When.
    pub at: Instant,
    /// STANDBY, RECOVERING, COMPLETING_RECOVERY or ALIVE.
    pub status: String,
    /// Whether it is Raft's leader.
    pub is_leader: bool,
    /// Leaderships so far, as it has applied them.
    pub epoch: u64,
    /// Raft's term.
    pub term: u64,
    /// Up to where it has applied the log.
    pub applied: u64,
    /// Up to where its newest snapshot reaches.
    pub snapshot: u64,
    /// Whether the recovery of its epoch is complete.
    pub recovered: bool,
    /// Workers that are ALIVE.
    pub workers_alive: u64,
    /// Drivers that run.
    pub running: u64,
    /// Drivers that wait for a place or for the word that they run.
    pub placing: u64,
}

/// What all masters showed last, in their order.
#[derive(Clone, Debug, Default)]
pub struct View {
    /// `None` for one that does not answer.
    pub masters: Vec<Option<Seen>>,
    /// When the leader was last seen to be another, or none.
    pub leader_changed: Option<Instant>,
    /// When a snapshot was last seen to be new.
    pub snapshot_changed: Option<Instant>,
}

impl View {
    fn fresh(&self) -> impl Iterator<Item = (usize, &Seen)> {
        let all = self.masters.iter().enumerate();
        let seen = all.filter_map(|(at, seen)| Some((at, seen.as_ref()?)));
        seen.filter(|(_, seen)| seen.at.elapsed() < FRESH)
    }

    /// The master that leads, as far as was seen: of several that say so, the one of the highest term.
    pub fn leader(&self) -> Option<usize> {
        let leaders = self.fresh().filter(|(_, seen)| seen.is_leader);
        let newest = leaders.max_by_key(|(_, seen)| seen.term);
        newest.map(|(at, _)| at)
    }

    /// What the leader showed.
    pub fn of_leader(&self) -> Option<&Seen> {
        self.masters.get(self.leader()?)?.as_ref()
    }

    /// What is under way, as far as the masters show it: columns of the fault matrix.
    pub fn letters(&self) -> Vec<Letter> {
        let just = |at: Option<Instant>| at.is_some_and(|at| at.elapsed() < JUST);
        let leader = self.of_leader();
        let is = |letter, holds: bool| holds.then_some(letter);
        let letters = [
            is(Letter::S, leader.is_some_and(|seen| seen.placing > 0)),
            is(Letter::R, leader.is_some_and(|seen| seen.running > 0)),
            is(Letter::E, leader.is_none() || just(self.leader_changed)),
            is(
                Letter::V,
                leader.is_some_and(|seen| seen.status != "ALIVE" || !seen.recovered),
            ),
            is(Letter::N, just(self.snapshot_changed)),
        ];
        letters.into_iter().flatten().collect()
    }
}
