//! Each object moves along its transition table only; an end is final, with its time and its exit; and
//! nothing that lives vanishes.
//!
//! Source: I1, I14; failure D5 and SPARK-19900 (a late report changes a record that is over).

use std::fmt::Display;

use vesta_types::limits::ENDED_EXECUTORS_MAX;

use super::Broken;
use crate::state::{Application, ClusterState};

pub(super) fn check(before: &ClusterState, after: &ClusterState, broken: &mut Broken) {
    for (id, old) in &before.workers {
        let Some(new) = after.workers.get(id) else {
            let dead = old.dead_since.is_some();
            broken.unless(dead, || format!("{id} was {} and vanished", old.state));
            continue;
        };
        moves(id, old.state, new.state, old.state.successors(), broken);
    }
    for (id, old) in &before.drivers {
        let over = old.state.is_final();
        let Some(new) = after.drivers.get(id) else {
            broken.unless(over, || format!("{id} was {} and vanished", old.state));
            continue;
        };
        moves(id, old.state, new.state, old.state.successors(), broken);
        broken.unless(!over || old == new, || format!("{id} is over, and changed"));
    }
    for (id, old) in &before.applications {
        let over = !old.is_live();
        let Some(new) = after.applications.get(id) else {
            let gone = over && old.executors.is_empty();
            broken.unless(gone, || format!("{id} was {} and vanished", old.state));
            continue;
        };
        moves(id, old.state, new.state, old.state.successors(), broken);
        let same = (&old.state, &old.ended, &old.message) == (&new.state, &new.ended, &new.message);
        broken.unless(!over || same, || format!("{id} is over, and changed"));
        executors(id, old, new, broken);
    }
}

fn executors(id: &impl Display, old: &Application, new: &Application, broken: &mut Broken) {
    for (number, was) in &old.executors {
        let is = new
            .executors
            .get(number)
            .or_else(|| new.ended_executors.get(number));
        let name = format!("{id}/{number}");
        match is {
            Some(is) => moves(&name, was.state, is.state, was.state.successors(), broken),
            None => broken.unless(new.ended_executors.len() == ENDED_EXECUTORS_MAX, || {
                format!("{name} was {} and vanished", was.state)
            }),
        }
    }
    for (number, was) in &old.ended_executors {
        let same = new.ended_executors.get(number).is_none_or(|is| is == was);
        broken.unless(same, || format!("{id}/{number} is over, and changed"));
        let back = new.executors.contains_key(number);
        broken.unless(!back, || format!("{id}/{number} was over, and is live"));
    }
}

fn moves<S: PartialEq + Display>(
    id: &impl Display,
    from: S,
    to: S,
    successors: &[S],
    broken: &mut Broken,
) {
    broken.unless(from == to || successors.contains(&to), || {
        format!("{id} went from {from} to {to}")
    });
}
