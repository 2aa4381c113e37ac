//! An application is RUNNING exactly while it holds executors, holds no more cores that count than its
//! limit, and lives no longer than the run of the driver that registered it; an ended one wants all its executors
//! ended.
//!
//! Source: I12, I18; failure D19 (a waiting application shown as RUNNING after a fail-over).
//! The executor target is not here: it may be lowered below what runs (see `step_growth`).

use vesta_types::limits::ENDED_EXECUTORS_MAX;
use vesta_types::{ApplicationState, DriverState};

use super::Broken;
use crate::state::{Application, ClusterState};

pub(super) fn check(state: &ClusterState, broken: &mut Broken) {
    for (id, app) in &state.applications {
        let holds = !app.executors.is_empty();
        let shown = app.state == ApplicationState::Running;
        broken.unless(!app.is_live() || holds == shown, || {
            format!(
                "{id} is {} and holds {} executors",
                app.state,
                app.executors.len()
            )
        });
        let held: u64 = app
            .executors
            .values()
            .filter(|executor| app.counts(executor))
            .map(|e| u64::from(e.booking.cores))
            .sum();
        let limit = app.description.max_cores.map_or(u64::MAX, u64::from);
        broken.unless(held <= limit, || {
            format!("{id} holds {held} cores of at most {limit}")
        });
        broken.unless(!app.is_live() || owner_runs(state, app), || {
            format!(
                "{id} is {} though the run that registered it is over",
                app.state
            )
        });
        let ending = app
            .executors
            .values()
            .all(|executor| executor.kill_requested);
        broken.unless(app.is_live() || ending, || {
            format!("{id} is {} and an executor of it is not to end", app.state)
        });
        let live = app
            .executors
            .values()
            .all(|executor| !executor.state.is_final());
        broken.unless(live, || {
            format!("an ended executor counts among the live ones of {id}")
        });
        let over = app
            .ended_executors
            .values()
            .all(|executor| executor.state.is_final());
        broken.unless(over, || {
            format!("a live executor counts among the ended ones of {id}")
        });
        let known = app.ended_executors.len();
        let total = app.ended_executors_total as usize;
        broken.unless(known == total.min(ENDED_EXECUTORS_MAX), || {
            format!("{id} shows {known} ended executors of {total}")
        });
    }
}

fn owner_runs(state: &ClusterState, app: &Application) -> bool {
    let Some(owner) = &app.description.owner else {
        return true;
    };
    state.drivers.get(&owner.driver).is_some_and(|driver| {
        let restart = driver
            .placement
            .as_ref()
            .map_or(0, |placement| placement.restart);
        driver.state == DriverState::Running
            && owner.attempt == driver.attempt
            && owner.restart >= restart
    })
}
