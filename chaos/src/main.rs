//! `chaos`: runs by seed and scenarios by name, and the judgement of their directories.

use std::ffi::OsString;
use std::process::ExitCode;

use anyhow::Result;
use chaos::record::{NetMode, RunDir};
use chaos::run;
use chaos::site::private;
use chaos::work;
use clap::{Parser, Subcommand};

/// The run is not as it must be.
const INVALID: u8 = 5;

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
    let code = if ran.findings.is_empty() { 0 } else { INVALID };
    Ok(ExitCode::from(code))
}
