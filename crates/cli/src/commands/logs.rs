//! `vesta logs`: what a driver or executor wrote.

use std::time::Duration;

use clap::Args;
use vesta_client::proto::{GetApplicationRequest, GetDriverRequest};
use vesta_client::{Client, ClientError, LogSource, LogStream, Refusal};

use super::target::log_source;
use crate::connection::Connection;
use crate::exit::{EXIT_CODES, Failure};
use crate::output;
use crate::progress::Progress;
use crate::units;

/// Pause between two looks at a driver that has not begun to write.
const NOT_YET: Duration = Duration::from_millis(500);

/// Show what a driver or executor wrote, through any master.
#[derive(Args, Clone, Debug)]
#[command(after_help = EXIT_CODES)]
pub struct Logs {
    #[command(flatten)]
    pub connection: Connection,
    /// The log: a driver id, or APP/N for executor N of an application.
    #[arg(value_name = "DRIVER|APP/N", value_parser = log_source)]
    pub source: LogSource,
    /// Go on until it has ended; before it has started, or while no master reaches its worker, wait for
    /// that.
    #[arg(short, long)]
    pub follow: bool,
    /// Standard error instead of standard output.
    #[arg(long)]
    pub stderr: bool,
    /// Begin so many bytes before the present end; 0 is what comes from now on. [default: at the start]
    #[arg(long, value_name = "BYTES", value_parser = units::bytes, allow_hyphen_values = true)]
    pub tail: Option<u64>,
}

/// Runs the command.
///
/// # Errors
/// See [`Failure`].
pub async fn run(args: Logs) -> Result<(), Failure> {
    let client = args.connection.client();
    let mut log = open(&client, &args).await?;
    loop {
        let mut said = false;
        let on_wait = |error: &ClientError| {
            if !said {
                let why = match error {
                    ClientError::WorkerAway { .. } => "no master reaches its worker now".to_owned(),
                    error => error.to_string(),
                };
                output::say(&format!("{why}; waiting for the rest of the log"));
                said = true;
            }
        };
        match log.next(on_wait).await? {
            Some(bytes) => output::bytes(&bytes)?,
            None => return Ok(()),
        }
    }
}

async fn open(client: &Client, args: &Logs) -> Result<LogStream, Failure> {
    let progress = Progress::new("waiting for its log");
    let mut said = false;
    loop {
        let opened = client
            .read_log(&args.source, args.stderr, args.follow, args.tail)
            .await;
        let error = match opened {
            Ok(log) => return Ok(log),
            Err(error) => error,
        };
        if matches!(error, ClientError::WorkerAway { .. }) {
            let away = format!(
                "the log is on {}, which no master reaches now",
                worker(client, &args.source).await?
            );
            if !args.follow {
                return Err(Failure::Unavailable(format!("{away}; -f waits")));
            }
            if !said {
                progress.around(|| output::say(&format!("{away}; waiting for it")));
                said = true;
            }
        } else if !args.follow || !begins_later(client, &args.source, &error, &progress).await? {
            return Err(error.into());
        }
        tokio::time::sleep(NOT_YET).await;
    }
}

/// The worker that has a log.
async fn worker(client: &Client, source: &LogSource) -> Result<String, Failure> {
    let consistent = false;
    let worker = match source {
        LogSource::Driver(id) => {
            let driver_id = id.to_string();
            let request = GetDriverRequest {
                driver_id,
                consistent,
            };
            let driver = client.get_driver(request).await?.driver;
            driver.map(|driver| driver.worker_id)
        }
        LogSource::Executor { app, number } => {
            let app_id = app.to_string();
            let request = GetApplicationRequest { app_id, consistent };
            let app = client.get_application(request).await?.application;
            let executors = app.map(|app| app.executors).unwrap_or_default();
            let mut executors = executors.into_iter();
            let executor = executors.find(|executor| executor.number == *number);
            executor.map(|executor| executor.worker_id)
        }
    };
    let worker = worker.filter(|worker| !worker.is_empty());
    Ok(worker.unwrap_or_else(|| "its worker".to_owned()))
}

/// Whether there is no log only because the driver has not started yet.
async fn begins_later(
    client: &Client,
    source: &LogSource,
    error: &ClientError,
    progress: &Progress,
) -> Result<bool, Failure> {
    let LogSource::Driver(id) = source else {
        return Ok(false);
    };
    if !matches!(
        error,
        ClientError::Refused {
            reason: Refusal::NotFound,
            ..
        }
    ) {
        return Ok(false);
    }
    let request = GetDriverRequest {
        driver_id: id.to_string(),
        consistent: false,
    };
    let driver = client.get_driver(request).await?.driver.unwrap_or_default();
    progress.set(&format!("{id} {} {}", driver.state, driver.waiting_because));
    Ok(!driver.ended)
}
