//! An agent's process: the real decisions, and the loop around them.

use std::collections::BTreeMap;
use std::rc::Rc;

use rand::Rng;
use vesta_types::{InstanceId, InstanceReport};
use vesta_worker::reconcile::{Action, Input, Reconciler, Settings, wire};

use super::short;
use crate::clock::{MS, Nanos, SECOND};
use crate::trace::trace;
use crate::world::dial::Dials;
use crate::world::net::Up;
use crate::world::{Event, Who, World};

/// An agent's process.
pub struct Agent {
    pub(in crate::world) reconciler: Reconciler,
    pub(in crate::world) dials: Dials,
    /// The live instances, and whether each was told to end.
    pub(super) watched: BTreeMap<InstanceId, bool>,
    tick_at: Nanos,
}

impl World {
    /// The agent's process begins: before any master is spoken to, every instance of an earlier one has
    /// an outcome or is watched.
    pub(in crate::world) fn agent_up(&mut self, w: usize) {
        if !self.workers[w].up || self.workers[w].agent.is_some() {
            return;
        }
        let masters = self.masters.len();
        let worker = &mut self.workers[w];
        worker.life += 1;
        worker.paused = false;
        let same_boot = worker.disk.boot.is_none_or(|last| last == worker.boot);
        let why = if same_boot {
            "its agent was restarted"
        } else {
            "the machine was rebooted"
        };
        let known: Vec<InstanceId> = worker.disk.instances.keys().cloned().collect();
        let mut watched = BTreeMap::new();
        let mut leftovers = Vec::new();
        for id in &known {
            let over = worker.records(id).is_some_and(|records| records.is_over());
            let acknowledged = worker
                .disk
                .instances
                .get(id)
                .is_some_and(|it| it.acknowledged);
            if acknowledged || over {
                continue;
            }
            if same_boot && worker.is_supervised(id) {
                watched.insert(id.clone(), false);
            } else {
                worker.give_up(id, why);
                leftovers.push(id.clone());
            }
        }
        for id in &leftovers {
            self.end_processes(w, id);
        }
        let settings = Settings {
            heartbeat: self.options.heartbeat(),
            order_ttl: self.options.order_ttl(),
        };
        let worker = &mut self.workers[w];
        let reports: Vec<(InstanceReport, bool)> = known
            .iter()
            .filter_map(|id| {
                let acknowledged = worker.disk.instances.get(id)?.acknowledged;
                Some((worker.report(id)?, acknowledged))
            })
            .collect();
        worker.disk.boot = Some(worker.boot);
        let alive: Vec<InstanceId> = watched.keys().cloned().collect();
        worker.agent = Some(Agent {
            reconciler: Reconciler::new(settings, worker.disk.allegiance, reports),
            dials: Dials::new(masters),
            watched,
            tick_at: Nanos::MAX,
        });
        trace!(self, "w{} agent starts, watches {}", w + 1, alive.len());
        for id in alive {
            self.look_at(w, &id);
        }
        self.dial_all(Who::Worker(w));
        self.agent_takes(w, Input::Tick);
    }

    /// The agent's process ends at once; what it started goes on.
    pub(in crate::world) fn agent_down(&mut self, w: usize, machine_gone: bool) {
        let Some(agent) = self.workers[w].agent.take() else {
            return;
        };
        trace!(self, "w{} agent ends", w + 1);
        self.workers[w].paused = false;
        self.workers[w].deferred.clear();
        self.workers[w].crash_in = None;
        for stream in agent.dials.streams().collect::<Vec<_>>() {
            self.hung_up(stream, true, machine_gone);
        }
    }

    /// A point of its work at which the agent may be killed. Whether it was.
    pub(super) fn dies_here(&mut self, w: usize) -> bool {
        let Some(left) = self.workers[w].crash_in else {
            return false;
        };
        if left > 0 {
            self.workers[w].crash_in = Some(left - 1);
            return false;
        }
        trace!(self, "w{} agent is killed in the middle of its work", w + 1);
        self.agent_down(w, false);
        let pause = self.rng.random_range(100 * MS..3 * SECOND);
        self.after(pause, Event::AgentUp { w });
        true
    }

    /// The agent takes one input and does what it leads to.
    pub(in crate::world) fn agent_takes(&mut self, w: usize, input: Input) {
        if self.workers[w].agent.is_none() || self.dies_here(w) {
            return;
        }
        let now = self.workers[w].local(self.now);
        let worker = &mut self.workers[w];
        let Some(agent) = worker.agent.as_mut() else {
            return;
        };
        let disk = &mut worker.disk;
        let taken = agent.reconciler.take(
            || now,
            input,
            |allegiance| {
                disk.allegiance = allegiance;
                Ok::<(), std::convert::Infallible>(())
            },
        );
        let actions = match taken {
            Ok(actions) => actions,
            Err(never) => match never {},
        };
        let met = worker.disk.allegiance.epoch;
        self.truth.epoch_met(w, met, &mut self.broken);
        for action in actions {
            if self.dies_here(w) {
                return;
            }
            self.act(w, action);
        }
        self.tick_later(w);
    }

    fn tick_later(&mut self, w: usize) {
        let now = self.now;
        let worker = &mut self.workers[w];
        let (life, clock, local) = (worker.life, worker.clock, worker.local(now));
        let Some(agent) = worker.agent.as_mut() else {
            return;
        };
        let next = agent.reconciler.next_tick();
        let due = now + clock.until(u64::try_from(next.since(local).as_nanos()).unwrap_or(0));
        if due < agent.tick_at {
            agent.tick_at = due;
            self.at(due, Event::AgentTick { w, life });
        }
    }

    pub(in crate::world) fn agent_tick(&mut self, w: usize, life: u32) {
        let now = self.now;
        let worker = &mut self.workers[w];
        if worker.life != life {
            return;
        }
        let Some(agent) = worker.agent.as_mut() else {
            return;
        };
        if now < agent.tick_at {
            return;
        }
        agent.tick_at = Nanos::MAX;
        self.agent_takes(w, Input::Tick);
    }

    fn act(&mut self, w: usize, action: Action) {
        let life = self.workers[w].life;
        match action {
            Action::Confirm(stamp) => {
                let boot = self.workers[w].boot;
                self.workers[w].disk.confirmed = Some((boot, stamp));
            }
            Action::Start { order, epoch } => {
                trace!(
                    self,
                    "w{} accepts {} of epoch {epoch}",
                    w + 1,
                    short(&order.instance)
                );
                let met = self.workers[w].disk.allegiance.epoch;
                self.truth
                    .ordered(w, &order.instance, epoch, met, &mut self.broken);
                if let Some(agent) = self.workers[w].agent.as_mut() {
                    agent.watched.insert(order.instance.clone(), false);
                }
                let takes = self.rng.random_range(MS / 5..3 * MS);
                let order = Rc::new(*order);
                self.after(
                    takes,
                    Event::Accept {
                        w,
                        life,
                        order,
                        epoch,
                    },
                );
            }
            Action::Stop(instance) => self.stop(w, &instance),
            Action::Forget(instance) => {
                if let Some(directory) = self.workers[w].disk.instances.get_mut(&instance) {
                    directory.acknowledged = true;
                }
            }
            Action::Send { to, message } => {
                let Some(agent) = self.workers[w].agent.as_ref() else {
                    return;
                };
                let master = self
                    .addresses
                    .iter()
                    .position(|address| *address == to.master);
                let stream = master.and_then(|master| agent.dials.of(master).stream);
                let Some(stream) = stream.filter(|stream| self.streams[*stream].name == to.session)
                else {
                    return;
                };
                let description = self.workers[w].description();
                let message = wire::message(message, &description);
                self.say_up(stream, Up::Worker(message));
            }
            Action::Note(text) => trace!(self, "w{} notes: {text}", w + 1),
        }
    }
}
