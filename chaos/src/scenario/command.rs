//! `chaos list` and `chaos scenario`.

use std::ffi::OsString;
use std::path::{Path, PathBuf};
use std::process::ExitCode;
use std::time::Instant;

use anyhow::Context;
use tempfile::TempDir;

use super::{ALL, Finding, Scenario, Setting, TESTS, named};
use crate::run::Binary;
use crate::site::private;

/// Which scenarios to play.
#[derive(Clone, Debug, clap::Args)]
pub struct Args {
    /// Its name (`chaos list` shows them), or `all`
    #[arg(required_unless_present = "set", conflicts_with = "set")]
    name: Option<String>,
    /// A set of scenarios in the place of one: those that every change must pass
    #[arg(long)]
    set: Option<Set>,
    /// Where to keep everything, a folder for each scenario; kept even if all is valid
    #[arg(long)]
    out: Option<PathBuf>,
    /// How many drivers wait in `half-of-the-workers`; debug builds check the whole state after each entry, and
    /// are slow with many
    #[arg(long, default_value_t = 10_000, value_parser = clap::value_parser!(u16).range(60..))]
    crowd: u16,
    /// The binary under test, built with the feature `faults` or in debug. By default it is built
    #[arg(long)]
    vesta: Option<PathBuf>,
}

/// A set of scenarios.
#[derive(Clone, Copy, Debug, PartialEq, Eq, clap::ValueEnum)]
enum Set {
    /// Bounded: at most eight minutes in sum on two cores
    Ci,
}

/// What came out, as the process's exit code says it.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub enum Outcome {
    /// All are valid: 0.
    Valid,
    /// Of some nothing was found out: 3.
    Unknown,
    /// One is broken: 5.
    Invalid,
}

impl Outcome {
    /// The process's exit code.
    pub fn code(self) -> u8 {
        match self {
            Outcome::Valid => 0,
            Outcome::Unknown => 3,
            Outcome::Invalid => 5,
        }
    }
}

/// What is wrong with the arguments.
#[derive(Debug, thiserror::Error)]
#[error("no scenario is named {name:?}; `chaos list` shows those that there are")]
pub struct NoSuchScenario {
    name: String,
}

/// Prints each scenario with one line, and the seconds that it usually takes.
pub fn list() {
    for it in ALL {
        let set = if it.ci { "ci" } else { "" };
        println!(
            "{:<26} {:>4} s  {set:<3} {} ({})",
            it.name, it.seconds, it.what, it.about
        );
    }
    let seconds: u32 = ALL.iter().filter(|it| it.ci).map(|it| it.seconds).sum();
    println!(
        "\n`chaos scenario NAME` plays one, `--set ci` those marked ci ({seconds} s), `all` every one."
    );
    println!(
        "\nSpark's own seven, by `cargo test -p vesta --test vesta-tests -- seven_scenarios::NAME`:"
    );
    for (name, what) in TESTS {
        println!("{name:<26} {what}");
    }
}

/// Plays what was asked for, one after the other, and says what came out.
///
/// # Errors
/// When a name is nobody's, the binary can't be had, or the directory can't be made.
pub async fn play(args: &Args) -> anyhow::Result<ExitCode> {
    let wanted = chosen(args)?;
    let inside = private::is_inside();
    if inside {
        private::prepare().await?;
    }
    let (out, temporary) = directory(args)?;
    let vesta = match &args.vesta {
        Some(path) if inside => path.clone(),
        given => Binary::prepare(given.as_deref(), &out)?.path,
    };
    let mut worst = Outcome::Valid;
    let mut left_out = Vec::new();
    for scenario in &wanted {
        let outcome = if !scenario.apart || inside {
            here(scenario, &vesta, &out, args.crowd).await?
        } else if let Err(error) = private::probe() {
            println!(
                "{}: left out, for it needs namespaces: {error:#}",
                scenario.name
            );
            left_out.push(scenario.name);
            continue;
        } else {
            apart(scenario, &vesta, &out).await?
        };
        worst = worst.max(outcome);
    }
    if !left_out.is_empty() {
        println!("left out: {}", left_out.join(", "));
        // Of a set it is said; of one scenario nothing else was asked.
        if wanted.len() == 1 {
            worst = Outcome::Unknown;
        }
    }
    if let Some(mut dir) = temporary {
        // For whoever looks into what is not valid.
        dir.disable_cleanup(worst != Outcome::Valid);
    }
    Ok(ExitCode::from(worst.code()))
}

/// Where everything is kept, and whether it goes if all is valid.
fn directory(args: &Args) -> anyhow::Result<(PathBuf, Option<TempDir>)> {
    match &args.out {
        Some(out) => {
            std::fs::create_dir_all(out).with_context(|| out.display().to_string())?;
            Ok((out.canonicalize()?, None))
        }
        None => {
            let dir = tempfile::Builder::new().prefix("chaos-").tempdir()?;
            Ok((dir.path().to_owned(), Some(dir)))
        }
    }
}

/// Plays a scenario in namespaces of its own, by this same program.
async fn apart(scenario: &Scenario, vesta: &Path, out: &Path) -> anyhow::Result<Outcome> {
    let mut arguments: Vec<OsString> = vec!["scenario".into(), scenario.name.into()];
    arguments.extend(["--vesta".into(), vesta.into(), "--out".into(), out.into()]);
    let code = private::enter_as(&arguments).await?;
    Ok(match code {
        0 => Outcome::Valid,
        5 => Outcome::Invalid,
        _ => Outcome::Unknown,
    })
}

/// Plays a scenario in this process.
async fn here(
    scenario: &Scenario,
    vesta: &Path,
    out: &Path,
    crowd: u16,
) -> anyhow::Result<Outcome> {
    let dir = out.join(scenario.name);
    std::fs::create_dir(&dir)
        .with_context(|| format!("{}: --out must name a place of its own", dir.display()))?;
    println!("{}: {}", scenario.name, scenario.what);
    let begun = Instant::now();
    let setting = Setting {
        vesta: vesta.to_owned(),
        dir: dir.clone(),
        crowd,
    };
    let found = scenario.play(setting).await;
    let took = begun.elapsed().as_secs_f64();
    Ok(match found {
        Ok(()) => {
            println!("  valid, {took:.1} s");
            Outcome::Valid
        }
        Err(finding) => {
            let (word, outcome) = match finding {
                Finding::Broken(_) => ("invalid", Outcome::Invalid),
                Finding::Unknown(_) => ("unknown", Outcome::Unknown),
            };
            println!("  {word}, {took:.1} s: {finding}");
            println!("  everything is kept in {}", dir.display());
            outcome
        }
    })
}

fn chosen(args: &Args) -> Result<Vec<&'static Scenario>, NoSuchScenario> {
    match (&args.set, args.name.as_deref()) {
        (Some(Set::Ci), _) => Ok(ALL.iter().filter(|it| it.ci).collect()),
        (None, None | Some("all")) => Ok(ALL.iter().collect()),
        (None, Some(name)) => {
            let found = named(name).ok_or_else(|| NoSuchScenario {
                name: name.to_owned(),
            });
            Ok(vec![found?])
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn every_scenario_has_a_name_of_its_own_and_those_of_ci_take_eight_minutes_at_most() {
        let names: std::collections::BTreeSet<&str> = ALL.iter().map(|it| it.name).collect();
        assert_eq!(names.len(), ALL.len());
        let seconds: u32 = ALL.iter().filter(|it| it.ci).map(|it| it.seconds).sum();
        assert!(seconds <= 8 * 60, "{seconds} s");
    }

    #[test]
    fn unknown_is_no_pass_and_broken_is_worse() {
        assert!(Outcome::Valid < Outcome::Unknown && Outcome::Unknown < Outcome::Invalid);
        assert_ne!(Outcome::Unknown.code(), 0);
    }
}
