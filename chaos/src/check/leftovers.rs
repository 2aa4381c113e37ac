//! I9, I26: what runs and should not, and what should have ended and did not.

use std::collections::{HashMap, HashSet};
use std::time::Duration;

use vesta_types::DriverId;

use super::collector::Collector;
use super::kills::kills;
use super::{Execution, Run};
use crate::record::{Answer, CheckResult, Moment, Op, Phase};
use crate::work::BEAT;

/// Nothing runs on that has ended by its masters' word, or was killed, over a whole quiet time; and nothing
/// at all at the end.
pub(super) fn check_orphans(run: &Run) -> CheckResult {
    let mut found = Collector::new(
        "orphans",
        "what ended or was killed before a quiet time does not run after it, and at the end nothing does \
         (I9, I19)",
    );
    let over = over(run);
    // What a worker may take to hear of it, and to end it, once everything is whole.
    let timings = &run.options.timings;
    let bound = timings.worker_heartbeat_ms * 2 + timings.stop_grace_ms * 2;
    let bound = Duration::from_millis(bound) + Duration::from_secs(2);
    let quiet = run.stretches(Phase::Quiet).into_iter();
    let quiet: Vec<_> = quiet
        .filter(|(begin, end)| end.since(*begin) >= bound)
        .collect();
    let drained = run.phase(Phase::Drained);
    for one in &run.executions {
        found.looked();
        if drained.is_some_and(|at| one.last > at.plus(BEAT)) {
            found.invalid(
                format!("{} still runs at the end", one.instance),
                vec![one.line()],
            );
            continue;
        }
        let Some((since, line)) = one.driver().and_then(|it| over.get(it)) else {
            continue;
        };
        let outlived = quiet
            .iter()
            .find(|(begin, end)| since < begin && one.last > *end);
        if let Some((begin, end)) = outlived {
            let what = format!(
                "{} runs on, though it is over for its masters",
                one.instance
            );
            let quiet = format!("quiet from {begin} to {end}");
            found.invalid(what, vec![line.clone(), quiet, one.line()]);
        }
    }
    if drained.is_none() {
        let what = "the run did not come to its end: what should not run any more can't be told";
        found.unknown(what.to_owned(), vec![]);
    }
    found.done()
}

/// Since when each driver is over: ended by a status that is not stale, or killed.
fn over(run: &Run) -> HashMap<&DriverId, (Moment, String)> {
    let mut over: HashMap<&DriverId, (Moment, String)> = HashMap::new();
    for (driver, (call, at)) in kills(run) {
        over.insert(driver, (at, call.line()));
    }
    for call in &run.calls {
        if let (
            Op::Status { driver, .. },
            Some((
                at,
                Answer::Status {
                    ended: true,
                    stale: false,
                    ..
                },
            )),
        ) = (&call.op, call.ok())
        {
            let earlier = over.get(driver).is_some_and(|it| it.0 <= at);
            if !earlier {
                over.insert(driver, (at, call.line()));
            }
        }
    }
    over
}

/// At the end every driver and application of the load has ended, and nothing is said to run that does not.
pub(super) fn check_ends(run: &Run) -> CheckResult {
    let mut found = Collector::new(
        "ends",
        "after everything was healed and killed, every driver and application comes to its end (I9, I18, \
         I26)",
    );
    let Some(state) = run.last_state() else {
        found.unknown("no master told its state at the end".to_owned(), vec![]);
        return found.done();
    };
    let last: HashMap<String, &Execution> = {
        let all = run.executions.iter();
        all.map(|it| (it.instance.to_string(), it)).collect()
    };
    let asked: HashSet<String> = run.drivers().keys().map(ToString::to_string).collect();
    for driver in &state.drivers {
        found.looked();
        if driver.ended {
            continue;
        }
        let mut lines = vec![format!(
            "state.json: {} {} {} on {}, kill requested: {}",
            driver.id, driver.state, driver.instance, driver.worker, driver.kill_requested
        )];
        lines.extend(last.get(&driver.instance).map(|it| it.line()));
        let whose = if asked.contains(&driver.id) {
            ""
        } else {
            ", which nobody asked for,"
        };
        found.invalid(
            format!("{}{whose} is {} at the end", driver.id, driver.state),
            lines,
        );
    }
    for app in &state.applications {
        found.looked();
        let live = app.executors.iter().filter(|it| !it.ended).count();
        if !app.ended || live > 0 {
            let (id, state) = (&app.id, &app.state);
            let line = format!(
                "state.json: {id} {state} of {}, {live} live executors",
                app.driver
            );
            found.invalid(
                format!("{id} is {state} at the end with {live} executors"),
                vec![line],
            );
        }
    }
    found.done()
}

#[cfg(test)]
mod tests {
    use super::super::testing::{driver, invalid, lasting, run, unknown, valid};
    use super::{check_ends, check_orphans};
    use crate::check::Run;
    use crate::record::{AppState, DriverState, ExecutorState, FinalState, MasterState, Phase};
    use vesta_types::OnDisconnect::Keep;

    fn killed_then_quiet(last_line: f64) -> Run {
        run()
            .submitted(0.5, lasting(1, Keep), 1)
            .killed(5.0, 1)
            .ran(1, 1, 10, 1.0, last_line)
            .phase_from(0.0, Phase::Safety)
            .phase_from(20.0, Phase::Quiet)
            .phase_from(40.0, Phase::Safety)
            .phase_from(60.0, Phase::Drained)
    }

    #[test]
    fn what_is_killed_and_ends_is_no_orphan() {
        valid(check_orphans(&killed_then_quiet(22.0)));
    }

    #[test]
    fn what_is_killed_and_outlives_a_quiet_time_is_one() {
        invalid(check_orphans(&killed_then_quiet(41.0)), "runs on");
    }

    #[test]
    fn what_runs_at_the_end_is_one() {
        let run = killed_then_quiet(22.0).ran(2, 1, 11, 1.0, 62.0);
        invalid(check_orphans(&run), "still runs at the end");
    }

    #[test]
    fn a_run_that_was_broken_off_does_not_show_it() {
        unknown(
            check_orphans(&run().ran(1, 1, 10, 1.0, 2.0)),
            "did not come to its end",
        );
    }

    fn at_the_end(ended: bool, executor_ended: bool) -> Run {
        let driver = DriverState {
            id: driver(1).to_string(),
            state: "RUNNING".to_owned(),
            ended,
            ..DriverState::default()
        };
        let executor = ExecutorState {
            ended: executor_ended,
            ..ExecutorState::default()
        };
        let app = AppState {
            ended: true,
            executors: vec![executor],
            ..AppState::default()
        };
        let mut run = run().submitted(0.5, lasting(1, Keep), 1);
        let master = MasterState {
            drivers: vec![driver],
            applications: vec![app],
            ..MasterState::default()
        };
        let masters = vec![master];
        run.state = Some(FinalState { masters });
        run
    }

    #[test]
    fn everything_comes_to_its_end() {
        valid(check_ends(&at_the_end(true, true)));
    }

    #[test]
    fn a_driver_that_does_not_end_and_an_executor_of_an_ended_application_are_found() {
        invalid(check_ends(&at_the_end(false, true)), "RUNNING at the end");
        invalid(check_ends(&at_the_end(true, false)), "with 1 executors");
    }

    #[test]
    fn without_the_masters_state_it_is_not_known() {
        unknown(check_ends(&run()), "no master told");
    }
}
