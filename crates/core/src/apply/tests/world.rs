//! A small world around the state: workers that carry out orders and report, clients that answer, a
//! leader that plans; and leaders that fall at any chosen moment.
//!
//! Everything in it is level-triggered, as the real parts are: a proposal that is refused is made again
//! from the state, and nothing is remembered that a crash would lose.

use std::collections::{BTreeMap, BTreeSet};

use vesta_types::{AppId, DriverId, Exit, InstanceId, InstanceStatus, WorkerState};

use super::support::*;
use crate::command::{Command, Request};
use crate::orders::for_worker;
use crate::reply::{Answer, RejectCode, Reply};

/// A worker's process and disk.
#[derive(Default)]
pub(super) struct Node {
    /// Whether masters can reach it. What runs on it goes on either way.
    pub reachable: bool,
    /// What it accepted and nobody acknowledged the end of.
    pub instances: BTreeMap<InstanceId, InstanceStatus>,
    /// What it executed, in order.
    pub executed: Vec<InstanceId>,
    /// What it refuses to execute (again).
    refused: BTreeSet<InstanceId>,
    news: bool,
}

/// The cluster and everybody around it.
pub(super) struct World {
    pub cluster: Cluster,
    pub nodes: BTreeMap<u16, Node>,
    /// Entries proposed so far, but for leaderships.
    pub proposed: usize,
    /// Before which proposals the leader falls: its own are then of an epoch that is over.
    falls: BTreeSet<usize>,
    /// Executors that each application wants.
    pub target: u32,
}

impl World {
    pub(super) fn new(nodes: u16, falls: impl IntoIterator<Item = usize>) -> World {
        let node = || Node {
            reachable: true,
            ..Node::default()
        };
        World {
            cluster: Cluster::new(),
            nodes: (0..nodes).map(|n| (n, node())).collect(),
            proposed: 0,
            falls: falls.into_iter().collect(),
            target: 3,
        }
    }

    fn propose(&mut self, command: Command) -> Reply {
        self.proposed += 1;
        if self.falls.contains(&self.proposed) {
            self.cluster.lead();
        }
        self.cluster.apply(command)
    }

    /// A client's write, sent until it is answered.
    pub(super) fn ask(&mut self, request: Request) -> Answer {
        let key = self.cluster.new_key();
        self.propose(Command::Client { key, request }).unwrap()
    }

    pub(super) fn submit(&mut self, supervise: bool) -> DriverId {
        match self.ask(Request::SubmitDriver {
            description: driver(supervise),
        }) {
            Answer::Submitted { driver } => driver,
            other => panic!("{other:?}"),
        }
    }

    pub(super) fn register_of(&mut self, driver: &DriverId) -> AppId {
        let attempt = self.cluster.driver(driver).attempt;
        let owner = vesta_types::DriverRun {
            driver: driver.clone(),
            attempt,
            restart: 0,
        };
        let mut description = application(Some(owner));
        description.profiles.get_mut(&0).unwrap().target = Some(self.target);
        match self.ask(Request::RegisterApplication { description }) {
            Answer::Registered { app } => app,
            other => panic!("{other:?}"),
        }
    }

    /// The process of an instance ends by itself, wherever it runs.
    pub(super) fn exit(&mut self, instance: &InstanceId, code: i32) {
        for node in self.nodes.values_mut() {
            if let Some(status) = node.instances.get_mut(instance) {
                let exit = Exit {
                    code: Some(code),
                    ..Exit::default()
                };
                *status = InstanceStatus::Ended {
                    exit,
                    at: START,
                    ran: None,
                };
                node.news = true;
            }
        }
    }

    /// Masters judge a node that they can't reach, until it is DEAD.
    pub(super) fn lose(&mut self, n: u16) {
        self.nodes.get_mut(&n).unwrap().reachable = false;
        while self.cluster.worker(n).state != WorkerState::Dead {
            let workers = vec![(worker_id(n), incarnation(n, 0))];
            let epoch = self.cluster.epoch();
            let cause = "silent".to_owned();
            let _ = self.propose(Command::LoseWorkers {
                epoch,
                workers,
                cause,
            });
        }
    }

    /// Drains a node, and lets its time be over.
    pub(super) fn drain(&mut self, n: u16) {
        let worker = worker_id(n);
        self.ask(Request::DrainWorker {
            worker: worker.clone(),
            deadline_ms: 1_000,
        });
        while !self.cluster.state.drains[&worker].over {
            let index = self.cluster.state.drains[&worker].index;
            let epoch = self.cluster.epoch();
            let drains = vec![(worker.clone(), index)];
            let _ = self.propose(Command::EndDrains { epoch, drains });
        }
    }

    /// Lets everybody do what they do until nobody has anything left to do.
    pub(super) fn settle(&mut self) {
        for _ in 0..100 {
            let before = self.proposed;
            self.answer();
            self.recover();
            self.place();
            let carried_out = self.carry_out();
            if self.proposed == before && !carried_out {
                return;
            }
        }
        panic!("it does not settle");
    }

    fn is_confirmed(&self, n: u16) -> bool {
        self.cluster
            .state
            .workers
            .get(&worker_id(n))
            .is_some_and(|worker| {
                worker.state != WorkerState::Dead && self.cluster.state.is_confirmed(worker)
            })
    }

    /// Workers answer or report, and clients answer.
    fn answer(&mut self) {
        for n in self.nodes.keys().copied().collect::<Vec<_>>() {
            let node = &self.nodes[&n];
            let confirmed = self.is_confirmed(n);
            if !node.reachable || confirmed && !node.news {
                continue;
            }
            let reports: Vec<_> = node
                .instances
                .iter()
                .map(|(instance, status)| report(instance, status.clone()))
                .collect();
            let epoch = self.cluster.epoch();
            let command = if confirmed {
                let (worker, incarnation) = (worker_id(n), incarnation(n, 0));
                Command::ReportInstances {
                    epoch,
                    worker,
                    incarnation,
                    reports,
                }
            } else {
                Command::AttachWorker {
                    epoch,
                    worker: worker(n, 0),
                    reports,
                }
            };
            match self.propose(command) {
                Ok(Answer::Reported { acknowledged }) => {
                    let node = self.nodes.get_mut(&n).unwrap();
                    node.news = false;
                    node.instances
                        .retain(|instance, _| !acknowledged.contains(instance));
                }
                Err(refused) => assert_eq!(refused.code, RejectCode::StaleEpoch, "{refused}"),
                other => panic!("{other:?}"),
            }
        }
        let state = &self.cluster.state;
        let silent: Vec<_> = state
            .app_queue
            .values()
            .filter(|app| !state.is_app_confirmed(&state.applications[*app]))
            .cloned()
            .collect();
        for app in silent {
            let epoch = self.cluster.epoch();
            let _ = self.propose(Command::ConfirmApplication { epoch, app });
        }
    }

    fn recover(&mut self) {
        let unreachable = |n: &u16| !self.nodes[n].reachable;
        let condemned: Vec<_> = self
            .nodes
            .keys()
            .copied()
            .filter(unreachable)
            .map(worker_id)
            .collect();
        let state = &self.cluster.state;
        let waits = state
            .unknown_workers()
            .iter()
            .any(|id| !condemned.contains(id));
        if !state.recovered && !waits && state.unknown_applications().is_empty() {
            let epoch = self.cluster.epoch();
            let _ = self.propose(Command::CompleteRecovery { epoch, condemned });
        }
    }

    /// Plans: each object has a node of its own choice, so that where it goes does not depend on when.
    fn place(&mut self) {
        let mut placements = Vec::new();
        for driver in self.cluster.state.driver_queue.values() {
            if let Some(n) = self.node_for(driver.number().unwrap()) {
                placements.push(self.cluster.driver_placement(driver, n));
            }
        }
        for app in self.cluster.state.app_queue.values() {
            let found = self.cluster.app(app);
            let wanted = found.description.profiles[&0].target.unwrap();
            let next = self.node_for(found.next_executor.into());
            let grows = found.live_of(0) < wanted && self.cluster.state.is_app_confirmed(found);
            if let Some(n) = next.filter(|_| grows) {
                placements.push(self.cluster.executor_placement(app, n));
            }
        }
        if !placements.is_empty() {
            let epoch = self.cluster.epoch();
            let _ = self.propose(Command::Place {
                epoch,
                placements,
                cursor: None,
            });
        }
    }

    fn node_for(&self, number: u64) -> Option<u16> {
        let reachable: Vec<_> = self
            .nodes
            .iter()
            .filter(|(n, node)| {
                node.reachable && !self.cluster.state.drains.contains_key(&worker_id(**n))
            })
            .map(|(n, _)| *n)
            .collect();
        let n = reachable[number as usize % reachable.len()];
        let placement = self.is_confirmed(n).then_some(n);
        placement.filter(|n| self.cluster.worker(*n).cores_free() > 0)
    }

    /// Workers get their orders; whether anything came of it.
    fn carry_out(&mut self) -> bool {
        let mut changed = false;
        for n in self.nodes.keys().copied().collect::<Vec<_>>() {
            if !self.nodes[&n].reachable || !self.is_confirmed(n) {
                continue;
            }
            let orders = for_worker(&self.cluster.state, &worker_id(n));
            let run: Vec<_> = orders
                .run
                .iter()
                .map(|(instance, _)| instance.clone())
                .collect();
            let stop = orders.stop.clone();
            let node = self.nodes.get_mut(&n).unwrap();
            for instance in run {
                if node.instances.contains_key(&instance) || !node.refused.insert(instance.clone())
                {
                    continue;
                }
                let pid = u32::try_from(node.executed.len()).unwrap() + 1;
                node.executed.push(instance.clone());
                node.instances
                    .insert(instance, InstanceStatus::Running { pid, since: START });
                changed = true;
            }
            for instance in stop {
                let status = match node.instances.get(&instance) {
                    Some(InstanceStatus::Running { .. }) => {
                        let exit = Exit {
                            signal: Some(15),
                            killed: true,
                            ..Exit::default()
                        };
                        InstanceStatus::Ended {
                            exit,
                            at: START,
                            ran: None,
                        }
                    }
                    None if node.refused.insert(instance.clone()) => InstanceStatus::NeverRan {
                        reason: "revoked".to_owned(),
                    },
                    _ => continue,
                };
                node.instances.insert(instance, status);
                changed = true;
            }
            node.news |= changed;
        }
        changed
    }

    /// How often each instance was executed, on all nodes together.
    pub(super) fn executions(&self) -> BTreeMap<InstanceId, usize> {
        let mut count = BTreeMap::new();
        for instance in self.nodes.values().flat_map(|node| &node.executed) {
            *count.entry(instance.clone()).or_default() += 1;
        }
        count
    }
}
