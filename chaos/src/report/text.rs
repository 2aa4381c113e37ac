//! The report as text: what is wrong first, then what was measured.

use std::collections::BTreeMap;
use std::fmt::Write;

use crate::record::{CheckResult, Judgement, Letter, NetMode, Options, Verdict};

/// Lines of an explanation are cut to this.
const LINE_MAX: usize = 400;

/// The whole text.
pub fn of(options: &Options, verdict: &Verdict) -> String {
    let mut text = String::new();
    // Writing to a string can't fail.
    let _ = head(&mut text, options, verdict);
    let _ = checks(&mut text, &verdict.checks);
    let _ = figures(&mut text, verdict);
    let _ = coverage(&mut text, &verdict.figures.coverage);
    text
}

fn head(text: &mut String, options: &Options, verdict: &Verdict) -> std::fmt::Result {
    let what = match &options.scenario {
        Some(name) => format!("scenario {name}"),
        None => format!("seed {}", options.seed),
    };
    writeln!(
        text,
        "{}: {what}",
        verdict.judgement.to_string().to_uppercase()
    )?;
    let net = match options.net {
        NetMode::Namespaces => "a network namespace each",
        NetMode::Loopback => "all on loopback (no fault of links or disks)",
    };
    let (minutes, seconds) = (options.seconds / 60, options.seconds % 60);
    writeln!(
        text,
        "{minutes} min {seconds} s of faults, {} masters, {} workers, {net}; worker_timeout {} ms; {}",
        options.masters, options.workers, options.timings.worker_timeout_ms, options.commit
    )
}

fn checks(text: &mut String, checks: &[CheckResult]) -> std::fmt::Result {
    let mut sorted: Vec<&CheckResult> = checks.iter().collect();
    sorted.sort_by_key(|it| std::cmp::Reverse(it.judgement));
    for check in sorted {
        let CheckResult {
            check: name,
            demands,
            judgement,
            looked_at,
            found,
            findings,
        } = check;
        match judgement {
            Judgement::Valid if *looked_at == 0 => {
                writeln!(text, "  -        {name:13} nothing to look at")?;
            }
            Judgement::Valid => writeln!(text, "  valid    {name:13} {looked_at} looked at")?,
            _ => {
                writeln!(
                    text,
                    "\n  {:8} {name:13} {found} of {looked_at}; demanded: {demands}",
                    judgement.to_string().to_uppercase()
                )?;
            }
        }
        for finding in findings {
            writeln!(text, "    {}: {}", finding.judgement, finding.what)?;
            for line in &finding.lines {
                let line: String = line.chars().take(LINE_MAX).collect();
                writeln!(text, "      {line}")?;
            }
        }
        if *found > findings.len() as u64 {
            writeln!(text, "    … and {} more", found - findings.len() as u64)?;
        }
    }
    Ok(())
}

fn figures(text: &mut String, verdict: &Verdict) -> std::fmt::Result {
    let figures = &verdict.figures;
    writeln!(text)?;
    for (name, value) in &figures.numbers {
        writeln!(text, "  {name:44} {value:>12.0}")?;
    }
    let gaps: Vec<f64> = figures.write_gaps_ms.values().flatten().copied().collect();
    for (name, values) in [
        (
            "no write answered, at each change of leader",
            &figures.failover_gaps_ms,
        ),
        ("no write answered, at faults of a leader", &gaps),
        (
            "until the next process starts, likewise",
            &figures.start_gaps_ms,
        ),
        (
            "two copies of a keep driver, overlap",
            &figures.keep_overlaps_ms,
        ),
    ] {
        writeln!(text, "  {name:44} {}", distribution(values))?;
    }
    if !figures.write_gaps_ms.is_empty() {
        writeln!(text, "\n  no write answered, by fault of a leader")?;
    }
    for (fault, values) in &figures.write_gaps_ms {
        writeln!(text, "    {fault:42} {}", distribution(values))?;
    }
    Ok(())
}

/// `p50 812 ms, p99 2301 ms, max 2400 ms (n = 57)`.
pub(super) fn distribution(values: &[f64]) -> String {
    let mut sorted = values.to_vec();
    sorted.sort_by(f64::total_cmp);
    let Some(max) = sorted.last() else {
        return "none".to_owned();
    };
    // The nearest rank: with fewer than a hundred the 99th percentile is the greatest.
    let at = |part: f64| sorted[((part * sorted.len() as f64).ceil() as usize).max(1) - 1];
    let n = sorted.len();
    format!(
        "p50 {:.0} ms, p99 {:.0} ms, max {max:.0} ms (n = {n})",
        at(0.5),
        at(0.99)
    )
}

/// Faults by phases: how often each fault hit what was under way.
fn coverage(
    text: &mut String,
    coverage: &BTreeMap<String, BTreeMap<String, u32>>,
) -> std::fmt::Result {
    if coverage.is_empty() {
        return Ok(());
    }
    let width = coverage.keys().map(String::len).max().unwrap_or(0).max(5);
    write!(text, "\n  {:width$}{:>5}", "fault", "all")?;
    for letter in Letter::ALL {
        write!(text, "{:>5}", letter.to_string())?;
    }
    writeln!(text)?;
    for (fault, phases) in coverage {
        let all = phases.get("all").copied().unwrap_or(0);
        write!(text, "  {fault:width$}{all:>5}")?;
        for letter in Letter::ALL {
            match phases.get(&letter.to_string()) {
                Some(count) => write!(text, "{count:>5}")?,
                None => write!(text, "{:>5}", "·")?,
            }
        }
        writeln!(text)?;
    }
    writeln!(
        text,
        "  F forming, Q submission in flight, S placed, L about to exec, R running, U report in flight, \
         K kill in flight,\n  E election, V re-attachment, N snapshot, M member change"
    )
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::record::Finding;

    #[test]
    fn percentiles_are_values_that_were_seen() {
        let values: Vec<f64> = (1..=200).map(f64::from).collect();
        assert_eq!(
            distribution(&values),
            "p50 100 ms, p99 198 ms, max 200 ms (n = 200)"
        );
        assert_eq!(distribution(&[7.0]), "p50 7 ms, p99 7 ms, max 7 ms (n = 1)");
        assert_eq!(distribution(&[]), "none");
    }

    #[test]
    fn what_is_wrong_is_read_first_with_the_lines_that_show_it() {
        let check = |name: &str, judgement| CheckResult {
            check: name.to_owned(),
            judgement,
            looked_at: 3,
            found: 1,
            findings: vec![Finding {
                judgement,
                what: format!("{name} is odd"),
                lines: vec!["a line".to_owned()],
            }],
            ..CheckResult::default()
        };
        let fine = CheckResult {
            check: "fine".to_owned(),
            looked_at: 3,
            ..CheckResult::default()
        };
        let mut text = String::new();
        let all = [
            fine,
            check("open", Judgement::Unknown),
            check("bad", Judgement::Invalid),
        ];
        checks(&mut text, &all).unwrap();
        let place = |what: &str| text.find(what).unwrap();
        assert!(place("bad is odd") < place("open is odd"));
        assert!(place("open is odd") < place("valid    fine"));
        assert!(text.contains("      a line"));
    }
}
