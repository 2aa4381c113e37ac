//! What an agent does with instances: accepted, started, watched, stopped, settled.

use std::collections::BTreeMap;
use std::rc::Rc;

use rand::Rng;
use vesta_proto::worker_convert::RunOrder;
use vesta_types::{Epoch, InstanceId};
use vesta_worker::reconcile::Input;

use super::records::Directory;
use super::short;
use crate::clock::{MS, Nanos, SECOND, nanos};
use crate::trace::trace;
use crate::world::{Event, World};

/// What an agent's supervisor may take on top of the grace before it is killed itself.
const SUPERVISOR_EXTRA: Nanos = 7 * SECOND;

impl World {
    /// The order is on disk; its supervisor is started next.
    pub(in crate::world) fn accept(
        &mut self,
        w: usize,
        life: u32,
        order: Rc<RunOrder>,
        _epoch: Epoch,
    ) {
        if self.workers[w].life != life || self.workers[w].agent.is_none() {
            return;
        }
        let instance = order.instance.clone();
        let directory = Directory {
            order,
            started: BTreeMap::new(),
            pids: BTreeMap::new(),
            exits: BTreeMap::new(),
            told_to_end: false,
            interrupted: None,
            acknowledged: false,
            supervisor: None,
        };
        // Writing the order anew takes no other record away.
        self.workers[w]
            .disk
            .instances
            .entry(instance.clone())
            .or_insert(directory);
        if self.dies_here(w) {
            return;
        }
        let takes = self.rng.random_range(MS / 5..2 * MS);
        self.after(
            takes,
            Event::Spawn {
                w,
                life,
                instance: Rc::new(instance),
            },
        );
    }

    pub(in crate::world) fn spawn(&mut self, w: usize, life: u32, instance: &InstanceId) {
        let worker = &self.workers[w];
        let Some(agent) = worker.agent.as_ref().filter(|_| worker.life == life) else {
            return;
        };
        if agent.watched.get(instance).copied().unwrap_or(true) {
            return self.settle(w, instance, "it was stopped");
        }
        self.supervise(w, instance);
        self.dies_here(w);
    }

    pub(super) fn stop(&mut self, w: usize, instance: &InstanceId) {
        trace!(self, "w{} ends {}", w + 1, short(instance));
        let newest = self.current();
        self.truth.stopped(
            w,
            instance,
            newest.map(|m| &self.masters[m].state),
            &mut self.broken,
        );
        let life = self.workers[w].life;
        let Some(agent) = self.workers[w].agent.as_mut() else {
            return;
        };
        if let Some(stopped) = agent.watched.get_mut(instance) {
            *stopped = true;
        }
        if let Some(directory) = self.workers[w].disk.instances.get_mut(instance) {
            directory.told_to_end = true;
        }
        if self.workers[w].is_supervised(instance) {
            self.terminate(w, instance);
            let grace = nanos(self.options.grace()) + SUPERVISOR_EXTRA;
            let instance = Rc::new(instance.clone());
            self.after(grace, Event::KillSupervisor { w, life, instance });
        }
    }

    /// A supervisor does not end: it is killed.
    pub(in crate::world) fn kill_supervisor(&mut self, w: usize, life: u32, instance: &InstanceId) {
        if self.workers[w].life == life && self.workers[w].agent.is_some() {
            self.supervisor_down(w, instance);
        }
    }

    /// The records of an instance may have changed: the agent reads them soon, if it watches.
    pub(in crate::world) fn look_at(&mut self, w: usize, instance: &InstanceId) {
        let life = self.workers[w].life;
        let Some(agent) = self.workers[w].agent.as_ref() else {
            return;
        };
        if agent.watched.contains_key(instance) {
            let takes = self.rng.random_range(0..=20 * MS);
            let instance = Rc::new(instance.clone());
            self.after(takes, Event::Observe { w, life, instance });
        }
    }

    pub(in crate::world) fn observe(&mut self, w: usize, life: u32, instance: &InstanceId) {
        let worker = &self.workers[w];
        let Some(agent) = worker.agent.as_ref().filter(|_| worker.life == life) else {
            return;
        };
        if !agent.watched.contains_key(instance) {
            return;
        }
        if !worker.supervisors.contains_key(instance) {
            return self.settle(
                w,
                instance,
                "its supervisor ended without a record of the outcome",
            );
        }
        let report = worker.report(instance);
        // The end is told when the supervisor is gone as well.
        if let Some(report) = report.filter(|report| !report.status.is_final()) {
            self.agent_takes(w, Input::Observed(report));
        }
    }

    /// The instance's outcome, now that no supervisor is there.
    fn settle(&mut self, w: usize, instance: &InstanceId, why: &str) {
        let over = self.workers[w]
            .records(instance)
            .is_some_and(|records| records.is_over());
        if !over {
            self.workers[w].give_up(instance, why);
            self.end_processes(w, instance);
        }
        if let Some(agent) = self.workers[w].agent.as_mut() {
            agent.watched.remove(instance);
        }
        let report = self.workers[w].report(instance);
        if let Some(report) = report {
            self.agent_takes(w, Input::Observed(report));
        }
    }
}
