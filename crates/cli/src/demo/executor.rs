//! `vesta demo-executor`: an executor of the demo. It counts words for the driver that it dials; or,
//! alone, it only shows that it was started.

use std::time::Duration;

use anyhow::{Context, bail};
use tokio::io::{AsyncRead, BufReader};
use tokio::net::TcpStream;
use tokio::time::{Instant, sleep, sleep_until, timeout};
use vesta_local::ledger::{self, Event, Record};

use super::wire::{FromDriver, FromExecutor, receive, send};
use super::words;

/// How long dialling the driver may take: it listens before it asks for executors.
const DIAL: Duration = Duration::from_secs(5);

/// How long an executor that has nothing to do any more waits to be ended. Its worker does that as
/// soon as it hears that the application has ended.
const LINGER: Duration = Duration::from_secs(60);

/// How an executor is started.
#[derive(Debug, clap::Args)]
pub struct Args {
    /// The driver's address; without it there is nothing to count.
    driver: Option<String>,
}

/// Runs an executor to its end.
///
/// # Errors
/// When the driver can't be reached, goes away before it is done, or can't be understood.
pub async fn run(args: Args) -> anyhow::Result<()> {
    ledger::append_own(Event::Started)?;
    match &args.driver {
        Some(address) => serve(address).await,
        None => {
            ledger::append_own(Event::Ended)?;
            sleep(LINGER).await;
            Ok(())
        }
    }
}

async fn serve(address: &str) -> anyhow::Result<()> {
    let stream = timeout(DIAL, TcpStream::connect(address)).await;
    let mut stream = stream
        .map_err(|_| std::io::Error::from(std::io::ErrorKind::TimedOut))
        .flatten()
        .with_context(|| format!("can't reach the driver at {address}"))?;
    stream.set_nodelay(true)?;
    let (from, mut to) = stream.split();
    let mut from = BufReader::new(from);
    let instance = Record::own(Event::Started)?.instance.to_string();
    let worker = std::env::var("VESTA_WORKER_ID").context("VESTA_WORKER_ID")?;
    send(&mut to, &FromExecutor::Hello { instance, worker }).await?;
    loop {
        match receive(&mut from).await.context("the driver")? {
            Some(FromDriver::Part {
                part,
                hold_ms,
                text,
            }) => {
                let due = Instant::now() + Duration::from_millis(hold_ms);
                let counts = words::count(&text);
                sleep_until(due).await;
                send(&mut to, &FromExecutor::Counted { part, counts }).await?;
            }
            Some(FromDriver::Finished) => break,
            None => bail!("the driver at {address} went away before it was done"),
        }
    }
    ledger::append_own(Event::Ended)?;
    send(&mut to, &FromExecutor::Goodbye).await?;
    // An executor that exits is replaced while its application goes on: so it stays until the driver,
    // which ends the application first, is gone.
    let _ = timeout(LINGER, closed(&mut from)).await;
    Ok(())
}

async fn closed(from: &mut (impl AsyncRead + Unpin)) {
    let _ = tokio::io::copy(from, &mut tokio::io::sink()).await;
}
