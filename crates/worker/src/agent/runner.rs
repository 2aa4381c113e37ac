//! One instance as the agent sees it: its order is accepted, its supervisor started, watched and told to
//! end. What happened is read from the records.

use std::ffi::OsString;
use std::fs::OpenOptions;
use std::io;
use std::process::Stdio;

use rustix::process::Signal;
use tokio::io::{AsyncBufReadExt, BufReader, Lines};
use tokio::process::{Child, ChildStdout, Command};
use tokio::sync::{mpsc, watch};
use tokio::time::{Duration, Instant, sleep_until};
use vesta_types::{Exit, InstanceId, InstanceReport, InstanceStatus};

use super::serve::Event;
use crate::clock;
use crate::failpoint;
use crate::process::Process;
use crate::store::recover::give_up;
use crate::store::{InstanceDir, InstanceOrder, end_leftovers};

/// What a supervisor may take on top of the grace before it is killed itself.
const SUPERVISOR_EXTRA: Duration = Duration::from_secs(7);

/// One instance whose order was accepted.
pub(super) struct Runner {
    pub(super) dir: InstanceDir,
    pub(super) order: InstanceOrder,
    /// The command of a supervisor.
    pub(super) command: Vec<OsString>,
    /// Turns `true` when the instance is to end.
    pub(super) stopped: watch::Receiver<bool>,
}

/// Why an instance was not executed.
enum NotRun {
    /// It was told to end before.
    Stopped,
    /// This worker can't, for this reason. That is a failed run, which counts, and not one that never
    /// happened and is tried again at once: here it would fail again, for ever.
    Unable(String),
}

impl Runner {
    /// Runs the instance to its end and sends what is seen of it. The last thing sent is its end.
    pub(super) async fn run(mut self, events: mpsc::Sender<Event>) {
        let id = self.order.run.instance.clone();
        let (why, unable) = match self.execute(&events).await {
            Ok(()) => (
                "its supervisor ended without a record of the outcome".to_owned(),
                false,
            ),
            Err(NotRun::Stopped) => ("it was stopped".to_owned(), false),
            Err(NotRun::Unable(why)) => (why, true),
        };
        let mut report = self.settle(&id, &why).await;
        if unable && let InstanceStatus::NeverRan { .. } = report.status {
            report.status = InstanceStatus::Ended {
                exit: Exit {
                    code: None,
                    signal: None,
                    killed: false,
                    error: Some(why),
                },
                at: clock::wall(),
                ran: None,
            };
        }
        let _ = events.send(Event::Observed(report)).await;
    }

    /// Until the supervisor is gone, or could not be started.
    async fn execute(&mut self, events: &mpsc::Sender<Event>) -> Result<(), NotRun> {
        let (dir, order) = (self.dir.clone(), self.order.clone());
        tokio::task::spawn_blocking(move || dir.accept(&order))
            .await
            .map_err(|error| NotRun::Unable(error.to_string()))?
            .map_err(|error| NotRun::Unable(format!("its order can't be kept: {error}")))?;
        tokio::select! {
            () = failpoint::hold("worker.before_start") => {}
            () = told_to_end(&mut self.stopped) => {}
        }
        if *self.stopped.borrow() {
            return Err(NotRun::Stopped);
        }
        let mut child = self
            .spawn()
            .map_err(|error| NotRun::Unable(format!("its supervisor can't be started: {error}")))?;
        let mut lines = child
            .stdout
            .take()
            .map(|stdout| BufReader::new(stdout).lines());
        self.watch(&mut child, &mut lines, events).await;
        Ok(())
    }

    fn spawn(&self) -> io::Result<Child> {
        let log = self.dir.path().join("supervisor.log");
        let log = OpenOptions::new().create(true).append(true).open(log)?;
        let (program, args) = self
            .command
            .split_first()
            .ok_or_else(|| io::Error::other("no command for it"))?;
        Command::new(program)
            .args(args)
            .arg(self.dir.path())
            .stdin(Stdio::null())
            .stdout(Stdio::piped())
            .stderr(log)
            .spawn()
    }

    async fn watch(
        &mut self,
        child: &mut Child,
        lines: &mut Option<Lines<BufReader<ChildStdout>>>,
        events: &mpsc::Sender<Event>,
    ) {
        let mut kill_at = None;
        loop {
            let due = kill_at.unwrap_or_else(Instant::now);
            tokio::select! {
                hint = next_line(lines) => match hint {
                    Ok(Some(_)) => {
                        let report = self.dir.report(&self.order.run.instance);
                        // The end is told when the supervisor is gone as well.
                        if !report.status.is_final() {
                            let _ = events.send(Event::Observed(report)).await;
                        }
                    }
                    Ok(None) | Err(_) => *lines = None,
                },
                _ = child.wait() => return,
                () = told_to_end(&mut self.stopped), if kill_at.is_none() => {
                    signal(child, Signal::TERM);
                    kill_at = Some(Instant::now() + self.order.kill_grace + SUPERVISOR_EXTRA);
                }
                () = sleep_until(due), if kill_at.is_some() => {
                    tracing::warn!(
                        instance = %self.order.run.instance,
                        "its supervisor does not end; it is killed"
                    );
                    signal(child, Signal::KILL);
                    kill_at = Some(Instant::now() + SUPERVISOR_EXTRA);
                }
            }
        }
    }

    /// The instance's outcome, now that no supervisor is there: from its records, or decided here once
    /// nothing of it runs any more.
    async fn settle(&self, id: &InstanceId, why: &str) -> InstanceReport {
        let report = self.dir.report(id);
        if report.status.is_final() {
            return report;
        }
        let (id, dir, grace) = (id.clone(), self.dir.clone(), self.order.kill_grace);
        let reason = why.to_owned();
        let settling = tokio::task::spawn_blocking(move || {
            give_up(&id, &dir, &reason);
            if !end_leftovers(&[(id.clone(), dir.clone())], grace) {
                tracing::error!(instance = %id, "its processes can't be killed");
            }
            let never_started = dir.last_started().is_none();
            let mut report = dir.report(&id);
            // Its outcome could not be written: without a `started` record it was not executed, and no
            // supervisor is left that could.
            if !report.status.is_final() {
                report.status = match never_started {
                    true => InstanceStatus::NeverRan { reason },
                    false => InstanceStatus::Interrupted { reason },
                };
            }
            report
        });
        let broken = |_| InstanceReport {
            status: InstanceStatus::Interrupted {
                reason: why.to_owned(),
            },
            ..report
        };
        settling.await.unwrap_or_else(broken)
    }
}

/// Until the instance is to end; never, if the agent leaves without saying so.
async fn told_to_end(stopped: &mut watch::Receiver<bool>) {
    if stopped.wait_for(|stopped| *stopped).await.is_err() {
        std::future::pending().await
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

/// The child has not been waited for, so its pid is its own.
fn signal(child: &Child, signal: Signal) {
    if let Some(process) = child.id().and_then(Process::of) {
        process.signal(signal);
    }
}
