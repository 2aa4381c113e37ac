//! Tests of the planner, and a small hand-made cluster for them: `book` does what `apply` does with a
//! plan, and fails where something is booked twice.

mod drivers;
mod executors;
mod executors_suite;
mod properties;
mod spark;
mod why;

use std::collections::{BTreeMap, BTreeSet};

use uuid::Uuid;
use vesta_types::{
    AppId, ApplicationDescription, ApplicationState, Booking, Capacity, ClusterId,
    DriverDescription, DriverId, DriverRun, DriverState, Epoch, ExecutorId, ExecutorSize,
    ExecutorState, Incarnation, Launch, ProfileRequest, ResourceProfile, SparkApplication,
    SparkCommand, SparkPeer, SparkRelease, SparkWorker, SubmissionKey, Timestamp,
    WorkerDescription, WorkerId, WorkerState,
};

use super::{Plan, Planner, Policy, WorkerSelection, plan};
use crate::FailoverReport;
use crate::command::Placement;
use crate::state::{Application, ClusterState, Driver, DriverPlacement, Executor, Worker};

const INCARNATION: Incarnation = Incarnation {
    store: Uuid::from_u128(1),
    boot: Uuid::from_u128(2),
};

fn spread() -> Policy {
    Policy::default()
}

fn pack() -> Policy {
    Policy {
        spread_out: false,
        ..Policy::default()
    }
}

fn key() -> SubmissionKey {
    "019aa5a0-0000-7000-8000-000000000000".parse().unwrap()
}

/// A cluster of confirmed ALIVE workers with these cores and memory (MiB).
fn cluster(workers: &[(u32, u64)]) -> ClusterState {
    let mut state = ClusterState {
        cluster: Some(ClusterId(Uuid::from_u128(3))),
        epoch: Epoch(1),
        leader: Some((1, 1)),
        recovered: true,
        ..ClusterState::default()
    };
    state.failovers.push_back(FailoverReport {
        epoch: Epoch(1),
        term: 1,
        leader: 1,
        started: Timestamp(0),
        election_ms: 0,
        recovery_ms: Some(0),
        objects: Vec::new(),
        objects_not_named: 0,
        counts: BTreeMap::new(),
        executors_killed: 0,
    });
    for (cores, memory_mib) in workers {
        add_worker(&mut state, *cores, *memory_mib, &[]);
    }
    state
}

fn worker_id(number: usize) -> WorkerId {
    format!("worker-{number:05}").parse().unwrap()
}

fn add_worker(state: &mut ClusterState, cores: u32, memory_mib: u64, gpus: &[&str]) -> WorkerId {
    let last = state.workers.keys().next_back();
    let next = last.map_or(0, |id| id.as_str()[7..].parse::<usize>().unwrap() + 1);
    let id = worker_id(next);
    let gpus: BTreeSet<String> = gpus.iter().map(|gpu| (*gpu).to_owned()).collect();
    let worker = Worker {
        description: WorkerDescription {
            id: id.clone(),
            incarnation: INCARNATION,
            host: "localhost".to_owned(),
            port: 7710 + u16::try_from(state.workers.len()).unwrap(),
            containment: Default::default(),
            capacity: Capacity {
                cores,
                memory_mib,
                named: BTreeMap::from([("gpu".to_owned(), gpus)]),
            },
            spark: None,
            spark_homes: Default::default(),
        },
        state: WorkerState::Alive,
        confirmed_epoch: state.epoch,
        registered: Timestamp(0),
        dead_since: None,
        ages_from: None,
        booked: Booking::default(),
        drivers: BTreeSet::new(),
        executors: BTreeSet::new(),
        stopping: BTreeMap::new(),
        quarantined: BTreeMap::new(),
    };
    state.workers.insert(id.clone(), worker);
    id
}

/// The worker is one of Spark's own.
fn become_spark(state: &mut ClusterState, id: &WorkerId, version: &str) {
    let description = &mut state.workers.get_mut(id).unwrap().description;
    description.spark = Some(SparkWorker {
        peer: peer(SparkRelease::of_version(version).unwrap()),
        web_ui: String::new(),
    });
}

/// The worker has homes of these versions, and no other.
fn give_homes(state: &mut ClusterState, id: &WorkerId, versions: &[&str]) {
    let home = |version: &&str| {
        let release = SparkRelease::of_version(version).unwrap();
        ((*version).to_owned(), release)
    };
    let description = &mut state.workers.get_mut(id).unwrap().description;
    description.spark_homes = versions.iter().map(home).collect();
}

fn peer(release: SparkRelease) -> SparkPeer {
    SparkPeer {
        host: "localhost".to_owned(),
        port: 7,
        endpoint: "e".to_owned(),
        release,
    }
}

fn spark_application(release: SparkRelease) -> SparkApplication {
    SparkApplication {
        peer: peer(release),
        user: String::new(),
    }
}

fn spark_launch(release: SparkRelease) -> Launch {
    let command = SparkCommand {
        release,
        main_class: "Main".to_owned(),
        arguments: Vec::new(),
        environment: BTreeMap::new(),
        class_path: Vec::new(),
        library_path: Vec::new(),
        java_opts: Vec::new(),
    };
    Launch {
        spark: Some(Box::new(command)),
        ..Launch::default()
    }
}

fn driver_id(number: u64) -> DriverId {
    DriverId::mint(Timestamp(0), number)
}

/// A waiting driver; `executor` are its executors' cores and memory.
fn submit(
    state: &mut ClusterState,
    cores: u32,
    memory_mib: u64,
    executor: Option<(u32, u64)>,
) -> DriverId {
    let id = driver_id(state.next_driver);
    let ticket = state.next_ticket;
    state.next_driver += 1;
    state.next_ticket += 1;
    let driver = Driver {
        id: id.clone(),
        description: DriverDescription {
            name: String::new(),
            launch: Launch::default(),
            cores,
            memory_mib,
            supervise: false,
            conf: BTreeMap::new(),
            executor: executor.map(|(cores, memory_mib)| ExecutorSize { cores, memory_mib }),
            on_disconnect: None,
            lease: None,
            total_executor_cores: None,
            named: Default::default(),
        },
        key: key(),
        state: DriverState::Submitted,
        attempt: 0,
        ticket,
        placement: None,
        last_placement: None,
        leased_to: None,
        last_worker: None,
        kill_requested: false,
        submitted: Timestamp(0),
        ended: None,
        ages_from: None,
        exit: None,
        message: String::new(),
        former: Default::default(),
    };
    state.driver_queue.insert(ticket, id.clone());
    state.described_bytes += driver.description.bytes();
    state.drivers.insert(id.clone(), driver);
    id
}

/// One profile's wishes, for `register`.
fn wants(cores: Option<u32>, memory_mib: u64, target: Option<u32>) -> ProfileRequest {
    ProfileRequest {
        profile: ResourceProfile {
            id: 0,
            cores,
            memory_mib,
            named: BTreeMap::new(),
        },
        target,
    }
}

fn register(
    state: &mut ClusterState,
    max_cores: Option<u32>,
    profiles: Vec<ProfileRequest>,
    owner: Option<&DriverId>,
) -> AppId {
    let id = AppId::mint(Timestamp(0), state.next_app);
    let ticket = state.next_ticket;
    state.next_app += 1;
    state.next_ticket += 1;
    let numbered = (0..).zip(profiles).map(|(number, mut request)| {
        request.profile.id = number;
        (number, request)
    });
    let app = Application {
        id: id.clone(),
        description: ApplicationDescription {
            name: String::new(),
            launch: Launch::default(),
            max_cores,
            profiles: numbered.collect(),
            max_executor_retries: 10,
            run_to_completion: false,
            owner: owner.map(|driver| DriverRun {
                driver: driver.clone(),
                attempt: state.drivers[driver].attempt,
                restart: 0,
            }),
            ui_url: String::new(),
            payload: Vec::new(),
            spark: None,
        },
        key: key(),
        state: ApplicationState::Waiting,
        confirmed_epoch: state.epoch,
        ticket,
        next_executor: 0,
        retries: 0,
        executors: BTreeMap::new(),
        ended_executors: BTreeMap::new(),
        ended_executors_total: 0,
        submitted: Timestamp(0),
        ended: None,
        ages_from: None,
        message: String::new(),
        former: Default::default(),
    };
    state.app_queue.insert(ticket, id.clone());
    state.described_bytes += app.description.bytes();
    state.applications.insert(id.clone(), app);
    id
}

fn book_on(state: &mut ClusterState, worker: &WorkerId, booking: &Booking) {
    let worker = state.workers.get_mut(worker).unwrap();
    let capacity = &worker.description.capacity;
    assert!(
        booking.fits(capacity, &worker.booked),
        "{booking:?} is more than {capacity:?} without {:?}",
        worker.booked
    );
    worker.booked.add(booking);
}

fn book(state: &mut ClusterState, plan: &Plan) {
    for placement in &plan.placements {
        book_one(state, placement);
    }
    if plan.cursor.is_some() {
        state.driver_cursor = plan.cursor.clone();
    }
}

fn book_one(state: &mut ClusterState, placement: &Placement) {
    match placement {
        Placement::Driver {
            driver,
            attempt,
            worker,
            incarnation,
            named,
        } => {
            let description = &state.drivers[driver].description;
            let booking = Booking {
                cores: description.cores,
                memory_mib: description.memory_mib,
                named: named.clone(),
            };
            book_on(state, worker, &booking);
            let place = state.workers.get_mut(worker).unwrap();
            assert!(place.drivers.insert(driver.clone()));
            let driver = state.drivers.get_mut(driver).unwrap();
            assert_eq!(*attempt, driver.attempt + 1);
            driver.state = driver.state.to(DriverState::Running).unwrap();
            driver.attempt = *attempt;
            driver.last_worker = Some(worker.clone());
            driver.placement = Some(DriverPlacement {
                worker: worker.clone(),
                incarnation: incarnation.clone(),
                booking,
                started: None,
                pid: None,
                restart: 0,
                moving: false,
            });
            assert!(state.driver_queue.remove(&driver.ticket).is_some());
        }
        Placement::Executor {
            app,
            profile,
            worker,
            incarnation,
            cores,
            named,
        } => {
            let request = &state.applications[app].description.profiles[profile];
            let booking = Booking {
                cores: *cores,
                memory_mib: request.profile.memory_mib,
                named: named.clone(),
            };
            for (name, count) in &request.profile.named {
                assert_eq!(named.get(name).map_or(0, BTreeSet::len), *count as usize);
            }
            book_on(state, worker, &booking);
            let app = state.applications.get_mut(app).unwrap();
            let number = app.next_executor;
            app.next_executor += 1;
            let executor = Executor {
                number,
                profile: *profile,
                worker: worker.clone(),
                incarnation: incarnation.clone(),
                booking,
                state: ExecutorState::Launching,
                kill_requested: false,
                pid: None,
                granted: Timestamp(0),
                ended: None,
                exit: None,
                message: String::new(),
            };
            app.executors.insert(number, executor);
            app.state = ApplicationState::Running;
            let id = ExecutorId {
                app: app.id.clone(),
                number,
            };
            let place = state.workers.get_mut(worker).unwrap();
            assert!(place.executors.insert(id));
        }
    }
}

/// Ends a running driver, and what it registered.
fn finish(state: &mut ClusterState, driver: &DriverId) {
    let driver = state.drivers.get_mut(driver).unwrap();
    driver.state = driver.state.to(DriverState::Finished).unwrap();
    let placement = driver.placement.take().unwrap();
    let worker = state.workers.get_mut(&placement.worker).unwrap();
    worker.booked.remove(&placement.booking);
    worker.drivers.remove(&driver.id);
    state.ended_drivers.push_back(driver.id.clone());
    let owned: Vec<AppId> = state
        .applications
        .values()
        .filter(|app| {
            let owner = app.description.owner.as_ref();
            owner.is_some_and(|owner| owner.driver == driver.id)
        })
        .map(|app| app.id.clone())
        .collect();
    for app in owned {
        let app = state.applications.get_mut(&app).unwrap();
        app.state = ApplicationState::Finished;
        state.app_queue.remove(&app.ticket);
        for (number, executor) in std::mem::take(&mut app.executors) {
            let worker = state.workers.get_mut(&executor.worker).unwrap();
            worker.booked.remove(&executor.booking);
            worker.executors.remove(&ExecutorId {
                app: app.id.clone(),
                number,
            });
        }
    }
}

/// Cores per executor that the plan gives to `app`, for each worker of the cluster.
fn executors_by_worker(state: &ClusterState, plan: &Plan, of: &AppId) -> Vec<Vec<u32>> {
    let of_worker = |id: &WorkerId| {
        let cores = plan
            .placements
            .iter()
            .filter_map(|placement| match placement {
                Placement::Executor {
                    app, worker, cores, ..
                } if app == of && worker == id => Some(*cores),
                _ => None,
            });
        cores.collect()
    };
    state.workers.keys().map(of_worker).collect()
}

/// Where the plan puts drivers, in its order.
fn drivers_of(plan: &Plan) -> Vec<(DriverId, WorkerId)> {
    let driver = |placement: &Placement| match placement {
        Placement::Driver { driver, worker, .. } => Some((driver.clone(), worker.clone())),
        Placement::Executor { .. } => None,
    };
    plan.placements.iter().filter_map(driver).collect()
}
