//! Random histories, with leader changes, stale decisions and garbage anywhere, held against a naive
//! model; and every history replayed, from its beginning and from a snapshot.

use std::collections::{BTreeMap, BTreeSet};

use proptest::prelude::*;
use proptest::test_runner::RngSeed;
use vesta_types::{
    AppId, DriverId, DriverRun, DriverState, Epoch, Exit, InstanceId, InstanceReport,
    InstanceStatus,
};

use super::model::{MAX_CORES, MAX_RETRIES, Model, ModelSaid, Says};
use super::support::*;
use crate::codec::{decode, encode, snapshot};
use crate::command::{Command, Entry, Placement, Request};
use crate::orders::for_worker;
use crate::plan::{Planner, Policy, plan};
use crate::reply::RejectCode;
use crate::state::ClusterState;

const WORKERS: u16 = 3;

/// One thing that happens. Numbers choose among what there is.
#[derive(Clone, Debug)]
enum Event {
    Lead,
    Complete(Vec<u16>),
    /// A worker attaches; what each of its instances is said to be, and whether it has rebooted.
    Attach(u16, bool, Vec<Said>),
    Report(u16, Vec<Said>),
    Lose(u16),
    /// Whether it is supervised, whether it wants a gpu, and whether it is to stop when it is cut off.
    Submit(bool, bool, bool),
    /// Of which driver, and whether it is about an attempt that is over.
    EndLease(usize, bool),
    Kill(usize),
    /// With which deadline, in milliseconds.
    Drain(u16, u64),
    Undrain(u16),
    /// The leader's word that a drain is over; of one before it, if so.
    EndDrain(u16, bool),
    /// A driver: which, how far off its attempt, where, whether planned with another incarnation, and
    /// with which gpu.
    PlaceDriver(usize, u32, u16, bool, Option<u8>),
    PlaceExecutors(usize, u16, usize, Option<u8>),
    /// Of which run of a driver, and whether its executors want a gpu each.
    Register(Option<(usize, u32)>, bool),
    Target(usize, u32),
    KillExecutor(usize, u32),
    End(usize, u8),
    Confirm(usize),
    Stale(usize),
    Wait(u64),
}

/// Which instance, chosen among all there ever were, and what is said of it.
type Said = (bool, usize, usize, u8);

fn says() -> impl Strategy<Value = Vec<Said>> {
    prop::collection::vec((any::<bool>(), 0..6usize, 0..8usize, 0..9u8), 0..6)
}

/// Mostly none; 2 is one that no worker has.
fn gpu() -> impl Strategy<Value = Option<u8>> {
    prop::option::weighted(0.3, prop_oneof![8 => 0..2u8, 1 => Just(2)])
}

/// How a gpu is asked for, and named in a placement.
fn wants_gpu(gpu: bool) -> BTreeMap<String, u32> {
    gpu.then(|| ("gpu".to_owned(), 1)).into_iter().collect()
}

fn named(gpu: Option<u8>) -> BTreeMap<String, BTreeSet<String>> {
    let addresses = |gpu: u8| ("gpu".to_owned(), [gpu.to_string()].into());
    gpu.map(addresses).into_iter().collect()
}

fn event() -> impl Strategy<Value = Event> {
    let n = || 0..WORKERS;
    prop_oneof![
        3 => Just(Event::Lead),
        3 => prop::collection::vec(n(), 0..3).prop_map(Event::Complete),
        10 => (n(), prop::bool::weighted(0.15), says()).prop_map(|(n, l, s)| Event::Attach(n, l, s)),
        14 => (n(), says()).prop_map(|(n, s)| Event::Report(n, s)),
        2 => n().prop_map(Event::Lose),
        8 => (any::<bool>(), gpu(), any::<bool>())
            .prop_map(|(s, g, stops)| Event::Submit(s, g.is_some(), stops)),
        4 => (0..9usize, prop::bool::weighted(0.2)).prop_map(|(d, old)| Event::EndLease(d, old)),
        2 => (0..9usize).prop_map(Event::Kill),
        2 => (n(), prop_oneof![Just(0u64), Just(1_000), Just(2_000)])
            .prop_map(|(n, ms)| Event::Drain(n, ms)),
        4 => n().prop_map(Event::Undrain),
        2 => (n(), prop::bool::weighted(0.2)).prop_map(|(n, old)| Event::EndDrain(n, old)),
        12 => (0..9usize, prop_oneof![8 => Just(1u32), 1 => Just(0), 1 => Just(2)], n(),
               prop::bool::weighted(0.1), gpu())
            .prop_map(|(d, a, n, l, g)| Event::PlaceDriver(d, a, n, l, g)),
        14 => (0..6usize, n(), 1..5usize, gpu())
            .prop_map(|(a, n, k, g)| Event::PlaceExecutors(a, n, k, g)),
        4 => (prop::option::of((0..9usize, 0..2u32)), gpu())
            .prop_map(|(o, g)| Event::Register(o, g.is_some())),
        2 => (0..6usize, 0..5u32).prop_map(|(a, t)| Event::Target(a, t)),
        3 => (0..6usize, 0..8u32).prop_map(|(a, e)| Event::KillExecutor(a, e)),
        1 => (0..6usize, 0..4u8).prop_map(|(a, how)| Event::End(a, how)),
        5 => (0..6usize).prop_map(Event::Confirm),
        3 => (0..6usize).prop_map(Event::Stale),
        2 => (0..400u64).prop_map(Event::Wait),
    ]
}

fn status(says: Says) -> (InstanceStatus, u32) {
    let end = |exit| InstanceStatus::Ended {
        exit,
        at: START,
        ran: None,
    };
    let reason = || "said so".to_owned();
    let status = match says {
        Says::Accepted => InstanceStatus::Accepted,
        Says::Runs(restart) => {
            return (
                InstanceStatus::Running {
                    pid: 7,
                    since: START,
                },
                restart,
            );
        }
        Says::Exit(code) => end(Exit {
            code: Some(code),
            ..Exit::default()
        }),
        Says::Killed => end(Exit {
            signal: Some(9),
            killed: true,
            ..Exit::default()
        }),
        Says::NotFound => end(Exit {
            error: Some(reason()),
            ..Exit::default()
        }),
        Says::NeverRan => InstanceStatus::NeverRan { reason: reason() },
        Says::Interrupted => InstanceStatus::Interrupted { reason: reason() },
    };
    (status, 0)
}

/// The real state and the model of it, side by side.
struct Pair {
    real: Cluster,
    model: Model,
    planner: Planner,
}

impl Pair {
    fn new() -> Pair {
        let mut pair = Pair {
            real: Cluster::empty(),
            model: Model::default(),
            planner: Planner::default(),
        };
        pair.happens(&Event::Lead);
        pair
    }

    fn driver_id(&self, n: usize) -> DriverId {
        let mut ids = self.real.state.drivers.keys();
        let id = ids.find(|id| id.number() == Some(n as u64));
        id.cloned()
            .unwrap_or_else(|| DriverId::mint(START, n as u64))
    }

    fn app_id(&self, n: usize) -> AppId {
        let mut ids = self.real.state.applications.keys();
        let id = ids.find(|id| id.number() == Some(n as u64));
        id.cloned().unwrap_or_else(|| AppId::mint(START, n as u64))
    }

    fn life(&self, n: u16) -> u16 {
        self.model.worker(n).map_or(0, |worker| worker.life)
    }

    /// Reports, for the state and for the model. Attempts of drivers are mostly the current one.
    fn said(&self, said: &[Said]) -> (Vec<InstanceReport>, Vec<ModelSaid>) {
        let mut reports = Vec::new();
        let mut model = Vec::new();
        for (driver, first, second, what) in said {
            let says = match what {
                0 => Says::Accepted,
                1 | 2 => Says::Runs(0),
                3 => Says::Runs(u32::try_from(*second).unwrap() % 2),
                4 => Says::Exit(0),
                5 => Says::Exit(1),
                6 => Says::Killed,
                7 if second % 2 == 0 => Says::NotFound,
                7 => Says::NeverRan,
                _ => Says::Interrupted,
            };
            let instance = if *driver {
                let attempt = self
                    .model
                    .drivers
                    .get(*first)
                    .map_or(1, |driver| driver.attempt);
                // Sometimes of an attempt before or after, of which the model needs to know nothing.
                let off = second % 6;
                let attempt = match off {
                    4 => attempt.saturating_sub(1),
                    5 => attempt + 1,
                    _ => attempt,
                };
                let current = self.model.drivers.get(*first).map_or(1, |d| d.attempt);
                if attempt == current {
                    model.push((None, *first, says));
                }
                InstanceId::driver(cluster_id(), self.driver_id(*first), attempt)
            } else {
                model.push((Some(*first), *second, says));
                let number = u32::try_from(*second).unwrap();
                InstanceId::executor(cluster_id(), self.app_id(*first), number)
            };
            let (status, restart) = status(says);
            reports.push(InstanceReport {
                instance,
                status,
                restart,
            });
        }
        (reports, model)
    }

    fn happens(&mut self, event: &Event) {
        let epoch = self.real.epoch();
        match event {
            Event::Lead => {
                let stops = |n: &u16| {
                    let worker = self.real.state.workers.get(&worker_id(*n));
                    worker.is_some_and(|worker| !worker.stopping.is_empty())
                };
                let stops: Vec<u16> = (0..WORKERS).filter(stops).collect();
                self.real.lead();
                self.model.lead(&stops);
            }
            Event::Complete(condemned) => {
                self.real.complete(condemned).unwrap();
                self.model.complete(condemned);
            }
            Event::Attach(n, reboot, said) => {
                let life = self.life(*n) + u16::from(*reboot);
                let (reports, said) = self.said(said);
                let finals = reports
                    .iter()
                    .filter(|report| report.status.is_final())
                    .count();
                assert_eq!(self.real.attach(*n, life, &reports).len(), finals);
                self.model.attach(*n, life, &said);
            }
            Event::Report(n, said) => {
                let (reports, said) = self.said(said);
                let life = self.life(*n);
                let taken = self.real.try_report(*n, life, &reports).is_ok();
                assert_eq!(taken, self.model.report(*n, &said));
            }
            Event::Lose(n) => {
                if self.model.worker(*n).is_some() {
                    self.real.lose(*n);
                    self.model.lose(*n);
                }
            }
            Event::EndLease(id, old) => {
                let attempt = self.model.drivers.get(*id).map_or(0, |it| it.attempt);
                let attempt = attempt.saturating_sub(u32::from(*old));
                let drivers = vec![(self.driver_id(*id), attempt)];
                let command = Command::EndLeases {
                    epoch: self.real.epoch(),
                    drivers,
                };
                self.real.apply(command).unwrap();
                self.model.end_lease(*id, attempt);
            }
            Event::Drain(n, deadline) => {
                // What the state has forgotten, the model knows as DEAD: neither is drained.
                let drained = self.real.drain(*n, *deadline).is_ok();
                assert_eq!(drained, self.model.drain(*n, *deadline));
            }
            Event::Undrain(n) => {
                let known = self.real.undrain(*n).is_ok();
                if self.model.worker(*n).is_some() {
                    self.model.undrain(*n);
                } else {
                    assert!(!known);
                }
            }
            Event::EndDrain(n, old) => {
                let drain = self.real.state.drains.get(&worker_id(*n));
                let index = drain.map_or(1, |drain| drain.index);
                let drains = vec![(worker_id(*n), index - u64::from(*old))];
                let command = Command::EndDrains { epoch, drains };
                self.real.apply(command).unwrap();
                if !old {
                    self.model.end_drain(*n);
                }
            }
            Event::Submit(supervise, gpu, stops) => {
                let mut description = driver(*supervise);
                description.lease = stops.then_some(LEASE);
                description.named = wants_gpu(*gpu);
                self.real.submit_as(description);
                self.model.submit(*supervise, *gpu, *stops);
            }
            Event::Kill(n) => {
                let known = self.model.drivers.len() > *n;
                assert_eq!(self.real.kill(&self.driver_id(*n)).is_ok(), known);
                if known {
                    self.model.kill(*n);
                }
            }
            Event::PlaceDriver(id, ahead, n, elsewhere, gpu) => {
                let Some(driver) = self.model.drivers.get(*id) else {
                    return;
                };
                let attempt = driver.attempt + ahead;
                let life = self.life(*n) + u16::from(*elsewhere);
                let placement = Placement::Driver {
                    driver: self.driver_id(*id),
                    attempt,
                    worker: worker_id(*n),
                    incarnation: incarnation(*n, life),
                    named: named(*gpu),
                };
                let placed = self.real.place(vec![placement]) == (1, 0);
                let held = self.model.place_driver(*id, attempt, *gpu, (*n, life));
                assert_eq!(placed, held);
            }
            Event::PlaceExecutors(app, n, times, gpu) => {
                if self.model.apps.len() <= *app {
                    return;
                }
                let life = self.life(*n);
                let placement = Placement::Executor {
                    app: self.app_id(*app),
                    profile: 0,
                    worker: worker_id(*n),
                    incarnation: incarnation(*n, life),
                    cores: 1,
                    named: named(*gpu),
                };
                let (placed, _) = self.real.place(vec![placement; *times]);
                let held =
                    (0..*times).filter(|_| self.model.place_executor(*app, *gpu, (*n, life)));
                assert_eq!(placed as usize, held.count());
            }
            Event::Register(owner, gpu) => {
                let owner = owner.map(|(id, restart)| {
                    let attempt = self
                        .model
                        .drivers
                        .get(id)
                        .map_or(1, |driver| driver.attempt);
                    (id, attempt, restart)
                });
                let run = owner.map(|(id, attempt, restart)| DriverRun {
                    driver: self.driver_id(id),
                    attempt,
                    restart,
                });
                let mut description = application(run);
                description.max_cores = Some(MAX_CORES as u32);
                let profile = &mut description.profiles.get_mut(&0).unwrap().profile;
                profile.named = wants_gpu(*gpu);
                description.max_executor_retries = MAX_RETRIES as i32;
                let reply = self.real.ask(Request::RegisterApplication { description });
                assert_eq!(reply.is_ok(), self.model.register(owner, *gpu));
            }
            Event::Target(n, target) => {
                let app = self.app_id(*n);
                let request = Request::SetExecutorTarget {
                    app,
                    profile: 0,
                    target: *target,
                };
                if self.real.ask(request).is_ok() {
                    self.model.apps[*n].target = Some(*target);
                }
            }
            Event::KillExecutor(n, number) => {
                let app = self.app_id(*n);
                let request = Request::KillExecutors {
                    app,
                    executors: vec![*number],
                };
                if self.real.ask(request).is_ok() {
                    let executors = &mut self.model.apps[*n].executors;
                    if let Some(executor) = executors.get_mut(*number as usize) {
                        executor.killing |= !executor.state.is_final();
                    }
                }
            }
            Event::End(n, how) => self.end(*n, *how),
            Event::Confirm(n) => {
                let live = self
                    .model
                    .apps
                    .get(*n)
                    .is_some_and(|app| app.over.is_none());
                assert_eq!(self.real.confirm(&self.app_id(*n)).is_ok(), live);
                if live {
                    self.model.apps[*n].confirmed = self.model.epoch;
                }
            }
            Event::Stale(n) => {
                let condemned = vec![worker_id(0), worker_id(1), worker_id(2)];
                let apps = vec![self.app_id(*n)];
                let old = Epoch(epoch.0.saturating_sub(1));
                for command in [
                    Command::CompleteRecovery {
                        epoch: old,
                        condemned,
                    },
                    Command::ExpireApplications { epoch: old, apps },
                ] {
                    assert_rejected(self.real.apply(command), RejectCode::StaleEpoch);
                }
            }
            Event::Wait(seconds) => self.real.wait(*seconds),
        }
        // A drain goes with its worker, when that is forgotten.
        for worker in &mut self.model.workers {
            if !self.real.state.workers.contains_key(&worker_id(worker.n)) {
                worker.drain = None;
            }
        }
    }

    fn end(&mut self, n: usize, how: u8) {
        use vesta_types::ApplicationState::{Failed, Finished, Killed};
        if self.model.apps.len() <= n {
            return;
        }
        let app = self.app_id(n);
        let message = "over".to_owned();
        let (reply, to) = match how {
            0 => (self.real.expire(&app), Finished),
            1 => (self.real.ask(Request::KillApplication { app }), Killed),
            how => {
                let failed = how == 2;
                let request = Request::UnregisterApplication {
                    app,
                    failed,
                    message,
                };
                (
                    self.real.ask(request),
                    if failed { Failed } else { Finished },
                )
            }
        };
        reply.unwrap();
        self.model.end_app(n, to);
    }

    /// Everything that the model knows is so, and a planner that has followed it all plans as the plain
    /// form does.
    fn compare(&mut self) {
        let policy = Policy::default();
        let followed = self.planner.plan(&self.real.state, &policy);
        assert_eq!(followed, plan(&self.real.state, &policy));
        let (state, model) = (&self.real.state, &self.model);
        assert_eq!(
            (state.epoch.0, state.recovered),
            (model.epoch, model.recovered)
        );
        // The model forgets nobody: DEAD workers may be gone from the state.
        for known in &model.workers {
            let Some(worker) = state.workers.get(&worker_id(known.n)) else {
                assert_eq!(known.state, vesta_types::WorkerState::Dead);
                continue;
            };
            assert_eq!(worker.state, known.state);
            let drain = state.drains.get(&worker_id(known.n));
            let drain = drain.map(|it| (it.deadline_ms, it.over));
            assert_eq!(drain, known.drain.map(|it| (it.deadline, it.over)));
            assert_eq!(worker.confirmed_epoch.0, known.confirmed);
            assert_eq!(worker.booked.cores as usize, model.held(known.n));
            let booked = worker.booked.named.get("gpu").into_iter().flatten();
            let held = model.gpus_held(known.n);
            assert!(booked.eq(held.iter().map(u8::to_string).collect::<Vec<_>>().iter()));
        }
        for (n, known) in model.drivers.iter().enumerate() {
            let driver = self.real.driver(&self.driver_id(n));
            assert_eq!(
                (driver.state, driver.attempt),
                (known.state, known.attempt),
                "driver {n}"
            );
            assert_eq!(driver.kill_requested, known.killing, "driver {n}");
            let on = driver
                .placement
                .as_ref()
                .map(|placement| placement.worker.clone());
            assert_eq!(on, known.on.map(worker_id), "driver {n}");
            let moving = driver.placement.as_ref().is_some_and(|it| it.moving);
            assert_eq!(moving, known.moving, "driver {n}");
            let leased = driver.leased_to.clone();
            assert_eq!(leased, known.leased.map(worker_id), "driver {n}");
        }
        for (n, known) in model.apps.iter().enumerate() {
            let app = self.real.app(&self.app_id(n));
            assert_eq!(
                (app.state, app.retries),
                (model.app_state(n), known.retries),
                "app {n}"
            );
            assert_eq!(app.next_executor as usize, known.executors.len(), "app {n}");
            for (number, known) in known.executors.iter().enumerate() {
                let executor = self.real.executor(&app.id, number as u32);
                assert_eq!(executor.state, known.state, "executor {number} of app {n}");
                assert_eq!(
                    executor.kill_requested, known.killing,
                    "executor {number} of app {n}"
                );
            }
        }
        let waits = |state: DriverState| state.is_waiting();
        let waiting = (0..model.drivers.len()).filter(|n| waits(model.drivers[*n].state));
        let queue = state
            .driver_queue
            .values()
            .map(|id| id.number().unwrap() as usize);
        assert!(
            queue.eq(waiting),
            "drivers wait in the order in which they came"
        );
        let live = (0..model.apps.len()).filter(|n| model.apps[*n].over.is_none());
        let queue = state
            .app_queue
            .values()
            .map(|id| id.number().unwrap() as usize);
        assert!(
            queue.eq(live),
            "applications wait in the order in which they came"
        );
    }

    /// Orders say what the model says: all that is placed, to run or to stop.
    fn compare_orders(&self) {
        for n in 0..WORKERS {
            let orders = for_worker(&self.real.state, &worker_id(n));
            let ending =
                |instance: &&InstanceId| !self.real.worker(n).stopping.contains_key(*instance);
            let drivers = self
                .model
                .drivers
                .iter()
                .filter(|driver| driver.on == Some(n));
            let (stop, run): (Vec<_>, Vec<_>) =
                drivers.partition(|driver| driver.killing || driver.moving);
            let executors = self.model.apps.iter().flat_map(|app| &app.executors);
            let (stop_too, run_too): (Vec<_>, Vec<_>) = executors
                .filter(|e| e.on == n && !e.state.is_final())
                .partition(|e| e.killing);
            assert_eq!(orders.run.len(), run.len() + run_too.len());
            let told = orders.stop.iter().filter(ending).count();
            assert_eq!(told, stop.len() + stop_too.len());
        }
    }
}

fn replay(mut state: ClusterState, log: &[Entry], from: usize) -> ClusterState {
    for (n, entry) in log.iter().enumerate().skip(from) {
        // Any answer: those that were rejected are rejected again.
        let _ = state.apply(n as u64 + 1, entry);
    }
    state
}

/// The same histories at every run. `PROPTEST_CASES=100000` explores others.
fn config() -> ProptestConfig {
    let mut config = ProptestConfig {
        failure_persistence: None,
        ..ProptestConfig::default()
    };
    if std::env::var_os("PROPTEST_CASES").is_none() {
        (config.cases, config.rng_seed) = (256, RngSeed::Fixed(2026));
    }
    config
}

proptest! {
    #![proptest_config(config())]

    #[test]
    fn any_history_agrees_with_the_naive_model_and_replays_alike(
        events in prop::collection::vec(event(), 1..100),
        cut in any::<prop::sample::Index>(),
    ) {
        let mut pair = Pair::new();
        for n in 0..WORKERS {
            pair.happens(&Event::Attach(n, false, vec![]));
        }
        for event in &events {
            pair.happens(event);
            pair.compare();
        }
        if pair.real.state.workers.len() == WORKERS as usize {
            pair.compare_orders();
        }

        let (state, log) = (&pair.real.state, &pair.real.log);
        let log: Vec<Entry> = log
            .iter()
            .map(|entry| decode("entry", &encode(entry)).unwrap())
            .collect();
        prop_assert_eq!(&log, &pair.real.log);
        prop_assert_eq!(replay(ClusterState::default(), &log, 0).digest(), state.digest());

        let cut = cut.index(log.len());
        let halfway = replay(ClusterState::default(), &log[..cut], 0);
        let snapshot: ClusterState = decode("state", &snapshot(&halfway)).unwrap();
        prop_assert_eq!(&snapshot, &halfway);
        prop_assert_eq!(&replay(snapshot, &log, cut), state);
    }
}

#[test]
fn a_digest_tells_states_apart() {
    let mut cluster = Cluster::with_workers(1);
    let before = cluster.state.digest();
    cluster.submit(true);
    assert_ne!(cluster.state.digest(), before);
}
