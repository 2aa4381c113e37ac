//! What must always hold, one file per invariant: the property, where it comes from, why, the check.
//!
//! [`check`] looks at one state; in debug builds it runs after every entry. [`check_step`] looks at what
//! one entry did; tests and simulations run it. A line that they return is a defect in Vesta, never
//! somebody's bad input.
//!
//! `I…` numbers are those of the list that the invariants were drawn from, kept in ARCHITECTURE.md.

mod addresses;
mod applications;
mod bookings;
mod drains;
mod endpoints;
mod epochs;
mod history;
mod ids;
mod keys;
mod kills;
mod leases;
mod placements;
mod queues;
mod stopping;
mod workers;

mod step_clocks;
mod step_confirmed;
mod step_drains;
mod step_epochs;
mod step_growth;
mod step_kills;
mod step_life_cycles;
mod step_once;

#[cfg(test)]
mod tests;

use crate::state::ClusterState;

/// Where a check writes what is broken.
struct Broken(Vec<String>);

impl Broken {
    /// Notes `what` unless it `holds`.
    fn unless(&mut self, holds: bool, what: impl FnOnce() -> String) {
        if !holds {
            self.0.push(what());
        }
    }
}

/// Every invariant that `state` breaks, one sentence each.
///
/// # Errors
/// When there is at least one.
pub fn check(state: &ClusterState) -> Result<(), Vec<String>> {
    let checks = [
        addresses::check,
        applications::check,
        bookings::check,
        drains::check,
        endpoints::check,
        epochs::check,
        history::check,
        ids::check,
        keys::check,
        kills::check,
        leases::check,
        placements::check,
        queues::check,
        stopping::check,
        workers::check,
    ];
    let mut broken = Broken(Vec::new());
    for check in checks {
        check(state, &mut broken);
    }
    if broken.0.is_empty() {
        Ok(())
    } else {
        Err(broken.0)
    }
}

/// Every invariant that the step from `before` to `after`, made by one entry, breaks.
///
/// # Errors
/// When there is at least one.
pub fn check_step(before: &ClusterState, after: &ClusterState) -> Result<(), Vec<String>> {
    let checks = [
        step_clocks::check,
        step_confirmed::check,
        step_drains::check,
        step_epochs::check,
        step_growth::check,
        step_kills::check,
        step_life_cycles::check,
        step_once::check,
    ];
    let mut broken = Broken(Vec::new());
    for check in checks {
        check(before, after, &mut broken);
    }
    if broken.0.is_empty() {
        Ok(())
    } else {
        Err(broken.0)
    }
}
