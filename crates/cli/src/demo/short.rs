//! `vesta demo-driver short`: a driver that takes a core for a moment.

use std::time::Duration;

use vesta_local::ledger::{self, Event};

/// How a short driver is started.
#[derive(Debug, clap::Args)]
pub struct Args {
    /// How long it runs, in milliseconds.
    #[arg(long)]
    pub run_ms: u64,
}

/// Runs a short driver to its end.
///
/// # Errors
/// When it can't write to the ledger.
pub async fn run(args: Args) -> anyhow::Result<()> {
    ledger::append_own(Event::Started)?;
    tokio::time::sleep(Duration::from_millis(args.run_ms)).await;
    ledger::append_own(Event::Ended)?;
    Ok(())
}
