//! Every id is below its counter, was given out once, and names what it stands for.
//!
//! Source: I4; failure D7 (Spark gives executor numbers a second time after a fail-over). An id at or
//! above its counter will be given to something else.

use std::collections::BTreeSet;

use super::Broken;
use crate::state::ClusterState;

pub(super) fn check(state: &ClusterState, broken: &mut Broken) {
    for (id, worker) in &state.workers {
        broken.unless(worker.description.id == *id, || {
            format!("{id} calls itself otherwise")
        });
    }
    let mut numbers = BTreeSet::new();
    for (id, driver) in &state.drivers {
        broken.unless(driver.id == *id, || {
            format!("{id} calls itself {}", driver.id)
        });
        let below = id.number().is_some_and(|number| number < state.next_driver);
        broken.unless(below, || {
            format!("{id} is not below the counter {}", state.next_driver)
        });
        broken.unless(numbers.insert(id.number()), || {
            format!("the number of {id} is used twice")
        });
    }
    let mut numbers = BTreeSet::new();
    for (id, app) in &state.applications {
        broken.unless(app.id == *id, || format!("{id} calls itself {}", app.id));
        let below = id.number().is_some_and(|number| number < state.next_app);
        broken.unless(below, || {
            format!("{id} is not below the counter {}", state.next_app)
        });
        broken.unless(numbers.insert(id.number()), || {
            format!("the number of {id} is used twice")
        });
        for (number, executor) in app.executors.iter().chain(&app.ended_executors) {
            let good = executor.number == *number && *number < app.next_executor;
            broken.unless(good, || {
                format!("{id}/{number} is not below {}", app.next_executor)
            });
            let once =
                !app.executors.contains_key(number) || !app.ended_executors.contains_key(number);
            broken.unless(once, || format!("{id}/{number} is both live and ended"));
        }
    }
}
