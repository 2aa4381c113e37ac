//! How long calls took, what was started, and what masters take.

use std::collections::BTreeMap;
use std::time::Duration;

use super::{FAINT, LEFT, Plot, RED, RULE};
use crate::check::{Call, Run};
use crate::load::PROBE;
use crate::record::{Moment, Op};

const WRITES: &str = "#1f77b4";
const READS: &str = "#9bbf8a";

/// So many dots per pixel of width are enough; beyond, the slowest and the middle one of each pixel show all.
const DOTS_MAX: usize = 4_000;

/// A time without an answer is shown as one from here on.
const GAP: Duration = Duration::from_millis(500);

/// The latencies that are told apart, in seconds: one height for each factor of ten.
const LOWEST: f64 = 0.000_3;
const HIGHEST: f64 = 30.0;

/// Every call that was answered, on a logarithmic scale, and the times without writes.
pub(super) fn calls(plot: &mut Plot, run: &Run) {
    plot.panel(
        "time until a call is answered (blue: writes, green: reads); red: no probe's write was answered",
    );
    let (top, height) = (plot.y, 240.0);
    let y = |seconds: f64| {
        let part = (seconds.clamp(LOWEST, HIGHEST) / LOWEST).ln() / (HIGHEST / LOWEST).ln();
        top + height * (1.0 - part)
    };
    for (seconds, name) in [
        (0.001, "1 ms"),
        (0.01, "10 ms"),
        (0.1, "100 ms"),
        (1.0, "1 s"),
        (10.0, "10 s"),
    ] {
        let end = plot.x(plot.end);
        plot.svg.line((LEFT, y(seconds)), (end, y(seconds)), RULE);
        plot.label(y(seconds) + 4.0, name);
    }
    for (from, to) in gaps(run) {
        let (x, width) = (plot.x(from), (plot.x(to) - plot.x(from)).max(1.5));
        let title = format!(
            "no write answered for {:?}, from {from} to {to}",
            to.since(from)
        );
        plot.svg.bar((x, top), (width, height), "#d6272855", &title);
    }
    let is_write = |call: &Call| matches!(call.op, Op::Submit(_) | Op::Kill { .. });
    let answered = |writes: bool| {
        let calls = run
            .calls
            .iter()
            .filter(move |call| is_write(call) == writes);
        calls.filter_map(|call| Some((call.invoked, call.ok()?.0.since(call.invoked))))
    };
    for (writes, fill) in [(false, READS), (true, WRITES)] {
        for (at, took) in thinned(plot, answered(writes).collect()) {
            let title = match took > GAP {
                true => format!("{at}: answered after {took:?}"),
                false => String::new(),
            };
            let place = (plot.x(at), y(took.as_secs_f64()));
            plot.svg
                .dot(place, if took > GAP { 2.0 } else { 1.1 }, fill, &title);
        }
    }
    plot.y += height;
}

/// All dots if they are few, else the slowest and the middle one for each pixel.
fn thinned(plot: &Plot, dots: Vec<(Moment, Duration)>) -> Vec<(Moment, Duration)> {
    if dots.len() <= DOTS_MAX {
        return dots;
    }
    let mut columns: BTreeMap<u64, Vec<(Moment, Duration)>> = BTreeMap::new();
    for dot in dots {
        columns.entry(plot.x(dot.0) as u64).or_default().push(dot);
    }
    let mut kept = Vec::new();
    for mut column in columns.into_values() {
        column.sort_by_key(|it| it.1);
        kept.push(column[column.len() / 2]);
        kept.push(column[column.len() - 1]);
    }
    kept
}

/// Times in which none of the probe's writes was answered.
fn gaps(run: &Run) -> Vec<(Moment, Moment)> {
    let probes = run.calls.iter().filter(|it| it.id.client == PROBE);
    let mut ok: Vec<Moment> = probes.filter_map(|it| Some(it.ok()?.0)).collect();
    ok.sort_unstable();
    let pairs = ok.windows(2).filter(|pair| pair[1].since(pair[0]) > GAP);
    pairs.map(|pair| (pair[0], pair[1])).collect()
}

/// Processes that were started, per second.
pub(super) fn starts(plot: &mut Plot, run: &Run) {
    let bin = Duration::from_secs(((plot.end.seconds() / 700.0).ceil() as u64).max(1));
    let mut bins: BTreeMap<u64, u32> = BTreeMap::new();
    for started in run.executions.iter().filter_map(|it| it.started) {
        *bins.entry(started.0 / Moment::of(bin).0).or_default() += 1;
    }
    let per_second = |count: u32| f64::from(count) / bin.as_secs_f64();
    let most = bins
        .values()
        .copied()
        .max()
        .map_or(1.0, per_second)
        .max(0.1);
    plot.panel("processes started per second");
    plot.label(plot.y + 8.0, &format!("{most:.1}"));
    let height = 60.0;
    for (at, count) in bins {
        let from = Moment(at * Moment::of(bin).0);
        let (x, width) = (plot.x(from), plot.x(from.plus(bin)) - plot.x(from));
        let bar = per_second(count) / most * height;
        let title = format!("{from}: {:.1} per second", per_second(count));
        plot.svg
            .bar((x, plot.y + height - bar), (width, bar), "#8fb4d9", &title);
    }
    plot.y += height;
    let end = plot.x(plot.end);
    plot.svg.line((LEFT, plot.y), (end, plot.y), RULE);
}

/// Resident memory of each master.
pub(super) fn memory(plot: &mut Plot, run: &Run) {
    let mut nodes: BTreeMap<&str, Vec<(Moment, u64)>> = BTreeMap::new();
    for (at, sample) in run
        .samples
        .iter()
        .filter(|it| it.1.node.starts_with("master"))
    {
        nodes
            .entry(&sample.node)
            .or_default()
            .push((*at, sample.rss_bytes));
    }
    let most = nodes
        .values()
        .flatten()
        .map(|it| it.1)
        .max()
        .unwrap_or(0)
        .max(1);
    plot.panel("resident memory of masters, a line each");
    plot.label(
        plot.y + 8.0,
        &format!("{:.0} MiB", most as f64 / 1_048_576.0),
    );
    let height = 70.0;
    let colours = [WRITES, "#ff9f40", "#2f9e77", "#8e6bbf", RED];
    for ((_, samples), colour) in nodes.into_iter().zip(colours.into_iter().cycle()) {
        let y = |bytes: u64| plot.y + height * (1.0 - bytes as f64 / most as f64);
        let points: Vec<_> = samples.iter().map(|it| (plot.x(it.0), y(it.1))).collect();
        plot.svg.path(&points, colour);
    }
    plot.y += height;
    let end = plot.x(plot.end);
    plot.svg.line((LEFT, plot.y), (end, plot.y), FAINT);
}
