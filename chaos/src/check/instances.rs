//! I5, I7, I8: what is executed how often, and under whose order.

use std::collections::BTreeMap;

use vesta_types::{DriverId, InstanceId};

use super::collector::Collector;
use super::{Execution, Run};
use crate::record::CheckResult;

/// Processes that began.
fn starts(run: &Run) -> impl Iterator<Item = &Execution> {
    run.executions.iter().filter(|it| it.started.is_some())
}

fn lines(executions: &[&Execution]) -> Vec<String> {
    executions.iter().map(|it| it.line()).collect()
}

/// An instance, and each restart of it, is executed once.
pub(super) fn check(run: &Run) -> CheckResult {
    let mut found = Collector::new(
        "instances",
        "an instance and each restart of it is executed at most once, ever (I7)",
    );
    if let Some(error) = &run.ledger_error {
        found.unknown(format!("what ran is not known: {error}"), vec![]);
    }
    let mut all: BTreeMap<(&InstanceId, u32), Vec<&Execution>> = BTreeMap::new();
    for one in starts(run) {
        all.entry((&one.instance, one.restart))
            .or_default()
            .push(one);
    }
    for ((instance, restart), executions) in all {
        found.looked();
        if executions.len() > 1 {
            let count = executions.len();
            let what = format!("{instance}, restart {restart}, was executed {count} times");
            found.invalid(what, lines(&executions));
        }
    }
    found.done()
}

/// An unsupervised driver is executed once.
pub(super) fn check_unsupervised(run: &Run) -> CheckResult {
    let mut found = Collector::new(
        "unsupervised",
        "an unsupervised driver is executed at most once, whatever its attempts (I5)",
    );
    let drivers = run.drivers();
    let mut all: BTreeMap<&DriverId, Vec<&Execution>> = BTreeMap::new();
    for one in starts(run) {
        if let Some(driver) = one.driver()
            && drivers.get(driver).is_some_and(|it| !it.supervised)
        {
            all.entry(driver).or_default().push(one);
        }
    }
    for (driver, executions) in all {
        found.looked();
        if executions.len() > 1 {
            let what = format!(
                "unsupervised {driver} was executed {} times",
                executions.len()
            );
            found.invalid(what, lines(&executions));
        }
    }
    found.done()
}

/// The orders of a driver's attempts come from ever later leaderships.
pub(super) fn check_epochs(run: &Run) -> CheckResult {
    let mut found = Collector::new(
        "epochs",
        "a later attempt of a driver is ordered by the same or a later leadership (I8)",
    );
    let mut all: BTreeMap<&DriverId, Vec<&Execution>> = BTreeMap::new();
    for one in starts(run) {
        if let Some(driver) = one.driver() {
            all.entry(driver).or_default().push(one);
        }
    }
    for (driver, mut executions) in all {
        found.looked();
        executions.sort_by_key(|it| it.attempt());
        let back = executions
            .windows(2)
            .find(|pair| pair[0].attempt() < pair[1].attempt() && pair[0].epoch > pair[1].epoch);
        if let Some(pair) = back {
            let what = format!("an attempt of {driver} was ordered by a leadership that was over");
            found.invalid(what, lines(pair));
        }
    }
    found.done()
}

#[cfg(test)]
mod tests {
    use super::super::testing::{invalid, lasting, run, submit, unknown, valid};
    use super::{check, check_epochs, check_unsupervised};
    use vesta_types::OnDisconnect;

    #[test]
    fn each_instance_once() {
        let run = run().ran(1, 1, 10, 1.0, 2.0).ran(1, 2, 11, 2.0, 3.0);
        valid(check(&run));
        valid(check_epochs(&run));
    }

    #[test]
    fn an_instance_that_two_processes_ran_as_is_found() {
        let run = run().ran(1, 1, 10, 1.0, 2.0).ran(1, 1, 11, 2.0, 3.0);
        invalid(check(&run), "was executed 2 times");
    }

    #[test]
    fn a_ledger_that_is_not_understood_shows_nothing() {
        let mut run = run();
        run.ledger_error = Some("line 3".to_owned());
        unknown(check(&run), "line 3");
    }

    #[test]
    fn an_unsupervised_driver_with_two_attempts_that_ran_is_found() {
        let twice = run().ran(1, 1, 10, 1.0, 2.0).ran(1, 2, 11, 2.0, 3.0);
        let unsupervised = twice.clone().submitted(0.5, submit(1), 1);
        invalid(check_unsupervised(&unsupervised), "was executed 2 times");
        let other = twice
            .submitted(0.5, lasting(1, OnDisconnect::Keep), 1)
            .submitted(0.5, submit(2), 2)
            .ran(2, 1, 12, 1.0, 2.0);
        valid(check_unsupervised(&other));
    }

    #[test]
    fn an_attempt_under_an_older_leadership_than_the_one_before_it_is_found() {
        let mut run = run().ran(1, 1, 10, 1.0, 2.0).ran(1, 2, 11, 2.0, 3.0);
        run.executions[0].epoch = 2;
        invalid(check_epochs(&run), "that was over");
    }
}
