//! The planner that the leader keeps: what is free and what waits, followed change by change.

use std::collections::BTreeSet;

use vesta_types::{AppId, DriverId, Epoch, WorkerId, WorkerState};

use crate::state::{Application, ClusterState, Worker};

use super::debts::Debts;
use super::executors::{Wanted, may_be_served};
use super::kind::Kind;
use super::room::{Need, Owed, Room, Size, is_usable};
use super::trees::Trees;
use super::waiting::{Demand, Waiting};
use super::{Plan, Policy, pass};

/// More new workers at once than this are cheaper to take in together with all others.
const WORKERS_AT_ONCE: usize = 64;

/// Plans as [`super::plan`] does, and gives the same plans, at the cost of what has changed since it
/// planned last instead of workers × waiting.
///
/// All that it keeps is derived from the state: where it can't follow the state's changes (it is new, an
/// epoch began, too much has happened), it looks at everything again. What it keeps:
///
/// - a [`Room`] for each registered worker, in the order of ids; one that must get nothing has none;
/// - a [`Tree`] over these, to find the first, or the best, that has the cores and the memory;
/// - what waits, in groups of equal demand ([`Waiting`]). A group that fits nowhere is left alone until
///   some worker has more room than before: so a full cluster costs nothing, however many wait;
/// - the running drivers that wait for their first executor.
#[derive(Clone, Debug, Default)]
pub struct Planner {
    seen: Option<Seen>,
    avoid: BTreeSet<WorkerId>,
    pub(super) rooms: Vec<Room>,
    pub(super) free: Trees,
    /// What ALIVE workers have, empty or not.
    pub(super) capacity: Trees,
    /// More room than a worker had before, of all changes since the last plan.
    grown: Option<Size>,
    /// Whether a worker of Vesta's with homes of Spark has changed since then: what waited for one may
    /// have to look elsewhere now.
    homes_changed: bool,
    pub(super) drivers: Waiting,
    pub(super) executors: Waiting,
    debts: Debts,
}

/// Up to where the state was followed.
#[derive(Clone, Copy, Debug)]
struct Seen {
    epoch: Epoch,
    workers: u64,
    drivers: u64,
    applications: u64,
}

impl Planner {
    /// Plans what waits onto what is free. The same as [`super::plan`] gives for this state and policy.
    pub fn plan(&mut self, state: &ClusterState, policy: &Policy) -> Plan {
        self.catch_up(state, policy);
        if let Some(grown) = self.grown.take() {
            self.drivers.unblock(grown);
            self.executors.unblock(grown);
        }
        if std::mem::take(&mut self.homes_changed) {
            self.drivers
                .unblock_if(|demand| matches!(demand.need.kind, Kind::SparkAtVesta(_)));
        }
        self.prepare_kinds();
        let (plan, taken) = pass::run(self, state, policy);
        // Nothing is booked before it is applied.
        for at in taken {
            if let Some(worker) = state.workers.get(&self.rooms[at].worker) {
                self.refresh(at, state, worker);
            }
        }
        plan
    }

    /// What is owed to running drivers: one executor each, unless no worker could ever hold it.
    pub(super) fn owed(&self, state: &ClusterState) -> Vec<Owed> {
        self.debts.owed(state, &self.capacity, &self.rooms)
    }

    /// Makes the trees of what is about to be searched for.
    fn prepare_kinds(&mut self) {
        let of = |waiting: &Waiting| {
            let heads = waiting.heads().map(|(_, at)| waiting.demand(at).need.kind);
            heads.collect::<BTreeSet<Kind>>()
        };
        let drivers = of(&self.drivers);
        let mut kinds = if drivers.is_empty() {
            BTreeSet::new()
        } else {
            self.debts.kinds()
        };
        for kind in drivers.into_iter().chain(of(&self.executors)) {
            kinds.extend([kind, kind.anywhere()]);
        }
        let rooms = &self.rooms;
        for kind in kinds {
            let can = |at: usize| rooms[at].runs.can(kind);
            self.free.prepare(kind, can);
            self.capacity.prepare(kind, can);
        }
    }

    fn position(&self, worker: &WorkerId) -> Result<usize, usize> {
        self.rooms.binary_search_by(|room| room.worker.cmp(worker))
    }

    /// Follows the state to where it is.
    fn catch_up(&mut self, state: &ClusterState, policy: &Policy) {
        let now = Seen {
            epoch: state.epoch,
            workers: state.workers.now(),
            drivers: state.drivers.now(),
            applications: state.applications.now(),
        };
        let touched = self.seen.filter(|seen| seen.epoch == now.epoch);
        let touched = touched.and_then(|seen| {
            Some((
                state.workers.touched_since(seen.workers)?,
                state.drivers.touched_since(seen.drivers)?,
                state.applications.touched_since(seen.applications)?,
            ))
        });
        self.seen = Some(now);
        let Some((workers, drivers, applications)) = touched else {
            self.start_over(state, policy);
            return;
        };
        let avoided;
        let mut workers: BTreeSet<&WorkerId> = workers.collect();
        if self.avoid != policy.avoid {
            avoided = std::mem::replace(&mut self.avoid, policy.avoid.clone());
            workers.extend(avoided.symmetric_difference(&policy.avoid));
        }
        self.follow_workers(state, &workers);
        let drivers: BTreeSet<&DriverId> = drivers.collect();
        let applications: BTreeSet<&AppId> = applications.collect();
        for id in applications {
            self.follow_application(state, id);
        }
        for id in drivers {
            self.follow_driver(state, id);
        }
    }

    fn start_over(&mut self, state: &ClusterState, policy: &Policy) {
        *self = Planner {
            seen: self.seen,
            avoid: policy.avoid.clone(),
            ..Planner::default()
        };
        self.take_workers(state);
        for id in state.app_queue.values() {
            self.follow_application(state, id);
        }
        for id in state.driver_queue.values() {
            self.follow_driver(state, id);
        }
        // The others run, or have ended.
        for id in state.workers.values().flat_map(|worker| &worker.drivers) {
            self.debts.follow_driver(state, id);
        }
    }

    /// Takes in all workers at once.
    fn take_workers(&mut self, state: &ClusterState) {
        self.homes_changed = true;
        let rooms = state.workers.values();
        self.rooms = rooms.map(|worker| self.room_of(state, worker)).collect();
        let capacities: Vec<Size> = state.workers.values().map(capacity_of).collect();
        self.renew_trees(&capacities);
        self.note_growth(
            self.rooms
                .iter()
                .map(Room::size)
                .fold(Size::default(), Size::max),
        );
    }

    fn follow_workers(&mut self, state: &ClusterState, touched: &BTreeSet<&WorkerId>) {
        let mut unknown = Vec::new();
        for id in touched {
            match (self.position(id), state.workers.get(*id)) {
                (Ok(at), Some(worker)) => self.refresh(at, state, worker),
                (Err(_), None) => {}
                _ => unknown.push(*id),
            }
        }
        if unknown.is_empty() {
            return;
        }
        if unknown.len() > WORKERS_AT_ONCE {
            return self.take_workers(state);
        }
        // Positions move; the trees are made anew, from what is at hand.
        let mut capacities: Vec<Size> = self.capacity.sizes().collect();
        for id in unknown {
            match (self.position(id), state.workers.get(id)) {
                (Ok(at), None) => {
                    let gone = self.rooms.remove(at);
                    self.homes_changed |= gone.runs.has_homes();
                    capacities.remove(at);
                }
                (Err(at), Some(worker)) => {
                    let room = self.room_of(state, worker);
                    self.note_growth(room.size());
                    self.homes_changed |= room.runs.has_homes();
                    self.rooms.insert(at, room);
                    capacities.insert(at, capacity_of(worker));
                }
                _ => {}
            }
        }
        self.renew_trees(&capacities);
    }

    fn renew_trees(&mut self, capacities: &[Size]) {
        let rooms = &self.rooms;
        let free: Vec<Size> = rooms.iter().map(Room::size).collect();
        let can = |at: usize, kind| rooms[at].runs.can(kind);
        self.free.renew(&free, can);
        self.capacity.renew(capacities, can);
    }

    fn room_of(&self, state: &ClusterState, worker: &Worker) -> Room {
        if is_usable(state, worker) && !self.avoid.contains(&worker.description.id) {
            Room::of(worker)
        } else {
            Room::closed(worker)
        }
    }

    fn refresh(&mut self, at: usize, state: &ClusterState, worker: &Worker) {
        let room = self.room_of(state, worker);
        if !room.is_within(&self.rooms[at]) {
            self.note_growth(room.size());
        }
        self.free.set(at, room.size(), |kind| room.runs.can(kind));
        self.capacity
            .set(at, capacity_of(worker), |kind| room.runs.can(kind));
        self.homes_changed |= room.runs.has_homes() || self.rooms[at].runs.has_homes();
        self.rooms[at] = room;
    }

    fn note_growth(&mut self, room: Size) {
        self.grown = Some(self.grown.map_or(room, |grown| grown.max(room)));
    }

    /// A driver that is not there any more had ended before, and so did its wait.
    fn follow_driver(&mut self, state: &ClusterState, id: &DriverId) {
        if let Some(driver) = state.drivers.get(id) {
            let demand = || Demand {
                need: Need::of_driver(&driver.description),
                own: driver.description.executor.as_ref().map(Size::from),
            };
            let waits = driver.may_be_placed().then(|| (0, demand()));
            self.drivers.set(driver.ticket, waits);
        }
        self.debts.follow_driver(state, id);
    }

    fn follow_application(&mut self, state: &ClusterState, id: &AppId) {
        let app = state.applications.get(id);
        if let Some(app) = app {
            let served = may_be_served(state, app).then(|| hungry(app));
            self.executors.set(app.ticket, served.unwrap_or_default());
        }
        self.debts.follow_application(state, id);
    }
}

/// Where an application waits: once for each profile of which it wants more.
fn hungry(app: &Application) -> Vec<(u32, Demand)> {
    let cores_left = app.cores_left();
    let profiles = app.description.profiles.iter();
    let wanted = profiles.filter_map(|(number, request)| {
        let wanted = Wanted::of(app, *number, request, cores_left);
        (wanted.workers_max() > 0).then(|| {
            let demand = Demand {
                need: wanted.need,
                own: None,
            };
            (*number, demand)
        })
    });
    wanted.collect()
}

fn capacity_of(worker: &Worker) -> Size {
    if worker.state != WorkerState::Alive {
        return Size::default();
    }
    Size {
        cores: worker.description.capacity.cores,
        memory_mib: worker.description.capacity.memory_mib,
    }
}
