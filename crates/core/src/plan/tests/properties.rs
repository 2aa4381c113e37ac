//! What holds for every plan, whatever the cluster.

use proptest::prelude::*;

use super::*;
use crate::plan::room;
use crate::{Answer, Command, Entry};

#[derive(Clone, Debug)]
enum Work {
    Driver(u32, u64, Option<(u32, u64)>),
    App {
        max_cores: Option<u32>,
        profiles: Vec<(Option<u32>, u64, Option<u32>, u32)>,
    },
}

fn work() -> impl Strategy<Value = Work> {
    let size = (1..6_u32, 1..6_u64);
    let driver = (1..5_u32, 1..5_u64, proptest::option::of(size))
        .prop_map(|(cores, memory, executor)| Work::Driver(cores, memory, executor));
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

fn accept(state: &mut ClusterState, work: &Work) {
    match work {
        Work::Driver(cores, memory, executor) => {
            submit(state, *cores, *memory, *executor);
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
            register(
                state,
                *max_cores,
                profiles.iter().map(request).collect(),
                None,
            );
        }
    }
}

prop_compose! {
    /// A cluster that has planned twice, with work that came in between, and some that waits.
    fn busy()(
        workers in proptest::collection::vec((1..8_u32, 1..12_u64, 0..4_usize, 0..6_u8), 0..6),
        spread_out in any::<bool>(),
        reserve_for_executors in any::<bool>(),
        batches in proptest::collection::vec(proptest::collection::vec(work(), 0..6), 3),
    ) -> (ClusterState, Policy) {
        let policy = Policy { spread_out, reserve_for_executors, ..Policy::default() };
        let mut state = cluster(&[]);
        for (cores, memory, gpus, fate) in workers {
            let gpus: Vec<&str> = ["0", "1", "10"].into_iter().take(gpus).collect();
            let id = add_worker(&mut state, cores, memory, &gpus);
            let worker = state.workers.get_mut(&id).unwrap();
            match fate {
                0 => worker.state = WorkerState::Decommissioned,
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
                accept(&mut state, work);
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
    fn apply_refuses_nothing_of_a_plan_made_on_the_same_state((mut state, policy) in busy()) {
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

    /// Of drivers without executor sizes none is left that would have fitted when it was its turn.
    #[test]
    fn a_driver_without_sizes_is_placed_exactly_when_something_fits((mut state, policy) in busy()) {
        let plan = plan(&state, &policy);
        let placed: BTreeMap<_, _> = drivers_of(&plan).into_iter().collect();
        let mut placements = plan.placements.iter();
        for driver in state.driver_queue.values().cloned().collect::<Vec<_>>() {
            let wanted = state.drivers[&driver].description.clone();
            let fits = free(&state)
                .iter()
                .any(|room| wanted.cores <= room.0 && wanted.memory_mib <= room.1);
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
                let need = room::Need::of_executor(&request.profile);
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
    fn everything_that_waits_can_say_why((mut state, policy) in busy()) {
        let plan = plan(&state, &policy);
        book(&mut state, &plan);
        for driver in state.drivers.values() {
            let why = crate::plan::why_driver(&state, &policy, driver);
            prop_assert_eq!(why.is_some(), driver.state.is_waiting());
            prop_assert!(why.is_none_or(|why| !why.starts_with("fits")));
        }
        for app in state.applications.values() {
            let why = crate::plan::why_application(&state, &policy, app);
            let wants_none = app.description.profiles.values().all(|r| r.target == Some(0));
            prop_assert!(!(wants_none && why.is_some()));
            prop_assert!(why.is_some() || wants_none || !app.executors.is_empty()
                || app.description.max_cores.is_some());
        }
    }
}
