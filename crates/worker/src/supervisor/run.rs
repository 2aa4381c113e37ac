//! The life of one instance: its runs, restarts and end.

use std::io::{self, Write};
use std::path::PathBuf;
use std::process::{Child, Command};
use std::time::Duration;

use rustix::process::Signal as Kill;
use tokio::signal::unix::{Signal, SignalKind, signal};
use tokio::time::Instant;
use uuid::Uuid;
use vesta_types::Exit;

use super::backoff::Backoff;
use super::lease::Leased;
use super::look::{Look, last_look};
use super::printed::Printed;
use super::{artifacts, environment, reap};
use crate::clock;
use crate::failpoint;
use crate::process::{Process, signal_group};
use crate::store::freshness;
use crate::store::instance::{Outcome, Running, Started, ending};
use crate::store::{InstanceDir, InstanceOrder};

/// How often a restart that waits for a fresh confirmation looks again.
const LOOK_AGAIN: Duration = Duration::from_millis(50);

/// One instance, and the signals that its supervisor gets.
pub(super) struct Supervisor {
    dir: InstanceDir,
    order: InstanceOrder,
    boot: Uuid,
    lease: Leased,
    terminate: Signal,
    child: Signal,
    /// Held so that telling an agent that is gone does not end this process.
    _pipe: Signal,
    /// It was told to end.
    stopped: bool,
    lease_is_over: bool,
}

impl Supervisor {
    pub(super) fn new(
        dir: InstanceDir,
        order: InstanceOrder,
        boot: Uuid,
    ) -> io::Result<Supervisor> {
        let terminate = signal(SignalKind::terminate())?;
        let child = signal(SignalKind::child())?;
        let pipe = signal(SignalKind::pipe())?;
        Ok(Supervisor {
            lease: Leased::new(order.run.lease, boot, &dir),
            dir,
            order,
            boot,
            terminate,
            child,
            _pipe: pipe,
            stopped: false,
            lease_is_over: false,
        })
    }

    /// Executes the instance until it has ended for good, or finds that it never may be executed.
    pub(super) async fn supervise(&mut self) -> io::Result<()> {
        let Some(artifacts) = self.place_artifacts().await else {
            self.dir.revoke("it was stopped before it was started")?;
            return Ok(());
        };
        let mut backoff = Backoff::new(self.order.restart_backoff);
        for restart in 0.. {
            // Whoever creates this first wins: an agent that revokes the instance, or this.
            if !self.dir.start(restart, &Started::Executed)? {
                return Ok(());
            }
            failpoint::crash("worker.crash_before_exec");
            failpoint::point("worker.after_started_record");
            let begun = Instant::now();
            let outcome = match &artifacts {
                Ok(artifacts) => self.run(restart, artifacts).await,
                Err(error) => could_not_run(error.clone()),
            };
            let outcome = self.with_stop(outcome);
            if !(self.order.run.supervise && has_failed(&outcome)) {
                return self.end(restart, outcome);
            }
            self.dir
                .write_exit(restart, &ending(outcome.clone(), false))?;
            tell_agent();
            let wait = backoff.after(begun.elapsed());
            if self.is_stopped_within(wait).await {
                let outcome = self.with_stop(outcome);
                return self.end(restart, outcome);
            }
        }
        Ok(())
    }

    fn end(&self, restart: u32, outcome: Outcome) -> io::Result<()> {
        self.dir.write_exit(restart, &ending(outcome, true))?;
        tell_agent();
        Ok(())
    }

    /// The paths of the artifacts, or why one could not be put in place; `None` if it was told to end
    /// meanwhile.
    async fn place_artifacts(&mut self) -> Option<Result<Vec<PathBuf>, String>> {
        let most = self.order.artifact_max;
        let (artifacts, work) = (
            self.order.run.launch.artifacts.clone(),
            self.dir.work_path(),
        );
        let copying =
            tokio::task::spawn_blocking(move || artifacts::place(&artifacts, &work, most));
        tokio::select! {
            biased;
            _ = self.terminate.recv() => { self.stopped = true; None }
            placed = copying => Some(placed.unwrap_or_else(|error| Err(error.to_string()))),
        }
    }

    /// One run, from the last look at the confirmation to the end of its whole group.
    async fn run(&mut self, restart: u32, artifacts: &[PathBuf]) -> Outcome {
        let mut command = match environment::command(&self.dir, &self.order, restart, artifacts) {
            Ok(command) => command,
            Err(error) => return could_not_run(error),
        };
        let (printed, [stdout, stderr]) = match Printed::begin(self.dir.path(), self.order.log_max)
        {
            Ok(begun) => begun,
            Err(error) => return could_not_run(error),
        };
        command.stdout(stdout).stderr(stderr);
        // The last look before exec. The records are written already: syncing them may take long.
        loop {
            let ttl = self.order.order_ttl;
            let fresh = || freshness::is_fresh(self.dir.root(), self.boot, ttl);
            match last_look(restart, ttl, fresh, || self.dir.is_told_to_end()) {
                Look::Execute => break,
                Look::Wait if !self.is_stopped_within(LOOK_AGAIN).await => {}
                Look::NeverRan(reason) => return Outcome::NeverRan { reason },
                Look::Wait | Look::End => {
                    self.stopped = true;
                    return Outcome::Exited(Exit::default());
                }
            }
        }
        let spawned = self.spawn(&mut command);
        // With it go this process's own ends of the pipes.
        drop(command);
        let child = match spawned {
            Ok(child) => child,
            Err(error) => return could_not_run(error),
        };
        self.record(restart, &child);
        tell_agent();
        let reap::End { code, signal } = self.wait(child.id()).await;
        reap::end_descendants(self.order.cgroup.as_ref()).await;
        printed.finish().await;
        Outcome::Exited(Exit {
            code,
            signal,
            killed: false,
            error: None,
        })
    }

    /// Starts the process, in its cgroup from its first instruction: it inherits that of its supervisor,
    /// which is there only meanwhile.
    fn spawn(&self, command: &mut Command) -> Result<Child, String> {
        let Some(cgroup) = &self.order.cgroup else {
            return spawn(command);
        };
        if let Err(error) = cgroup.create().and_then(|()| cgroup.enter()) {
            note!("its cgroup can't be entered; it runs without: {error}");
            return spawn(command);
        }
        let spawned = spawn(command);
        if let Err(error) = cgroup.leave() {
            note!("its cgroup can't be left: {error}");
        }
        spawned
    }

    fn record(&self, restart: u32, child: &Child) {
        let Some(process) = Process::of(child.id()) else {
            return;
        };
        let running = Running {
            process,
            since: clock::wall(),
        };
        if let Err(error) = self.dir.write_pid(restart, &running) {
            note!("cannot record pid {}: {error}", child.id());
        }
    }

    /// Waits for the process `pid`, and ends it when told to: TERM, grace, KILL, each to its group.
    async fn wait(&mut self, pid: u32) -> reap::End {
        let mut kill_at = None;
        if self.stopped {
            kill_at = Some(self.terminate_group(pid));
        }
        loop {
            match reap::reap(pid) {
                Ok(Some(end)) => return end,
                Ok(None) => {}
                Err(error) => {
                    note!("cannot wait for pid {pid}: {error}");
                    return reap::End::default();
                }
            }
            let due = kill_at.unwrap_or_else(Instant::now);
            tokio::select! {
                _ = self.child.recv() => {}
                _ = self.terminate.recv(), if !self.stopped => {
                    self.stopped = true;
                    kill_at = Some(self.terminate_group(pid));
                }
                () = self.lease.over(), if !self.lease_is_over => {
                    // By now at the latest, whatever its worker's own grace.
                    let grace = self.lease.grace().unwrap_or_default();
                    let at = self.terminate_group(pid).min(Instant::now() + grace);
                    self.end_lease();
                    kill_at = Some(kill_at.map_or(at, |before: Instant| before.min(at)));
                }
                () = tokio::time::sleep_until(due), if kill_at.is_some() => {
                    kill_at = None;
                    signal_group(pid, Kill::KILL);
                }
            }
        }
    }

    /// When the group is to be killed.
    fn terminate_group(&self, pid: u32) -> Instant {
        signal_group(pid, Kill::TERM);
        Instant::now() + self.order.kill_grace
    }

    /// Notes that the lease is over: from here on it is as if the instance had been told to end, but
    /// that it was interrupted.
    fn end_lease(&mut self) {
        (self.stopped, self.lease_is_over) = (true, true);
        if let Err(error) = self.dir.interrupt(&self.lease.reason()) {
            note!("cannot record that its lease is over: {error}");
        }
    }

    /// Waits; `true` as soon as it is told to end.
    async fn is_stopped_within(&mut self, time: Duration) -> bool {
        tokio::select! {
            _ = self.terminate.recv(), if !self.stopped => self.stopped = true,
            () = self.lease.over(), if !self.stopped => self.end_lease(),
            () = tokio::time::sleep(time), if !self.stopped => {}
            else => {}
        }
        self.stopped
    }

    /// Marks an end that was asked for.
    fn with_stop(&self, outcome: Outcome) -> Outcome {
        match outcome {
            Outcome::Exited(exit) if self.stopped && exit.error.is_none() => {
                Outcome::Exited(Exit {
                    killed: true,
                    ..exit
                })
            }
            other => other,
        }
    }
}

fn spawn(command: &mut Command) -> Result<Child, String> {
    command.spawn().map_err(|error| {
        let program = command.get_program();
        format!("cannot run the program {program:?}: {error}")
    })
}

/// Whether a supervised instance is started again after this: a program that can't be run at all would
/// not do better the next time.
fn has_failed(outcome: &Outcome) -> bool {
    matches!(outcome, Outcome::Exited(exit)
        if !exit.is_success() && !exit.killed && exit.error.is_none())
}

fn could_not_run(error: String) -> Outcome {
    Outcome::Exited(Exit {
        error: Some(error),
        ..Exit::default()
    })
}

/// A hint to read the records again. The agent may be gone.
fn tell_agent() {
    let mut out = io::stdout();
    let _ = out.write_all(b"\n").and_then(|()| out.flush());
}

#[cfg(test)]
mod tests {
    use vesta_proto::worker_convert::RunOrder;
    use vesta_types::{Booking, ClusterId, DriverId, Epoch, InstanceId, Launch, Timestamp};

    use super::*;
    use crate::clock::Boottime;

    #[tokio::test]
    async fn a_superseded_driver_that_waits_for_its_restart_is_not_executed_when_its_stop_is_confirmed()
     {
        let root = tempfile::tempdir().unwrap();
        let cluster = ClusterId(Uuid::from_u128(1));
        let instance = InstanceId::driver(cluster, DriverId::mint(Timestamp(0), 1), 1);
        let dir = InstanceDir::new(root.path(), &instance);
        let run = RunOrder {
            instance,
            launch: Launch {
                program: "touch".into(),
                args: vec!["executed".into()],
                ..Launch::default()
            },
            booking: Booking::plain(1, 1),
            supervise: true,
            conf: Default::default(),
            profile: 0,
            name: "x".into(),
            payload: Vec::new(),
            executor: None,
            lease: None,
            total_executor_cores: None,
        };
        let order = InstanceOrder {
            run,
            epoch: Epoch(1),
            worker: "worker-1".parse().unwrap(),
            host: "h".into(),
            port: 1,
            masters: Vec::new(),
            order_ttl: Duration::from_secs(15),
            kill_grace: Duration::from_secs(1),
            restart_backoff: 1.0,
            cgroup: None,
            log_max: 1024,
            artifact_max: 1024,
            spark_homes: Vec::new(),
        };
        dir.accept(&order).unwrap();
        let boot = Uuid::from_u128(2);
        // What an agent does with orders that stop it and the confirmation that came with them; its
        // signal is under way.
        dir.tell_to_end().unwrap();
        freshness::confirm(root.path(), boot, Boottime::now()).unwrap();
        let mut supervisor = Supervisor::new(dir.clone(), order, boot).unwrap();
        let outcome = supervisor.run(1, &[]).await;
        let killed = Exit {
            killed: true,
            ..Exit::default()
        };
        assert_eq!(supervisor.with_stop(outcome), Outcome::Exited(killed));
        let first = supervisor.run(0, &[]).await;
        assert!(matches!(first, Outcome::NeverRan { .. }), "{first:?}");
        assert!(!dir.work_path().join("executed").exists());
        // It makes nothing look started.
        assert_eq!(dir.last_started(), None);
    }
}
