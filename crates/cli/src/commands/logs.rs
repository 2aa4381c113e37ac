//! `vesta logs`: what a driver or executor wrote.

use std::time::Duration;

use clap::Args;
use vesta_client::proto::GetDriverRequest;
use vesta_client::{Client, ClientError, LogSource, LogStream, Refusal};

use super::target::log_source;
use crate::connection::Connection;
use crate::exit::{EXIT_CODES, Failure};
use crate::output;
use crate::progress::Progress;

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
    /// Go on until it has ended; before it has started, wait for that.
    #[arg(short, long)]
    pub follow: bool,
    /// Standard error instead of standard output.
    #[arg(long)]
    pub stderr: bool,
    /// Begin so many bytes before the present end. [default: at the start]
    #[arg(
        long,
        value_name = "BYTES",
        default_value_t = 0,
        hide_default_value = true
    )]
    pub tail: u64,
}

/// Runs the command.
///
/// # Errors
/// See [`Failure`].
pub async fn run(args: Logs) -> Result<(), Failure> {
    let client = args.connection.client();
    let mut log = open(&client, &args).await?;
    while let Some(bytes) = log.next().await? {
        output::bytes(&bytes)?;
    }
    Ok(())
}

async fn open(client: &Client, args: &Logs) -> Result<LogStream, Failure> {
    let progress = Progress::new("waiting for its log");
    loop {
        let opened = client
            .read_log(&args.source, args.stderr, args.follow, args.tail)
            .await;
        let error = match opened {
            Ok(log) => return Ok(log),
            Err(error) => error,
        };
        if !args.follow || !begins_later(client, &args.source, &error, &progress).await? {
            return Err(error.into());
        }
        tokio::time::sleep(NOT_YET).await;
    }
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
