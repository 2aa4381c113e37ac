//! A worker's machine, which is there or gone, and what it says of itself.

mod agent;
mod instances;
mod records;
mod streams;

use std::collections::BTreeMap;

use rand::Rng;
use uuid::Uuid;
use vesta_types::{Capacity, Incarnation, InstanceId, InstanceStatus, WorkerDescription, WorkerId};
use vesta_worker::clock::Boottime;

use crate::clock::{Clock, Nanos};
use crate::trace::trace;
use crate::world::process::Process;
use crate::world::supervisor::Supervisor;
use crate::world::{Event, World};

use agent::Agent;
use records::Directories;

/// A machine with a worker.
pub struct Worker {
    /// Its id.
    pub id: WorkerId,
    store: Uuid,
    /// The boot of its machine.
    pub boot: Uuid,
    /// Whether the machine is there.
    pub up: bool,
    /// It never comes back.
    pub gone: bool,
    /// Its clocks.
    pub clock: Clock,
    /// Its directory.
    pub disk: Directories,
    /// How often the agent has been started.
    pub life: u32,
    /// The agent, while its process is there.
    pub agent: Option<Agent>,
    /// Whether the agent is stopped (SIGSTOP).
    pub paused: bool,
    /// What came meanwhile.
    pub deferred: Vec<Event>,
    /// After so many more points of its work the agent is killed.
    pub crash_in: Option<u32>,
    /// The supervisors that are there.
    pub supervisors: BTreeMap<InstanceId, Supervisor>,
    /// The processes that run, by pid.
    pub processes: BTreeMap<u32, Process>,
    cores: u32,
}

impl Worker {
    pub(super) fn new(nth: usize, cores: u32, clock: Clock, store: Uuid, boot: Uuid) -> Worker {
        let id = format!("worker-{}", nth + 1)
            .parse()
            .expect("it is a worker's id");
        Worker {
            id,
            store,
            boot,
            up: true,
            gone: false,
            clock,
            disk: Directories::default(),
            life: 0,
            agent: None,
            paused: false,
            deferred: Vec::new(),
            crash_in: None,
            supervisors: BTreeMap::new(),
            processes: BTreeMap::new(),
            cores,
        }
    }

    /// What it says of itself now.
    pub(super) fn description(&self) -> WorkerDescription {
        WorkerDescription {
            id: self.id.clone(),
            incarnation: Incarnation {
                store: self.store,
                boot: self.boot,
            },
            host: self.id.to_string(),
            port: 7710,
            capacity: Capacity {
                cores: self.cores,
                memory_mib: 1024 * u64::from(self.cores),
                named: BTreeMap::new(),
            },
            containment: Default::default(),
            spark: None,
            spark_homes: Default::default(),
        }
    }

    pub(super) fn local(&self, now: Nanos) -> Boottime {
        Boottime(self.clock.boot(now))
    }

    /// When the last heartbeat was sent that was confirmed in this boot.
    pub(super) fn confirmed(&self) -> Option<Boottime> {
        self.disk
            .confirmed
            .filter(|(boot, _)| *boot == self.boot)
            .map(|(_, stamp)| stamp)
    }
}

impl World {
    /// The machine is gone, with all that runs on it. `power`: what was not synced is lost as well.
    pub(super) fn machine_down(&mut self, w: usize) {
        if !self.workers[w].up {
            return;
        }
        trace!(self, "FAULT the machine of w{} is gone", w + 1);
        self.agent_down(w, true);
        let worker = &mut self.workers[w];
        worker.up = false;
        worker.supervisors.clear();
        let processes: Vec<u32> = worker.processes.keys().copied().collect();
        for pid in processes {
            self.process_gone(w, pid);
        }
        // What is written and not synced may be lost.
        for directory in self.workers[w].disk.instances.values_mut() {
            if self.rng.random_bool(0.5) {
                directory.pids.clear();
                directory.supervisor = None;
                directory.told_to_end = false;
            }
            if self.rng.random_bool(0.5) {
                directory.acknowledged = false;
            }
        }
    }

    /// The machine comes back, as another boot.
    pub(super) fn machine_up(&mut self, w: usize) {
        if self.workers[w].up || self.workers[w].gone {
            return;
        }
        let boot = self.uuid();
        let worker = &mut self.workers[w];
        worker.up = true;
        worker.boot = boot;
        worker.clock.booted = self.now;
        trace!(self, "w{} boots", w + 1);
        self.agent_up(w);
    }

    /// What the agent has not had acknowledged.
    pub(super) fn has_unacknowledged_ends(&self, w: usize) -> bool {
        let agent = self.workers[w].agent.as_ref();
        agent.is_some_and(|agent| {
            agent
                .reconciler
                .unacknowledged()
                .any(InstanceStatus::is_final)
        })
    }
}

/// An instance's id without its cluster.
pub(super) fn short(instance: &InstanceId) -> String {
    cut(&instance.to_string()).to_owned()
}

fn cut(id: &str) -> &str {
    id.rsplit_once('.').map_or(id, |(rest, _)| rest)
}
