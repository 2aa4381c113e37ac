//! Plans are checked again when they are applied.

use std::collections::BTreeMap;

use vesta_types::DriverState;

use super::support::*;
use crate::command::{Command, Placement, Request};
use crate::reply::Answer;

#[test]
fn a_placed_driver_runs_in_its_next_attempt_and_leaves_the_queue() {
    let mut cluster = Cluster::with_workers(1);
    let id = cluster.submit(true);
    cluster.place_driver(&id, 0);
    let driver = cluster.driver(&id);
    assert_eq!((driver.state, driver.attempt), (DriverState::Running, 1));
    assert!(cluster.state.driver_queue.is_empty());
    let worker = cluster.worker(0);
    assert_eq!((worker.cores_free(), worker.memory_free_mib()), (7, 7680));
    cluster.lose(0);
    cluster.attach(0, 0, &[]);
    cluster.place_driver(&id, 0);
    assert_eq!(cluster.driver(&id).attempt, 2);
}

#[test]
fn a_driver_is_placed_only_as_its_next_attempt_and_only_while_it_waits() {
    let mut cluster = Cluster::with_workers(1);
    let id = cluster.submit(true);
    let placement = cluster.driver_placement(&id, 0);
    for wrong in [0, 2, u32::MAX] {
        let mut placement = placement.clone();
        if let Placement::Driver { attempt, .. } = &mut placement {
            *attempt = wrong;
        }
        assert_eq!(cluster.place(vec![placement]), (0, 1), "attempt {wrong}");
    }
    assert_eq!(
        cluster.place(vec![placement.clone(), placement.clone()]),
        (1, 1)
    );
    let next = cluster.driver_placement(&id, 0);
    assert_eq!(cluster.place(vec![placement, next]), (0, 2), "it runs");
}

#[test]
fn what_no_longer_fits_is_refused_and_the_rest_is_placed() {
    let mut cluster = Cluster::with_workers(1);
    let mut big = driver(false);
    big.cores = 6;
    let first = cluster.submit_as(big.clone());
    let second = cluster.submit_as(big);
    let small = cluster.submit(false);
    let plan = [&first, &second, &small].map(|id| cluster.driver_placement(id, 0));
    assert_eq!(cluster.place(plan.to_vec()), (2, 1));
    assert_eq!(cluster.driver(&second).state, DriverState::Submitted);
    assert_eq!(cluster.worker(0).cores_free(), 1);
}

#[test]
fn memory_is_booked_as_cores_are() {
    let mut cluster = Cluster::with_workers(1);
    let mut big = driver(false);
    big.memory_mib = 8192;
    let first = cluster.submit_as(big);
    let second = cluster.submit(false);
    let plan = [&first, &second].map(|id| cluster.driver_placement(id, 0));
    assert_eq!(cluster.place(plan.to_vec()), (1, 1));
}

#[test]
fn nothing_is_placed_on_a_worker_that_is_not_alive_confirmed_and_of_that_incarnation() {
    let mut cluster = Cluster::with_workers(1);
    let id = cluster.submit(true);
    let app = cluster.register();
    let plan = |cluster: &Cluster| {
        vec![
            cluster.driver_placement(&id, 0),
            cluster.executor_placement(&app, 0),
        ]
    };

    let old_life = plan(&cluster);
    cluster.attach(0, 1, &[]);
    assert_eq!(cluster.place(old_life), (0, 2), "another incarnation");

    cluster.lose(0);
    assert_eq!(cluster.place(plan(&cluster)), (0, 2), "DEAD");
    cluster.attach(0, 1, &[]);

    cluster.drain(0, 60_000).unwrap();
    assert_eq!(cluster.place(plan(&cluster)), (0, 2), "DECOMMISSIONED");
    cluster.undrain(0).unwrap();

    cluster.lead();
    cluster.confirm(&app).unwrap();
    assert_eq!(cluster.place(plan(&cluster)), (0, 2), "UNKNOWN");
    cluster.attach(0, 1, &[]);
    assert_eq!(cluster.place(plan(&cluster)), (2, 0));
    let mut nowhere = plan(&cluster);
    for placement in &mut nowhere {
        let (Placement::Driver { worker, .. } | Placement::Executor { worker, .. }) = placement;
        *worker = worker_id(9);
    }
    assert_eq!(cluster.place(nowhere), (0, 2), "not registered");
}

#[test]
fn nothing_is_placed_for_an_application_that_has_not_answered() {
    let mut cluster = Cluster::with_workers(1);
    let app = cluster.register();
    cluster.lead();
    cluster.attach(0, 0, &[]);
    let placement = cluster.executor_placement(&app, 0);
    assert_eq!(cluster.place(vec![placement.clone()]), (0, 1));
    cluster.confirm(&app).unwrap();
    assert_eq!(cluster.place(vec![placement]), (1, 0));
}

#[test]
fn what_has_answered_is_used_while_recovery_still_waits_for_others() {
    let mut cluster = Cluster::with_workers(2);
    cluster.running_driver(false, 0);
    let id = cluster.submit(false);
    cluster.lead();
    cluster.attach(1, 0, &[]);
    assert!(!cluster.state.recovered);
    cluster.place_driver(&id, 1);
}

#[test]
fn executors_stay_within_max_cores_and_target() {
    let mut cluster = Cluster::with_workers(1);
    let mut description = application(None);
    description.max_cores = Some(3);
    let app = cluster.register_as(description);
    let placement = cluster.executor_placement(&app, 0);
    assert_eq!(cluster.place(vec![placement.clone(); 5]), (3, 2));

    let app = cluster.register();
    let target = |target| Request::SetExecutorTarget {
        app: app.clone(),
        profile: 0,
        target,
    };
    let placement = cluster.executor_placement(&app, 0);
    cluster.ask(target(2)).unwrap();
    assert_eq!(cluster.place(vec![placement.clone(); 4]), (2, 2));
    cluster.ask(target(1)).unwrap();
    assert_eq!(cluster.place(vec![placement.clone()]), (0, 1));
    assert_eq!(
        cluster.app(&app).executors.len(),
        2,
        "a lower target ends nothing"
    );
    cluster.ask(target(3)).unwrap();
    assert_eq!(cluster.place(vec![placement]), (1, 0));
}

#[test]
fn an_executor_has_the_size_of_its_profile() {
    let mut cluster = Cluster::with_workers(1);
    let mut description = application(None);
    let greedy = description.profiles.get_mut(&0).unwrap();
    greedy.profile.cores = None;
    description.max_cores = Some(6);
    let any = cluster.register_as(description);
    let one = cluster.register();
    let sized = |cluster: &Cluster, app, size, of| {
        let mut placement = cluster.executor_placement(app, 0);
        if let Placement::Executor { cores, profile, .. } = &mut placement {
            (*cores, *profile) = (size, of);
        }
        vec![placement]
    };
    assert_eq!(
        cluster.place(sized(&cluster, &one, 2, 0)),
        (0, 1),
        "another size"
    );
    assert_eq!(
        cluster.place(sized(&cluster, &one, 1, 9)),
        (0, 1),
        "no such profile"
    );
    assert_eq!(
        cluster.place(sized(&cluster, &any, 0, 0)),
        (0, 1),
        "no cores"
    );
    assert_eq!(
        cluster.place(sized(&cluster, &any, u32::MAX, 0)),
        (0, 1),
        "too many"
    );
    assert_eq!(
        cluster.place(sized(&cluster, &any, 6, 0)),
        (1, 0),
        "any up to its limit"
    );
}

#[test]
fn a_gpu_has_one_owner_and_an_executor_has_as_many_as_its_profile_says() {
    let mut cluster = Cluster::with_workers(1);
    let mut description = application(None);
    let profile = &mut description.profiles.get_mut(&0).unwrap().profile;
    profile.named.insert("gpu".to_owned(), 1);
    let app = cluster.register_as(description);
    let with = |cluster: &Cluster, name: &str, addresses: &[&str]| {
        let mut placement = cluster.executor_placement(&app, 0);
        if let Placement::Executor { named, .. } = &mut placement {
            let addresses = addresses.iter().map(|a| (*a).to_owned()).collect();
            *named = BTreeMap::from([(name.to_owned(), addresses)]);
        }
        placement
    };
    for (name, addresses) in [
        ("gpu", &[][..]),
        ("gpu", &["0", "1"]),
        ("gpu", &["7"]),
        ("fpga", &["0"]),
    ] {
        let placement = with(&cluster, name, addresses);
        assert_eq!(
            cluster.place(vec![placement]),
            (0, 1),
            "{name} {addresses:?}"
        );
    }
    let plan = ["0", "0", "1"].map(|address| with(&cluster, "gpu", &[address]));
    assert_eq!(cluster.place(plan.to_vec()), (2, 1));
    let id = cluster.submit(false);
    let mut greedy = cluster.driver_placement(&id, 0);
    if let Placement::Driver { named, .. } = &mut greedy {
        named.insert("gpu".to_owned(), ["1".to_owned()].into());
    }
    assert_eq!(
        cluster.place(vec![greedy]),
        (0, 1),
        "a driver asked for none"
    );
}

#[test]
fn a_driver_holds_the_addresses_that_it_asked_for_until_its_end_is_committed() {
    let mut cluster = Cluster::with_workers(1);
    let mut wants = driver(false);
    wants.named = BTreeMap::from([("gpu".to_owned(), 2)]);
    let first = cluster.submit_as(wants.clone());
    let second = cluster.submit_as(wants);
    let with = |cluster: &Cluster, id, addresses: &[&str]| {
        let mut placement = cluster.driver_placement(id, 0);
        if let Placement::Driver { named, .. } = &mut placement {
            let addresses = addresses.iter().map(|a| (*a).to_owned()).collect();
            *named = BTreeMap::from([("gpu".to_owned(), addresses)]);
        }
        vec![placement]
    };
    for wrong in [&[][..], &["0"], &["0", "7"]] {
        let plan = with(&cluster, &first, wrong);
        assert_eq!(cluster.place(plan), (0, 1), "{wrong:?}");
    }
    let plan = with(&cluster, &first, &["0", "1"]);
    assert_eq!(cluster.place(plan), (1, 0));
    let instance = cluster.instance(&first);
    cluster.kill(&first).unwrap();
    let plan = with(&cluster, &second, &["0", "1"]);
    assert_eq!(cluster.place(plan.clone()), (0, 1), "the kill is no end");
    cluster.report(0, &[killed(&instance)]);
    assert_eq!(cluster.place(plan), (1, 0));
}

#[test]
fn a_worker_may_register_fewer_addresses_only_once_nothing_holds_the_others() {
    let mut cluster = Cluster::with_workers(1);
    let mut wants = driver(false);
    wants.named = BTreeMap::from([("gpu".to_owned(), 1)]);
    let id = cluster.submit_as(wants);
    let mut placement = cluster.driver_placement(&id, 0);
    if let Placement::Driver { named, .. } = &mut placement {
        named.insert("gpu".to_owned(), ["1".to_owned()].into());
    }
    assert_eq!(cluster.place(vec![placement]), (1, 0));
    let with = |addresses: &[&str]| {
        let mut worker = worker(0, 0);
        let addresses = addresses.iter().map(|a| (*a).to_owned()).collect();
        worker.capacity.named.insert("gpu".to_owned(), addresses);
        worker
    };
    let instance = cluster.instance(&id);
    match cluster.attach_as(with(&["0"]), &[runs(&instance)]) {
        Err(refused) => assert!(refused.message.contains("gpu 1)"), "{refused}"),
        Ok(answer) => panic!("{answer:?}"),
    }
    cluster.attach_as(with(&["1"]), &[runs(&instance)]).unwrap();
    let ended = [exited(&instance, 0)];
    cluster.attach_as(with(&[]), &ended).unwrap();
    assert!(cluster.worker(0).booked.named.is_empty());
}

#[test]
fn each_profile_has_a_target_of_its_own_and_max_cores_is_for_all_of_them() {
    let mut cluster = Cluster::with_workers(1);
    let mut description = application(None);
    description.max_cores = Some(4);
    let mut second = description.profiles[&0].clone();
    (second.profile.id, second.profile.cores, second.target) = (3, Some(2), Some(1));
    description.profiles.get_mut(&0).unwrap().target = Some(5);
    description.profiles.insert(3, second);
    let app = cluster.register_as(description);
    let of = |cluster: &Cluster, number, size| {
        let mut placement = cluster.executor_placement(&app, 0);
        if let Placement::Executor { cores, profile, .. } = &mut placement {
            (*cores, *profile) = (size, number);
        }
        placement
    };
    let plan = vec![of(&cluster, 3, 2); 2];
    assert_eq!(cluster.place(plan), (1, 1), "its target is 1");
    let plan = vec![of(&cluster, 0, 1); 3];
    assert_eq!(cluster.place(plan), (2, 1), "4 cores in all");
}

#[test]
fn round_robin_goes_on_where_the_plan_says() {
    let mut cluster = Cluster::with_workers(2);
    let epoch = cluster.epoch();
    let place = |cursor| Command::Place {
        epoch,
        placements: vec![],
        cursor,
    };
    let done = Ok(Answer::Placed {
        placed: 0,
        refused: 0,
    });
    assert_eq!(cluster.apply(place(Some(worker_id(1)))), done);
    assert_eq!(cluster.state.driver_cursor, Some(worker_id(1)));
    assert_eq!(cluster.apply(place(None)), done);
    assert_eq!(cluster.state.driver_cursor, Some(worker_id(1)));
    assert_eq!(cluster.apply(place(Some(worker_id(9)))), done);
    assert_eq!(
        cluster.state.driver_cursor,
        Some(worker_id(1)),
        "no such worker"
    );
}
