//! A supervisor process as the agent holds it: started by itself, or by the agent that was there before.

use std::ffi::OsString;
use std::fs::OpenOptions;
use std::io;
use std::path::Path;
use std::process::Stdio;
use std::time::Duration;

use rustix::process::Signal;
use tokio::io::{AsyncBufReadExt, BufReader, Lines};
use tokio::process::{Child, ChildStdout, Command};

use crate::process::Process;

/// How often is looked whether an adopted supervisor still runs: it is not this process's child.
const LOOK_AGAIN: Duration = Duration::from_millis(100);

/// After how many of those looks its instance's records are read again: its hints go to the pipe of an
/// agent that is gone, and all that they would tell before the end are restarts.
const LOOKS_PER_READING: u32 = 10;

/// What is new with a supervisor.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum News {
    /// The instance's records may have changed.
    Records,
    /// The supervisor is gone.
    Gone,
}

/// A supervisor process.
pub(super) enum Supervised {
    /// This agent's own, with the pipe on which it gives hints until that is closed.
    Child(Box<Child>, Option<Lines<BufReader<ChildStdout>>>),
    /// One that an earlier agent started.
    Adopted(Process),
}

impl Supervised {
    /// Starts `command` for the instance in `dir`.
    pub(super) fn start(command: &[OsString], dir: &Path) -> io::Result<Supervised> {
        let log = dir.join("supervisor.log");
        let log = OpenOptions::new().create(true).append(true).open(log)?;
        let (program, args) = command
            .split_first()
            .ok_or_else(|| io::Error::other("no command for it"))?;
        let mut child = Command::new(program)
            .args(args)
            .arg(dir)
            .stdin(Stdio::null())
            .stdout(Stdio::piped())
            .stderr(log)
            .spawn()?;
        let lines = child
            .stdout
            .take()
            .map(|stdout| BufReader::new(stdout).lines());
        Ok(Supervised::Child(Box::new(child), lines))
    }

    /// Waits for news.
    pub(super) async fn news(&mut self) -> News {
        match self {
            Supervised::Child(child, lines) => tokio::select! {
                _ = child.wait() => News::Gone,
                // The pipe closes when the supervisor ends: nothing more is heard on it.
                hint = next_line(lines) => {
                    if !matches!(hint, Ok(Some(_))) {
                        *lines = None;
                    }
                    News::Records
                }
            },
            Supervised::Adopted(process) => {
                for _ in 0..LOOKS_PER_READING {
                    if !process.is_alive() {
                        return News::Gone;
                    }
                    tokio::time::sleep(LOOK_AGAIN).await;
                }
                News::Records
            }
        }
    }

    /// Sends it a signal; nothing if it is gone.
    pub(super) fn signal(&self, signal: Signal) {
        let process = match self {
            // It has not been waited for, so its pid is its own.
            Supervised::Child(child, _) => child.id().and_then(Process::of),
            Supervised::Adopted(process) => Some(*process),
        };
        if let Some(process) = process {
            process.signal(signal);
        }
    }
}

/// The next hint; never, once the pipe is closed.
async fn next_line(
    lines: &mut Option<Lines<BufReader<ChildStdout>>>,
) -> io::Result<Option<String>> {
    match lines {
        Some(lines) => lines.next_line().await,
        None => std::future::pending().await,
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[tokio::test]
    async fn the_end_of_an_adopted_supervisor_is_seen_and_not_that_of_another_with_its_pid() {
        let mut child = std::process::Command::new("sleep")
            .arg("60")
            .spawn()
            .unwrap();
        let process = Process::of(child.id()).unwrap();
        let other = Process {
            start: process.start + 1,
            ..process
        };
        assert_eq!(Supervised::Adopted(other).news().await, News::Gone);
        let mut adopted = Supervised::Adopted(process);
        assert_eq!(adopted.news().await, News::Records);
        adopted.signal(Signal::KILL);
        while adopted.news().await != News::Gone {}
        child.wait().unwrap();
    }
}
