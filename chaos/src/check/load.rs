//! Whether there was load: a run without it shows nothing.

use super::Run;
use super::collector::Collector;
use crate::record::{CheckResult, Moment};

/// Enough calls were answered before, during and after the faults.
pub(super) fn check(run: &Run) -> CheckResult {
    let mut found = Collector::new(
        "load",
        "enough calls are answered before the first fault, during, and after the last",
    );
    let ok = run.calls.iter().filter_map(|call| Some(call.ok()?.0));
    let ok: Vec<Moment> = ok.inspect(|_| found.looked()).collect();
    let least = run.options.calls_min;
    let mut demand = |when: &str, count: usize| {
        if (count as u64) < least {
            found.unknown(
                format!(
                    "{count} calls were answered {when}: nothing is shown by fewer than {least}"
                ),
                vec![],
            );
        }
    };
    let first = run.faults.iter().map(|it| it.began).min();
    let last = run
        .faults
        .iter()
        .map(|it| it.ended.unwrap_or(run.end))
        .max();
    let (Some(first), Some(last)) = (first, last) else {
        demand("in all", ok.len());
        return found.done();
    };
    let count = |which: &dyn Fn(Moment) -> bool| ok.iter().filter(|at| which(**at)).count();
    demand("before the first fault", count(&|at| at < first));
    demand("during the faults", count(&|at| at >= first && at <= last));
    demand("after the last fault", count(&|at| at > last));
    found.done()
}

#[cfg(test)]
mod tests {
    use super::super::testing::{run, submit, unknown, valid};
    use super::check;

    #[test]
    fn calls_before_during_and_after_are_enough() {
        let mut run = run().fault(1, 10.0, 20.0, "master-1");
        for (number, when) in [1.0, 2.0, 11.0, 12.0, 21.0, 22.0].into_iter().enumerate() {
            run = run.submitted(when, submit(number as u64), number as u64);
        }
        valid(check(&run));
    }

    #[test]
    fn without_answers_after_the_faults_nothing_is_known() {
        let mut run = run().fault(1, 10.0, 20.0, "master-1");
        for (number, when) in [1.0, 2.0, 11.0, 12.0, 21.0].into_iter().enumerate() {
            run = run.submitted(when, submit(number as u64), number as u64);
        }
        unknown(check(&run), "after the last fault");
    }
}
