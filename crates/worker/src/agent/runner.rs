//! One instance as the agent sees it: its order is accepted, its supervisor started, watched and told to
//! end. What happened is read from the records.

use std::ffi::OsString;
use std::time::Duration;

use rustix::process::Signal;
use tokio::sync::{mpsc, watch};
use tokio::time::{Instant, sleep_until};
use vesta_types::{Exit, InstanceId, InstanceReport, InstanceStatus};

use super::serve::Event;
use super::supervised::{News, Supervised};
use crate::clock;
use crate::failpoint;
use crate::process::Process;
use crate::store::recover::give_up;
use crate::store::{InstanceDir, InstanceOrder, end_leftovers, remove_local_dirs};

/// What a supervisor may take on top of the grace before it is killed itself.
const SUPERVISOR_EXTRA: Duration = Duration::from_secs(7);

/// One instance whose order was accepted.
pub(super) struct Runner {
    pub(super) id: InstanceId,
    pub(super) dir: InstanceDir,
    /// How long its process may take to end after TERM.
    pub(super) grace: Duration,
    /// Turns `true` when the instance is to end.
    pub(super) stopped: watch::Receiver<bool>,
}

/// How an instance comes to its supervisor.
pub(super) enum Origin {
    /// It is ordered: a supervisor is started by this command.
    Ordered(Box<InstanceOrder>, Vec<OsString>),
    /// An earlier agent started this supervisor.
    Found(Process),
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
    pub(super) async fn run(mut self, origin: Origin, events: mpsc::Sender<Event>) {
        let (why, unable) = match self.execute(origin, &events).await {
            Ok(()) => (
                "its supervisor ended without a record of the outcome".to_owned(),
                false,
            ),
            Err(NotRun::Stopped) => ("it was stopped".to_owned(), false),
            Err(NotRun::Unable(why)) => (why, true),
        };
        let mut report = self.settle(&why).await;
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
        // They may be large, and nobody waits for that.
        let _ = tokio::task::spawn_blocking(move || remove_local_dirs(&self.dir, &self.id)).await;
    }

    /// Until the supervisor is gone, or could not be started.
    async fn execute(
        &mut self,
        origin: Origin,
        events: &mpsc::Sender<Event>,
    ) -> Result<(), NotRun> {
        let supervisor = match origin {
            Origin::Ordered(order, command) => self.start(*order, &command).await?,
            Origin::Found(process) => Supervised::Adopted(process),
        };
        self.watch(supervisor, events).await;
        Ok(())
    }

    async fn start(
        &mut self,
        order: InstanceOrder,
        command: &[OsString],
    ) -> Result<Supervised, NotRun> {
        let dir = self.dir.clone();
        tokio::task::spawn_blocking(move || dir.accept(&order))
            .await
            .map_err(|error| NotRun::Unable(error.to_string()))?
            .map_err(|error| NotRun::Unable(format!("its order can't be kept: {error}")))?;
        failpoint::crash("worker.crash_before_start");
        tokio::select! {
            () = failpoint::hold("worker.before_start") => {}
            () = told_to_end(&mut self.stopped) => {}
        }
        if *self.stopped.borrow() {
            return Err(NotRun::Stopped);
        }
        Supervised::start(command, self.dir.path())
            .map_err(|error| NotRun::Unable(format!("its supervisor can't be started: {error}")))
    }

    async fn watch(&mut self, mut supervisor: Supervised, events: &mpsc::Sender<Event>) {
        let mut kill_at = None;
        loop {
            let due = kill_at.unwrap_or_else(Instant::now);
            tokio::select! {
                news = supervisor.news() => match news {
                    News::Records => {
                        let report = self.dir.report(&self.id);
                        // The end is told when the supervisor is gone as well.
                        if !report.status.is_final() {
                            let _ = events.send(Event::Observed(report)).await;
                        }
                    }
                    News::Gone => return,
                },
                () = told_to_end(&mut self.stopped), if kill_at.is_none() => {
                    supervisor.signal(Signal::TERM);
                    kill_at = Some(Instant::now() + self.grace + SUPERVISOR_EXTRA);
                }
                () = sleep_until(due), if kill_at.is_some() => {
                    tracing::warn!(instance = %self.id, "its supervisor does not end; it is killed");
                    supervisor.signal(Signal::KILL);
                    kill_at = Some(Instant::now() + SUPERVISOR_EXTRA);
                }
            }
        }
    }

    /// The instance's outcome, now that no supervisor is there: from its records, or decided here once
    /// nothing of it runs any more.
    async fn settle(&self, why: &str) -> InstanceReport {
        let report = self.dir.report(&self.id);
        if self.dir.is_over() {
            return report;
        }
        let (id, dir, grace) = (self.id.clone(), self.dir.clone(), self.grace);
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
