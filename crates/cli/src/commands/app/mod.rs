//! `vesta app run`: an application whose executors are any command.

mod tally;

use std::time::Duration;

use clap::{Args, Subcommand};
use tokio::signal::unix::{SignalKind, signal};
use tokio::sync::mpsc;
use vesta_client::{ApplicationBuilder, ApplicationClient, ApplicationEvent};
use vesta_types::ApplicationState;

use self::tally::Tally;
use super::process::Process;
use crate::connection::Connection;
use crate::exit::{EXIT_CODES, Failure};
use crate::output;
use crate::progress::Progress;
use crate::units;

/// Applications.
#[derive(Args, Clone, Debug)]
pub struct App {
    #[command(subcommand)]
    pub command: Action,
}

/// What to do with them.
#[derive(Clone, Debug, Subcommand)]
pub enum Action {
    /// Run a command as the executors of an application, until N of them have succeeded.
    Run(Run),
}

/// Register an application whose executors run a command, and see it through.
///
/// An executor that exits with code 0 is done. One that fails, or is lost with its worker, is replaced
/// by the masters, until too many failed in a row. When N are done the application is FINISHED, and
/// this command ends. Ctrl-C ends the application. Each executor gets a number of its own in
/// VESTA_EXECUTOR_ID.
///
/// Memory is booked, not enforced.
#[derive(Args, Clone, Debug)]
#[command(after_help = EXIT_CODES)]
pub struct Run {
    #[command(flatten)]
    pub connection: Connection,
    /// How many executors must succeed; also how many run at once, if the cluster has room.
    #[arg(long, value_name = "N", value_parser = clap::value_parser!(u32).range(1..))]
    pub executors: u32,
    /// Cores of each.
    #[arg(long, value_name = "N", default_value_t = 1)]
    pub executor_cores: u32,
    /// Memory of each, with its unit; booked, not enforced.
    #[arg(long, value_name = "MEMORY", default_value = "1g", value_parser = units::memory)]
    pub executor_memory: u64,
    /// The most cores that they may take together. [default: no limit]
    #[arg(long, value_name = "N")]
    pub max_cores: Option<u32>,
    /// A name for people. [default: the program's]
    #[arg(long)]
    pub name: Option<String>,
    /// How often executors may fail in a row before the application fails; -1 for no limit.
    /// [default: the cluster's]
    #[arg(long, value_name = "N", allow_negative_numbers = true)]
    pub retries: Option<i32>,
    /// Pause between heartbeats to the masters; far below the cluster's lease of applications.
    #[arg(long, value_name = "TIME", default_value = "5s", value_parser = units::duration)]
    pub heartbeat: Duration,
    #[command(flatten)]
    pub process: Process,
}

/// Runs the command.
///
/// # Errors
/// See [`Failure`]; `Work` when the application ended otherwise than by success.
pub async fn run(
    App {
        command: Action::Run(args),
    }: App,
) -> Result<(), Failure> {
    let mut stop = Stop::new()?;
    let progress = Progress::new("registering");
    let registering = builder(&args)?.register();
    let (client, events) = tokio::select! {
        registered = registering => registered?,
        () = stop.asked() => {
            drop(progress);
            return Err(Failure::Unavailable(
                "interrupted before a master answered. If the application was registered, it ends \
                 when its lease is over".to_owned(),
            ));
        }
    };
    if !client.registration().warning.is_empty() {
        let warning = format!("warning: {}", client.registration().warning);
        progress.around(|| output::say(&warning));
    }
    progress.around(|| output::line(client.app_id().as_str()))?;
    let ended = tokio::select! {
        ended = see_through(&args, &client, events, &progress) => Some(ended),
        () = stop.asked() => None,
    };
    drop(progress);
    match ended {
        Some(ended) => ended,
        None => end_early(&client, &mut stop, args.connection.timeout).await,
    }
}

fn builder(args: &Run) -> Result<ApplicationBuilder, Failure> {
    let here = std::env::current_dir()
        .map_err(|error| Failure::Refused(format!("the current directory is unknown: {error}")))?;
    let launch = args.process.launch(&here)?;
    // Within a driver that a worker runs, the application belongs to that run of the driver.
    let owner = ApplicationBuilder::owner_from_env()
        .map_err(|error| Failure::Refused(error.to_string()))?;
    Ok(
        ApplicationClient::builder(args.connection.master.clone(), launch)
            .name(args.name.clone().unwrap_or_else(|| args.process.name()))
            .max_cores(args.max_cores)
            .executor_cores(Some(args.executor_cores))
            .executor_memory_mib(args.executor_memory)
            .target(Some(args.executors))
            .run_to_completion(true)
            .max_executor_retries(args.retries)
            .owner(owner)
            .heartbeat(args.heartbeat),
    )
}

/// Follows the application until enough executors have succeeded, or it has ended otherwise.
async fn see_through(
    args: &Run,
    client: &ApplicationClient,
    mut events: mpsc::Receiver<ApplicationEvent>,
    progress: &Progress,
) -> Result<(), Failure> {
    let mut tally = Tally::new(args.executors);
    while let Some(event) = events.recv().await {
        if let Some(said) = tally.take(&event) {
            let said = format!("{}: {}", client.app_id(), output::plain(&said));
            progress.around(|| output::say(&said));
        }
        progress.set(&format!("{}: {}", client.app_id(), tally.summary()));
        if let ApplicationEvent::Ended { state, message } = event {
            if state == ApplicationState::Finished.to_string() {
                return Ok(());
            }
            let said = format!("{} ended as {state}: {message}", client.app_id());
            return Err(Failure::Work(output::plain(&said)));
        }
    }
    Err(Failure::Work(format!("{} ended", client.app_id())))
}

/// Ends the application because its user asked for it.
async fn end_early(
    client: &ApplicationClient,
    stop: &mut Stop,
    patience: Duration,
) -> Result<(), Failure> {
    let app = client.app_id();
    output::say(&format!("ending {app}"));
    let ending = tokio::time::timeout(patience, client.unregister(true, "ended by its user"));
    let ended = tokio::select! {
        ended = ending => ended.ok(),
        () = stop.asked() => None,
    };
    match ended {
        Some(Ok(())) => Err(Failure::Work(format!(
            "{app} was ended before its work was done"
        ))),
        Some(Err(error)) => Err(error.into()),
        None => Err(Failure::Unavailable(format!(
            "no master answered in time: {app} ends when its lease is over, or with `vesta kill {app}`"
        ))),
    }
}

/// Ctrl-C or TERM.
struct Stop {
    interrupt: tokio::signal::unix::Signal,
    terminate: tokio::signal::unix::Signal,
}

impl Stop {
    fn new() -> Result<Stop, Failure> {
        let of = |kind| {
            signal(kind)
                .map_err(|error| Failure::Refused(format!("signals can't be caught: {error}")))
        };
        Ok(Stop {
            interrupt: of(SignalKind::interrupt())?,
            terminate: of(SignalKind::terminate())?,
        })
    }

    async fn asked(&mut self) {
        tokio::select! {
            _ = self.interrupt.recv() => {}
            _ = self.terminate.recv() => {}
        }
    }
}
