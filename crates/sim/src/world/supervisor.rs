//! An instance's supervisor: `started` record and exec are separate steps, and it can be paused or killed
//! between any two.

use std::rc::Rc;
use std::time::Duration;

use rand::Rng;
use vesta_types::{Exit, InstanceId, canary};
use vesta_worker::reconcile::is_fresh;
use vesta_worker::store::records::{Ending, Outcome, Process as Pid, Running, Started};
use vesta_worker::supervisor::backoff::Backoff;
use vesta_worker::supervisor::lease::left;
use vesta_worker::supervisor::look::{Look, last_look};

use super::process::Plan;
use super::worker::short;
use super::{Event, World};
use crate::clock::{MS, Nanos, SECOND, nanos};
use crate::trace::trace;

/// How often a restart that waits for a fresh confirmation looks again.
const LOOK_AGAIN: Nanos = 50 * MS;

/// What a supervisor does next.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Next {
    /// It begins: it says who it is.
    Begin,
    /// It takes the `started` record of this restart.
    Start(u32),
    /// The last look before exec.
    Look(u32),
    /// It executes.
    Exec(u32),
    /// It is told to end.
    Terminate,
    /// The grace is over.
    Kill,
    /// It looks whether the lease is over.
    Lease,
    /// Its process has ended.
    Reap(u32),
}

/// A supervisor's process.
pub struct Supervisor {
    /// Which one it is, of all that ever were.
    pub serial: u64,
    /// Whether it is stopped (SIGSTOP), and what waits for it.
    pub paused: bool,
    /// What came meanwhile.
    pub deferred: Vec<Event>,
    /// Whether it was ever stopped for a while: then the one exception to the rules is its.
    pub was_paused: bool,
    restart: u32,
    pid: Option<u32>,
    stopped: bool,
    lease_is_over: bool,
    backoff: Backoff,
    begun: Nanos,
}

impl World {
    /// A supervisor is started.
    pub(super) fn supervise(&mut self, w: usize, instance: &InstanceId) {
        self.serials += 1;
        let serial = self.serials;
        let scale = f64::from(self.options.scale) / 1000.0;
        let supervisor = Supervisor {
            serial,
            paused: false,
            deferred: Vec::new(),
            was_paused: false,
            restart: 0,
            pid: None,
            stopped: false,
            lease_is_over: false,
            backoff: Backoff::new(scale),
            begun: 0,
        };
        self.workers[w]
            .supervisors
            .insert(instance.clone(), supervisor);
        let takes = self.rng.random_range(MS / 2..5 * MS);
        self.next(w, instance, takes, Next::Begin);
    }

    fn next(&mut self, w: usize, instance: &InstanceId, takes: Nanos, next: Next) {
        let Some(supervisor) = self.workers[w].supervisors.get(instance) else {
            return;
        };
        let serial = supervisor.serial;
        let instance = Rc::new(instance.clone());
        self.after(
            takes,
            Event::Supervisor {
                w,
                instance,
                serial,
                next,
            },
        );
    }

    /// It gets TERM.
    pub(super) fn terminate(&mut self, w: usize, instance: &InstanceId) {
        let takes = self.rng.random_range(0..=MS);
        self.next(w, instance, takes, Next::Terminate);
    }

    /// It is killed; its process goes on, and nobody collects its exit code.
    pub(super) fn supervisor_down(&mut self, w: usize, instance: &InstanceId) {
        if self.workers[w].supervisors.remove(instance).is_some() {
            trace!(self, "s{} of {} is killed", w + 1, short(instance));
            self.truth.unsupervised(w, instance);
            self.look_at(w, instance);
        }
    }

    /// It does what comes next.
    pub(super) fn supervisor_acts(
        &mut self,
        w: usize,
        instance: &InstanceId,
        serial: u64,
        next: Next,
    ) {
        let worker = &mut self.workers[w];
        let Some(own) = worker
            .supervisors
            .get_mut(instance)
            .filter(|it| it.serial == serial)
        else {
            return;
        };
        let Some(directory) = worker.disk.instances.get_mut(instance) else {
            return;
        };
        let order = Rc::clone(&directory.order);
        match next {
            Next::Begin => {
                directory.supervisor = Some(serial);
                let takes = self.rng.random_range(0..20 * MS);
                self.next(w, instance, takes, Next::Start(0));
                if order.lease.is_some() {
                    self.next(w, instance, 0, Next::Lease);
                }
                self.look_at(w, instance);
            }
            Next::Start(0) if own.stopped => {
                // Told to end while artifacts were put in place.
                let reason = "it was stopped before it was started".to_owned();
                directory
                    .started
                    .entry(0)
                    .or_insert(Started::Revoked { reason });
                self.leave(w, instance);
            }
            Next::Start(restart) => {
                if directory.started.contains_key(&restart)
                    && !canary::is_on("duplicate-assignment")
                {
                    return self.leave(w, instance);
                }
                directory.started.insert(restart, Started::Executed);
                own.restart = restart;
                let takes = self.rng.random_range(MS / 5..=self.options.fsync);
                self.next(w, instance, takes, Next::Look(restart));
            }
            Next::Look(restart) => self.look(w, instance, restart),
            Next::Exec(restart) => self.exec(w, instance, restart),
            Next::Terminate => {
                if !std::mem::replace(&mut own.stopped, true) {
                    let grace = nanos(self.options.grace());
                    self.end_group(w, instance, grace);
                }
            }
            Next::Kill => {
                if let Some(pid) = own.pid {
                    self.process_killed(w, pid);
                }
            }
            Next::Lease => self.lease(w, instance),
            Next::Reap(pid) => self.reap(w, instance, pid),
        }
    }

    /// TERM to its process, KILL after the grace. While it waits for a restart there is none.
    fn end_group(&mut self, w: usize, instance: &InstanceId, grace: Nanos) {
        let Some(own) = self.workers[w].supervisors.get(instance) else {
            return;
        };
        match own.pid {
            Some(pid) => {
                self.process_told(w, pid);
                self.next(w, instance, grace, Next::Kill);
            }
            None => {
                // Before a restart, whether it waits for its time or for a fresh confirmation.
                let restart = own.restart;
                let directory = self.workers[w].disk.instances.get(instance);
                let exits = directory.map(|it| &it.exits);
                let last = exits.and_then(|exits| exits.get(&restart));
                let waits = restart > 0 && last.is_none();
                let outcome = last.map(|ending| ending.outcome.clone());
                let none = waits.then(|| Outcome::Exited(Exit::default()));
                if let Some(outcome) = outcome.or(none) {
                    self.finish(w, instance, restart, outcome);
                }
            }
        }
    }

    fn look(&mut self, w: usize, instance: &InstanceId, restart: u32) {
        let now = self.now;
        let ttl = self.options.order_ttl();
        let worker = &mut self.workers[w];
        let fresh = is_fresh(worker.confirmed(), worker.local(now), ttl);
        let directory = worker.disk.instances.get(instance);
        let told = directory.is_some_and(|it| it.told_to_end);
        let Some(own) = worker.supervisors.get_mut(instance) else {
            return;
        };
        match last_look(restart, ttl, || fresh, || told) {
            Look::Execute => {
                own.was_paused = false;
                // Nothing is between this look and exec but a pause.
                self.next(w, instance, 0, Next::Exec(restart));
            }
            Look::Wait if !own.stopped => {
                self.next(w, instance, LOOK_AGAIN, Next::Look(restart));
            }
            Look::NeverRan(reason) => {
                self.finish(w, instance, restart, Outcome::NeverRan { reason });
            }
            Look::Wait | Look::End => {
                own.stopped = true;
                self.finish(w, instance, restart, Outcome::Exited(Exit::default()));
            }
        }
    }

    fn exec(&mut self, w: usize, instance: &InstanceId, restart: u32) {
        let worker = &self.workers[w];
        let Some(directory) = worker.disk.instances.get(instance) else {
            return;
        };
        let order = Rc::clone(&directory.order);
        let was_paused = worker
            .supervisors
            .get(instance)
            .is_some_and(|own| own.was_paused);
        let plan = Plan::of(&order.launch.args, &mut self.rng);
        let pid = self.execute(w, instance, restart, &order, plan, was_paused);
        let since = self.workers[w].clock.wall(self.now);
        let process = Pid {
            pid,
            start: u64::from(pid),
        };
        let worker = &mut self.workers[w];
        if let Some(directory) = worker.disk.instances.get_mut(instance) {
            directory.pids.insert(restart, Running { process, since });
        }
        let Some(own) = worker.supervisors.get_mut(instance) else {
            return;
        };
        own.pid = Some(pid);
        own.begun = self.now;
        let stopped = own.stopped;
        if stopped {
            let grace = nanos(self.options.grace());
            self.end_group(w, instance, grace);
        }
        self.look_at(w, instance);
    }

    /// Its process has ended; what of it, the process's machine says.
    pub(super) fn process_ended(&mut self, w: usize, instance: &InstanceId, pid: u32) {
        let takes = self.rng.random_range(0..=MS);
        self.next(w, instance, takes, Next::Reap(pid));
    }

    fn reap(&mut self, w: usize, instance: &InstanceId, pid: u32) {
        let scale = self.options.scale;
        let worker = &mut self.workers[w];
        let Some(own) = worker.supervisors.get_mut(instance) else {
            return;
        };
        if own.pid != Some(pid) {
            return;
        }
        own.pid = None;
        let (code, signal) = self.ends.remove(&(w, pid)).unwrap_or((None, Some(9)));
        let killed = own.stopped;
        let exit = Exit {
            code,
            signal,
            killed,
            error: None,
        };
        let restart = own.restart;
        let failed = !exit.is_success() && !killed;
        let lasted = Duration::from_nanos(self.now - own.begun);
        let outcome = Outcome::Exited(exit);
        let Some(directory) = worker.disk.instances.get_mut(instance) else {
            return;
        };
        if !(directory.order.supervise && failed) {
            return self.finish(w, instance, restart, outcome);
        }
        let at = worker.clock.wall(self.now);
        directory.exits.insert(
            restart,
            Ending {
                outcome,
                at,
                last: false,
            },
        );
        let wait = nanos(own.backoff.after(lasted)).max(Nanos::from(scale) * 1000);
        self.look_at(w, instance);
        self.next(w, instance, wait, Next::Start(restart + 1));
    }

    fn finish(&mut self, w: usize, instance: &InstanceId, restart: u32, outcome: Outcome) {
        let now = self.now;
        let worker = &mut self.workers[w];
        let at = worker.clock.wall(now);
        let stopped = worker
            .supervisors
            .get(instance)
            .is_some_and(|own| own.stopped);
        let outcome = match outcome {
            Outcome::Exited(exit) if stopped && exit.error.is_none() => Outcome::Exited(Exit {
                killed: true,
                ..exit
            }),
            other => other,
        };
        if let Some(directory) = worker.disk.instances.get_mut(instance) {
            directory.exits.insert(
                restart,
                Ending {
                    outcome,
                    at,
                    last: true,
                },
            );
        }
        self.look_at(w, instance);
        self.leave(w, instance);
    }

    fn leave(&mut self, w: usize, instance: &InstanceId) {
        self.workers[w].supervisors.remove(instance);
        self.look_at(w, instance);
    }

    /// Looks whether the lease of a driver that is to stop is over, and when to look again.
    fn lease(&mut self, w: usize, instance: &InstanceId) {
        let now = self.now;
        let worker = &mut self.workers[w];
        let Some(lease) = worker
            .disk
            .instances
            .get(instance)
            .and_then(|it| it.order.lease)
        else {
            return;
        };
        let time = Duration::from_millis(lease.time_ms);
        let rest = left(time, worker.confirmed(), worker.local(now));
        let clock = worker.clock;
        if !rest.is_zero() && !canary::is_on("stop-lease-ignored") {
            let rest = clock.until(nanos(rest)).min(SECOND);
            return self.next(w, instance, rest, Next::Lease);
        }
        let Some(own) = worker.supervisors.get_mut(instance) else {
            return;
        };
        if canary::is_on("stop-lease-ignored") || own.lease_is_over || own.stopped {
            return;
        }
        if own.pid.is_none() && own.restart == 0 {
            // Not executed yet: the last look before that is stricter.
            return self.next(w, instance, 50 * MS, Next::Lease);
        }
        (own.stopped, own.lease_is_over) = (true, true);
        trace!(self, "s{}: the lease of {} is over", w + 1, short(instance));
        if let Some(directory) = self.workers[w].disk.instances.get_mut(instance) {
            directory
                .interrupted
                .get_or_insert_with(|| "its lease is over".to_owned());
        }
        let grace = self
            .options
            .grace()
            .min(Duration::from_millis(lease.grace_ms));
        self.end_group(w, instance, nanos(grace));
    }
}
