//! Placing executors: limits, resources, and the old form against the right one.

use super::*;

/// Spark's form before 1.5: one core at a time, one executor per worker that got any.
fn one_core_at_a_time(free: &[u32], cores_wanted: u32) -> Vec<u32> {
    let mut given = vec![0; free.len()];
    let mut left = cores_wanted.min(free.iter().sum());
    let mut at = 0;
    while left > 0 {
        if free[at] > given[at] {
            given[at] += 1;
            left -= 1;
        }
        at = (at + 1) % free.len();
    }
    given
}

#[test]
fn nine_workers_of_one_core_give_nothing_to_executors_of_three() {
    // The seeds' worked example: an application wants 3 executors of 3 cores, on 9 workers of 1 core.
    assert_eq!(one_core_at_a_time(&[1; 9], 9), [1; 9]);
    let mut state = cluster(&[(1, 4096); 9]);
    register(
        &mut state,
        Some(9),
        vec![wants(Some(3), 512, Some(3))],
        None,
    );
    assert!(plan(&state, &spread()).is_empty());
    assert!(plan(&state, &pack()).is_empty());
    // SPARK-8881: 4 workers of 16 cores, 48 cores wanted, 16 per executor. Single cores leave 12 on
    // each worker and so no executor at all; 16 at a time make 3.
    assert_eq!(one_core_at_a_time(&[16; 4], 48), [12; 4]);
    let mut state = cluster(&[(16, 4096); 4]);
    let app = register(&mut state, Some(48), vec![wants(Some(16), 512, None)], None);
    assert_eq!(
        executors_by_worker(&state, &plan(&state, &spread()), &app),
        [vec![16], vec![16], vec![16], vec![]]
    );
}

#[test]
fn an_unlimited_application_takes_all_and_the_one_behind_it_nothing() {
    let mut state = cluster(&[(4, 4096), (4, 4096)]);
    let first = register(&mut state, None, vec![wants(None, 1024, None)], None);
    let second = register(&mut state, None, vec![wants(None, 1024, None)], None);
    let plan = plan(&state, &spread());
    assert_eq!(executors_by_worker(&state, &plan, &first), [[4], [4]]);
    assert_eq!(
        executors_by_worker(&state, &plan, &second),
        [Vec::<u32>::new(), vec![]]
    );
}

/// Spark's five policies (SPARK-46881): free cores 2, 8, 4 and 8; free memory 4, 1, 8 and 2 GiB.
#[test]
fn each_policy_of_selection_asks_its_own_worker_first() {
    let order = |worker_selection| {
        let mut state = cluster(&[(2, 4096), (8, 1024), (4, 8192), (8, 2048)]);
        let policy = Policy {
            worker_selection,
            ..spread()
        };
        let app = register(&mut state, None, vec![wants(Some(2), 256, Some(4))], None);
        let placed = plan(&state, &policy);
        assert_eq!(executors_by_worker(&state, &placed, &app), [[2]; 4]);
        let on = |placement: &Placement| match placement {
            Placement::Executor { worker, .. } => worker.to_string(),
            Placement::Driver { .. } => panic!("no driver waits"),
        };
        placed.placements.iter().map(on).collect::<Vec<_>>()
    };
    let table = [
        (WorkerSelection::CoresFreeDesc, [1, 3, 2, 0]),
        (WorkerSelection::CoresFreeAsc, [0, 2, 1, 3]),
        (WorkerSelection::MemoryFreeDesc, [2, 0, 3, 1]),
        (WorkerSelection::MemoryFreeAsc, [1, 3, 0, 2]),
        (WorkerSelection::WorkerId, [0, 1, 2, 3]),
    ];
    assert_eq!(
        table.map(|(policy, _)| policy).len(),
        WorkerSelection::ALL.len()
    );
    for (policy, expected) in table {
        let expected = expected.map(|number| worker_id(number).to_string());
        assert_eq!(order(policy), expected, "{}", policy.as_str());
    }
}

#[test]
fn the_fullest_worker_is_asked_last_and_equal_ones_in_the_order_of_their_ids() {
    let mut state = cluster(&[(2, 4096), (8, 4096), (8, 4096), (4, 4096)]);
    let app = register(&mut state, None, vec![wants(Some(2), 256, Some(1))], None);
    let plan = plan(&state, &spread());
    assert_eq!(
        executors_by_worker(&state, &plan, &app),
        [vec![], vec![2], vec![], vec![]]
    );
}

#[test]
fn drivers_go_before_applications_whoever_came_first() {
    let mut state = cluster(&[(1, 4096)]);
    register(&mut state, None, vec![wants(Some(1), 256, None)], None);
    submit(&mut state, 1, 256, None);
    let plan = plan(&state, &spread());
    assert!(matches!(&plan.placements[..], [Placement::Driver { .. }]));
}

#[test]
fn profiles_are_served_in_the_order_of_their_numbers_and_share_max_cores() {
    let mut state = cluster(&[(16, 16_384)]);
    let profiles = vec![wants(Some(2), 256, Some(2)), wants(Some(3), 256, Some(5))];
    let app = register(&mut state, Some(11), profiles, None);
    let plan = plan(&state, &spread());
    // 4 of the 11 cores for profile 0; of the other 7, two executors of profile 1 and one core unused.
    assert_eq!(executors_by_worker(&state, &plan, &app), [[2, 2, 3, 3]]);
}

#[test]
fn what_an_application_holds_counts_against_its_target_and_its_cores() {
    let mut state = cluster(&[(8, 16_384)]);
    let app = register(
        &mut state,
        Some(7),
        vec![wants(Some(2), 256, Some(2))],
        None,
    );
    let first = plan(&state, &spread());
    book(&mut state, &first);
    assert!(plan(&state, &spread()).is_empty(), "the target is reached");
    let description = &mut state.applications.get_mut(&app).unwrap().description;
    description.profiles.get_mut(&0).unwrap().target = Some(100);
    let second = plan(&state, &spread());
    assert_eq!(
        executors_by_worker(&state, &second, &app),
        [[2]],
        "the 7th core is never given"
    );
    // A target below what runs ends nothing and asks for nothing.
    let description = &mut state.applications.get_mut(&app).unwrap().description;
    description.profiles.get_mut(&0).unwrap().target = Some(1);
    assert!(plan(&state, &spread()).is_empty());
}

#[test]
fn a_greedy_application_grows_by_an_executor_per_pass() {
    let mut state = cluster(&[(4, 4096)]);
    let app = register(&mut state, Some(2), vec![wants(None, 512, None)], None);
    let first = plan(&state, &spread());
    assert_eq!(executors_by_worker(&state, &first, &app), [[2]]);
    book(&mut state, &first);
    state
        .applications
        .get_mut(&app)
        .unwrap()
        .description
        .max_cores = Some(3);
    assert_eq!(
        executors_by_worker(&state, &plan(&state, &spread()), &app),
        [[1]]
    );
}

#[test]
fn each_address_of_a_named_resource_goes_to_one_executor_the_lowest_first() {
    let mut state = cluster(&[]);
    add_worker(&mut state, 16, 16_384, &["10", "0", "2", "1", "9"]);
    let mut request = wants(Some(1), 256, None);
    request.profile.named = BTreeMap::from([("gpu".to_owned(), 2)]);
    let app = register(&mut state, None, vec![request], None);
    let plan = plan(&state, &spread());
    let gpus: Vec<Vec<&str>> = plan
        .placements
        .iter()
        .map(|placement| match placement {
            Placement::Executor { named, .. } => named["gpu"].iter().map(String::as_str).collect(),
            Placement::Driver { .. } => vec![],
        })
        .collect();
    assert_eq!(gpus, [["0", "1"], ["2", "9"]]);
    book(&mut state, &plan);
    assert_eq!(state.applications[&app].executors.len(), 2);
    assert!(
        super::plan(&state, &spread()).is_empty(),
        "one address is not two"
    );
}

#[test]
fn memory_bounds_the_executors_of_a_worker() {
    let mut state = cluster(&[(16, 1000)]);
    let app = register(&mut state, None, vec![wants(Some(1), 300, None)], None);
    let plan = plan(&state, &pack());
    assert_eq!(executors_by_worker(&state, &plan, &app), [[1, 1, 1]]);
}

#[test]
fn nothing_is_placed_for_an_application_that_has_not_answered_this_leader_or_is_over() {
    let mut state = cluster(&[(4, 4096)]);
    let id = register(&mut state, None, vec![wants(Some(1), 256, None)], None);
    state.applications.get_mut(&id).unwrap().confirmed_epoch = Epoch(0);
    assert!(plan(&state, &spread()).is_empty());
    let app = state.applications.get_mut(&id).unwrap();
    app.confirmed_epoch = Epoch(1);
    app.state = ApplicationState::Killed;
    assert!(plan(&state, &spread()).is_empty());
}

#[test]
fn an_application_whose_executors_failed_too_often_in_a_row_gets_no_more() {
    let mut state = cluster(&[(4, 4096)]);
    let id = register(&mut state, None, vec![wants(Some(1), 256, None)], None);
    for (limit, retries, served) in [
        (10, 9, true),
        (10, 10, false),
        (-1, 1_000_000, true),
        (0, 0, true),
        (0, 1, false),
    ] {
        let app = state.applications.get_mut(&id).unwrap();
        app.description.max_executor_retries = limit;
        app.retries = retries;
        let placed = !plan(&state, &spread()).is_empty();
        assert_eq!(placed, served, "limit {limit}, failures {retries}");
    }
}
