//! `chaos`: runs by seed and scenarios by name, and the judgement of their directories.

use std::ffi::OsString;
use std::io::Write;
use std::path::PathBuf;
use std::process::ExitCode;

use anyhow::Result;
use chaos::record::{Judgement, NetMode, RunDir};
use chaos::scenario::command as scenarios;
use chaos::site::private;
use chaos::work;
use chaos::{report, run};
use clap::{Parser, Subcommand};

/// The run is not as it must be.
const INVALID: u8 = 5;

/// Too little is known of the run.
const UNKNOWN: u8 = 3;

/// Something that was asked for can't be had.
const REFUSED: u8 = 1;

/// Faults against a cluster of real processes, and the judgement of what it did under them.
#[derive(Debug, Parser)]
#[command(name = "chaos", version, arg_required_else_help = true)]
struct Cli {
    #[command(subcommand)]
    command: Command,
}

#[derive(Debug, Subcommand)]
enum Command {
    Run(run::Arguments),
    /// Judge the directory of a run again
    Check {
        /// The run's directory
        dir: PathBuf,
    },
    /// Show every scenario: what happens in it, what it is about, how long it takes
    List,
    /// Play a scenario, or a set of them: exit code 0 if valid, 5 if not, 3 if nothing was found out
    Scenario(scenarios::Args),
    /// The programs that the load has run
    #[command(subcommand, hide = true)]
    Work(work::Args),
    /// What a run begins its own namespaces with
    #[command(name = private::FIRST, hide = true)]
    First {
        /// The arguments of the run proper
        #[arg(trailing_var_arg = true, allow_hyphen_values = true)]
        arguments: Vec<OsString>,
    },
}

fn main() -> ExitCode {
    let done = match Cli::parse().command {
        Command::First { arguments } => private::first_process(&arguments),
        Command::Work(arguments) => work::run(&arguments).map(ExitCode::from),
        Command::Run(arguments) => run_by_seed(&arguments),
        Command::Check { dir } => judge(&RunDir::at(dir)).map(|it| code_of(it, &[])),
        Command::List => {
            scenarios::list();
            Ok(ExitCode::SUCCESS)
        }
        Command::Scenario(arguments) => play(&arguments),
    };
    done.unwrap_or_else(|error| {
        eprintln!("chaos: {error:#}");
        ExitCode::from(REFUSED)
    })
}

#[tokio::main]
async fn run_by_seed(arguments: &run::Arguments) -> Result<ExitCode> {
    let dir = match run::given_directory() {
        Some(path) => RunDir::at(path),
        None => run::directory(arguments)?,
    };
    let (mode, _) = run::mode(arguments.net)?;
    if mode == NetMode::Namespaces && !private::is_inside() {
        return private::enter(run::DIRECTORY, dir.path()).await;
    }
    let ran = run::run(arguments, dir).await?;
    let judgement = judge(&ran.dir)?;
    for finding in &ran.findings {
        println!("the run itself found: {finding}");
    }
    Ok(code_of(judgement, &ran.findings))
}

/// Judges a run by its directory, writes what it came to there, and tells it.
fn judge(dir: &RunDir) -> Result<Judgement> {
    let verdict = report::conclude(dir)?;
    let text = std::fs::read_to_string(dir.report_text())?;
    // Whoever reads no more than its beginning may hang up: the judgement stands.
    let _ = writeln!(std::io::stdout(), "{text}{}", dir.report_text().display());
    Ok(verdict.judgement)
}

/// 0 valid, 5 invalid, 3 unknown.
fn code_of(judgement: Judgement, findings: &[String]) -> ExitCode {
    ExitCode::from(match judgement {
        Judgement::Invalid => INVALID,
        _ if !findings.is_empty() => INVALID,
        Judgement::Unknown => UNKNOWN,
        Judgement::Valid => 0,
    })
}

#[tokio::main]
async fn play(arguments: &scenarios::Args) -> Result<ExitCode> {
    let asked = private::asked_to_end()?;
    tokio::select! {
        done = scenarios::play(arguments) => done,
        how = asked => anyhow::bail!("{how}: the scenario was ended"),
    }
}
