//! I19: a killed driver never runs again.

use std::collections::HashMap;
use std::time::Duration;

use vesta_types::DriverId;

use super::collector::Collector;
use super::{Call, Run};
use crate::record::{Answer, CheckResult, Moment, Op};

/// What a machine under load may add to the lapse of an order, until a process writes its first line.
const SLACK: Duration = Duration::from_secs(3);

/// After an acknowledged kill nothing of the driver is started, but for an order that was under way.
pub(super) fn check(run: &Run) -> CheckResult {
    let mut found = Collector::new(
        "kills",
        "a driver whose kill was acknowledged is not started any more, once orders of before have lapsed \
         (I19)",
    );
    let lapse = Duration::from_millis(run.options.timings.order_ttl_ms).mul_f64(1.1) + SLACK;
    let kills = kills(run);
    for one in &run.executions {
        let Some((call, killed)) = one.driver().and_then(|driver| kills.get(driver)) else {
            continue;
        };
        found.looked();
        let bound = killed.plus(lapse);
        if one.started.is_some_and(|started| started > bound) {
            let what = format!("{} was started after its driver was killed", one.instance);
            found.invalid(what, vec![call.line(), one.line()]);
        }
    }
    found.done()
}

/// The first acknowledged kill of each driver.
pub(super) fn kills(run: &Run) -> HashMap<&DriverId, (&Call, Moment)> {
    let mut kills = HashMap::new();
    for call in &run.calls {
        if let (Op::Kill { driver, .. }, Some((at, Answer::Killed { success: true, .. }))) =
            (&call.op, call.ok())
        {
            kills.entry(driver).or_insert((call, at));
        }
    }
    kills
}

#[cfg(test)]
mod tests {
    use super::super::testing::{invalid, lasting, run, valid};
    use super::check;
    use vesta_types::OnDisconnect::Keep;

    #[test]
    fn a_driver_that_was_started_before_its_kill_or_just_then() {
        let run = run()
            .submitted(0.5, lasting(1, Keep), 1)
            .ran(1, 1, 10, 1.0, 6.0)
            .killed(5.0, 1)
            .submitted(0.5, lasting(2, Keep), 2)
            .killed(5.0, 2)
            .ran(2, 1, 11, 5.5, 6.0);
        valid(check(&run));
    }

    #[test]
    fn a_driver_that_is_started_again_after_its_kill_is_found() {
        let run = run()
            .submitted(0.5, lasting(1, Keep), 1)
            .ran(1, 1, 10, 1.0, 6.0)
            .killed(5.0, 1)
            .ran(1, 2, 11, 10.0, 11.0);
        invalid(check(&run), "after its driver was killed");
    }
}
