//! I2, I3, I4: keys and ids.

use std::collections::{BTreeMap, BTreeSet, HashMap};

use vesta_types::{AppId, DriverId, SubmissionKey};

use super::Run;
use super::collector::Collector;
use crate::record::CheckResult;

/// One key has one driver, and one driver one key, by every answer and by what ran.
pub(super) fn check(run: &Run) -> CheckResult {
    let mut found = Collector::new(
        "keys",
        "one key names one driver in every answer and in the ledger, and no id is given twice (I2, I4)",
    );
    let mut drivers: BTreeMap<SubmissionKey, BTreeMap<DriverId, String>> = BTreeMap::new();
    let mut keys: BTreeMap<DriverId, BTreeMap<SubmissionKey, String>> = BTreeMap::new();
    let mut note = |key: SubmissionKey, driver: &DriverId, line: &dyn Fn() -> String| {
        let of_key = drivers.entry(key).or_default();
        of_key.entry(driver.clone()).or_insert_with(line);
        let of_driver = keys.entry(driver.clone()).or_default();
        of_driver.entry(key).or_insert_with(line);
    };
    for (key, driver, call) in run.named() {
        note(key, &driver, &|| call.line());
    }
    for one in &run.executions {
        if let (Some(key), Some(driver)) = (one.key, one.driver()) {
            note(key, driver, &|| one.line());
        }
    }
    for (key, drivers) in &drivers {
        found.looked();
        if drivers.len() > 1 {
            let lines = drivers.values().cloned().collect();
            found.invalid(
                format!("the key {key} became {} drivers", drivers.len()),
                lines,
            );
        }
    }
    for (driver, keys) in &keys {
        found.looked();
        if keys.len() > 1 {
            let lines = keys.values().cloned().collect();
            found.invalid(format!("{driver} was given to {} keys", keys.len()), lines);
        }
    }
    found.done()
}

/// Nothing runs that nobody asked for.
pub(super) fn check_phantoms(run: &Run) -> CheckResult {
    let mut found = Collector::new(
        "phantoms",
        "whatever ran stems from a submission that was sent, and an application has one driver (I3, I4)",
    );
    let submissions = run.submissions();
    let mut owners: HashMap<&AppId, BTreeSet<SubmissionKey>> = HashMap::new();
    for one in &run.executions {
        found.looked();
        let Some(key) = one.key else {
            found.invalid(
                format!("{} ran without a key", one.instance),
                vec![one.line()],
            );
            continue;
        };
        if !submissions.contains_key(&key) {
            found.invalid(
                format!("{} ran, and nobody sent its key", one.instance),
                vec![one.line()],
            );
        }
        if let Some(app) = one.application() {
            let owners = owners.entry(app).or_default();
            if owners.insert(key) && owners.len() == 2 {
                let what = format!("{app} has executors of two drivers");
                found.invalid(what, vec![one.line()]);
            }
        }
    }
    found.done()
}

#[cfg(test)]
mod tests {
    use super::super::testing::{invalid, run, submit, valid};
    use super::{check, check_phantoms};

    #[test]
    fn one_key_one_driver_however_often_it_is_sent() {
        let run = run()
            .submitted(1.0, submit(1), 1)
            .submitted(2.0, submit(1), 1)
            .submitted(2.0, submit(2), 2)
            .ran(1, 1, 10, 1.1, 1.2)
            .found(3.0, 1, Some(1));
        valid(check(&run));
        valid(check_phantoms(&run));
    }

    #[test]
    fn a_key_that_is_answered_with_two_drivers_is_found() {
        let run = run()
            .submitted(1.0, submit(1), 1)
            .submitted(2.0, submit(1), 2);
        invalid(check(&run), "became 2 drivers");
    }

    #[test]
    fn a_key_that_ran_as_another_driver_than_was_answered_is_found() {
        let mut run = run().submitted(1.0, submit(1), 1).ran(2, 1, 10, 1.1, 1.2);
        run.executions[0].key = Some(super::super::testing::key(1));
        invalid(check(&run), "became 2 drivers");
    }

    #[test]
    fn an_id_that_is_given_twice_is_found() {
        let run = run()
            .submitted(1.0, submit(1), 1)
            .submitted(2.0, submit(2), 1);
        invalid(check(&run), "was given to 2 keys");
    }

    #[test]
    fn what_nobody_sent_must_not_run() {
        invalid(
            check_phantoms(&run().ran(1, 1, 10, 1.0, 1.1)),
            "nobody sent",
        );
    }

    #[test]
    fn an_application_id_that_is_given_twice_is_found() {
        let mut run = run()
            .submitted(1.0, submit(1), 1)
            .submitted(1.0, submit(2), 2)
            .ran_executor(1, 10, 2.0, 3.0)
            .ran_executor(1, 11, 2.0, 3.0);
        run.executions[1].key = Some(super::super::testing::key(2));
        invalid(check_phantoms(&run), "two drivers");
    }
}
