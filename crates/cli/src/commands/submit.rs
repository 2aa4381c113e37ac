//! `vesta submit`: run a driver.

use std::collections::BTreeMap;
use std::path::Path;

use clap::{Args, ValueEnum};
use serde::Serialize;
use vesta_client::proto::{Driver, SubmitDriverReply};
use vesta_client::{Client, WaitUpdate, new_key};
use vesta_proto::client_convert;
use vesta_types::{DriverDescription, DriverId, ExecutorSize, OnDisconnect, SubmissionKey};

use super::client_mode;
use super::process::Process;
use super::stop::Stop;
use crate::connection::Connection;
use crate::exit::{EXIT_CODES, Failure};
use crate::output;
use crate::progress::Progress;
use crate::units;

/// Memory of an executor unless another amount is named, as in Spark, in MiB.
const EXECUTOR_MEMORY_MIB: u64 = 1024;

/// Where a driver runs.
#[derive(Clone, Copy, Debug, PartialEq, Eq, ValueEnum)]
pub enum DeployMode {
    /// On a worker that the master chooses.
    Cluster,
    /// Here, as a child of this command.
    Client,
}

/// Run a driver.
///
/// In cluster mode it is accepted once and for all: the only line on standard output is its id. In
/// client mode the program runs here, with VESTA_MASTER, VESTA_NAME, VESTA_CONF and the executor sizes
/// in its environment; the exit code is 0 if the program's is, and 5 for any other end of it.
///
/// Memory is booked, not enforced: a process that takes more than it asked for is not stopped.
#[derive(Args, Clone, Debug)]
#[command(
    after_help = EXIT_CODES,
    override_usage = "vesta submit [OPTIONS] --master <vesta://HOST:PORT,…> -- <PROGRAM> [ARGS]..."
)]
pub struct Submit {
    #[command(flatten)]
    pub connection: Connection,
    /// Where the driver runs.
    #[arg(long, value_enum, default_value = "cluster")]
    pub deploy_mode: DeployMode,
    /// Start it again when it fails, and elsewhere when its worker is lost.
    #[arg(long)]
    pub supervise: bool,
    /// What becomes of it when its worker is cut off from all masters: "keep" running, so that a second
    /// copy may overlap with it, or "stop" within its lease, so that none does. [default: as the masters
    /// are configured]
    #[arg(long, value_name = "WHAT")]
    pub on_disconnect: Option<OnDisconnect>,
    /// Cores that it takes on its worker.
    #[arg(long, value_name = "N", default_value = "1", value_parser = units::cores, allow_hyphen_values = true)]
    pub driver_cores: u32,
    /// Memory that it takes there, with its unit; booked, not enforced.
    #[arg(long, value_name = "MEMORY", default_value = "512m", value_parser = units::memory, allow_hyphen_values = true)]
    pub driver_memory: u64,
    /// Addresses of a named resource that it takes on its worker, as in gpu=1: they are in
    /// VESTA_RESOURCES, as JSON; may be repeated.
    #[arg(long, value_name = "NAME=N", value_parser = units::resource)]
    pub driver_resource: Vec<(String, u32)>,
    /// The most cores that its executors may take together.
    #[arg(long, value_name = "N", value_parser = units::cores, allow_hyphen_values = true)]
    pub total_executor_cores: Option<u32>,
    /// Cores of each executor that it will ask for. The masters keep room for one.
    #[arg(long, value_name = "N", value_parser = units::cores, allow_hyphen_values = true)]
    pub executor_cores: Option<u32>,
    /// Memory of each executor, with its unit; booked, not enforced. [default: 1g]
    #[arg(long, value_name = "MEMORY", value_parser = units::memory, requires = "executor_cores", allow_hyphen_values = true)]
    pub executor_memory: Option<u64>,
    /// A name for people. [default: the program's]
    #[arg(long, value_parser = units::name)]
    pub name: Option<String>,
    /// Configuration that reaches the driver in VESTA_CONF, as JSON; may be repeated.
    #[arg(long, value_name = "NAME=VALUE", value_parser = units::pair)]
    pub conf: Vec<(String, String)>,
    /// The key of this submission: a UUID of version 7. The same key is never run twice, so a
    /// submission whose outcome is not known can be repeated with it. [default: a new one]
    #[arg(long, value_name = "UUID")]
    pub key: Option<SubmissionKey>,
    /// Wait for its end: exit code 0 if it FINISHED, 5 otherwise. Ctrl-C or TERM leaves it running, and
    /// then the exit code is 3: its outcome is not known.
    #[arg(long)]
    pub wait: bool,
    /// Write one JSON document instead of the id.
    #[arg(long)]
    pub json: bool,
    #[command(flatten)]
    pub process: Process,
}

/// What `--json` writes.
#[derive(Debug, Serialize)]
struct Submitted<'a> {
    driver_id: &'a str,
    key: String,
    duplicate: bool,
    warning: &'a str,
    /// How it ended, with `--wait`; nothing if the waiting ended before it.
    driver: Option<&'a Driver>,
}

impl Submit {
    /// The executors that the driver means to ask for, if it said so.
    pub fn executor(&self) -> Option<ExecutorSize> {
        self.executor_cores.map(|cores| ExecutorSize {
            cores,
            memory_mib: self.executor_memory.unwrap_or(EXECUTOR_MEMORY_MIB),
        })
    }

    /// Its name, or the program's.
    pub fn shown_name(&self) -> String {
        self.name.clone().unwrap_or_else(|| self.process.name())
    }

    /// What of the flags contradicts each other, wherever the driver runs.
    ///
    /// # Errors
    /// `Usage`, with both values.
    fn check(&self) -> Result<(), Failure> {
        self.process.program_and_arguments()?;
        if self.deploy_mode == DeployMode::Client && !self.driver_resource.is_empty() {
            return Err(Failure::Usage(
                "--driver-resource needs --deploy-mode cluster: only a worker has addresses to give"
                    .to_owned(),
            ));
        }
        if self.deploy_mode == DeployMode::Client && self.on_disconnect.is_some() {
            return Err(Failure::Usage(
                "--on-disconnect needs --deploy-mode cluster: it is about a worker that is cut off"
                    .to_owned(),
            ));
        }
        self.resources()?;
        match (self.total_executor_cores, self.executor_cores) {
            (Some(total), Some(each)) if total < each => Err(Failure::Usage(format!(
                "--total-executor-cores {total} is less than --executor-cores {each}: not one \
                 executor would fit"
            ))),
            _ => Ok(()),
        }
    }

    fn resources(&self) -> Result<BTreeMap<String, u32>, Failure> {
        units::resources("--driver-resource", &self.driver_resource).map_err(Failure::Usage)
    }

    fn describe(&self, here: &Path) -> Result<DriverDescription, Failure> {
        Ok(DriverDescription {
            name: self.shown_name(),
            launch: self.process.launch(here)?,
            cores: self.driver_cores,
            memory_mib: self.driver_memory,
            supervise: self.supervise,
            conf: self.conf.iter().cloned().collect(),
            executor: self.executor(),
            on_disconnect: self.on_disconnect,
            lease: None,
            total_executor_cores: self.total_executor_cores,
            named: self.resources()?,
        })
    }
}

/// Runs the command.
///
/// # Errors
/// See [`Failure`].
pub async fn run(args: Submit) -> Result<(), Failure> {
    args.check()?;
    if args.deploy_mode == DeployMode::Client {
        return client_mode::run(&args).await;
    }
    let key = args.key.unwrap_or_else(new_key);
    let here = std::env::current_dir()
        .map_err(|error| Failure::Refused(format!("the current directory is unknown: {error}")))?;
    let description = args.describe(&here)?;
    // What a master would refuse is refused here, before anything is sent.
    client_convert::submitted_driver(client_convert::submission(key, description.clone()))
        .map_err(|error| Failure::Refused(error.to_string()))?;
    let client = args.connection.client();
    let mut stop = Stop::new()?;
    let reply = submit(&client, key, &description, &mut stop).await?;
    if !reply.warning.is_empty() {
        output::say(&format!("warning: {}", reply.warning));
    }
    if reply.duplicate {
        output::say(&format!(
            "this key was used before, for {}",
            reply.driver_id
        ));
    }
    if !args.json {
        output::line(&reply.driver_id).map_err(|failure| unseen(&reply, key, failure))?;
    }
    let waited = if args.wait {
        Some(wait(&client, &reply.driver_id, &mut stop).await)
    } else {
        None
    };
    if args.json {
        // However the waiting ended: the id and the key are known.
        let driver = waited.as_ref().and_then(|waited| waited.as_ref().ok());
        let document = Submitted {
            driver_id: &reply.driver_id,
            key: key.to_string(),
            duplicate: reply.duplicate,
            warning: &reply.warning,
            driver,
        };
        output::json(&document).map_err(|failure| unseen(&reply, key, failure))?;
    }
    waited.map_or(Ok(()), |driver| ended_well(&driver?))
}

/// A script that could not read the id must neither take the driver for refused nor for done.
fn unseen(reply: &SubmitDriverReply, key: SubmissionKey, failure: Failure) -> Failure {
    Failure::Unavailable(format!(
        "{} was accepted, with key {key}, but this could not be told on standard output: {}",
        reply.driver_id,
        failure.message()
    ))
}

async fn submit(
    client: &Client,
    key: SubmissionKey,
    description: &DriverDescription,
    stop: &mut Stop,
) -> Result<SubmitDriverReply, Failure> {
    let progress = Progress::new("submitting");
    let reply = tokio::select! {
        reply = client.submit_driver(key, description) => reply,
        () = stop.asked() => {
            drop(progress);
            return Err(Failure::Unavailable(format!(
                "interrupted before a master answered: the driver may run or not. Ask with \
                 `vesta status --key {key}`"
            )));
        }
    };
    Ok(reply?)
}

/// Waits for the end of a driver, on the terminal.
async fn wait(client: &Client, id: &str, stop: &mut Stop) -> Result<Driver, Failure> {
    let driver: DriverId = id
        .parse()
        .map_err(|error| Failure::Unavailable(format!("the master's answer: {error}")))?;
    let progress = Progress::new(id);
    let waiting = client.wait_driver(&driver, |update| progress.set(&progress_of(id, update)));
    tokio::select! {
        ended = waiting => Ok(ended?),
        () = stop.asked() => {
            drop(progress);
            Err(Failure::Unavailable(format!(
                "interrupted: {id} goes on. Follow it with `vesta status {id}` or \
                 `vesta logs -f {id}`, end it with `vesta kill {id}`"
            )))
        }
    }
}

/// A driver's state in one line.
pub fn progress_of(id: &str, update: WaitUpdate<'_, Driver>) -> String {
    match update {
        WaitUpdate::Now(driver) => {
            let more = match (&driver.waiting_because, &driver.worker_id) {
                (why, _) if !why.is_empty() => format!(": {why}"),
                (_, worker) if !worker.is_empty() => format!(" on {worker}"),
                _ => String::new(),
            };
            format!("{id} {}{more}", driver.state)
        }
        WaitUpdate::Unanswered(error) => format!("{id}: {error}"),
    }
}

/// Exit code 0 for FINISHED, 5 for any other end.
fn ended_well(driver: &Driver) -> Result<(), Failure> {
    if driver.state == "FINISHED" {
        return Ok(());
    }
    let why = match (driver.message.as_str(), driver.exit_code) {
        ("", Some(code)) => format!(": exit code {code}"),
        ("", None) => String::new(),
        (message, _) => format!(": {message}"),
    };
    let id = &driver.id;
    let hint = match driver.worker_id.as_str() {
        // It has written nothing, so its log shows nothing.
        worker if driver.state == "ERROR" && driver.started_ms == 0 => match worker {
            "" => "it was never started".to_owned(),
            worker => format!("{worker} could not start it"),
        },
        _ => format!("`vesta logs --stderr {id}` shows what it wrote"),
    };
    Err(Failure::Work(output::plain(&format!(
        "{id} ended as {}{why} ({hint})",
        driver.state
    ))))
}

#[cfg(test)]
mod tests {
    use super::*;

    fn said(driver: Driver) -> String {
        match ended_well(&driver) {
            Err(Failure::Work(said)) => said,
            other => panic!("it did not end well: {other:?}"),
        }
    }

    #[test]
    fn whoever_never_ran_has_no_log_that_could_tell_why() {
        let never = Driver {
            id: "driver-1".into(),
            state: "ERROR".into(),
            worker_id: "worker-1".into(),
            message: "there is no program /nope".into(),
            ..Driver::default()
        };
        let ran = Driver {
            state: "FAILED".into(),
            started_ms: 7,
            ..never.clone()
        };
        let text = said(never);
        assert!(
            text.contains("worker-1") && !text.contains("vesta logs"),
            "{text}"
        );
        assert!(said(ran).contains("`vesta logs --stderr driver-1`"));
    }

    #[test]
    fn an_id_that_could_not_be_told_is_no_refusal() {
        let reply = SubmitDriverReply {
            driver_id: "driver-1".into(),
            ..SubmitDriverReply::default()
        };
        let key = new_key();
        match unseen(&reply, key, Failure::OutputClosed) {
            Failure::Unavailable(said) => {
                let accepted = format!("driver-1 was accepted, with key {key}");
                assert!(said.contains(&accepted), "{said}");
            }
            other => panic!("an unknown outcome was wanted: {other:?}"),
        }
    }
}
