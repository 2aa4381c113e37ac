//! A state to apply entries to, and short words for what tests say.
//!
//! Every entry that goes through [`Cluster::apply`] is held against the invariants, of the state and of
//! the step, and a rejection must have changed nothing.

use std::collections::BTreeMap;

use uuid::{Builder, Uuid};
use vesta_types::{
    AppId, ApplicationDescription, Capacity, ClusterId, DriverDescription, DriverId, DriverRun,
    Epoch, Exit, Incarnation, InstanceId, InstanceReport, InstanceStatus, Launch, Lease,
    ProfileRequest, ResourceProfile, SubmissionKey, Timestamp, WorkerDescription, WorkerId,
};

use crate::command::{Command, Entry, Placement, Request};
use crate::invariants::check_step;
use crate::reply::{Answer, RejectCode, Reply};
use crate::state::{Application, ClusterState, Driver, Executor, Worker};

/// 2026-11-21T11:00:00Z.
pub(super) const START: Timestamp = Timestamp(1_795_258_800_000);

pub(super) fn cluster_id() -> ClusterId {
    ClusterId(Uuid::from_u128(0xC1))
}

pub(super) const LEASE: Lease = Lease {
    time_ms: 120_000,
    grace_ms: 10_000,
};

/// The key number `n` made at `at`.
pub(super) fn key_at(at: Timestamp, n: u64) -> SubmissionKey {
    let mut random = [0; 10];
    random[2..].copy_from_slice(&n.to_be_bytes());
    let uuid = Builder::from_unix_timestamp_millis(at.0, &random).into_uuid();
    SubmissionKey::new(uuid).unwrap()
}

pub(super) fn worker_id(n: u16) -> WorkerId {
    format!("worker-20261121110000-host{n}-{}", 7000 + n)
        .parse()
        .unwrap()
}

/// Life `life` of worker `n`: another life has another boot id.
pub(super) fn incarnation(n: u16, life: u16) -> Incarnation {
    Incarnation {
        store: Uuid::from_u128(0x1000 + u128::from(n)),
        boot: Uuid::from_u128(0x2000 + u128::from(life)),
    }
}

/// Worker `n` in life `life`: 8 cores, 8192 MiB, gpus 0 and 1.
pub(super) fn worker(n: u16, life: u16) -> WorkerDescription {
    let gpus = ["0", "1"].map(str::to_owned).into();
    WorkerDescription {
        id: worker_id(n),
        incarnation: incarnation(n, life),
        host: format!("host{n}"),
        port: 7000 + n,
        containment: Default::default(),
        capacity: Capacity {
            cores: 8,
            memory_mib: 8192,
            named: BTreeMap::from([("gpu".to_owned(), gpus)]),
        },
        spark: None,
        spark_homes: Default::default(),
    }
}

pub(super) fn launch() -> Launch {
    Launch {
        program: "/bin/true".to_owned(),
        ..Launch::default()
    }
}

/// A driver of 1 core and 512 MiB.
pub(super) fn driver(supervise: bool) -> DriverDescription {
    DriverDescription {
        name: "driver".to_owned(),
        launch: launch(),
        cores: 1,
        memory_mib: 512,
        supervise,
        conf: BTreeMap::new(),
        executor: None,
        on_disconnect: None,
        lease: None,
        total_executor_cores: None,
        named: Default::default(),
    }
}

/// An application that wants executors of 1 core and 256 MiB without end, and may fail twice in a row.
pub(super) fn application(owner: Option<DriverRun>) -> ApplicationDescription {
    let profile = ResourceProfile {
        id: 0,
        cores: Some(1),
        memory_mib: 256,
        named: BTreeMap::new(),
    };
    ApplicationDescription {
        name: "app".to_owned(),
        launch: launch(),
        max_cores: None,
        profiles: BTreeMap::from([(
            0,
            ProfileRequest {
                profile,
                target: None,
            },
        )]),
        max_executor_retries: 2,
        run_to_completion: false,
        owner,
        ui_url: String::new(),
        payload: vec![1, 2, 3],
        spark: None,
    }
}

pub(super) fn report(instance: &InstanceId, status: InstanceStatus) -> InstanceReport {
    InstanceReport {
        instance: instance.clone(),
        status,
        restart: 0,
    }
}

pub(super) fn runs(instance: &InstanceId) -> InstanceReport {
    report(
        instance,
        InstanceStatus::Running {
            pid: 100,
            since: START,
        },
    )
}

pub(super) fn ended(instance: &InstanceId, exit: Exit) -> InstanceReport {
    report(
        instance,
        InstanceStatus::Ended {
            exit,
            at: START,
            ran: None,
        },
    )
}

pub(super) fn exited(instance: &InstanceId, code: i32) -> InstanceReport {
    ended(
        instance,
        Exit {
            code: Some(code),
            ..Exit::default()
        },
    )
}

pub(super) fn killed(instance: &InstanceId) -> InstanceReport {
    ended(
        instance,
        Exit {
            signal: Some(15),
            killed: true,
            ..Exit::default()
        },
    )
}

pub(super) fn not_found(instance: &InstanceId) -> InstanceReport {
    ended(
        instance,
        Exit {
            error: Some("no such program".to_owned()),
            ..Exit::default()
        },
    )
}

pub(super) fn never_ran(instance: &InstanceId) -> InstanceReport {
    report(
        instance,
        InstanceStatus::NeverRan {
            reason: "too late".to_owned(),
        },
    )
}

pub(super) fn interrupted(instance: &InstanceId) -> InstanceReport {
    report(
        instance,
        InstanceStatus::Interrupted {
            reason: "power cut".to_owned(),
        },
    )
}

/// A state, the log that made it, and a clock.
pub(super) struct Cluster {
    pub state: ClusterState,
    pub log: Vec<Entry>,
    pub at: Timestamp,
    term: u64,
    keys: u64,
}

impl Cluster {
    /// No leader yet.
    pub(super) fn empty() -> Cluster {
        Cluster {
            state: ClusterState::default(),
            log: Vec::new(),
            at: START,
            term: 0,
            keys: 0,
        }
    }

    /// The first leader leads.
    pub(super) fn new() -> Cluster {
        let mut cluster = Cluster::empty();
        cluster.lead();
        cluster
    }

    /// The first leader leads `n` workers.
    pub(super) fn with_workers(n: u16) -> Cluster {
        let mut cluster = Cluster::new();
        for n in 0..n {
            cluster.attach(n, 0, &[]);
        }
        cluster
    }

    pub(super) fn apply(&mut self, command: Command) -> Reply {
        let before = self.state.clone();
        let entry = Entry {
            at: self.at,
            command,
        };
        let reply = self.state.apply(self.log.len() as u64 + 1, &entry);
        let rejected = reply.is_err() && !matches!(entry.command, Command::Client { .. });
        self.log.push(entry);
        check_step(&before, &self.state).unwrap_or_else(|broken| {
            panic!("{broken:#?}\nafter {:#?}", self.log.last());
        });
        // Time passes with a rejected entry too, so something may have been forgotten.
        let forgot = before.dead_workers.len() != self.state.dead_workers.len()
            || before.ended_drivers.len() != self.state.ended_drivers.len()
            || before.ended_applications.len() != self.state.ended_applications.len();
        if rejected && !forgot {
            let mut untouched = before;
            (untouched.applied, untouched.clock) = (self.state.applied, self.state.clock);
            untouched.ageing = self.state.ageing;
            assert_eq!(
                untouched, self.state,
                "a rejection changed the state: {reply:?}"
            );
        }
        reply
    }

    pub(super) fn wait(&mut self, seconds: u64) {
        self.at = Timestamp(self.at.0 + seconds * 1_000);
    }

    pub(super) fn epoch(&self) -> Epoch {
        self.state.epoch
    }

    /// A new leader.
    pub(super) fn lead(&mut self) -> Epoch {
        self.term += 1;
        let (term, node) = (self.term, self.term % 3);
        let command = Command::LeaderStarted {
            cluster: cluster_id(),
            term,
            node,
            leaderless_ms: 900,
        };
        match self.apply(command) {
            Ok(Answer::LeaderStarted { epoch }) => epoch,
            other => panic!("{other:?}"),
        }
    }

    pub(super) fn complete(&mut self, condemned: &[u16]) -> Reply {
        let condemned = condemned.iter().map(|n| worker_id(*n)).collect();
        self.apply(Command::CompleteRecovery {
            epoch: self.epoch(),
            condemned,
        })
    }

    pub(super) fn attach_as(
        &mut self,
        worker: WorkerDescription,
        reports: &[InstanceReport],
    ) -> Reply {
        let epoch = self.epoch();
        self.apply(Command::AttachWorker {
            epoch,
            worker,
            reports: reports.to_vec(),
        })
    }

    /// Worker `n` in life `life` attaches, and the answer acknowledges these.
    pub(super) fn attach(
        &mut self,
        n: u16,
        life: u16,
        reports: &[InstanceReport],
    ) -> Vec<InstanceId> {
        acknowledged(self.attach_as(worker(n, life), reports))
    }

    pub(super) fn try_report(&mut self, n: u16, life: u16, reports: &[InstanceReport]) -> Reply {
        self.apply(Command::ReportInstances {
            epoch: self.epoch(),
            worker: worker_id(n),
            incarnation: incarnation(n, life),
            reports: reports.to_vec(),
        })
    }

    /// Worker `n`, in its first life, reports, and the answer acknowledges these.
    pub(super) fn report(&mut self, n: u16, reports: &[InstanceReport]) -> Vec<InstanceId> {
        acknowledged(self.try_report(n, 0, reports))
    }

    pub(super) fn lose(&mut self, n: u16) {
        let workers = vec![(worker_id(n), self.worker(n).description.incarnation.clone())];
        let cause = "silent for 60 s".to_owned();
        let reply = self.apply(Command::LoseWorkers {
            epoch: self.epoch(),
            workers,
            cause,
        });
        assert_eq!(reply, Ok(Answer::Done));
    }

    pub(super) fn drain(&mut self, n: u16, deadline_ms: u64) -> Reply {
        let worker = worker_id(n);
        self.ask(Request::DrainWorker {
            worker,
            deadline_ms,
        })
    }

    pub(super) fn undrain(&mut self, n: u16) -> Reply {
        let worker = worker_id(n);
        self.ask(Request::UndrainWorker { worker })
    }

    pub(super) fn new_key(&mut self) -> SubmissionKey {
        self.keys += 1;
        key_at(self.at, self.keys)
    }

    pub(super) fn with_key(&mut self, key: SubmissionKey, request: Request) -> Reply {
        self.apply(Command::Client { key, request })
    }

    pub(super) fn ask(&mut self, request: Request) -> Reply {
        let key = self.new_key();
        self.with_key(key, request)
    }

    pub(super) fn submit_as(&mut self, description: DriverDescription) -> DriverId {
        match self.ask(Request::SubmitDriver { description }) {
            Ok(Answer::Submitted { driver }) => driver,
            other => panic!("{other:?}"),
        }
    }

    pub(super) fn submit(&mut self, supervise: bool) -> DriverId {
        self.submit_as(driver(supervise))
    }

    pub(super) fn register_as(&mut self, description: ApplicationDescription) -> AppId {
        match self.ask(Request::RegisterApplication { description }) {
            Ok(Answer::Registered { app }) => app,
            other => panic!("{other:?}"),
        }
    }

    pub(super) fn register(&mut self) -> AppId {
        self.register_as(application(None))
    }

    /// The current run of `driver` registers an application.
    pub(super) fn register_of(&mut self, driver: &DriverId) -> AppId {
        let found = self.driver(driver);
        let owner = DriverRun {
            driver: driver.clone(),
            attempt: found.attempt,
            restart: found
                .placement
                .as_ref()
                .map_or(0, |placement| placement.restart),
        };
        self.register_as(application(Some(owner)))
    }

    pub(super) fn kill(&mut self, driver: &DriverId) -> Reply {
        self.ask(Request::KillDriver {
            driver: driver.clone(),
        })
    }

    pub(super) fn confirm(&mut self, app: &AppId) -> Reply {
        self.apply(Command::ConfirmApplication {
            epoch: self.epoch(),
            app: app.clone(),
        })
    }

    pub(super) fn expire(&mut self, app: &AppId) -> Reply {
        self.apply(Command::ExpireApplications {
            epoch: self.epoch(),
            apps: vec![app.clone()],
        })
    }

    pub(super) fn place(&mut self, placements: Vec<Placement>) -> (u32, u32) {
        let epoch = self.epoch();
        match self.apply(Command::Place {
            epoch,
            placements,
            cursor: None,
        }) {
            Ok(Answer::Placed { placed, refused }) => (placed, refused),
            other => panic!("{other:?}"),
        }
    }

    pub(super) fn driver_placement(&self, driver: &DriverId, n: u16) -> Placement {
        Placement::Driver {
            driver: driver.clone(),
            attempt: self.driver(driver).attempt + 1,
            worker: worker_id(n),
            incarnation: self.worker(n).description.incarnation.clone(),
            named: BTreeMap::new(),
        }
    }

    pub(super) fn executor_placement(&self, app: &AppId, n: u16) -> Placement {
        Placement::Executor {
            app: app.clone(),
            profile: 0,
            worker: worker_id(n),
            incarnation: self.worker(n).description.incarnation.clone(),
            cores: 1,
            named: BTreeMap::new(),
        }
    }

    /// Places a driver on worker `n`; its instance.
    pub(super) fn place_driver(&mut self, driver: &DriverId, n: u16) -> InstanceId {
        let placement = self.driver_placement(driver, n);
        assert_eq!(self.place(vec![placement]), (1, 0));
        self.instance(driver)
    }

    /// Submits a driver, places it on worker `n`, and lets it run.
    pub(super) fn running_driver(&mut self, supervise: bool, n: u16) -> (DriverId, InstanceId) {
        let id = self.submit(supervise);
        let instance = self.place_driver(&id, n);
        let life = self.worker(n).description.incarnation.clone();
        let reports = vec![runs(&instance)];
        let epoch = self.epoch();
        let worker = worker_id(n);
        self.apply(Command::ReportInstances {
            epoch,
            worker,
            incarnation: life,
            reports,
        })
        .unwrap();
        (id, instance)
    }

    /// Gives an application an executor on worker `n`; its instance.
    pub(super) fn place_executor(&mut self, app: &AppId, n: u16) -> InstanceId {
        let number = self.app(app).next_executor;
        let placement = self.executor_placement(app, n);
        assert_eq!(self.place(vec![placement]), (1, 0));
        let instance = self.state.executor_instance(self.app(app), number);
        instance.expect("a leader has started")
    }

    /// Gives an application an executor on worker `n` that runs; its instance.
    pub(super) fn running_executor(&mut self, app: &AppId, n: u16) -> InstanceId {
        let instance = self.place_executor(app, n);
        self.report(n, &[runs(&instance)]);
        instance
    }

    pub(super) fn instance(&self, driver: &DriverId) -> InstanceId {
        let instance = self.state.driver_instance(self.driver(driver));
        instance.expect("a leader has started")
    }

    pub(super) fn driver(&self, id: &DriverId) -> &Driver {
        &self.state.drivers[id]
    }

    pub(super) fn app(&self, id: &AppId) -> &Application {
        &self.state.applications[id]
    }

    pub(super) fn worker(&self, n: u16) -> &Worker {
        &self.state.workers[&worker_id(n)]
    }

    /// An executor, live or ended.
    pub(super) fn executor(&self, app: &AppId, number: u32) -> &Executor {
        let app = self.app(app);
        app.executors
            .get(&number)
            .unwrap_or_else(|| &app.ended_executors[&number])
    }
}

pub(super) fn acknowledged(reply: Reply) -> Vec<InstanceId> {
    match reply {
        Ok(Answer::Reported { acknowledged }) => acknowledged,
        other => panic!("{other:?}"),
    }
}

#[track_caller]
pub(super) fn assert_rejected(reply: Reply, code: RejectCode) {
    match reply {
        Err(rejection) => assert_eq!(rejection.code, code, "{rejection}"),
        Ok(answer) => panic!("not rejected: {answer:?}"),
    }
}
