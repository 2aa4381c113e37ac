//! I17, I18: no executor dies of a fail-over, and each dies with its application.

use std::collections::HashMap;
use std::time::Duration;

use vesta_types::{DriverId, SubmissionKey};

use super::collector::Collector;
use super::{Execution, Run};
use crate::record::{CheckResult, Moment, Op, Phase};
use crate::work::BEAT;

/// How long before the end of its executors the end of an application's driver may be: they are told late.
const AFTER: Duration = Duration::from_secs(30);

/// How long after the end of its executors its driver may be seen: all are told to end at one time.
const BEFORE: Duration = Duration::from_secs(3);

/// How late a beat may be on a busy machine.
const LATE: Duration = Duration::from_millis(600);

/// An executor ends only with its application, or because its worker was touched.
pub(super) fn check(run: &Run) -> CheckResult {
    let mut found = Collector::new(
        "executors",
        "an executor ends with its driver, by a kill, or with its worker, never by a fail-over alone (I17)",
    );
    let mut drivers: HashMap<SubmissionKey, Vec<&Execution>> = HashMap::new();
    let mut killed: HashMap<SubmissionKey, Moment> = HashMap::new();
    let kills = kills(run);
    for one in &run.executions {
        if let (Some(driver), Some(key)) = (one.driver(), one.key) {
            drivers.entry(key).or_default().push(one);
            if let Some(at) = kills.get(driver) {
                killed.entry(key).or_insert(*at);
            }
        }
    }
    let drained = run.phase(Phase::Draining).unwrap_or(Moment(u64::MAX));
    for executor in run
        .executions
        .iter()
        .filter(|it| it.application().is_some())
    {
        found.looked();
        let end = executor.last;
        // The run broke off, or draws to its close.
        if end.plus(Duration::from_secs(2)) > run.end || end > drained {
            continue;
        }
        let Some(key) = executor.key else { continue };
        let of = drivers.get(&key).map_or(&[][..], |it| &it[..]);
        let is_killed = killed.get(&key).is_some_and(|at| *at < end);
        // The end of a run of its driver shows in the ledger.
        let ended = |it: &&&Execution| it.last < end.plus(BEFORE) && it.last.plus(AFTER) > end;
        let driver_ended = of.iter().any(|it| ended(&it));
        // Its driver's node counts too: a driver that was declared lost takes its application with it.
        let nodes = of.iter().chain([&executor]).map(|it| it.node.as_deref());
        let nodes: Vec<Option<&str>> = nodes.collect();
        // One that was killed says nothing: it lived until some time before the next beat was due.
        let until = match executor.ended {
            Some(_) => end,
            None => end.plus(BEAT + LATE),
        };
        if is_killed || driver_ended || touched(run, &nodes, end, until) {
            continue;
        }
        let mut lines = vec![executor.line()];
        let nearest = run.faults.iter().filter(|it| it.began < end);
        lines.extend(nearest.max_by_key(|it| it.began).map(|it| it.line()));
        lines.extend(of.iter().map(|it| it.line()));
        found.invalid(
            format!(
                "{} ended, though its driver ran on and no worker was touched",
                executor.instance
            ),
            lines,
        );
    }
    found.done()
}

/// When each driver was first asked to be killed, whether it was answered or not.
fn kills(run: &Run) -> HashMap<&DriverId, Moment> {
    let mut kills = HashMap::new();
    for call in run.calls.iter().filter(|call| !call.failed()) {
        if let Op::Kill { driver, .. } = &call.op {
            kills.entry(driver).or_insert(call.invoked);
        }
    }
    kills
}

/// Whether a fault may be why something on these nodes ended, not before `end` and not after `until`: it went
/// on, or its verdict was still to come.
fn touched(run: &Run, nodes: &[Option<&str>], end: Moment, until: Moment) -> bool {
    let timings = &run.options.timings;
    let memory = timings.worker_timeout_ms * 2 + timings.recovery_timeout_ms * 2;
    let memory = Duration::from_millis(memory) + Duration::from_secs(10);
    let mut faults = run.faults.iter().filter(|it| it.may_cost(nodes));
    faults.any(|it| it.began <= until && it.ended.is_none_or(|ended| ended.plus(memory) >= end))
}

#[cfg(test)]
mod tests {
    use super::super::testing::{invalid, lasting, run, valid};
    use super::check;
    use crate::check::Run;
    use std::time::Duration;
    use vesta_types::OnDisconnect::Keep;

    fn application(driver_last: f64, executor_last: f64) -> Run {
        run()
            .submitted(0.5, lasting(1, Keep), 1)
            .ran(1, 1, 10, 1.0, driver_last)
            .ran_executor(1, 11, 2.0, executor_last)
            .ran(2, 1, 12, 1.0, 300.0)
    }

    #[test]
    fn an_executor_that_ends_with_its_driver() {
        valid(check(&application(100.0, 101.0)));
        valid(check(&application(200.0, 100.0).killed(99.0, 1)));
    }

    #[test]
    fn an_executor_that_ends_at_a_fail_over_is_found() {
        let run = application(200.0, 100.0).fault(1, 99.0, 105.0, "master-1");
        invalid(check(&run), "no worker was touched");
    }

    #[test]
    fn an_executor_that_ends_long_before_its_driver_is_killed_is_found() {
        let run = application(200.0, 100.0).killed(110.0, 1);
        invalid(check(&run), "no worker was touched");
    }

    #[test]
    fn an_executor_that_is_killed_between_two_beats_ended_after_the_first_of_them() {
        let mut run = application(200.0, 100.0).fault(1, 100.3, 101.0, "worker-1");
        invalid(check(&run), "no worker was touched");
        for one in &mut run.executions {
            if one.application().is_some() {
                one.ended = None;
            }
        }
        valid(check(&run));
        run.faults[0].began = run.faults[0].began.plus(Duration::from_secs(1));
        invalid(check(&run), "no worker was touched");
    }

    #[test]
    fn an_executor_that_ends_with_its_worker() {
        let run = application(200.0, 100.0).fault(1, 90.0, 95.0, "worker-1");
        valid(check(&run));
        // Of which it is known that it ran elsewhere.
        let mut elsewhere = run.clone();
        for one in &mut elsewhere.executions {
            one.node = Some("worker-2".to_owned());
        }
        invalid(check(&elsewhere), "no worker was touched");
        elsewhere.faults[0].name = "delay".to_owned();
        valid(check(&elsewhere));
    }
}
