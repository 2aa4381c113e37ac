//! The run over its time: who led, what was broken, how long calls took, what was started, what it took.

mod lanes;
mod latency;
mod svg;

use crate::check::Run;
use crate::record::{Judgement, Moment, Phase, Verdict};
use crate::report::text::distribution;
use svg::Svg;

const WIDTH: f64 = 1_600.0;
const LEFT: f64 = 190.0;
const RIGHT: f64 = 20.0;
const INK: &str = "#222222";
const FAINT: &str = "#8a8a8a";
const RULE: &str = "#dddddd";
const RED: &str = "#d62728";

/// The plot as an SVG document.
pub(super) fn of(run: &Run, verdict: &Verdict) -> String {
    let mut plot = Plot {
        svg: Svg::new(WIDTH),
        end: run.end.max(Moment(1_000_000)),
        y: 0.0,
    };
    // Shades lie below everything, and reach as far down as it turns out.
    let mut above = Plot {
        svg: Svg::new(WIDTH),
        ..plot
    };
    above.head(run, verdict);
    let top = above.y;
    lanes::masters(&mut above, run);
    lanes::faults(&mut above, run);
    latency::calls(&mut above, run);
    latency::starts(&mut above, run);
    latency::memory(&mut above, run);
    let bottom = above.y;
    above.axis(top, bottom);
    for (begin, end) in run.stretches(Phase::Quiet) {
        let title = format!("quiet from {begin} to {end}");
        let (from, to) = (above.x(begin), above.x(end));
        plot.svg
            .bar((from, top), (to - from, bottom - top), "#eef5ee", &title);
    }
    plot.svg.append(above.svg);
    plot.svg.done(bottom + 40.0)
}

/// What has been drawn, and how far down.
struct Plot {
    svg: Svg,
    end: Moment,
    y: f64,
}

impl Plot {
    /// Where a time is.
    fn x(&self, at: Moment) -> f64 {
        LEFT + at.0 as f64 / self.end.0 as f64 * (WIDTH - LEFT - RIGHT)
    }

    /// The name of a lane, left of it.
    fn label(&mut self, y: f64, text: &str) {
        self.svg.text((LEFT - 8.0, y), 11, "end", INK, text);
    }

    /// The title of a panel, above it.
    fn panel(&mut self, title: &str) {
        self.y += 26.0;
        self.svg.text((LEFT, self.y - 6.0), 12, "start", INK, title);
    }

    fn head(&mut self, run: &Run, verdict: &Verdict) {
        let options = &run.options;
        let what = match &options.scenario {
            Some(name) => format!("scenario {name}"),
            None => format!("seed {}", options.seed),
        };
        let colour = match verdict.judgement {
            Judgement::Valid => "#2ca02c",
            Judgement::Unknown => "#b8860b",
            Judgement::Invalid => RED,
        };
        let judgement = verdict.judgement.to_string().to_uppercase();
        self.svg.text((20.0, 30.0), 20, "start", colour, &judgement);
        let words = format!(
            "{what}: {} masters, {} workers, {} faults, {} calls; worker_timeout {} ms; {}",
            options.masters,
            options.workers,
            run.faults.len(),
            run.calls.len(),
            options.timings.worker_timeout_ms,
            options.commit
        );
        self.svg.text((LEFT, 28.0), 14, "start", INK, &words);
        let gaps = distribution(&verdict.figures.failover_gaps_ms);
        let starts = distribution(&verdict.figures.start_gaps_ms);
        let words = format!(
            "changes of leader: no write answered for {gaps}; faults of a leader: next process after {starts}"
        );
        self.svg.text((LEFT, 46.0), 12, "start", FAINT, &words);
        self.y = 56.0;
    }

    /// Times, below all, and faint lines through all.
    fn axis(&mut self, top: f64, bottom: f64) {
        let seconds = self.end.seconds();
        let steps = [1.0, 5.0, 10.0, 30.0, 60.0, 120.0, 300.0, 600.0, 1_800.0];
        let step = steps
            .into_iter()
            .find(|step| seconds / step <= 32.0)
            .unwrap_or(3_600.0);
        let mut at = 0.0;
        while at <= seconds {
            let x = self.x(Moment((at * 1e6) as u64));
            self.svg.line((x, top), (x, bottom + 6.0), "#00000014");
            let text = match step < 60.0 {
                true => format!("{at:.0} s"),
                false => format!("{:.0} min", at / 60.0),
            };
            self.svg
                .text((x, bottom + 20.0), 11, "middle", FAINT, &text);
            at += step;
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::record::{Event, Observation, What};

    #[test]
    fn a_run_is_drawn_with_its_faults_and_whoever_led() {
        let text = include_str!("../../../tests/options.json");
        let mut run = Run::new(serde_json::from_str(text).unwrap());
        let observed = |leader| {
            What::Observation(Observation {
                node: "master-1".into(),
                status: "ALIVE".into(),
                leader,
                epoch: 7,
                ..Observation::default()
            })
        };
        let began = What::FaultBegan {
            id: 1,
            fault: "kill-<leader>".into(),
            targets: vec!["master-1".into()],
            leader: None,
            phases: vec![],
        };
        for (second, what) in [(1, observed(true)), (5, began), (9, observed(false))] {
            run.add(Event {
                at: Moment(second * 1_000_000),
                what,
            });
        }
        let drawn = of(&run, &Verdict::default());
        assert!(drawn.contains("epoch 7"), "{drawn}");
        assert!(drawn.contains("kill-&lt;leader&gt;"), "{drawn}");
        assert!(!drawn.contains("NaN"), "{drawn}");
    }
}
