//! What waits says why.

use super::*;
use crate::plan::{Reasons, never_fits_driver, never_fits_executor};

fn why_of_driver(state: &ClusterState, driver: &DriverId) -> String {
    let reasons = Reasons::of(state, &spread());
    reasons.driver(&state.drivers[driver]).expect("it waits")
}

fn why_of_app(state: &ClusterState, app: &AppId) -> Option<String> {
    Reasons::of(state, &spread()).application(&state.applications[app])
}

#[test]
fn a_waiting_driver_says_what_it_lacks_from_the_start_to_its_placement() {
    let mut state = cluster(&[]);
    let id = submit(&mut state, 4, 512, None);
    assert_eq!(why_of_driver(&state, &id), "no worker is registered");
    add_worker(&mut state, 3, 1024, &[]);
    assert_eq!(
        why_of_driver(&state, &id),
        "no registered worker could ever hold it: needs 4 cores, the largest has 3"
    );
    add_worker(&mut state, 4, 1024, &[]);
    state.workers.get_mut(&worker_id(1)).unwrap().booked = Booking::plain(2, 0);
    state.workers.get_mut(&worker_id(0)).unwrap().booked = Booking::plain(2, 0);
    assert_eq!(
        why_of_driver(&state, &id),
        "needs 4 cores on one worker, the largest free is 2 (worker-00001)"
    );
    state.workers.get_mut(&worker_id(1)).unwrap().booked = Booking::plain(0, 768);
    state.workers.get_mut(&worker_id(0)).unwrap().booked = Booking::plain(0, 1000);
    assert_eq!(
        why_of_driver(&state, &id),
        "needs 512m of memory on one worker, the largest free is 256m (worker-00001)"
    );
    state.workers.get_mut(&worker_id(0)).unwrap().booked = Booking::default();
    assert_eq!(
        why_of_driver(&state, &id),
        "needs 4 cores and 512m of memory on one worker: worker-00001 has the most cores free, 4 \
         with 256m, and worker-00000 the most memory, 1g with 3 cores"
    );
    state.workers.get_mut(&worker_id(1)).unwrap().booked = Booking::default();
    assert!(why_of_driver(&state, &id).starts_with("fits on worker-00001"));
    let placed = plan(&state, &spread());
    book(&mut state, &placed);
    let reasons = Reasons::of(&state, &spread());
    assert_eq!(reasons.driver(&state.drivers[&id]), None);
}

#[test]
fn a_driver_says_that_it_is_kept_back_for_executors_exactly_when_it_is() {
    let mut state = cluster(&[(2, 1024)]);
    submit(&mut state, 1, 1, Some((1, 1)));
    let placed = plan(&state, &spread());
    book(&mut state, &placed);
    let second = submit(&mut state, 1, 1, Some((1, 1)));
    assert!(plan(&state, &spread()).is_empty());
    assert!(why_of_driver(&state, &second).starts_with("kept back"));
    let third = submit(&mut state, 1, 1, None);
    assert!(why_of_driver(&state, &third).starts_with("fits on worker-00000"));
}

#[test]
fn after_an_election_what_waits_says_who_has_not_answered() {
    let mut state = cluster(&[(4, 4096), (1, 4096)]);
    let driver = submit(&mut state, 2, 512, None);
    let app = register(&mut state, None, vec![wants(Some(2), 512, Some(1))], None);
    state.epoch = Epoch(2);
    assert_eq!(
        why_of_driver(&state, &driver),
        "needs 2 cores and 512m of memory, and no worker has answered the new leader yet"
    );
    assert_eq!(
        why_of_app(&state, &app).unwrap(),
        "its client has not answered the new leader yet"
    );
    state
        .workers
        .get_mut(&worker_id(1))
        .unwrap()
        .confirmed_epoch = Epoch(2);
    assert_eq!(
        why_of_driver(&state, &driver),
        "needs 2 cores on one worker, the largest free is 1 (worker-00001); a worker with room has not \
         answered the new leader yet"
    );
}

#[test]
fn no_worker_that_is_alive_is_a_reason_of_its_own() {
    let mut state = cluster(&[(4, 4096)]);
    let id = submit(&mut state, 1, 512, None);
    state.workers.get_mut(&worker_id(0)).unwrap().state = WorkerState::Dead;
    assert_eq!(
        why_of_driver(&state, &id),
        "none of the 1 registered workers is ALIVE"
    );
    assert_eq!(
        never_fits_driver(&state, &state.drivers[&id].description),
        None
    );
}

#[test]
fn an_application_waits_only_while_it_has_fewer_executors_than_it_wants() {
    let mut state = cluster(&[(4, 4096)]);
    let target = register(&mut state, None, vec![wants(Some(1), 256, Some(2))], None);
    let unlimited = register(&mut state, None, vec![wants(Some(1), 256, None)], None);
    let limited = register(&mut state, Some(3), vec![wants(Some(2), 256, None)], None);
    assert!(
        why_of_app(&state, &target)
            .unwrap()
            .starts_with("fits on worker-00000")
    );
    let placed = plan(&state, &spread());
    book(&mut state, &placed);
    assert_eq!(why_of_app(&state, &target), None, "it has its two");
    assert_eq!(
        why_of_app(&state, &unlimited),
        None,
        "it has what there was"
    );
    assert_eq!(
        why_of_app(&state, &limited).unwrap(),
        "needs 2 cores on one worker, the largest free is 0 (worker-00000)"
    );
    add_worker(&mut state, 3, 4096, &[]);
    let app = state.applications.get_mut(&unlimited).unwrap();
    app.description.max_cores = Some(2);
    let placed = plan(&state, &spread());
    book(&mut state, &placed);
    assert_eq!(
        why_of_app(&state, &limited),
        None,
        "its third core is never given"
    );
    state.applications.get_mut(&limited).unwrap().state = ApplicationState::Finished;
    assert_eq!(why_of_app(&state, &limited), None);
}

#[test]
fn an_application_that_can_never_be_served_says_so_at_once() {
    let mut state = cluster(&[(8, 4096)]);
    let never = |state: &ClusterState, app: &AppId| {
        let text = never_fits_executor(state, &state.applications[app].description);
        assert_eq!(text, why_of_app(state, app));
        text.expect("it never fits")
    };
    let large = register(&mut state, None, vec![wants(Some(64), 256, None)], None);
    assert_eq!(
        never(&state, &large),
        "no registered worker could ever hold it: needs 64 cores, the largest has 8"
    );
    let memory = register(&mut state, None, vec![wants(None, 8192, None)], None);
    assert_eq!(
        never(&state, &memory),
        "no registered worker could ever hold it: needs 8g of memory, the largest has 4g"
    );
    let mut gpus = wants(Some(1), 256, None);
    gpus.profile.named = BTreeMap::from([("gpu".to_owned(), 2)]);
    let gpus = register(&mut state, None, vec![gpus], None);
    assert_eq!(
        never(&state, &gpus),
        "no registered worker could ever hold it: needs 2 × gpu, the largest has 0"
    );
    let contradiction = register(&mut state, Some(2), vec![wants(Some(4), 256, None)], None);
    assert_eq!(
        never(&state, &contradiction),
        "one executor takes 4 cores, more than the 2 that all its executors may take together"
    );
    let failing = register(&mut state, None, vec![wants(Some(1), 256, None)], None);
    state.applications.get_mut(&failing).unwrap().retries = 10;
    assert_eq!(
        why_of_app(&state, &failing).unwrap(),
        "its executors failed 10 times in a row and its limit is 10: it gets no more"
    );
}

#[test]
fn a_submission_whose_executors_no_worker_could_hold_is_told_so() {
    let state = cluster(&[(8, 4096)]);
    let mut other = state.clone();
    let id = submit(&mut other, 1, 512, Some((16, 512)));
    assert_eq!(
        never_fits_driver(&state, &other.drivers[&id].description).unwrap(),
        "its executors: no registered worker could ever hold it: needs 16 cores, the largest has 8"
    );
    let id = submit(&mut other, 1, 512, Some((8, 512)));
    assert_eq!(
        never_fits_driver(&state, &other.drivers[&id].description),
        None
    );
}

#[test]
fn an_application_says_of_each_of_its_profiles_what_it_waits_for() {
    let mut state = cluster(&[(4, 4096)]);
    let mut gpu = wants(Some(1), 256, Some(1));
    gpu.profile.named = BTreeMap::from([("gpu".to_owned(), 1)]);
    let profiles = vec![
        wants(Some(1), 256, Some(2)),
        wants(Some(3), 256, Some(1)),
        gpu,
    ];
    let app = register(&mut state, None, profiles, None);
    let placed = plan(&state, &spread());
    book(&mut state, &placed);
    let reasons = Reasons::of(&state, &spread());
    let found = &state.applications[&app];
    assert_eq!(reasons.profile(found, 0), None, "it has its two");
    let lacks = "needs 3 cores on one worker, the largest free is 2 (worker-00000)";
    assert_eq!(reasons.profile(found, 1).unwrap(), lacks);
    let never = "no registered worker could ever hold it: needs 1 × gpu, the largest has 0";
    assert_eq!(
        why_of_app(&state, &app).unwrap(),
        format!("profile 1: {lacks}; profile 2: {never}")
    );
}

#[test]
fn a_driver_that_wants_a_gpu_waits_for_one_and_gets_the_lowest() {
    let mut state = cluster(&[(4, 4096)]);
    add_worker(&mut state, 4, 4096, &["0", "1", "10"]);
    let mut ids = Vec::new();
    for count in [2, 1, 1] {
        let id = submit(&mut state, 1, 512, None);
        let driver = state.drivers.get_mut(&id).unwrap();
        driver.description.named = BTreeMap::from([("gpu".to_owned(), count)]);
        ids.push(id);
    }
    let placed = plan(&state, &spread());
    book(&mut state, &placed);
    let held = |id: &DriverId| {
        let placement = state.drivers[id].placement.as_ref();
        placement.map(|it| it.booking.named["gpu"].iter().cloned().collect::<Vec<_>>())
    };
    assert_eq!(held(&ids[0]).unwrap(), ["0", "1"]);
    assert_eq!(held(&ids[1]).unwrap(), ["10"]);
    assert_eq!(
        why_of_driver(&state, &ids[2]),
        "needs 1 × gpu on one worker, the largest free is 0"
    );
}
