//! I6 for drivers that stop when they are cut off: never two copies at one time.

use std::collections::BTreeMap;
use std::time::Duration;

use vesta_types::{DriverId, OnDisconnect};

use super::collector::Collector;
use super::{Execution, Run};
use crate::record::CheckResult;

/// No two copies of a `stop` driver are alive at one time.
pub(super) fn check(run: &Run) -> CheckResult {
    let mut found = Collector::new(
        "copies",
        "no two copies of a driver that is to stop when cut off are alive at one time (I6)",
    );
    for (driver, executions) in executions(run, OnDisconnect::Stop) {
        found.looked();
        for (before, after, overlap) in overlaps(&executions) {
            found.invalid(
                format!("two copies of {driver} were alive at one time, for {overlap:?} at least"),
                vec![before.line(), after.line()],
            );
        }
    }
    found.done()
}

/// How long two copies of one `keep` driver were alive at one time, each time: they may.
pub(super) fn keep_overlaps(run: &Run) -> Vec<Duration> {
    let all = executions(run, OnDisconnect::Keep);
    let all = all.values().flat_map(|it| overlaps(it));
    all.map(|(_, _, overlap)| overlap).collect()
}

/// The executions of the supervised drivers of this kind, each driver's by start.
fn executions(run: &Run, kind: OnDisconnect) -> BTreeMap<&DriverId, Vec<&Execution>> {
    let drivers = run.drivers();
    let mut all: BTreeMap<&DriverId, Vec<&Execution>> = BTreeMap::new();
    for one in run.executions.iter().filter(|it| it.started.is_some()) {
        if let Some(driver) = one.driver()
            && let Some(submit) = drivers.get(driver)
            && submit.supervised
            && submit.on_disconnect == kind
        {
            all.entry(driver).or_default().push(one);
        }
    }
    all
}

/// Pairs of which the second began before the last line of the first.
fn overlaps<'a>(executions: &[&'a Execution]) -> Vec<(&'a Execution, &'a Execution, Duration)> {
    let mut all = Vec::new();
    for (at, before) in executions.iter().enumerate() {
        for after in &executions[at + 1..] {
            let began = after.started.unwrap_or(after.last);
            if began < before.last {
                let until = before.last.min(after.last);
                all.push((*before, *after, until.since(began)));
            }
        }
    }
    all
}

#[cfg(test)]
mod tests {
    use super::super::testing::{invalid, lasting, run, valid};
    use super::{check, keep_overlaps};
    use vesta_types::OnDisconnect::{Keep, Stop};

    #[test]
    fn one_copy_after_the_other() {
        let run = run()
            .submitted(0.5, lasting(1, Stop), 1)
            .ran(1, 1, 10, 1.0, 5.0)
            .ran(1, 2, 11, 5.1, 9.0);
        valid(check(&run));
    }

    #[test]
    fn two_copies_of_a_stop_driver_at_one_time_are_found() {
        let run = run()
            .submitted(0.5, lasting(1, Stop), 1)
            .ran(1, 1, 10, 1.0, 5.0)
            .ran(1, 2, 11, 4.9, 9.0);
        invalid(check(&run), "alive at one time");
        assert!(keep_overlaps(&run).is_empty());
    }

    #[test]
    fn the_overlap_of_a_keep_driver_is_measured() {
        let run = run()
            .submitted(0.5, lasting(1, Keep), 1)
            .submitted(0.5, lasting(2, Stop), 2)
            .ran(2, 1, 9, 1.0, 5.0)
            .ran(1, 1, 10, 1.0, 5.0)
            .ran(1, 2, 11, 4.5, 9.0);
        valid(check(&run));
        assert_eq!(keep_overlaps(&run).len(), 1);
        assert_eq!(keep_overlaps(&run)[0].as_millis(), 500);
    }
}
