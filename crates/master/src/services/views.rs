//! The state as clients see it.

use std::cell::OnceCell;
use std::collections::{BTreeMap, BTreeSet, HashMap};

use vesta_core::plan::{self, Reasons};
use vesta_core::state::{Application, ClusterState, Drain, Driver, Executor, Worker};
use vesta_core::{FailoverReport, Outcome, Policy};
use vesta_proto::client;
use vesta_types::{AppId, Booking, DriverId, Launch, Timestamp};

use crate::leader::WorkerGlance;

/// Drivers and applications as of one state. Made once for a list: what holds for all of them is looked
/// up once.
pub struct Views<'a> {
    state: &'a ClusterState,
    policy: &'a Policy,
    reasons: OnceCell<Reasons<'a>>,
    applications_of: BTreeMap<&'a DriverId, Vec<&'a AppId>>,
}

impl<'a> Views<'a> {
    /// Looks at `state`; `policy` is what the leader plans with.
    pub fn of(state: &'a ClusterState, policy: &'a Policy) -> Views<'a> {
        let mut applications_of: BTreeMap<_, Vec<_>> = BTreeMap::new();
        for app in state.applications.values() {
            if let Some(owner) = &app.description.owner {
                let of = applications_of.entry(&owner.driver).or_default();
                of.push(&app.id);
            }
        }
        Views {
            state,
            policy,
            reasons: OnceCell::new(),
            applications_of,
        }
    }

    /// Made when the first one that waits is looked at: it takes a look at every worker.
    fn reasons(&self) -> &Reasons<'a> {
        let make = || Reasons::of(self.state, self.policy);
        self.reasons.get_or_init(make)
    }

    fn why_driver(&self, driver: &Driver) -> String {
        let why = || self.reasons().driver(driver);
        let waits = driver.state.is_waiting();
        waits.then(why).flatten().unwrap_or_default()
    }

    fn why_application(&self, app: &Application) -> BTreeMap<u32, String> {
        let mut profiles = app.description.profiles.keys();
        if profiles.any(|number| plan::waits(app, *number)) {
            self.reasons().profiles(app)
        } else {
            BTreeMap::new()
        }
    }

    /// A driver.
    pub fn driver(&self, driver: &Driver) -> client::Driver {
        let state = self.state;
        let description = &driver.description;
        let launch = &description.launch;
        // Nothing of a Spark command but its class: arguments hold tokens too.
        let program = launch.spark.as_ref().map(|spark| &spark.main_class);
        let command: Vec<&str> = std::iter::once(program.unwrap_or(&launch.program))
            .chain(&launch.args)
            .map(String::as_str)
            .collect();
        let instance = state.driver_instance(driver).filter(|_| driver.attempt > 0);
        let last = driver.last_placement.as_ref();
        let placement = driver.placement.as_ref();
        let placement = placement.or_else(|| last.filter(|_| driver.state.is_final()));
        let applications = self.applications_of.get(&driver.id).into_iter().flatten();
        client::Driver {
            id: driver.id.to_string(),
            name: description.name.clone(),
            // Not of the state: whoever has more to say adds it.
            worker_suspect: false,
            state: state.show_driver(driver).to_owned(),
            attempt: driver.attempt,
            restart: placement.map_or(0, |placement| placement.restart),
            worker_id: text(driver.last_worker.as_ref()),
            cores: description.cores,
            memory_mib: description.memory_mib,
            supervise: description.supervise,
            on_disconnect: description.on_disconnect.unwrap_or_default().to_string(),
            lease_ms: description.lease.map_or(0, |lease| lease.time_ms),
            waiting_because: self.why_driver(driver),
            exit_code: driver.exit.as_ref().and_then(|exit| exit.code),
            message: driver.message.clone(),
            submitted_ms: driver.submitted.0,
            started_ms: millis(placement.and_then(|placement| placement.started)),
            ended_ms: millis(driver.ended),
            kill_requested: driver.kill_requested,
            ended: driver.state.is_final(),
            command: command.join(" "),
            spark: text(launch.spark.as_ref().map(|spark| &spark.release)),
            instance_id: text(instance.as_ref()),
            pid: placement
                .and_then(|placement| placement.pid)
                .unwrap_or_default(),
            applications: applications.map(ToString::to_string).collect(),
            named: description.named.clone().into_iter().collect(),
            addresses: placement.map_or_else(HashMap::new, |p| addresses(&p.booking.named)),
            ports: placement.map_or_else(HashMap::new, |p| ports(launch, &p.booking)),
        }
    }

    /// An application with its executors.
    pub fn application(&self, app: &Application) -> client::Application {
        let state = self.state;
        let description = &app.description;
        let spark = description.spark.as_ref();
        let default = description.profiles.values().next();
        let executors = app.executors.values().chain(app.ended_executors.values());
        let profiles = description.profiles.iter();
        let waits = self.why_application(app);
        client::Application {
            id: app.id.to_string(),
            name: description.name.clone(),
            state: state.show_application(app).to_owned(),
            driver_id: text(description.owner.as_ref().map(|owner| &owner.driver)),
            cores: app.cores_held(),
            max_cores: description.max_cores,
            executor_target: default.and_then(|request| request.target),
            executor_cores: default
                .and_then(|request| request.profile.cores)
                .unwrap_or_default(),
            executor_memory_mib: default.map_or(0, |request| request.profile.memory_mib),
            executors: executors.map(|it| executor(state, app, it)).collect(),
            waiting_because: plan::together(app, &waits).unwrap_or_default(),
            retries: app.retries,
            message: app.message.clone(),
            submitted_ms: app.submitted.0,
            ended_ms: millis(app.ended),
            ended: app.state.is_final(),
            ui_url: description.ui_url.clone(),
            spark: text(spark.map(|spark| &spark.peer.release)),
            user: text(spark.map(|spark| &spark.user)),
            live_executors: count(app.executors.len()),
            ended_executors: app.ended_executors_total,
            profiles: profiles
                .map(|(number, request)| client::Profile {
                    id: *number,
                    target: request.target,
                    cores: request.profile.cores.unwrap_or_default(),
                    memory_mib: request.profile.memory_mib,
                    named: request.profile.named.clone().into_iter().collect(),
                    live: app.live_of(*number),
                    waiting_because: waits.get(number).cloned().unwrap_or_default(),
                })
                .collect(),
        }
    }
}

fn addresses(named: &BTreeMap<String, BTreeSet<String>>) -> HashMap<String, client::Addresses> {
    let of = |addresses: &BTreeSet<String>| client::Addresses {
        addresses: addresses.iter().cloned().collect(),
    };
    named
        .iter()
        .map(|(name, addresses)| (name.clone(), of(addresses)))
        .collect()
}

fn ports(launch: &Launch, booking: &Booking) -> HashMap<String, String> {
    let ports = launch.ports_of(booking).into_iter();
    ports
        .map(|(name, port)| (name.to_owned(), port.to_owned()))
        .collect()
}

fn executor(state: &ClusterState, app: &Application, executor: &Executor) -> client::Executor {
    let instance = state.executor_instance(app, executor.number);
    client::Executor {
        number: executor.number,
        state: state.show_executor(executor).to_owned(),
        worker_id: executor.worker.to_string(),
        cores: executor.booking.cores,
        memory_mib: executor.booking.memory_mib,
        profile: executor.profile,
        instance_id: text(instance.as_ref()),
        pid: executor.pid.unwrap_or_default(),
        exit_code: executor.exit.as_ref().and_then(|exit| exit.code),
        message: executor.message.clone(),
        ended: executor.state.is_final(),
        addresses: addresses(&executor.booking.named),
        ports: ports(&app.description.launch, &executor.booking),
    }
}

/// A worker, with what the leader knows of it, if this is the leader.
pub fn worker(
    state: &ClusterState,
    worker: &Worker,
    glance: Option<&WorkerGlance>,
) -> client::Worker {
    let description = &worker.description;
    let spark = description.spark.as_ref();
    let silent = glance.map(|glance| glance.silent.as_millis());
    client::Worker {
        id: description.id.to_string(),
        state: state.show_worker(worker).to_owned(),
        host: description.host.clone(),
        port: description.port.into(),
        cores: description.capacity.cores,
        cores_used: worker.booked.cores,
        memory_mib: description.capacity.memory_mib,
        memory_used_mib: worker.booked.memory_mib,
        drivers: count(worker.drivers.len()),
        executors: count(worker.executors.len()),
        last_heard_ms: silent.map(|silent| u64::try_from(silent).unwrap_or(u64::MAX)),
        registered_ms: worker.registered.0,
        stopping: count(worker.stopping.len()),
        quarantined: count(worker.quarantined.len()),
        containment: worker.description.containment.to_string(),
        suspect: glance.is_some_and(|glance| glance.suspect),
        stale_orders_refused: glance.map_or(0, |glance| glance.stale_orders),
        addresses: addresses(&description.capacity.named),
        addresses_used: addresses(&worker.booked.named),
        spark: text(spark.map(|spark| &spark.peer.release)),
        web_ui: text(spark.map(|spark| &spark.web_ui)),
        spark_homes: description
            .spark_homes
            .iter()
            .map(|(version, release)| (version.clone(), release.to_string()))
            .collect(),
        drain: state
            .drains
            .get(&description.id)
            .map(|it| drain(state, worker, it, glance)),
    }
}

fn drain(
    state: &ClusterState,
    worker: &Worker,
    drain: &Drain,
    glance: Option<&WorkerGlance>,
) -> client::Drain {
    let drivers = worker.drivers.iter().filter_map(|id| state.drivers.get(id));
    let alone = drivers.filter(|driver| !driver.description.supervise);
    let left = glance.and_then(|glance| glance.drain_left);
    client::Drain {
        asked_ms: drain.asked.0,
        deadline_ms: drain.deadline_ms,
        left_ms: left.map(|left| u64::try_from(left.as_millis()).unwrap_or(u64::MAX)),
        over: drain.over,
        unsupervised: count(alone.count()),
    }
}

/// A fail-over report.
pub fn failover(report: &FailoverReport) -> client::Failover {
    let of = |outcome| {
        let count = report.counts.get(&outcome).copied().unwrap_or_default();
        u32::try_from(count).unwrap_or(u32::MAX)
    };
    let objects = report.objects.iter().map(|line| client::FailoverObject {
        id: line.id.clone(),
        outcome: line.outcome.as_str().to_owned(),
        why: line.why.clone(),
        after_ms: line.after_ms,
    });
    client::Failover {
        epoch: report.epoch.0,
        term: report.term,
        leader: report.leader,
        started_ms: report.started.0,
        election_ms: report.election_ms,
        recovery_ms: report.recovery_ms,
        objects: objects.collect(),
        objects_not_named: report.objects_not_named,
        confirmed: of(Outcome::Confirmed),
        started: of(Outcome::Started),
        lost: of(Outcome::Lost),
        relaunched: of(Outcome::Relaunched),
        stopped: of(Outcome::Stopped),
        executors_killed: u32::try_from(report.executors_killed).unwrap_or(u32::MAX),
    }
}

fn text(value: Option<&impl ToString>) -> String {
    value.map(ToString::to_string).unwrap_or_default()
}

fn millis(time: Option<Timestamp>) -> u64 {
    time.map_or(0, |time| time.0)
}

fn count(number: usize) -> u32 {
    u32::try_from(number).unwrap_or(u32::MAX)
}
