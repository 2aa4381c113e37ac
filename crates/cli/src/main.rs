//! The `vesta` binary: a thin layer over the crates that do the work.

mod bench;
mod commands;
mod config;
mod connection;
mod demo;
mod exit;
mod faults;
mod files;
mod logging;
mod output;
mod progress;
mod saved;
mod show;
mod trial;
mod units;

use std::ffi::OsString;
use std::path::PathBuf;
use std::process::ExitCode;

use clap::builder::StyledStr;
use clap::error::{ContextKind, ContextValue, ErrorKind};
use clap::{Parser, Subcommand};

use crate::commands::{
    app, cluster, completions, drain, endpoint, failover, kill, list, logs, master, snapshot,
    status, submit, worker,
};
use crate::exit::{EXIT_CODES, Failure};

/// What `--version` says. A build for tests must not be taken for another.
const VERSION: &str = if cfg!(feature = "faults") {
    concat!(
        env!("CARGO_PKG_VERSION"),
        " with faults: for tests, never to be deployed"
    )
} else {
    env!("CARGO_PKG_VERSION")
};

/// A highly available cluster manager of the Apache Spark standalone kind.
///
/// Any master answers any command. Submitting is remote execution: until TLS and tokens are there,
/// masters and workers listen on loopback only.
#[derive(Debug, Parser)]
#[command(name = "vesta", version = VERSION, after_help = EXIT_CODES, arg_required_else_help = true)]
struct Cli {
    #[command(subcommand)]
    command: Command,
}

#[derive(Debug, Subcommand)]
enum Command {
    Submit(Box<submit::Submit>),
    Status(status::Status),
    Kill(kill::Kill),
    List(list::List),
    Logs(logs::Logs),
    App(Box<app::App>),
    Endpoint(endpoint::EndpointCommand),
    Drain(drain::Drain),
    Undrain(drain::Undrain),
    Failover(failover::FailoverCommand),
    Cluster(cluster::ClusterCommand),
    Snapshot(snapshot::SnapshotCommand),
    Master(Box<master::Master>),
    Worker(Box<worker::Worker>),
    Completions(completions::Completions),
    Demo(demo::Args),
    Bench(bench::Args),
    /// Simulated workers of a benchmark.
    #[command(hide = true)]
    BenchFleet(bench::fleet::Args),
    /// A driver of the demo: what the demo submits.
    #[command(hide = true, subcommand)]
    DemoDriver(demo::DriverCommand),
    /// An executor of the demo: what its applications ask for.
    #[command(hide = true)]
    DemoExecutor(demo::executor::Args),
    /// Execute one driver or executor: what a worker starts for each.
    #[command(hide = true)]
    Supervise {
        /// The instance's directory.
        dir: PathBuf,
    },
}

/// The command that a line asks for.
///
/// # Errors
/// clap's, with a tip where a program is not behind `--`.
fn parse<T: Into<OsString> + Clone>(
    line: impl IntoIterator<Item = T>,
) -> Result<Command, clap::Error> {
    Cli::try_parse_from(line)
        .map(|cli| cli.command)
        .map_err(with_tip)
}

fn with_tip(mut error: clap::Error) -> clap::Error {
    let mentions = |kind, words| {
        error
            .get(kind)
            .is_some_and(|it| it.to_string().contains(words))
    };
    let is_misplaced = match error.kind() {
        ErrorKind::MissingRequiredArgument => mentions(ContextKind::InvalidArg, "PROGRAM"),
        ErrorKind::UnknownArgument => {
            mentions(ContextKind::Usage, "-- <PROGRAM>")
                && !error
                    .get(ContextKind::InvalidArg)
                    .is_some_and(|it| it.to_string().starts_with('-'))
        }
        _ => false,
    };
    if is_misplaced {
        let tip = StyledStr::from("write the program behind `--`, as in `-- /bin/echo hello`");
        error.insert(ContextKind::Suggested, ContextValue::StyledStrs(vec![tip]));
    }
    error
}

fn main() -> ExitCode {
    let command = match parse(std::env::args_os()).unwrap_or_else(|error| error.exit()) {
        Command::Completions(args) => {
            return match completions::run::<Cli>(&args) {
                Ok(()) => ExitCode::SUCCESS,
                Err(failure) => failure.report(),
            };
        }
        // It brings its own runtime, and as few threads as it can.
        Command::Supervise { dir } => {
            // In a local cluster it must not outlive the starter, even where its agent was killed.
            if let Err(error) = vesta_local::watch_parent() {
                eprintln!("{error}");
                return ExitCode::FAILURE;
            }
            faults::begin();
            return vesta_worker::supervise(&dir);
        }
        command => command,
    };
    match run(command) {
        Ok(()) => ExitCode::SUCCESS,
        Err(failure) => failure.report(),
    }
}

fn run(command: Command) -> Result<(), Failure> {
    let runtime = tokio::runtime::Builder::new_multi_thread()
        .enable_all()
        .build()
        .map_err(|error| Failure::Refused(format!("threads can't be started: {error}")))?;
    runtime.block_on(async {
        match command {
            Command::Submit(args) => submit::run(*args).await,
            Command::Status(args) => status::run(args).await,
            Command::Kill(args) => kill::run(args).await,
            Command::List(args) => list::run(args).await,
            Command::Logs(args) => logs::run(args).await,
            Command::App(args) => app::run(*args).await,
            Command::Drain(args) => drain::run(args).await,
            Command::Undrain(args) => drain::run_undrain(args).await,
            Command::Endpoint(args) => endpoint::run(args).await,
            Command::Failover(args) => failover::run(args).await,
            Command::Cluster(args) => cluster::run(args).await,
            Command::Snapshot(args) => snapshot::run(args).await,
            Command::Master(args) => master::run(*args).await,
            Command::Worker(args) => worker::run(*args).await,
            Command::Demo(args) => demo::run(args).await,
            Command::Bench(args) => bench::run(args).await,
            Command::BenchFleet(args) => bench::fleet::run(args).await,
            Command::DemoDriver(command) => demo::run_driver(command).await,
            Command::DemoExecutor(args) => demo::run_executor(args).await,
            Command::Supervise { .. } | Command::Completions(_) => {
                unreachable!("it is run without this runtime")
            }
        }
    })
}

#[cfg(test)]
mod tests;
