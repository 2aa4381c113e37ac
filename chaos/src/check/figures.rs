//! What is measured in a run.

use std::collections::BTreeMap;
use std::time::Duration;

use super::copies::keep_overlaps;
use super::{Fault, Run};
use crate::load::PROBE;
use crate::record::{Figures, Moment};

/// So long after a fault its effect on availability is looked for, unless another one comes before.
const REACH: Duration = Duration::from_secs(30);

/// Measures a run.
pub(super) fn of(run: &Run) -> Figures {
    let writes = writes(run);
    let starts: Vec<Moment> = run.executions.iter().filter_map(|it| it.started).collect();
    let leaders: Vec<&Fault> = run.faults.iter().filter(|it| it.hits_leader()).collect();
    let millis = |time: Duration| time.as_secs_f64() * 1e3;
    let mut write_gaps_ms: BTreeMap<String, Vec<f64>> = BTreeMap::new();
    for fault in &leaders {
        if let Some(gap) = write_gap(run, fault, &writes) {
            write_gaps_ms
                .entry(fault.name.clone())
                .or_default()
                .push(millis(gap));
        }
    }
    let start_gaps = leaders.iter().filter_map(|fault| {
        let next = starts.partition_point(|at| *at <= fault.began);
        Some(starts.get(next)?.since(fault.began))
    });
    let mut coverage: BTreeMap<String, BTreeMap<String, u32>> = BTreeMap::new();
    for fault in run.faults.iter().filter(|it| it.seen.is_some()) {
        let phases = coverage.entry(fault.name.clone()).or_default();
        *phases.entry("all".to_owned()).or_default() += 1;
        for phase in &fault.phases {
            *phases.entry(phase.to_string()).or_default() += 1;
        }
    }
    Figures {
        numbers: numbers(run),
        write_gaps_ms,
        failover_gaps_ms: failover_gaps(run, &writes)
            .into_iter()
            .map(millis)
            .collect(),
        start_gaps_ms: start_gaps.map(millis).collect(),
        keep_overlaps_ms: keep_overlaps(run).into_iter().map(millis).collect(),
        coverage,
    }
}

/// When each of the probe's writes was answered with yes, in order.
fn writes(run: &Run) -> Vec<Moment> {
    let probes = run.calls.iter().filter(|it| it.id.client == PROBE);
    let mut at: Vec<Moment> = probes.filter_map(|it| Some(it.ok()?.0)).collect();
    at.sort_unstable();
    at
}

/// The longest time without an acknowledged write that began no earlier than the fault's last write before
/// it; `None` if there is no write before or after.
fn write_gap(run: &Run, fault: &Fault, writes: &[Moment]) -> Option<Duration> {
    let next = run
        .faults
        .iter()
        .map(|it| it.began)
        .filter(|at| *at > fault.began);
    let until = next.min().unwrap_or(run.end).min(fault.began.plus(REACH));
    let first = writes
        .partition_point(|at| *at <= fault.began)
        .checked_sub(1)?;
    let pairs = writes[first..]
        .windows(2)
        .take_while(|pair| pair[0] < until);
    pairs.map(|pair| pair[1].since(pair[0])).max()
}

/// The longest time without an acknowledged write about each beginning of a leadership but the first.
fn failover_gaps(run: &Run, writes: &[Moment]) -> Vec<Duration> {
    let mut gaps = Vec::new();
    let mut epoch = 0;
    for (at, seen) in &run.observations {
        if !seen.leader || seen.epoch <= epoch {
            continue;
        }
        let is_first = std::mem::replace(&mut epoch, seen.epoch) == 0;
        let from = writes.partition_point(|write| *write <= at.minus(SEEN_LATE));
        let pairs = writes[from.saturating_sub(1)..].windows(2);
        let pairs = pairs.take_while(|pair| pair[0] <= at.plus(SEEN_EARLY));
        if let Some(gap) = pairs.map(|pair| pair[1].since(pair[0])).max()
            && !is_first
        {
            gaps.push(gap);
        }
    }
    gaps
}

/// So late at most a new leader is seen: it is asked now and then.
const SEEN_LATE: Duration = Duration::from_secs(2);

/// So early it may be seen before it answers a write.
const SEEN_EARLY: Duration = Duration::from_millis(500);

fn numbers(run: &Run) -> BTreeMap<String, f64> {
    let count =
        |which: &dyn Fn(&super::Call) -> bool| run.calls.iter().filter(|it| which(it)).count();
    let ok = count(&|it| it.ok().is_some());
    let failed = count(&|it| it.failed());
    let submitted =
        count(&|it| matches!(it.ok(), Some((_, crate::record::Answer::Submitted { .. }))));
    let epochs = run
        .observations
        .iter()
        .map(|it| it.1.epoch)
        .max()
        .unwrap_or(0);
    let left = run
        .executions
        .iter()
        .filter(|it| it.started.is_none())
        .count();
    let failovers = run.last_state().map_or(&[][..], |it| &it.failovers[..]);
    let killed: u32 = failovers.iter().map(|it| it.executors_killed).sum();
    [
        ("seconds", run.end.seconds()),
        ("calls", run.calls.len() as f64),
        ("calls ok", ok as f64),
        ("calls failed", failed as f64),
        ("calls unknown", (run.calls.len() - ok - failed) as f64),
        ("submissions acknowledged", submitted as f64),
        (
            "processes started",
            run.executions
                .iter()
                .filter(|it| it.started.is_some())
                .count() as f64,
        ),
        ("processes left behind", left as f64),
        ("faults", run.faults.len() as f64),
        (
            "faults at leaders",
            run.faults.iter().filter(|it| it.hits_leader()).count() as f64,
        ),
        ("epochs", epochs as f64),
        ("executors killed by the last fail-overs", f64::from(killed)),
    ]
    .map(|(name, value)| (name.to_owned(), value))
    .into()
}

#[cfg(test)]
mod tests {
    use super::super::testing::{run, submit};
    use super::*;

    #[test]
    fn each_change_of_the_leader_is_measured_but_not_the_first_election() {
        let mut run = run();
        for (number, when) in [1.0, 9.0, 9.95, 11.2, 11.25].into_iter().enumerate() {
            run = run.submitted(when - 0.01, submit(number as u64), number as u64);
        }
        for call in &mut run.calls {
            call.id.client = PROBE.to_owned();
        }
        for (when, epoch) in [(0.5, 1), (11.3, 2), (11.4, 2)] {
            let seen = crate::record::Observation {
                leader: true,
                epoch,
                ..Default::default()
            };
            run = run.happened(when, crate::record::What::Observation(seen));
        }
        let gaps = of(&run).failover_gaps_ms;
        assert_eq!(gaps.len(), 1);
        assert!((gaps[0] - 1_250.0).abs() < 1.0, "{gaps:?}");
    }

    #[test]
    fn a_fail_overs_unavailability_is_from_the_last_write_before_to_the_first_after() {
        let mut run = run().fault(1, 10.0, 12.0, "master-1");
        for (number, when) in [9.0, 9.95, 11.2, 11.25].into_iter().enumerate() {
            run = run.submitted(when - 0.01, submit(number as u64), number as u64);
        }
        for call in &mut run.calls {
            call.id.client = PROBE.to_owned();
        }
        let run = run.ran(1, 1, 5, 9.0, 20.0).ran(2, 1, 6, 10.8, 20.0);
        let figures = of(&run);
        let gaps = &figures.write_gaps_ms["kill-leader"];
        assert_eq!(gaps.len(), 1);
        assert!((gaps[0] - 1_250.0).abs() < 1.0, "{figures:?}");
        assert!(
            (figures.start_gaps_ms[0] - 800.0).abs() < 1.0,
            "{figures:?}"
        );
        assert_eq!(figures.coverage["kill-leader"]["R"], 1);
    }
}
