//! Each invariant sees what it is there for: a sound state is broken by hand in one place, and the check
//! must say so.

use std::collections::BTreeMap;

use uuid::Uuid;
use vesta_types::{
    ApplicationDescription, ApplicationState, Capacity, ClusterId, DriverDescription, DriverId,
    DriverState, Epoch, ExecutorState, Incarnation, InstanceId, InstanceReport, InstanceStatus,
    Launch, ProfileRequest, ResourceProfile, SubmissionKey, Timestamp, WorkerDescription, WorkerId,
    WorkerState,
};

use super::{check, check_step};
use crate::command::{Command, Entry, Placement, Request};
use crate::state::{
    Application, ClusterState, Drain, Driver, Endpoint, EndpointOwner, Executor, Worker,
};

const AT: Timestamp = Timestamp(1_795_258_800_000);
const CLUSTER: ClusterId = ClusterId(Uuid::from_u128(1));

fn worker_id(n: u16) -> WorkerId {
    format!("worker-{n}").parse().unwrap()
}

fn incarnation() -> Incarnation {
    Incarnation {
        store: Uuid::from_u128(2),
        boot: Uuid::from_u128(3),
    }
}

fn apply(state: &mut ClusterState, command: Command) {
    state
        .apply(state.applied + 1, &Entry { at: AT, command })
        .unwrap();
}

fn attach(state: &mut ClusterState, n: u16) {
    let gpus = ["0", "1"].map(str::to_owned).into();
    let worker = WorkerDescription {
        id: worker_id(n),
        incarnation: incarnation(),
        host: "host".to_owned(),
        port: n,
        containment: Default::default(),
        capacity: Capacity {
            cores: 8,
            memory_mib: 1024,
            named: BTreeMap::from([("gpu".to_owned(), gpus)]),
        },
        spark: None,
        spark_homes: Default::default(),
    };
    let epoch = state.epoch;
    apply(
        state,
        Command::AttachWorker {
            epoch,
            worker,
            reports: vec![],
        },
    );
}

fn ask(state: &mut ClusterState, n: u8, request: Request) {
    let uuid = uuid::Builder::from_unix_timestamp_millis(AT.0, &[n; 10]).into_uuid();
    let key = SubmissionKey::new(uuid).unwrap();
    apply(state, Command::Client { key, request });
}

fn submit(supervise: bool) -> Request {
    let description = DriverDescription {
        name: String::new(),
        launch: Launch::default(),
        cores: 1,
        memory_mib: 1,
        supervise,
        conf: BTreeMap::new(),
        executor: None,
        on_disconnect: None,
        lease: None,
        total_executor_cores: None,
        named: Default::default(),
    };
    Request::SubmitDriver { description }
}

/// Worker 0 with a running unsupervised driver (0) and an executor with a GPU; worker 1; a waiting driver
/// (1); an ended one (2); DEAD worker 2.
fn sound() -> ClusterState {
    let mut state = ClusterState::default();
    let started = Command::LeaderStarted {
        cluster: CLUSTER,
        term: 1,
        node: 1,
        leaderless_ms: 0,
    };
    apply(&mut state, started);
    (0..3).for_each(|n| attach(&mut state, n));
    (0..3).for_each(|n| ask(&mut state, n, submit(false)));
    let profile = ResourceProfile {
        id: 0,
        cores: Some(2),
        memory_mib: 1,
        named: BTreeMap::from([("gpu".to_owned(), 1)]),
    };
    let description = ApplicationDescription {
        name: String::new(),
        launch: Launch::default(),
        max_cores: Some(4),
        profiles: BTreeMap::from([(
            0,
            ProfileRequest {
                profile,
                target: Some(1),
            },
        )]),
        max_executor_retries: 10,
        run_to_completion: false,
        owner: None,
        ui_url: String::new(),
        payload: vec![],
        spark: None,
    };
    ask(&mut state, 3, Request::RegisterApplication { description });
    let gpu = ["0".to_owned()].into();
    let placements = vec![
        Placement::Driver {
            driver: driver_id(0),
            attempt: 1,
            worker: worker_id(0),
            incarnation: incarnation(),
            named: BTreeMap::new(),
        },
        Placement::Executor {
            app: state.app_queue.values().next().unwrap().clone(),
            profile: 0,
            worker: worker_id(0),
            incarnation: incarnation(),
            cores: 2,
            named: BTreeMap::from([("gpu".to_owned(), gpu)]),
        },
    ];
    let epoch = state.epoch;
    apply(
        &mut state,
        Command::Place {
            epoch,
            placements,
            cursor: None,
        },
    );
    let reports = vec![InstanceReport {
        instance: InstanceId::driver(CLUSTER, driver_id(0), 1),
        status: InstanceStatus::Running { pid: 1, since: AT },
        restart: 0,
    }];
    let worker = worker_id(0);
    let incarnation = incarnation();
    apply(
        &mut state,
        Command::ReportInstances {
            epoch,
            worker,
            incarnation,
            reports,
        },
    );
    ask(
        &mut state,
        4,
        Request::KillDriver {
            driver: driver_id(2),
        },
    );
    let workers = vec![(worker_id(2), self::incarnation())];
    apply(
        &mut state,
        Command::LoseWorkers {
            epoch,
            workers,
            cause: String::new(),
        },
    );
    check(&state).unwrap();
    state
}

fn driver_id(n: u64) -> DriverId {
    DriverId::mint(AT, n)
}

fn driver(state: &mut ClusterState, n: u64) -> &mut Driver {
    state.drivers.get_mut(&driver_id(n)).unwrap()
}

fn worker(state: &mut ClusterState, n: u16) -> &mut Worker {
    state.workers.get_mut(&worker_id(n)).unwrap()
}

fn app(state: &mut ClusterState) -> &mut Application {
    let id = state.applications.keys().next().unwrap().clone();
    state.applications.get_mut(&id).unwrap()
}

fn drain(state: &mut ClusterState, n: u16, over: bool) {
    let drain = Drain {
        index: 1,
        asked: AT,
        deadline_ms: 0,
        over,
    };
    state.drains.insert(worker_id(n), drain);
}

fn publish(state: &mut ClusterState, n: u64, attempt: u32) {
    let endpoint = Endpoint {
        address: "h:1".to_owned(),
        attempt,
        restart: 0,
        published: AT,
    };
    let owner = EndpointOwner::Driver(driver_id(n));
    let named = [("rpc".to_owned(), endpoint)].into();
    state.endpoints.insert(owner, named);
}

fn executor(state: &mut ClusterState) -> &mut Executor {
    app(state).executors.get_mut(&0).unwrap()
}

#[test]
fn a_state_that_is_broken_in_one_place_is_found_out() {
    type Break = fn(&mut ClusterState);
    let table: &[(&str, Break, &str)] = &[
        ("booked", |s| worker(s, 0).booked.cores += 1, "booked"),
        ("bytes", |s| s.described_bytes += 1, "counted as"),
        (
            "not drained",
            |s| worker(s, 1).state = WorkerState::Decommissioned,
            "drained: None",
        ),
        ("drained", |s| drain(s, 1, false), "is ALIVE, drained"),
        ("nobody's drain", |s| drain(s, 9, false), "no such worker"),
        (
            "drained and not moved",
            |s| {
                worker(s, 0).state = WorkerState::Decommissioned;
                drain(s, 0, true);
            },
            "is to run there",
        ),
        (
            "decommissioned",
            |s| executor(s).state = ExecutorState::Decommissioned,
            "not told to end",
        ),
        (
            "moves",
            |s| driver(s, 0).placement.as_mut().unwrap().moving = true,
            "is not supervised, and moves",
        ),
        (
            "stays",
            |s| {
                worker(s, 0).state = WorkerState::Decommissioned;
                drain(s, 0, true);
                driver(s, 0).description.supervise = true;
            },
            "and driver-",
        ),
        ("endpoint", |s| publish(s, 1, 1), "does not run"),
        ("old endpoint", |s| publish(s, 0, 0), "an earlier run"),
        (
            "over-booked",
            |s| worker(s, 0).description.capacity.cores = 2,
            "booked of",
        ),
        (
            "address",
            |s| worker(s, 0).description.capacity.named.clear(),
            "not registered",
        ),
        (
            "two owners",
            |s| {
                let place = driver(s, 0).placement.as_mut().unwrap();
                place
                    .booking
                    .named
                    .insert("gpu".to_owned(), ["0".to_owned()].into());
            },
            "two owners",
        ),
        (
            "app state",
            |s| app(s).state = ApplicationState::Waiting,
            "holds 1 executors",
        ),
        (
            "max cores",
            |s| app(s).description.max_cores = Some(1),
            "of at most 1",
        ),
        (
            "ended total",
            |s| app(s).ended_executors_total = 1,
            "ended executors of 1",
        ),
        (
            "ended live",
            |s| executor(s).state = ExecutorState::Lost,
            "among the live ones",
        ),
        (
            "owner",
            |s| {
                let (driver, attempt, restart) = (driver_id(0), 0, 0);
                let owner = vesta_types::DriverRun {
                    driver,
                    attempt,
                    restart,
                };
                app(s).description.owner = Some(owner);
            },
            "run that registered it is over",
        ),
        (
            "app over",
            |s| {
                let ticket = app(s).ticket;
                (app(s).state, app(s).ended) = (ApplicationState::Killed, Some(AT));
                s.app_queue.remove(&ticket);
            },
            "not to end",
        ),
        (
            "confirmed",
            |s| worker(s, 0).confirmed_epoch = Epoch(9),
            "is confirmed in 9",
        ),
        (
            "app confirmed",
            |s| app(s).confirmed_epoch = Epoch(9),
            "is confirmed in 9",
        ),
        ("report", |s| s.failovers.clear(), "no fail-over report"),
        (
            "report's epoch",
            |s| s.epoch = Epoch(2),
            "newest fail-over report",
        ),
        ("recovered", |s| s.recovered = false, "recovered is false"),
        (
            "cost",
            |s| s.failovers[0].executors_killed = 1,
            "cost 1 executors",
        ),
        (
            "no leader",
            |s| (s.epoch, s.cluster) = (Epoch(0), None),
            "before the first leader",
        ),
        ("history", |s| s.ended_drivers.clear(), "history"),
        (
            "history twice",
            |s| s.ended_drivers.push_back(driver_id(2)),
            "twice in the history",
        ),
        ("ended", |s| driver(s, 2).ended = None, "ended at None"),
        (
            "app history",
            |s| {
                let id = s.app_queue.values().next().unwrap().clone();
                s.ended_applications.push_back(id);
            },
            "ended applications",
        ),
        ("app ended", |s| app(s).ended = Some(AT), "ended at Some"),
        (
            "driver counter",
            |s| s.next_driver = 2,
            "not below the counter 2",
        ),
        ("app counter", |s| s.next_app = 0, "not below the counter 0"),
        (
            "executor counter",
            |s| app(s).next_executor = 0,
            "/0 is not below 0",
        ),
        ("own id", |s| driver(s, 0).id = driver_id(1), "calls itself"),
        (
            "own worker",
            |s| worker(s, 1).description.id = worker_id(7),
            "calls itself",
        ),
        (
            "number twice",
            |s| {
                let id = DriverId::mint(AT.plus(std::time::Duration::from_secs(9)), 2);
                let copy = Driver {
                    id: id.clone(),
                    ..driver(s, 2).clone()
                };
                s.drivers.insert(id, copy);
            },
            "used twice",
        ),
        (
            "live and ended",
            |s| {
                let copy = executor(s).clone();
                app(s).ended_executors.insert(0, copy);
            },
            "both live and ended",
        ),
        (
            "key",
            |s| driver(s, 0).key = driver(s, 1).key,
            "another key",
        ),
        (
            "floor",
            |s| s.keys.floor = Timestamp(AT.0 + 1),
            "below the floor",
        ),
        (
            "killed waits",
            |s| driver(s, 1).kill_requested = true,
            "asked for, and it is SUBMITTED",
        ),
        (
            "placed",
            |s| driver(s, 1).state = DriverState::Running,
            "placed: false",
        ),
        (
            "one side",
            |s| {
                worker(s, 0).drivers.clear();
            },
            "does not hold it",
        ),
        (
            "other side",
            |s| {
                worker(s, 1).drivers.insert(driver_id(1));
            },
            "workers hold 2 drivers",
        ),
        (
            "executor's side",
            |s| {
                worker(s, 0).executors.clear();
            },
            "does not hold it",
        ),
        (
            "life",
            |s| worker(s, 0).description.incarnation.boot = Uuid::nil(),
            "does not hold it",
        ),
        (
            "last worker",
            |s| driver(s, 0).last_worker = None,
            "not on its last worker",
        ),
        (
            "nowhere",
            |s| {
                s.workers.remove(&worker_id(0));
            },
            "which is not registered",
        ),
        ("queue", |s| s.driver_queue.clear(), "drivers that wait"),
        (
            "queue's order",
            |s| {
                let id = s.driver_queue.remove(&1).unwrap();
                s.driver_queue.insert(2, id);
            },
            "drivers that wait",
        ),
        (
            "app queue",
            |s| s.app_queue.clear(),
            "applications that live",
        ),
        ("ticket", |s| s.next_ticket = 1, "not below the counter 1"),
        ("ticket twice", |s| driver(s, 2).ticket = 0, "given twice"),
        (
            "run and stop",
            |s| {
                let instance = InstanceId::driver(CLUSTER, driver_id(0), 1);
                worker(s, 0).stopping.insert(instance, String::new());
            },
            "and to stop it",
        ),
        (
            "keep and stop",
            |s| {
                let instance = InstanceId::driver(CLUSTER, driver_id(9), 1);
                worker(s, 0)
                    .stopping
                    .insert(instance.clone(), String::new());
                worker(s, 0).quarantined.insert(instance, String::new());
            },
            "and to be stopped",
        ),
        (
            "run and keep",
            |s| {
                let instance = InstanceId::driver(CLUSTER, driver_id(0), 1);
                worker(s, 0).quarantined.insert(instance, String::new());
            },
            "where it is placed",
        ),
        (
            "one address",
            |s| worker(s, 1).description.port = 0,
            "shares its address",
        ),
        (
            "dead",
            |s| worker(s, 1).state = WorkerState::Dead,
            "dead since None",
        ),
        (
            "dead and busy",
            |s| {
                (worker(s, 0).state, worker(s, 0).dead_since) = (WorkerState::Dead, Some(AT));
                s.dead_workers.push_back(worker_id(0));
            },
            "is DEAD and holds something",
        ),
        ("dead list", |s| s.dead_workers.clear(), "are listed so"),
    ];
    for (name, break_it, expected) in table {
        let mut state = sound();
        break_it(&mut state);
        let broken = check(&state).expect_err(name);
        let found = broken.iter().any(|line| line.contains(expected));
        assert!(found, "{name}: {expected:?} is not in {broken:#?}");
    }
}

#[test]
fn a_step_that_breaks_a_rule_is_found_out() {
    type Break = fn(&mut ClusterState);
    let table: &[(&str, Break, &str)] = &[
        ("index", |s| s.applied = 0, "the applied index went back"),
        ("clock", |s| s.clock = Timestamp(0), "the clock went back"),
        ("epoch", |s| s.epoch = Epoch(0), "the epoch went back"),
        ("epoch by two", |s| s.epoch = Epoch(3), "from 1 to 3"),
        (
            "same leader",
            |s| s.epoch = Epoch(2),
            "has the leader of the one before",
        ),
        (
            "other leader",
            |s| s.leader = Some((7, 7)),
            "the leader of epoch 1 changed",
        ),
        (
            "confirmed at once",
            |s| {
                (s.epoch, s.leader) = (Epoch(2), Some((2, 2)));
                worker(s, 0).confirmed_epoch = Epoch(2);
            },
            "a worker is confirmed at the beginning",
        ),
        (
            "cost of a leader",
            |s| {
                (s.epoch, s.leader) = (Epoch(2), Some((2, 2)));
                s.driver_queue.clear();
            },
            "changed what lives",
        ),
        ("recovery undone", |s| s.recovered = false, "was undone"),
        ("cluster", |s| s.cluster = None, "identity changed"),
        ("drivers", |s| s.next_driver = 0, "counter of drivers"),
        ("apps", |s| s.next_app = 0, "counter of applications"),
        ("tickets", |s| s.next_ticket = 0, "counter of tickets"),
        ("attempt", |s| driver(s, 0).attempt = 0, "attempt of driver"),
        (
            "executors",
            |s| app(s).next_executor = 0,
            "counter of executors",
        ),
        (
            "floor",
            |s| s.keys.floor = Timestamp(0),
            "floor of the keys",
        ),
        (
            "restart",
            |s| driver(s, 0).placement.as_mut().unwrap().restart = 0,
            "restart of driver",
        ),
        (
            "unusable worker",
            |s| {
                let place = driver(s, 0).placement.clone().map(|mut place| {
                    place.worker = worker_id(2);
                    place
                });
                (driver(s, 1).placement, driver(s, 1).attempt) = (place, 1);
            },
            "which may not be used",
        ),
        (
            "target",
            |s| {
                let copy = Executor {
                    number: 1,
                    ..executor(s).clone()
                };
                app(s).executors.insert(1, copy);
                app(s).next_executor = 2;
            },
            "executors of profile 0",
        ),
        (
            "kill forgotten",
            |s| driver(s, 2).kill_requested = false,
            "and it goes on",
        ),
        (
            "end changed",
            |s| driver(s, 2).message.push('x'),
            "is over, and changed",
        ),
        (
            "end undone",
            |s| driver(s, 2).state = DriverState::Submitted,
            "from KILLED to SUBMITTED",
        ),
        (
            "off the table",
            |s| driver(s, 1).state = DriverState::Error,
            "from SUBMITTED to ERROR",
        ),
        (
            "live vanished",
            |s| {
                s.drivers.remove(&driver_id(1));
            },
            "and vanished",
        ),
        (
            "app vanished",
            |s| s.applications = Default::default(),
            "and vanished",
        ),
        (
            "executor vanished",
            |s| app(s).executors.clear(),
            "and vanished",
        ),
        (
            "worker vanished",
            |s| {
                s.workers.remove(&worker_id(1));
            },
            "and vanished",
        ),
        (
            "executor back",
            |s| executor(s).state = ExecutorState::Launching,
            "went from RUNNING",
        ),
        (
            "run again",
            |s| driver(s, 0).state = DriverState::Relaunching,
            "ran, and waits again",
        ),
        (
            "placed on a drained worker",
            |s| {
                worker(s, 1).drivers.insert(driver_id(1));
            },
            "which is drained",
        ),
        (
            "two at once",
            |s| driver(s, 0).attempt = 2,
            "from attempt 1 to 2",
        ),
        (
            "skipped",
            |s| driver(s, 1).attempt = 2,
            "from attempt 0 to 2",
        ),
    ];
    for (name, break_it, expected) in table {
        let mut before = sound();
        before.keys.floor = Timestamp(5);
        driver(&mut before, 0).placement.as_mut().unwrap().restart = 3;
        executor(&mut before).state = ExecutorState::Running;
        worker(&mut before, 1).state = WorkerState::Decommissioned;
        let mut after = before.clone();
        check_step(&before, &after).unwrap();
        break_it(&mut after);
        let broken = check_step(&before, &after).expect_err(name);
        let found = broken.iter().any(|line| line.contains(expected));
        assert!(found, "{name}: {expected:?} is not in {broken:#?}");
    }
}

#[test]
fn a_placement_for_an_application_that_had_not_answered_is_found_out() {
    let mut after = sound();
    let mut before = after.clone();
    app(&mut before).executors.clear();
    app(&mut before).next_executor = 0;
    app(&mut before).confirmed_epoch = Epoch(0);
    executor(&mut after).state = ExecutorState::Launching;
    let broken = check_step(&before, &after).unwrap_err();
    assert!(
        broken.iter().any(|line| line.contains("UNKNOWN client")),
        "{broken:#?}"
    );
}
