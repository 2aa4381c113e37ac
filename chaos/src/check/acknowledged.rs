//! I1: no acknowledged submission is lost.

use std::collections::{HashMap, HashSet};

use vesta_types::DriverId;

use super::collector::Collector;
use super::{Call, Run};
use crate::record::{Answer, CheckResult, Moment, Op};

/// The final word of the masters on each driver.
type Last<'a> = HashMap<&'a DriverId, (&'a Call, &'a str)>;

/// Every acknowledged submission is still known, and ran unless it was killed or its worker was lost.
pub(super) fn check(run: &Run) -> CheckResult {
    let mut found = Collector::new(
        "acknowledged",
        "no acknowledged submission is lost (I1): its key is known to the end, and its driver ran, unless \
         it was killed or a worker was broken",
    );
    if let Some(error) = &run.ledger_error {
        found.unknown(format!("what ran is not known: {error}"), vec![]);
    }
    let ran: HashSet<&DriverId> = run.executions.iter().filter_map(|it| it.driver()).collect();
    let killed: HashSet<&DriverId> = run.calls.iter().filter_map(killed).collect();
    let last = last_words(run);
    let state: HashMap<&str, &str> = run.last_state().map_or_else(HashMap::new, |it| {
        let drivers = it.drivers.iter();
        drivers
            .map(|it| (it.id.as_str(), it.state.as_str()))
            .collect()
    });
    let forgotten = forgotten(run);
    let named: HashSet<DriverId> = run.calls.iter().filter_map(found_by_key).collect();
    for call in &run.calls {
        let (Op::Submit(submit), Some((at, Answer::Submitted { driver, .. }))) =
            (&call.op, call.ok())
        else {
            continue;
        };
        found.looked();
        if let Some(asked) = forgotten.get(&submit.key).filter(|it| it.invoked > at) {
            found.invalid(
                format!("{driver} was acknowledged, and then its key was not known"),
                vec![call.line(), asked.line()],
            );
            continue;
        }
        let shown = state.get(driver.as_str()).copied();
        let word = shown.or(last.get(driver).map(|it| it.1));
        if shown.is_none() && !named.contains(driver) && !ran.contains(driver) {
            let lines = vec![call.line()];
            match &run.state {
                Some(_) => {
                    found.invalid(format!("{driver} was acknowledged, and is nowhere"), lines)
                }
                None => found.unknown(format!("the masters were not asked for {driver}"), lines),
            }
            continue;
        }
        if ran.contains(driver) || killed.contains(driver) || run.ledger_error.is_some() {
            continue;
        }
        let mut lines = vec![call.line(), "ledger: it never ran".to_owned()];
        lines.extend(last.get(driver).map(|it| it.0.line()));
        lines.extend(shown.map(|it| format!("state.json: {driver} {it}")));
        match word {
            Some("FINISHED") => {
                found.invalid(
                    format!("{driver} is said to have finished and never ran"),
                    lines,
                );
            }
            Some("ERROR" | "LOST" | "FAILED" | "KILLED") if worker_broken(run, at) => {}
            Some("ERROR" | "LOST" | "FAILED" | "KILLED") => {
                found.invalid(
                    format!("{driver} never ran, though no worker was broken and nobody killed it"),
                    lines,
                );
            }
            Some(_) => found.invalid(format!("{driver} was acknowledged and never ran"), lines),
            // It ended and was forgotten before anybody asked: as good an excuse as a state that says so.
            None if worker_broken(run, at) => {}
            None => found.unknown(format!("{driver} never ran, and nobody said why"), lines),
        }
    }
    found.done()
}

/// Whoever was killed, or may have been.
fn killed(call: &Call) -> Option<&DriverId> {
    match &call.op {
        Op::Kill { driver, .. } if !call.failed() => Some(driver),
        _ => None,
    }
}

/// Drivers that masters named when they were asked for a key.
fn found_by_key(call: &Call) -> Option<DriverId> {
    match (&call.op, call.ok()?.1) {
        (Op::FindKey { .. }, Answer::Found { id, .. }) => id.parse().ok(),
        _ => None,
    }
}

/// Keys that a master with a quorum did not know, with the question.
fn forgotten(run: &Run) -> HashMap<vesta_types::SubmissionKey, &Call> {
    let asked = run
        .calls
        .iter()
        .filter_map(|call| match (&call.op, call.ok()?.1) {
            (Op::FindKey { key }, Answer::NotFound { stale: false }) => Some((*key, call)),
            _ => None,
        });
    asked.collect()
}

/// What is not final says nothing of a driver that is in no state any more.
fn last_words(run: &Run) -> Last<'_> {
    let mut last = HashMap::new();
    for call in &run.calls {
        if let (
            Op::Status { driver, .. },
            Some((
                _,
                Answer::Status {
                    state,
                    ended,
                    stale,
                    ..
                },
            )),
        ) = (&call.op, call.ok())
            && *ended
            && !stale
        {
            last.insert(driver, (call, state.as_str()));
        }
    }
    last
}

/// Whether a worker may have been lost before it executed what was submitted then.
fn worker_broken(run: &Run, since: Moment) -> bool {
    let mut faults = run.faults.iter().filter(|it| it.touches_workers());
    // A fault of before may still be felt: its worker is declared lost after it.
    faults.any(|it| it.ended.is_none_or(|ended| ended.plus(MEMORY) > since))
}

/// How long after its end a fault of a worker can cost a driver.
const MEMORY: std::time::Duration = std::time::Duration::from_secs(60);

#[cfg(test)]
mod tests {
    use super::super::testing::{invalid, lasting, run, submit, unknown, valid};
    use super::check;
    use crate::record::{DriverState, FinalState, MasterState};
    use vesta_types::OnDisconnect;

    fn shown(number: u64, state: &str) -> Option<FinalState> {
        let driver = DriverState {
            id: super::super::testing::driver(number).to_string(),
            state: state.to_owned(),
            ended: true,
            ..DriverState::default()
        };
        let master = MasterState {
            drivers: vec![driver],
            ..MasterState::default()
        };
        let masters = vec![master];
        Some(FinalState { masters })
    }

    #[test]
    fn what_ran_and_is_known_is_not_lost() {
        let mut run = run().submitted(1.0, submit(1), 1).ran(1, 1, 10, 1.1, 1.2);
        run = run.found(9.0, 1, Some(1));
        run.state = shown(1, "FINISHED");
        valid(check(&run));
    }

    #[test]
    fn an_acknowledged_key_that_nobody_knows_is_lost() {
        let run = run().submitted(1.0, submit(1), 1).found(9.0, 1, None);
        invalid(check(&run), "its key was not known");
    }

    #[test]
    fn an_acknowledged_driver_that_is_nowhere_is_lost() {
        let mut run = run().submitted(1.0, submit(1), 1);
        run.state = shown(2, "FINISHED");
        invalid(check(&run), "is nowhere");
    }

    #[test]
    fn without_the_masters_last_word_it_is_not_known() {
        unknown(check(&run().submitted(1.0, submit(1), 1)), "were not asked");
    }

    #[test]
    fn a_driver_that_never_ran_is_lost_whatever_its_masters_say() {
        for state in ["FINISHED", "SUBMITTED", "RUNNING", "ERROR"] {
            let mut run = run().submitted(1.0, submit(1), 1);
            run.state = shown(1, state);
            invalid(check(&run), "never ran");
        }
    }

    #[test]
    fn one_that_was_killed_need_not_run() {
        let mut run = run()
            .submitted(1.0, lasting(1, OnDisconnect::Keep), 1)
            .killed(2.0, 1);
        run.state = shown(1, "KILLED");
        valid(check(&run));
    }

    #[test]
    fn one_that_was_forgotten_is_judged_by_whether_a_worker_was_broken() {
        let run = || run().submitted(1.0, submit(1), 1).found(900.0, 1, Some(1));
        unknown(check(&run()), "nobody said why");
        valid(check(&run().fault(1, 0.5, 9.0, "worker-1")));
        unknown(
            check(&run().fault(1, 0.5, 9.0, "master-1")),
            "nobody said why",
        );
    }

    #[test]
    fn one_whose_worker_was_lost_need_not_run_and_one_under_faults_of_masters_must() {
        let mut of_worker = run()
            .submitted(1.0, submit(1), 1)
            .fault(1, 0.5, 9.0, "worker-1");
        of_worker.state = shown(1, "ERROR");
        valid(check(&of_worker));
        let mut of_master = run()
            .submitted(1.0, submit(1), 1)
            .fault(1, 0.5, 9.0, "master-1");
        of_master.state = shown(1, "ERROR");
        invalid(check(&of_master), "no worker was broken");
    }
}
