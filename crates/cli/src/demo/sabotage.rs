//! Spoiling the demo from outside, to see that it would notice. A check that can't fail is none.

use std::path::Path;
use std::process::Stdio;

use anyhow::{Context, bail, ensure};
use clap::ValueEnum;
use vesta_client::new_key;
use vesta_local::ledger::{self, Event, KEY_VARIABLE, LEDGER_VARIABLE};
use vesta_local::wait_for;

use super::submissions::Submitter;
use super::tally::driver;
use crate::trial::observer::PATIENCE;

/// What is done to the demo.
#[derive(Clone, Copy, Debug, PartialEq, Eq, ValueEnum)]
pub enum Sabotage {
    /// A driver is killed while it waits, and goes on being expected: as if Vesta had lost it.
    LoseSubmission,
    /// A driver's command is started a second time under the same instance id: as if Vesta had.
    DoubleLaunch,
}

impl Sabotage {
    /// Its name, as on the command line.
    pub fn name(self) -> &'static str {
        match self {
            Sabotage::LoseSubmission => "lose-submission",
            Sabotage::DoubleLaunch => "double-launch",
        }
    }
}

/// Kills the driver of submission `number`, which waits. Returns what was done.
///
/// # Errors
/// When it does not wait, or can't be killed.
pub async fn lose(submitter: &Submitter, number: usize) -> anyhow::Result<String> {
    let known = wait_for("a driver to lose", PATIENCE, async || {
        submitter.entry(number).driver().cloned()
    });
    let driver = known.await?;
    let reply = submitter.client().kill_driver(new_key(), &driver).await?;
    ensure!(
        reply.state == "KILLED",
        "{driver} did not wait: it is {}",
        reply.state
    );
    Ok(format!(
        "{driver} is killed while it waits, and goes on being expected"
    ))
}

/// Starts the command of the first short driver that ended once more. Returns what was done.
///
/// # Errors
/// When there is none, or it can't be started.
pub async fn launch_again(submitter: &Submitter, path: &Path) -> anyhow::Result<String> {
    let ended = wait_for("a driver to launch again", PATIENCE, async || {
        let records = ledger::read(path).unwrap_or_default();
        let entries = submitter.entries();
        records
            .into_iter()
            .filter(|record| record.event == Event::Ended)
            .find_map(|record| {
                let driver = driver(&record.instance)?;
                let its = |entry: &&super::submissions::Entry| entry.driver() == Some(driver);
                let entry = entries
                    .iter()
                    .filter(|entry| !entry.description.supervise)
                    .find(its)?;
                Some((record.clone(), entry.clone()))
            })
    });
    let (record, entry) = ended.await?;
    let launch = &entry.description.launch;
    let mut child = tokio::process::Command::new(&launch.program)
        .args(&launch.args)
        .envs(&launch.env)
        .env(LEDGER_VARIABLE, path)
        .env(KEY_VARIABLE, entry.key.to_string())
        .env("VESTA_INSTANCE_ID", record.instance.to_string())
        .env("VESTA_ATTEMPT", record.attempt.to_string())
        .env("VESTA_RESTART", record.restart.to_string())
        .stdin(Stdio::null())
        .stdout(Stdio::null())
        .kill_on_drop(true)
        .spawn()
        .with_context(|| format!("can't start {}", launch.program))?;
    let status = child.wait().await?;
    if !status.success() {
        bail!("the second run of {} failed: {status}", record.instance);
    }
    Ok(format!(
        "the command of {} is started a second time",
        record.instance
    ))
}
