//! A worker's machine and its agent: the real decisions, over a model of its directory.

use std::collections::BTreeMap;
use std::collections::btree_map::Entry;
use std::rc::Rc;

use rand::Rng;
use uuid::Uuid;
use vesta_proto::worker::to_worker;
use vesta_proto::worker_convert::RunOrder;
use vesta_types::{
    Capacity, Epoch, Incarnation, InstanceId, InstanceReport, InstanceStatus, WorkerDescription,
    WorkerId,
};
use vesta_worker::clock::Boottime;
use vesta_worker::reconcile::{Action, Allegiance, Input, Reconciler, Settings, Source, wire};
use vesta_worker::store::records::{Ending, Records, Running, Started};

use super::dial::Dials;
use super::net::Up;
use super::process::Process;
use super::supervisor::Supervisor;
use super::{Event, Who, World};
use crate::clock::{Clock, MS, Nanos, SECOND, nanos};
use crate::trace::trace;

/// What an agent's supervisor may take on top of the grace before it is killed itself.
const SUPERVISOR_EXTRA: Nanos = 7 * SECOND;

/// The records of one instance.
#[derive(Clone, Debug)]
pub struct Directory {
    /// The order.
    pub order: Rc<RunOrder>,
    /// `started.n`
    pub started: BTreeMap<u32, Started>,
    /// `pid.n`
    pub pids: BTreeMap<u32, Running>,
    /// `exit.n`
    pub exits: BTreeMap<u32, Ending>,
    /// `told_to_end`
    pub told_to_end: bool,
    /// `interrupted`
    pub interrupted: Option<String>,
    /// `acknowledged`
    pub acknowledged: bool,
    /// `supervisor.json`: which one.
    pub supervisor: Option<u64>,
}

/// A worker's directory.
#[derive(Clone, Debug, Default)]
pub struct Directories {
    /// Whom it obeys.
    pub allegiance: Allegiance,
    /// The boot that the records are of.
    pub boot: Option<Uuid>,
    /// The last confirmation, with the boot that it is of.
    pub confirmed: Option<(Uuid, Boottime)>,
    /// By instance.
    pub instances: BTreeMap<InstanceId, Directory>,
}

/// An agent's process.
pub struct Agent {
    pub(super) reconciler: Reconciler,
    pub(super) dials: Dials,
    /// The live instances, and whether each was told to end.
    watched: BTreeMap<InstanceId, bool>,
    tick_at: Nanos,
}

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

    /// Whether an instance's own supervisor is there.
    pub(super) fn is_supervised(&self, instance: &InstanceId) -> bool {
        let recorded = self
            .disk
            .instances
            .get(instance)
            .and_then(|it| it.supervisor);
        let there = self.supervisors.get(instance);
        there.is_some_and(|it| Some(it.serial) == recorded)
    }

    /// What an instance's records say.
    pub(super) fn records(&self, instance: &InstanceId) -> Option<Records> {
        let directory = self.disk.instances.get(instance)?;
        let last = directory.started.keys().next_back().copied();
        let revoked = match directory.started.get(&0) {
            Some(Started::Revoked { reason }) => Some(reason.clone()),
            _ => None,
        };
        let running = last.and_then(|last| directory.pids.range(..=last).next_back());
        Some(Records {
            last_started: last,
            revoked,
            ending: last.and_then(|last| directory.exits.get(&last).cloned()),
            interrupted: directory.interrupted.clone(),
            is_supervised: directory.interrupted.is_some() && self.is_supervised(instance),
            running: running.map(|(_, running)| running.clone()),
        })
    }

    fn report(&self, instance: &InstanceId) -> Option<InstanceReport> {
        let (status, restart) = self.records(instance)?.status();
        Some(InstanceReport {
            instance: instance.clone(),
            status,
            restart,
        })
    }

    /// Decides the outcome of an instance that nobody supervises: as `store::recover::give_up` does.
    fn give_up(&mut self, instance: &InstanceId, why: &str) {
        let Some(directory) = self.disk.instances.get_mut(instance) else {
            return;
        };
        if let Entry::Vacant(first) = directory.started.entry(0) {
            let reason = format!("{why} before it was started");
            first.insert(Started::Revoked { reason });
        } else {
            directory.interrupted.get_or_insert_with(|| why.to_owned());
        }
    }
}

impl World {
    fn source(&self, stream: usize) -> Source {
        let it = &self.streams[stream];
        Source {
            master: self.addresses[it.master].clone(),
            session: it.name,
        }
    }

    /// The agent's process begins: before any master is spoken to, every instance of an earlier one has
    /// an outcome or is watched.
    pub(super) fn agent_up(&mut self, w: usize) {
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
    pub(super) fn agent_down(&mut self, w: usize, machine_gone: bool) {
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
    fn dies_here(&mut self, w: usize) -> bool {
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
    pub(super) fn agent_takes(&mut self, w: usize, input: Input) {
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

    pub(super) fn agent_tick(&mut self, w: usize, life: u32) {
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

    /// The order is on disk; its supervisor is started next.
    pub(super) fn accept(&mut self, w: usize, life: u32, order: Rc<RunOrder>, _epoch: Epoch) {
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

    pub(super) fn spawn(&mut self, w: usize, life: u32, instance: &InstanceId) {
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

    fn stop(&mut self, w: usize, instance: &InstanceId) {
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
    pub(super) fn kill_supervisor(&mut self, w: usize, life: u32, instance: &InstanceId) {
        if self.workers[w].life == life && self.workers[w].agent.is_some() {
            self.supervisor_down(w, instance);
        }
    }

    /// The records of an instance may have changed: the agent reads them soon, if it watches.
    pub(super) fn look_at(&mut self, w: usize, instance: &InstanceId) {
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

    pub(super) fn observe(&mut self, w: usize, life: u32, instance: &InstanceId) {
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

    pub(super) fn session_opened(&mut self, w: usize, stream: usize) {
        let from = self.source(stream);
        self.agent_takes(w, Input::SessionOpened { from });
    }

    pub(super) fn session_closed(&mut self, w: usize, stream: usize) {
        let from = self.source(stream);
        self.agent_takes(w, Input::SessionClosed { from });
    }

    pub(super) fn worker_hears(&mut self, w: usize, stream: usize, message: to_worker::Message) {
        if self.trace.is_on() {
            let text = match &message {
                to_worker::Message::Welcome(it) => {
                    format!("welcome epoch {} leading {}", it.epoch, it.leading)
                }
                to_worker::Message::MasterChanged(it) => {
                    format!("master changed, epoch {}", it.epoch)
                }
                to_worker::Message::Confirmed(it) => {
                    format!("confirmed {} of epoch {}", it.sequence, it.epoch)
                }
                to_worker::Message::Orders(it) => {
                    let run: Vec<&str> = it.run.iter().map(|run| cut(&run.instance_id)).collect();
                    let stop: Vec<&str> = it.stop.iter().map(|id| cut(id)).collect();
                    format!(
                        "orders of epoch {} at {}: run {run:?} stop {stop:?}",
                        it.epoch, it.index
                    )
                }
                to_worker::Message::Acknowledged(it) => {
                    format!("acknowledged {}", it.instances.len())
                }
                _ => "something".to_owned(),
            };
            trace!(
                self,
                "w{}<m{} {text}",
                w + 1,
                self.streams[stream].master + 1
            );
        }
        let from = self.source(stream);
        let said = match &message {
            to_worker::Message::Orders(it) => Some(it.epoch),
            to_worker::Message::MasterChanged(it) => Some(it.epoch),
            _ => None,
        };
        let refused = said.and_then(|epoch| self.must_refuse(w, stream, Epoch(epoch)));
        let input = match message {
            to_worker::Message::Welcome(welcome) => {
                if let Some(leader) = welcome.leader {
                    let at = usize::try_from(leader - 1).unwrap_or(0);
                    self.leader_is_at(Who::Worker(w), at);
                }
                wire::welcome(from, &welcome)
            }
            message => wire::input(from, message),
        };
        if let Some(input) = input {
            self.agent_takes(w, input);
        }
        let now = self.workers[w].agent.as_ref();
        if let (Some(before), Some(agent)) = (refused, now)
            && agent.reconciler.stale_orders() == before
        {
            self.broken(format!(
                "I8: w{} obeys what a leader of epoch {} says, and has met {}",
                w + 1,
                said.unwrap_or_default(),
                self.workers[w].disk.allegiance.epoch
            ));
        }
    }

    /// If what comes on a stream is of an older epoch than this worker has met, it must be refused and
    /// counted: how many were by now.
    fn must_refuse(&self, w: usize, stream: usize, epoch: Epoch) -> Option<u64> {
        let worker = &self.workers[w];
        let agent = worker.agent.as_ref()?;
        let is_current = agent.dials.of(self.streams[stream].master).stream == Some(stream);
        let is_old = epoch < worker.disk.allegiance.epoch;
        (is_current && is_old).then(|| agent.reconciler.stale_orders())
    }

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
