//! I28: memory, descriptors, threads and disk don't grow.

use std::collections::BTreeMap;
use std::time::Duration;

use super::Run;
use super::collector::Collector;
use crate::record::{CheckResult, Moment, NodeSample, Phase};

/// In less time than this nothing can be told from growth that comes to an end.
const SHORTEST: Duration = Duration::from_secs(600);

/// What is looked at of a sample.
type Value = fn(&NodeSample) -> u64;

/// What may grow, by how much of itself, and beyond that, from the second to the last third of a run.
const BOUNDS: [(&str, Value, f64, u64); 4] = [
    // The keys and the history of a day's writes fill up over a run: some hundred bytes for each.
    (
        "resident memory in bytes",
        |it| it.rss_bytes,
        0.25,
        24 << 20,
    ),
    ("descriptors", |it| it.fds, 0.2, 16),
    ("threads", |it| it.threads, 0.2, 8),
    (
        "bytes of its data directory",
        |it| it.disk_bytes,
        0.5,
        64 << 20,
    ),
];

/// The median of each in the last third is about what it was in the second.
pub(super) fn check(run: &Run) -> CheckResult {
    let mut found = Collector::new(
        "flat",
        "memory, descriptors, threads and data directories don't grow from the second to the last third of \
         a run of ten minutes or more (I28)",
    );
    let Some((begin, end)) = span(run).filter(|(begin, end)| end.since(*begin) >= SHORTEST) else {
        return found.done();
    };
    let third = end.since(begin) / 3;
    let middle = (begin.plus(third), begin.plus(third * 2));
    let last = (begin.plus(third * 2), end);
    let mut nodes: BTreeMap<&str, Vec<&(Moment, NodeSample)>> = BTreeMap::new();
    for sample in &run.samples {
        nodes.entry(&sample.1.node).or_default().push(sample);
    }
    if nodes.is_empty() {
        found.unknown("nobody looked at what the nodes take".to_owned(), vec![]);
    }
    for (node, samples) in nodes {
        for (what, value, part, beyond) in BOUNDS {
            found.looked();
            let within = |(from, to): (Moment, Moment)| {
                let samples = samples.iter().filter(|it| (from..to).contains(&it.0));
                median(samples.map(|it| value(&it.1)).collect())
            };
            let (Some(before), Some(after)) = (within(middle), within(last)) else {
                found.unknown(
                    format!("{node} was not looked at in a third of the run"),
                    vec![],
                );
                continue;
            };
            let bound = before as f64 * (1.0 + part) + beyond as f64;
            if after as f64 > bound {
                let line =
                    format!("{node}: {what}: {before} in the second third, {after} in the last");
                found.invalid(
                    format!("{node} grows: {what} are over {bound:.0}"),
                    vec![line],
                );
            }
        }
    }
    found.done()
}

/// From the first fault's phase to the healing.
fn span(run: &Run) -> Option<(Moment, Moment)> {
    let begin = run.phase(Phase::Safety)?;
    Some((begin, run.phase(Phase::Healing).unwrap_or(run.end)))
}

fn median(mut values: Vec<u64>) -> Option<u64> {
    values.sort_unstable();
    values.get(values.len() / 2).copied()
}

#[cfg(test)]
mod tests {
    use super::super::testing::{invalid, run, unknown, valid};
    use super::check;
    use crate::check::Run;
    use crate::record::{NodeSample, Phase, What};

    fn soak(minutes: u32, grows: u64) -> Run {
        let mut run = run().phase_from(0.0, Phase::Safety);
        for minute in 0..minutes {
            let sample = NodeSample {
                node: "master-1".to_owned(),
                fds: 50 + u64::from(minute) * grows,
                ..NodeSample::default()
            };
            run = run.happened(f64::from(minute) * 60.0, What::Sample(sample));
        }
        run.phase_from(f64::from(minutes) * 60.0, Phase::Healing)
    }

    #[test]
    fn what_stays_is_flat_and_what_grows_is_found() {
        valid(check(&soak(30, 0)));
        invalid(check(&soak(30, 5)), "descriptors");
    }

    #[test]
    fn a_short_run_is_not_judged_by_it() {
        let result = check(&soak(5, 100));
        assert_eq!((result.looked_at, result.found), (0, 0));
    }

    #[test]
    fn without_samples_nothing_is_known() {
        let run = run()
            .phase_from(0.0, Phase::Safety)
            .phase_from(1_800.0, Phase::Healing);
        unknown(check(&run), "nobody looked");
    }
}
