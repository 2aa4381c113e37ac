//! What holds for every plan, whatever the cluster.

use proptest::prelude::*;

use super::*;
use crate::plan::{Reasons, room};
use crate::state::Drain;
use crate::{Answer, Command, Entry};

#[derive(Clone, Debug)]
enum Work {
    Driver(u32, u64, Option<(u32, u64)>, u32),
    App {
        max_cores: Option<u32>,
        profiles: Vec<(Option<u32>, u64, Option<u32>, u32)>,
    },
}

fn work() -> impl Strategy<Value = Work> {
    let size = (1..6_u32, 1..6_u64);
    let gpus = prop_oneof![4 => Just(0), 1 => 1..3_u32];
    let driver = (1..5_u32, 1..5_u64, proptest::option::of(size), gpus)
        .prop_map(|(cores, memory, executor, gpus)| Work::Driver(cores, memory, executor, gpus));
    let profile = (
        proptest::option::of(1..5_u32),
        1..5_u64,
        proptest::option::of(0..5_u32),
        0..3_u32,
    );
    let app = (
        proptest::option::of(0..20_u32),
        proptest::collection::vec(profile, 1..3),
    )
        .prop_map(|(max_cores, profiles)| Work::App {
            max_cores,
            profiles,
        });
    prop_oneof![driver, app]
}

fn accept(state: &mut ClusterState, work: &Work, mixed: bool) {
    accept_as(state, work, mixed);
    let drivers = state.drivers.values().map(|it| it.description.bytes());
    let apps = state.applications.values();
    let apps = apps.map(|it| it.description.bytes());
    state.described_bytes = drivers.chain(apps).sum();
}

fn accept_as(state: &mut ClusterState, work: &Work, mixed: bool) {
    match work {
        Work::Driver(cores, memory, executor, gpus) => {
            let id = submit(state, *cores, *memory, *executor);
            let driver = state.drivers.get_mut(&id).unwrap();
            let gpus = Some(*gpus).filter(|gpus| *gpus > 0);
            driver.description.named = gpus
                .map(|gpus| ("gpu".to_owned(), gpus))
                .into_iter()
                .collect();
            if mixed {
                driver.description.launch = mixed_launch(cores + gpus.unwrap_or_default());
            }
        }
        Work::App {
            max_cores,
            profiles,
        } => {
            let request = |(cores, memory, target, gpus): &(_, _, _, u32)| {
                let mut request = wants(*cores, *memory, *target);
                request.profile.named = BTreeMap::from([("gpu".to_owned(), *gpus)]);
                request
            };
            let id = register(
                state,
                *max_cores,
                profiles.iter().map(request).collect(),
                None,
            );
            if mixed {
                mix_application(state, &id, max_cores.unwrap_or(1));
            }
        }
    }
}

/// What asks for Spark of one release or another, or for a program.
fn mixed_launch(choice: u32) -> Launch {
    let launch = |version| spark_launch(SparkRelease::of_version(version).unwrap());
    match choice % 4 {
        0 => launch("4.0.1"),
        1 => launch("3.5.6"),
        2 => spark_launch(SparkRelease {
            reference_uid: None,
            ..SparkRelease::of_version("4.0.1").unwrap()
        }),
        _ => Launch::default(),
    }
}

fn mix_application(state: &mut ClusterState, id: &AppId, choice: u32) {
    let launch = mixed_launch(choice);
    let release = launch.spark.as_ref().map(|spark| spark.release);
    let app = state.applications.get_mut(id).unwrap();
    app.description.spark = release.map(spark_application);
    app.description.launch = launch;
}

/// A worker of Spark's own, one of Vesta's with homes, or one without.
fn mix_worker(state: &mut ClusterState, id: &WorkerId) {
    let capacity = &state.workers[id].description.capacity;
    match u64::from(capacity.cores) * 3 + capacity.memory_mib {
        n if n % 5 == 0 => become_spark(state, id, "4.0.1"),
        n if n % 5 == 1 => become_spark(state, id, "3.5.6"),
        n if n % 5 == 2 => give_homes(state, id, &["3.5.6", "4.1.0"]),
        n if n % 5 == 3 => give_homes(state, id, &["4.0.1"]),
        _ => {}
    }
}

fn busy() -> impl Strategy<Value = (ClusterState, Policy)> {
    busy_of(false)
}

prop_compose! {
    /// A cluster that has planned twice, with work that came in between, and some that waits: programs
    /// alone, or Spark of several releases among them.
    fn busy_of(mixed: bool)(
        workers in proptest::collection::vec((1..8_u32, 1..12_u64, 0..4_usize, 0..6_u8), 0..6),
        spread_out in any::<bool>(),
        reserve_for_executors in any::<bool>(),
        selection in 0..WorkerSelection::ALL.len(),
        max_drivers in proptest::option::of(1..8_u32),
        batches in proptest::collection::vec(proptest::collection::vec(work(), 0..6), 3),
    ) -> (ClusterState, Policy) {
        let policy = Policy {
            spread_out,
            reserve_for_executors,
            worker_selection: WorkerSelection::ALL[selection],
            max_drivers,
            ..Policy::default()
        };
        let mut state = cluster(&[]);
        for (cores, memory, gpus, fate) in workers {
            let gpus: Vec<&str> = ["0", "1", "10"].into_iter().take(gpus).collect();
            let id = add_worker(&mut state, cores, memory, &gpus);
            if mixed {
                mix_worker(&mut state, &id);
            }
            let worker = state.workers.get_mut(&id).unwrap();
            match fate {
                0 => drain(&mut state, &id),
                1 => worker.confirmed_epoch = Epoch(0),
                _ => {}
            }
        }
        for (round, batch) in batches.iter().enumerate() {
            if round > 0 {
                let plan = plan(&state, &policy);
                book(&mut state, &plan);
            }
            for work in batch {
                accept(&mut state, work, mixed);
            }
        }
        (state, policy)
    }
}

/// Whether `sizes` can be packed into `free`, by trying everything.
fn can_pack(free: &mut [(u32, u64)], sizes: &[(u32, u64)]) -> bool {
    let Some(((cores, memory), rest)) = sizes.split_first() else {
        return true;
    };
    for at in 0..free.len() {
        if *cores <= free[at].0 && *memory <= free[at].1 {
            free[at].0 -= cores;
            free[at].1 -= memory;
            let packed = can_pack(free, rest);
            free[at].0 += cores;
            free[at].1 += memory;
            if packed {
                return true;
            }
        }
    }
    false
}

/// Executors that running drivers wait for; no application here belongs to a driver.
fn owed(state: &ClusterState) -> Vec<(u32, u64)> {
    let running = state.drivers.values();
    let running = running.filter(|driver| driver.state == DriverState::Running);
    running
        .filter_map(|driver| {
            let executor = driver.description.executor.as_ref()?;
            let size = (executor.cores, executor.memory_mib);
            let at = &driver.placement.as_ref().unwrap().worker;
            let possible = state.workers.iter().any(|(id, worker)| {
                let all = &worker.description.capacity;
                let own = if id == at {
                    (driver.description.cores, driver.description.memory_mib)
                } else {
                    (0, 0)
                };
                worker.is_alive() && size.0 + own.0 <= all.cores && size.1 + own.1 <= all.memory_mib
            });
            possible.then_some(size)
        })
        .collect()
}

fn free(state: &ClusterState) -> Vec<(u32, u64)> {
    let rooms = room::usable(state);
    rooms
        .iter()
        .map(|room| (room.cores, room.memory_mib))
        .collect()
}

fn drain(state: &mut ClusterState, id: &WorkerId) {
    state.workers.get_mut(id).unwrap().state = WorkerState::Decommissioned;
    let drain = Drain {
        index: 1,
        asked: Timestamp(0),
        deadline_ms: 1_000,
        over: false,
    };
    state.drains.insert(id.clone(), drain);
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(512))]

    /// `book` fails where a worker, an address or an attempt would be given twice.
    #[test]
    fn a_plan_never_books_twice_and_keeps_every_limit((mut state, policy) in busy()) {
        let before = state.clone();
        let plan = plan(&state, &policy);
        book(&mut state, &plan);
        for (id, app) in &state.applications {
            let was = &before.applications[id];
            let grew = app.executors.len() > was.executors.len();
            if let Some(max) = app.description.max_cores.filter(|_| grew) {
                prop_assert!(app.cores_held() <= max);
            }
            for (number, request) in &app.description.profiles {
                let (live, was) = (app.live_of(*number), was.live_of(*number));
                prop_assert!(live == was || request.target.is_none_or(|target| live <= target));
                let of = app.executors.values().filter(|e| e.profile == *number);
                for executor in of {
                    let cores = executor.booking.cores;
                    prop_assert!(request.profile.cores.map_or(cores > 0, |wanted| wanted == cores));
                }
            }
        }
        for (id, worker) in &state.workers {
            let unusable = !worker.is_alive() || worker.confirmed_epoch != state.epoch;
            prop_assert!(!unusable || worker.booked == before.workers[id].booked);
        }
    }

    /// The planner and `apply` have the same rules.
    #[test]
    fn apply_refuses_nothing_of_a_plan_made_on_the_same_state(
        (mut state, policy) in any::<bool>().prop_flat_map(busy_of),
    ) {
        let Plan { placements, cursor } = plan(&state, &policy);
        let placed = u32::try_from(placements.len()).unwrap();
        let epoch = state.epoch;
        let entry = Entry {
            at: state.clock,
            command: Command::Place { epoch, placements, cursor },
        };
        let reply = state.apply(state.applied + 1, &entry);
        prop_assert_eq!(reply, Ok(Answer::Placed { placed, refused: 0 }));
    }

    #[test]
    fn the_same_state_gives_the_same_plan((state, policy) in busy()) {
        prop_assert_eq!(plan(&state, &policy), plan(&state.clone(), &policy));
    }

    /// Of drivers without executor sizes none is left that would have fitted when it was its turn, and
    /// no more run than may.
    #[test]
    fn a_driver_without_sizes_is_placed_exactly_when_something_fits((mut state, policy) in busy()) {
        let plan = plan(&state, &policy);
        let placed: BTreeMap<_, _> = drivers_of(&plan).into_iter().collect();
        let mut placements = plan.placements.iter();
        for driver in state.driver_queue.values().cloned().collect::<Vec<_>>() {
            let wanted = state.drivers[&driver].description.clone();
            let running = state.drivers.values().filter(|it| it.placement.is_some()).count();
            let may = policy.max_drivers.is_none_or(|most| running < most as usize);
            let need = room::Need::of_driver(&wanted);
            let fits = may && room::usable(&state).iter().any(|room| room.fits(&need));
            if placed.contains_key(&driver) {
                prop_assert!(fits);
                book_one(&mut state, placements.next().unwrap());
            } else {
                prop_assert!(!fits || (wanted.executor.is_some() && policy.reserve_for_executors));
            }
        }
    }

    /// After a plan no application that sets cores per executor could have got one more.
    #[test]
    fn no_room_is_left_that_an_application_could_use((mut state, policy) in busy()) {
        let plan = plan(&state, &policy);
        book(&mut state, &plan);
        let rooms = room::usable(&state);
        for app in state.applications.values() {
            for (number, request) in &app.description.profiles {
                let need = room::Need::of_executor(&app.description, &request.profile);
                let fits = rooms.iter().any(|room| room.fits(&need));
                let below = request.target.is_none_or(|target| app.live_of(*number) < target);
                let more = request.profile.cores.is_some() && app.cores_left() >= need.cores;
                prop_assert!(!(fits && below && more));
            }
        }
    }

    /// Whenever a driver with sizes is placed, one executor for each that waits for its first can
    /// still be placed.
    #[test]
    fn drivers_never_take_the_room_that_executors_of_drivers_need((mut state, policy) in busy()) {
        let policy = Policy { reserve_for_executors: true, ..policy };
        let plan = plan(&state, &policy);
        for placement in &plan.placements {
            book_one(&mut state, placement);
            let Placement::Driver { driver, .. } = placement else { break };
            if state.drivers[driver].description.executor.is_some() {
                prop_assert!(can_pack(&mut free(&state), &owed(&state)));
            }
        }
    }

    /// What waits has a reason; and what says that it fits is served by the next plan, alone.
    #[test]
    fn everything_that_waits_can_say_why(
        (mut state, policy) in any::<bool>().prop_flat_map(busy_of),
    ) {
        let plan = plan(&state, &policy);
        book(&mut state, &plan);
        let reasons = Reasons::of(&state, &policy);
        for driver in state.drivers.values() {
            let why = reasons.driver(driver);
            prop_assert_eq!(why.is_some(), driver.state.is_waiting());
            prop_assert!(why.is_none_or(|why| !why.starts_with("fits")));
        }
        for app in state.applications.values() {
            let why = reasons.application(app);
            let wants_none = app.description.profiles.values().all(|r| r.target == Some(0));
            prop_assert!(!(wants_none && why.is_some()));
            prop_assert!(why.is_some() || wants_none || !app.executors.is_empty()
                || app.description.max_cores.is_some());
        }
    }
}

/// What can happen to a cluster between two plans. Numbers choose among what there is.
#[derive(Clone, Debug)]
enum Change {
    Accept(Work),
    /// A running driver registers an application.
    Register(prop::sample::Index, Option<u32>),
    Finish(prop::sample::Index),
    Kill(prop::sample::Index),
    EndExecutor(prop::sample::Index),
    Target(prop::sample::Index, Option<u32>),
    Exhaust(prop::sample::Index),
    /// A worker dies, is ALIVE again, or waits to answer; by its number.
    Fate(prop::sample::Index, u8),
    Join(u32, u64, usize),
    Leave(prop::sample::Index),
    Avoid(prop::sample::Index),
    Elect,
    /// The plan is applied; otherwise it is lost.
    Plan,
}

fn change() -> impl Strategy<Value = Change> {
    let any = any::<prop::sample::Index>;
    prop_oneof![
        8 => work().prop_map(Change::Accept),
        6 => Just(Change::Plan),
        3 => (any(), proptest::option::of(0..3_u32)).prop_map(|(d, t)| Change::Register(d, t)),
        3 => any().prop_map(Change::Finish),
        1 => any().prop_map(Change::Kill),
        3 => any().prop_map(Change::EndExecutor),
        1 => (any(), proptest::option::of(0..5_u32)).prop_map(|(a, t)| Change::Target(a, t)),
        1 => any().prop_map(Change::Exhaust),
        2 => (any(), 0..3_u8).prop_map(|(w, f)| Change::Fate(w, f)),
        2 => (1..8_u32, 1..12_u64, 0..3_usize).prop_map(|(c, m, g)| Change::Join(c, m, g)),
        1 => any().prop_map(Change::Leave),
        1 => any().prop_map(Change::Avoid),
        1 => Just(Change::Elect),
    ]
}

fn chosen<T: Clone>(all: impl IntoIterator<Item = T>, index: &prop::sample::Index) -> Option<T> {
    let all: Vec<T> = all.into_iter().collect();
    (!all.is_empty()).then(|| index.get(&all).clone())
}

fn running(state: &ClusterState) -> Vec<DriverId> {
    let drivers = state.drivers.values();
    let running = drivers.filter(|driver| driver.state == DriverState::Running);
    running.map(|driver| driver.id.clone()).collect()
}

fn happens(state: &mut ClusterState, policy: &mut Policy, change: &Change, mixed: bool) {
    match change {
        Change::Accept(work) => accept(state, work, mixed),
        Change::Plan => {
            let plan = plan(state, policy);
            book(state, &plan);
        }
        Change::Register(index, target) => {
            if let Some(id) = chosen(running(state), index) {
                let app = register(state, None, vec![wants(Some(1), 1, *target)], Some(&id));
                if mixed {
                    mix_application(state, &app, target.unwrap_or(3));
                }
            }
        }
        Change::Finish(index) => {
            if let Some(id) = chosen(running(state), index) {
                finish(state, &id);
            }
        }
        Change::Kill(index) => {
            if let Some(id) = chosen(state.drivers.keys().cloned(), index) {
                state.drivers.get_mut(&id).unwrap().kill_requested = true;
            }
        }
        Change::EndExecutor(index) => {
            let apps = state.applications.values();
            let live = apps.flat_map(|app| {
                let numbers = app.executors.keys();
                numbers
                    .map(|number| (app.id.clone(), *number))
                    .collect::<Vec<_>>()
            });
            if let Some((app, number)) = chosen(live.collect::<Vec<_>>(), index) {
                let of = state.applications.get_mut(&app).unwrap();
                let executor = of.executors.remove(&number).unwrap();
                let worker = state.workers.get_mut(&executor.worker).unwrap();
                worker.booked.remove(&executor.booking);
                worker.executors.remove(&ExecutorId { app, number });
            }
        }
        Change::Target(index, target) => {
            if let Some(id) = chosen(state.applications.keys().cloned(), index) {
                let app = state.applications.get_mut(&id).unwrap();
                app.description.profiles.get_mut(&0).unwrap().target = *target;
            }
        }
        Change::Exhaust(index) => {
            if let Some(id) = chosen(state.applications.keys().cloned(), index) {
                let app = state.applications.get_mut(&id).unwrap();
                app.retries = if app.retries == 0 { 10 } else { 0 };
            }
        }
        Change::Fate(index, fate) => {
            if let Some(id) = chosen(state.workers.keys().cloned(), index) {
                let epoch = state.epoch;
                let worker = state.workers.get_mut(&id).unwrap();
                match fate {
                    0 => drain(state, &id),
                    1 => worker.confirmed_epoch = Epoch(0),
                    _ => {
                        (worker.state, worker.confirmed_epoch) = (WorkerState::Alive, epoch);
                        state.drains.remove(&id);
                    }
                }
            }
        }
        Change::Join(cores, memory, gpus) => {
            let gpus: Vec<&str> = ["0", "1", "10"].into_iter().take(*gpus).collect();
            let id = add_worker(state, *cores, *memory, &gpus);
            if mixed {
                mix_worker(state, &id);
            }
        }
        Change::Leave(index) => {
            let empty = state.workers.values();
            let empty = empty.filter(|worker| worker.booked == Booking::default());
            if let Some(id) = chosen(empty.map(|it| it.description.id.clone()), index) {
                state.workers.remove(&id);
            }
        }
        Change::Avoid(index) => {
            if let Some(id) = chosen(state.workers.keys().cloned(), index)
                && !policy.avoid.remove(&id)
            {
                policy.avoid.insert(id);
            }
        }
        Change::Elect => {
            state.epoch = Epoch(state.epoch.0 + 1);
            let epoch = state.epoch;
            let (workers, apps) = (&state.workers, &state.applications);
            let workers: Vec<_> = workers.keys().cloned().collect();
            let apps: Vec<_> = apps.keys().skip(1).cloned().collect();
            for id in workers.iter().skip(1) {
                state.workers.get_mut(id).unwrap().confirmed_epoch = epoch;
            }
            for id in apps {
                state.applications.get_mut(&id).unwrap().confirmed_epoch = epoch;
            }
        }
    }
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(512))]

    /// One that has followed everything and one that has just begun plan as the plain form does.
    #[test]
    fn a_planner_that_follows_the_state_plans_as_the_plain_form_does(
        (mixed, (mut state, mut policy)) in any::<bool>()
            .prop_flat_map(|mixed| (Just(mixed), busy_of(mixed))),
        changes in proptest::collection::vec((change(), any::<bool>()), 0..60),
    ) {
        let mut planner = Planner::default();
        for (change, look) in changes {
            happens(&mut state, &mut policy, &change, mixed);
            if look {
                let plain = plan(&state, &policy);
                prop_assert_eq!(&planner.plan(&state, &policy), &plain);
                let mut other = Planner::default();
                prop_assert_eq!(&other.plan(&state, &policy), &plain);
            }
        }
        let plain = plan(&state, &policy);
        prop_assert_eq!(planner.plan(&state, &policy), plain);
    }
}
