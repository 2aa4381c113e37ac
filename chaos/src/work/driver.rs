//! Stand-in drivers, of every manner.

use std::process::{Command, Stdio};
use std::time::Duration;

use anyhow::Context;

use super::beats::{Beats, End};
use super::{TOLD_TO_END, application};
use crate::record::Manner;

/// Runs a driver to its end; returns its exit code.
pub(super) async fn run(manner: Manner) -> anyhow::Result<u8> {
    let beats = Beats::new()?;
    beats.started()?;
    let (lasts, code) = match manner {
        Manner::Exits { after_ms, code } => (Some(Duration::from_millis(after_ms)), code),
        Manner::Forever => (None, TOLD_TO_END),
        // It returns only when this process is killed.
        Manner::IgnoresTerm => {
            beats.until(None, true).await?;
            return Ok(TOLD_TO_END);
        }
        Manner::ForksAway { child_ms } => {
            fork_away(child_ms)?;
            beats.ended("done")?;
            return Ok(0);
        }
        Manner::Application {
            executors,
            after_ms,
        } => return application::run(beats, executors, after_ms.map(Duration::from_millis)).await,
    };
    match beats.until(lasts, false).await? {
        End::Done => beats.ended("done").map(|()| code),
        End::Asked => beats.ended("asked").map(|()| TOLD_TO_END),
    }
}

/// Starts the process that is left behind. It is in a session of its own before it writes a line.
fn fork_away(child_ms: u64) -> anyhow::Result<()> {
    Command::new(std::env::current_exe()?)
        .args(["work", "child", &child_ms.to_string()])
        .stdin(Stdio::null())
        .stdout(Stdio::null())
        .stderr(Stdio::null())
        .spawn()
        .context("the process that is left behind")?;
    Ok(())
}

/// What is left behind: it beats under the same instance, deaf to SIGTERM.
pub(super) async fn child(lasts_ms: u64) -> anyhow::Result<u8> {
    rustix::process::setsid().context("a session of its own")?;
    let mut beats = Beats::new()?;
    beats.note("child");
    beats
        .until(Some(Duration::from_millis(lasts_ms)), true)
        .await?;
    Ok(0)
}
