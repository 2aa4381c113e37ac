//! What clients were told: I1, I2, I3, and that "nothing was done" is true.

use std::collections::{BTreeMap, BTreeSet};
use std::rc::Rc;

use vesta_core::{Answer, ClusterState, Reply, Request};
use vesta_types::limits::HISTORY_MIN;
use vesta_types::{DriverId, SubmissionKey};

use super::truth::first_said;
use super::{Broken, broke};

/// The history of all clients.
#[derive(Default)]
pub struct Told {
    asked: BTreeMap<SubmissionKey, Rc<Request>>,
    answers: BTreeMap<SubmissionKey, Answer>,
    /// Keys of calls that are over, or may have done something.
    open: BTreeMap<SubmissionKey, u32>,
    doubtful: BTreeSet<SubmissionKey>,
    /// Drivers whose submission was acknowledged.
    pub submitted: BTreeSet<DriverId>,
    /// Drivers whose end was promised.
    pub killed: BTreeSet<DriverId>,
    /// How many calls got an answer, and how many none.
    pub counts: (u64, u64),
}

impl Told {
    /// A call begins.
    pub fn asked(&mut self, key: SubmissionKey, body: &Rc<Request>) {
        self.asked.insert(key, Rc::clone(body));
        *self.open.entry(key).or_default() += 1;
    }

    /// A call is over.
    pub fn answered(
        &mut self,
        key: SubmissionKey,
        body: &Request,
        reply: Option<&Reply>,
        may_be_done: bool,
        broken: &mut Broken,
    ) {
        if let Some(open) = self.open.get_mut(&key) {
            *open -= 1;
        }
        if may_be_done || reply.is_some() {
            self.doubtful.insert(key);
        }
        let Some(Ok(answer)) = reply else {
            self.counts.1 += 1;
            return;
        };
        self.counts.0 += 1;
        let answer = first_said(answer);
        let known = self.answers.entry(key).or_insert_with(|| answer.clone());
        if known != answer {
            broke(broken, || {
                format!("I2: the key {key} was answered {known:?} and {answer:?}")
            });
        }
        match (body, answer) {
            (_, Answer::Submitted { driver }) => {
                self.submitted.insert(driver.clone());
            }
            (Request::KillDriver { driver }, Answer::Killed { .. }) => {
                self.killed.insert(driver.clone());
            }
            _ => {}
        }
    }

    /// Whether the end of a driver was promised.
    pub fn is_killed(&self, driver: &DriverId) -> bool {
        self.killed.contains(driver)
    }

    /// Judges a state in which everything that was committed is.
    pub fn judge(&self, state: &ClusterState, broken: &mut Broken) {
        // Beyond so many ended ones the oldest are forgotten by age, and a clock that jumps ages them.
        let trimmed = state.ended_drivers.len() >= HISTORY_MIN;
        for driver in &self.submitted {
            if !trimmed && !state.drivers.contains_key(driver) {
                broke(broken, || {
                    format!("I1: the acknowledged submission {driver} is lost")
                });
            }
        }
        let mut keys = BTreeMap::new();
        for driver in state.drivers.values() {
            if !self.asked.contains_key(&driver.key) {
                broke(broken, || format!("I3: nobody has asked for {}", driver.id));
            }
            if let Some(other) = keys.insert(driver.key, &driver.id) {
                broke(broken, || {
                    format!("I2: one key has two drivers, {other} and {}", driver.id)
                });
            }
        }
        for app in state.applications.values() {
            if !self.asked.contains_key(&app.key) {
                broke(broken, || format!("I3: nobody has asked for {}", app.id));
            }
        }
        for key in state.keys.answered.keys() {
            let over = self.open.get(key).is_none_or(|open| *open == 0);
            if over && !self.doubtful.contains(key) {
                broke(broken, || {
                    format!(
                        "the client of the key {key} was told that nothing was done, and it was"
                    )
                });
            }
        }
        for driver in &self.killed {
            let live = state
                .drivers
                .get(driver)
                .is_some_and(|it| !it.state.is_final() && !it.kill_requested);
            if live {
                broke(broken, || {
                    format!("I19: the end of {driver} was promised, and it goes on")
                });
            }
        }
    }
}
