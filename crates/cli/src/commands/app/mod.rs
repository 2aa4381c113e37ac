//! `vesta app run`: an application whose executors are any command.

mod tally;

use std::collections::BTreeMap;
use std::time::Duration;

use clap::{Args, Subcommand};
use tokio::sync::mpsc;
use vesta_client::{
    ApplicationBuilder, ApplicationClient, ApplicationEvent, ClientError, ClientOptions,
};
use vesta_types::{ApplicationState, SubmissionKey};

use self::tally::Tally;
use super::process::Process;
use super::stop::Stop;
use crate::connection::Connection;
use crate::exit::{EXIT_CODES, Failure};
use crate::output;
use crate::progress::Progress;
use crate::units;

/// The longest pause between heartbeats: a fifth of the masters' default lease, so that a lost one or
/// two end nothing.
const HEARTBEAT_MAX: Duration = Duration::from_secs(60);

/// How long a registration may take before it is said that it is still tried.
const STILL_TRYING: Duration = Duration::from_secs(2);

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
#[command(
    after_help = EXIT_CODES,
    override_usage = "vesta app run [OPTIONS] --master <vesta://HOST:PORT,…> --executors <N> -- <PROGRAM> [ARGS]..."
)]
pub struct Run {
    #[command(flatten)]
    pub connection: Connection,
    /// How many executors must succeed; also how many run at once, if the cluster has room.
    #[arg(long, value_name = "N", value_parser = units::executors, allow_hyphen_values = true)]
    pub executors: u32,
    /// Cores of each.
    #[arg(long, value_name = "N", default_value = "1", value_parser = units::cores, allow_hyphen_values = true)]
    pub executor_cores: u32,
    /// Memory of each, with its unit; booked, not enforced.
    #[arg(long, value_name = "MEMORY", default_value = "1g", value_parser = units::memory, allow_hyphen_values = true)]
    pub executor_memory: u64,
    /// Addresses of a named resource that each takes on its worker, as in gpu=1: they are in its
    /// VESTA_RESOURCES, as JSON; may be repeated.
    #[arg(long, value_name = "NAME=N", value_parser = units::resource)]
    pub executor_resource: Vec<(String, u32)>,
    /// The most cores that they may take together. [default: no limit]
    #[arg(long, value_name = "N", value_parser = units::cores, allow_hyphen_values = true)]
    pub max_cores: Option<u32>,
    /// A name for people. [default: the program's]
    #[arg(long, value_parser = units::name)]
    pub name: Option<String>,
    /// How often executors may fail in a row before the application fails; -1 for no limit.
    /// [default: the cluster's]
    #[arg(long, value_name = "N", value_parser = units::retries, allow_hyphen_values = true)]
    pub retries: Option<i32>,
    /// Pause between heartbeats to the masters, at most 60s; far below the cluster's lease of
    /// applications.
    #[arg(long, value_name = "TIME", default_value = "5s", value_parser = heartbeat, allow_hyphen_values = true)]
    pub heartbeat: Duration,
    #[command(flatten)]
    pub process: Process,
}

fn heartbeat(text: &str) -> Result<Duration, String> {
    match units::duration(text)? {
        pause if pause <= HEARTBEAT_MAX => Ok(pause),
        _ => Err(format!(
            "{text} is longer than 60s: the application's lease could end between two heartbeats"
        )),
    }
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
    args.check()?;
    let mut stop = Stop::new()?;
    let progress = Progress::new("registering");
    let builder = builder(&args)?;
    let key = builder.key();
    let (client, events) = tokio::select! {
        registered = builder.register_in_time() => {
            registered.map_err(|error| not_registered(key, error))?
        }
        never = say_still_trying(&args, &progress) => match never {},
        () = stop.asked() => {
            drop(progress);
            return Err(Failure::Unavailable(format!(
                "interrupted before a master answered. {}", if_registered(key)
            )));
        }
    };
    if !client.registration().warning.is_empty() {
        let warning = format!("warning: {}", client.registration().warning);
        progress.around(|| output::say(&warning));
    }
    // The work goes on without a reader: its outcome is the exit code.
    if let Err(failure) = progress.around(|| output::line(client.app_id().as_str())) {
        let app = client.app_id();
        let why = failure.message().to_owned();
        progress.around(|| output::say(&format!("{app}: standard output: {why}")));
    }
    let mut tally = Tally::new(args.executors);
    let ended = tokio::select! {
        ended = see_through(&client, events, &mut tally, &progress) => Some(ended),
        () = stop.asked() => None,
    };
    drop(progress);
    for said in tally.repeated() {
        output::say(&format!("{}: {}", client.app_id(), output::plain(&said)));
    }
    match ended {
        Some(ended) => ended,
        None => end_early(&client, &mut stop, args.connection.timeout).await,
    }
}

impl Run {
    /// What of the flags contradicts each other.
    ///
    /// # Errors
    /// `Usage`, with both values.
    fn check(&self) -> Result<(), Failure> {
        self.process.program_and_arguments()?;
        self.resources()?;
        match self.max_cores {
            Some(most) if most < self.executor_cores => Err(Failure::Usage(format!(
                "--max-cores {most} is less than --executor-cores {}: not one executor would fit",
                self.executor_cores
            ))),
            _ => Ok(()),
        }
    }

    fn resources(&self) -> Result<BTreeMap<String, u32>, Failure> {
        units::resources("--executor-resource", &self.executor_resource).map_err(Failure::Usage)
    }
}

/// Says once that the registration goes on, where no moving line says so.
async fn say_still_trying(args: &Run, progress: &Progress) -> std::convert::Infallible {
    tokio::time::sleep(STILL_TRYING).await;
    progress.set("registering: no master has answered yet");
    if !output::is_watched() {
        output::say(&format!(
            "no master has answered yet; trying for {:?} in all (--timeout)",
            args.connection.timeout
        ));
    }
    std::future::pending().await
}

fn not_registered(key: SubmissionKey, error: ClientError) -> Failure {
    match error {
        ClientError::Unknown { message, .. } => Failure::Unavailable(format!(
            "the outcome is not known: {message}. {}",
            if_registered(key)
        )),
        error => error.into(),
    }
}

fn if_registered(key: SubmissionKey) -> String {
    format!(
        "If the application was registered, it ends when its lease is over; `vesta status --key {key}` \
         shows whether it was"
    )
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
            .executor_named(args.resources()?)
            .target(Some(args.executors))
            .run_to_completion(true)
            .max_executor_retries(args.retries)
            .owner(owner)
            .heartbeat(args.heartbeat)
            .options(ClientOptions {
                deadline: args.connection.timeout,
                ..ClientOptions::default()
            }),
    )
}

/// Follows the application until enough executors have succeeded, or it has ended otherwise.
async fn see_through(
    client: &ApplicationClient,
    mut events: mpsc::Receiver<ApplicationEvent>,
    tally: &mut Tally,
    progress: &Progress,
) -> Result<(), Failure> {
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
    let answer = tokio::select! {
        answer = ending => answer,
        () = stop.asked() => {
            return Err(Failure::Unavailable(format!(
                "interrupted again before a master answered: {}", left_alone(app.as_str())
            )));
        }
    };
    match answer {
        Ok(Ok(())) => Err(Failure::Work(format!(
            "{app} was ended before its work was done"
        ))),
        Ok(Err(error)) => Err(error.into()),
        Err(_) => Err(Failure::Unavailable(format!(
            "no master answered within {patience:?}: {}",
            left_alone(app.as_str())
        ))),
    }
}

fn left_alone(app: &str) -> String {
    format!("{app} ends when its lease is over, or with `vesta kill {app}`")
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_heartbeat_that_a_lease_could_end_between_is_refused() {
        assert_eq!(heartbeat("60s"), Ok(Duration::from_secs(60)));
        assert!(heartbeat("61s").unwrap_err().contains("longer than 60s"));
        assert!(heartbeat("5").unwrap_err().contains("no unit"));
    }

    #[test]
    fn a_registration_of_unknown_outcome_can_t_be_repeated_with_a_key_but_is_asked_for_with_it() {
        let key = vesta_client::new_key();
        let message = "m1:7700 gave no answer in time".to_owned();
        match not_registered(key, ClientError::Unknown { key, message }) {
            Failure::Unavailable(said) => {
                let ask = format!("`vesta status --key {key}`");
                for words in ["m1:7700", "its lease is over", &ask] {
                    assert!(said.contains(words), "{words}: {said}");
                }
                assert!(!said.contains("same command again"), "{said}");
            }
            other => panic!("an unknown outcome was wanted: {other:?}"),
        }
    }
}
