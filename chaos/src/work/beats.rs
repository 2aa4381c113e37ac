//! The lines of one process in the ledger.

use std::path::{Path, PathBuf};
use std::time::Duration;

use anyhow::Context;
use tokio::signal::unix::{SignalKind, signal};
use tokio::time::{Instant, MissedTickBehavior, interval, sleep_until};
use vesta_local::ledger::{self, Event, LEDGER_VARIABLE, Record};

/// Pause between two beats.
pub const BEAT: Duration = Duration::from_millis(400);

/// Why a process that beats comes to its end.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum End {
    /// Its time is over.
    Done,
    /// It was told to end.
    Asked,
}

/// Writes the lines of this process.
pub(super) struct Beats {
    path: PathBuf,
    own: Record,
}

impl Beats {
    /// Of this process, which is an instance; nothing is written yet.
    pub(super) fn new() -> anyhow::Result<Beats> {
        let path = std::env::var_os(LEDGER_VARIABLE);
        let path = path.with_context(|| format!("{LEDGER_VARIABLE} is not set"))?;
        Ok(Beats {
            path: path.into(),
            own: Record::own(Event::Started)?,
        })
    }

    /// Its first line, which says on which node it runs: by its own working directory, not by what it was
    /// told.
    pub(super) fn started(&self) -> anyhow::Result<()> {
        let mut first = self.own.next(Event::Started);
        let here = std::env::current_dir()?;
        if let Some(node) = node_of(&here) {
            first.note = format!("{ON}{node}");
        }
        ledger::append(&self.path, &first)?;
        Ok(())
    }

    /// Every line of it carries this from now on.
    pub(super) fn note(&mut self, note: &str) {
        self.own.note = note.to_owned();
    }

    pub(super) fn write(&self, event: Event) -> anyhow::Result<()> {
        ledger::append(&self.path, &self.own.next(event))?;
        Ok(())
    }

    /// Its last line, with the reason.
    pub(super) fn ended(mut self, note: &str) -> anyhow::Result<()> {
        self.note(note);
        self.write(Event::Ended)
    }

    /// Beats until its time is over (never for `None`), or it is told to end (SIGTERM), which it may be
    /// deaf to.
    pub(super) async fn until(&self, lasts: Option<Duration>, deaf: bool) -> anyhow::Result<End> {
        let mut asked = signal(SignalKind::terminate())?;
        let mut beats = interval(BEAT);
        beats.set_missed_tick_behavior(MissedTickBehavior::Delay);
        let over = Instant::now() + lasts.unwrap_or(Duration::MAX / 4).min(YEAR);
        loop {
            tokio::select! {
                _ = beats.tick() => self.write(Event::Beat)?,
                _ = asked.recv(), if !deaf => return Ok(End::Asked),
                () = sleep_until(over), if lasts.is_some() => return Ok(End::Done),
            }
        }
    }
}

/// What the note of a first line begins with, before the node.
pub(crate) const ON: &str = "on ";

/// The node whose directory this is in: each node's is `nodes/<name>`.
fn node_of(dir: &Path) -> Option<&str> {
    let mut parts = dir.iter().skip_while(|part| *part != "nodes");
    parts.nth(1)?.to_str()
}

/// Longer than any run; `Instant` can't take for ever.
const YEAR: Duration = Duration::from_secs(365 * 24 * 3600);

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_process_knows_the_node_in_whose_directory_it_runs() {
        let here = Path::new("/tmp/run/nodes/worker-2/instances/x/work");
        assert_eq!(node_of(here), Some("worker-2"));
        assert_eq!(node_of(Path::new("/tmp/run")), None);
    }
}
