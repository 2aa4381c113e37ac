//! Who led, and what was broken.

use std::collections::BTreeMap;

use super::{FAINT, INK, Plot, RED, RULE};
use crate::check::Run;
use crate::record::{Moment, Observation};

const LANE: f64 = 20.0;
const FAULT_LANE: f64 = 13.0;

/// One after the other, so that an epoch is told from the next.
const EPOCHS: [&str; 6] = [
    "#1f77b4", "#ff9f40", "#2f9e77", "#8e6bbf", "#c2578f", "#7a8b2f",
];

/// A lane for each master: thick and coloured by epoch while it leads, red while nobody reaches it.
pub(super) fn masters(plot: &mut Plot, run: &Run) {
    plot.panel(
        "masters: bars lead, a colour for each epoch; thin lines follow, red is not reached",
    );
    let mut nodes: BTreeMap<&str, Vec<&(Moment, Observation)>> = BTreeMap::new();
    for seen in &run.observations {
        nodes.entry(&seen.1.node).or_default().push(seen);
    }
    for (node, seen) in nodes {
        plot.label(plot.y + 14.0, node);
        for (from, to, state) in stretches(&seen, run.end) {
            let (x, width) = (plot.x(from), (plot.x(to) - plot.x(from)).max(0.8));
            let Observation {
                status,
                leader,
                epoch,
                term,
                ..
            } = state;
            let title = format!("{node} {status}, epoch {epoch}, term {term}, from {from} to {to}");
            let (y, height, fill) = match (*leader, status.as_str()) {
                (true, _) => (3.0, 14.0, EPOCHS[*epoch as usize % EPOCHS.len()]),
                (_, "UNREACHABLE") => (8.0, 4.0, RED),
                _ => (9.0, 2.0, "#b5b5b5"),
            };
            plot.svg.bar((x, plot.y + y), (width, height), fill, &title);
            if *leader && width > 22.0 {
                let text = epoch.to_string();
                plot.svg.text(
                    (x + width / 2.0, plot.y + 14.0),
                    10,
                    "middle",
                    "#ffffff",
                    &text,
                );
            }
        }
        plot.y += LANE;
    }
}

/// What a master said, for as long as it said the same.
fn stretches<'a>(
    seen: &[&'a (Moment, Observation)],
    end: Moment,
) -> Vec<(Moment, Moment, &'a Observation)> {
    let same = |a: &Observation, b: &Observation| {
        (a.leader, a.epoch, &a.status) == (b.leader, b.epoch, &b.status)
    };
    let mut all: Vec<(Moment, Moment, &Observation)> = Vec::new();
    for (at, state) in seen.iter().copied() {
        match all.last_mut() {
            Some((_, to, last)) if same(last, state) => *to = *at,
            Some((_, to, _)) => {
                *to = *at;
                all.push((*at, *at, state));
            }
            None => all.push((*at, *at, state)),
        }
    }
    if let Some((_, to, _)) = all.last_mut() {
        *to = end;
    }
    all
}

/// A lane for each kind of fault.
pub(super) fn faults(plot: &mut Plot, run: &Run) {
    plot.panel("faults: dark ones hit the leader; rest the pointer on one to see whom it hit");
    let mut kinds: BTreeMap<&str, Vec<&crate::check::Fault>> = BTreeMap::new();
    for fault in &run.faults {
        kinds.entry(&fault.name).or_default().push(fault);
    }
    for (kind, faults) in kinds {
        let count = faults.len();
        plot.label(plot.y + 10.0, &format!("{kind} ({count})"));
        let (from, to) = (
            (super::LEFT, plot.y + 12.5),
            (plot.x(run.end), plot.y + 12.5),
        );
        plot.svg.line(from, to, RULE);
        for fault in faults {
            let x = plot.x(fault.began);
            let width = (plot.x(fault.ended.unwrap_or(run.end)) - x).max(2.5);
            let fill = match (&fault.seen, fault.hits_leader()) {
                (None, _) => FAINT,
                (Some(_), true) => INK,
                (Some(_), false) => "#7396b8",
            };
            plot.svg
                .bar((x, plot.y + 2.0), (width, 9.0), fill, &fault.line());
        }
        plot.y += FAULT_LANE;
    }
}
