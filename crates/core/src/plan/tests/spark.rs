//! Spark goes where its release is read, programs to Vesta's own workers, and drivers of Spark to these as
//! long as one could hold them.

use super::*;
use crate::plan::{Reasons, never_fits_driver, never_fits_executor};

fn release(version: &str) -> SparkRelease {
    SparkRelease::of_version(version).unwrap()
}

fn submit_spark(state: &mut ClusterState, cores: u32, version: &str) -> DriverId {
    let id = submit(state, cores, 1, None);
    let driver = state.drivers.get_mut(&id).unwrap();
    driver.description.launch = spark_launch(release(version));
    id
}

fn register_spark(state: &mut ClusterState, release: SparkRelease) -> AppId {
    let id = register(state, None, vec![wants(None, 1, None)], None);
    let app = state.applications.get_mut(&id).unwrap();
    app.description.launch = spark_launch(release);
    app.description.spark = Some(spark_application(release));
    id
}

/// Workers 0 to 4: of Spark 3.5, of Spark 4.0, of Vesta's with a home of 4.0, with one of 4.1, with none.
fn of_each_kind() -> ClusterState {
    let mut state = cluster(&[(4, 64); 5]);
    become_spark(&mut state, &worker_id(0), "3.5.6");
    become_spark(&mut state, &worker_id(1), "4.0.1");
    give_homes(&mut state, &worker_id(2), &["4.0.1"]);
    give_homes(&mut state, &worker_id(3), &["4.1.0"]);
    state
}

/// The same from a planner, which must say the same as the plain form.
fn planned(state: &ClusterState) -> Plan {
    let plain = plan(state, &spread());
    assert_eq!(Planner::default().plan(state, &spread()), plain);
    plain
}

fn workers_of(plan: &Plan) -> BTreeSet<usize> {
    let worker = |placement: &Placement| match placement {
        Placement::Driver { worker, .. } | Placement::Executor { worker, .. } => worker.clone(),
    };
    let number = |id: WorkerId| id.as_str()[7..].parse().unwrap();
    plan.placements.iter().map(worker).map(number).collect()
}

#[test]
fn executors_go_to_every_worker_that_reads_their_release_and_to_no_other() {
    let unknown = SparkRelease {
        reference_uid: None,
        ..release("4.0.1")
    };
    for (release, workers) in [
        (release("3.5.0"), [0].as_slice()),
        (release("4.0.0"), &[1, 2]),
        (release("4.3.0"), &[3]),
        (unknown, &[1, 2, 3]),
    ] {
        let mut state = of_each_kind();
        register_spark(&mut state, release);
        let found = workers_of(&planned(&state));
        assert_eq!(found, workers.iter().copied().collect(), "{release}");
    }
}

#[test]
fn programs_never_go_to_a_worker_of_spark_s_own() {
    let mut state = of_each_kind();
    register(&mut state, None, vec![wants(None, 1, None)], None);
    assert_eq!(workers_of(&planned(&state)), BTreeSet::from([2, 3, 4]));
    for _ in 0..20 {
        submit(&mut state, 1, 1, None);
    }
    state.applications = Default::default();
    state.app_queue.clear();
    assert_eq!(workers_of(&planned(&state)), BTreeSet::from([2, 3, 4]));
}

#[test]
fn a_driver_waits_for_a_worker_of_vesta_s_that_could_hold_it_and_goes_to_spark_s_own_if_none_could()
{
    let mut state = of_each_kind();
    let mut planner = Planner::default();
    let mut next = |state: &mut ClusterState| {
        let plan = planner.plan(state, &spread());
        assert_eq!(plan, super::plan(state, &spread()));
        book(state, &plan);
        workers_of(&plan)
    };
    submit_spark(&mut state, 4, "4.0.1");
    assert_eq!(next(&mut state), BTreeSet::from([2]));
    let waits = submit_spark(&mut state, 4, "4.0.1");
    assert_eq!(
        next(&mut state),
        BTreeSet::new(),
        "it is full, and is waited for"
    );
    let why = Reasons::of(&state, &spread()).driver(&state.drivers[&waits]);
    assert!(
        why.unwrap()
            .starts_with("needs 4 cores on one worker, the largest free is 0")
    );
    submit_spark(&mut state, 1, "3.5.6");
    assert_eq!(next(&mut state), BTreeSet::from([0]), "no home reads it");
    state.workers.get_mut(&worker_id(2)).unwrap().state = WorkerState::Dead;
    assert_eq!(
        next(&mut state),
        BTreeSet::from([1]),
        "the one with the home is gone"
    );
}

#[test]
fn a_driver_too_large_for_the_workers_with_its_home_goes_to_spark_s_own() {
    let mut state = cluster(&[(2, 64), (8, 64)]);
    give_homes(&mut state, &worker_id(0), &["4.0.1"]);
    become_spark(&mut state, &worker_id(1), "4.0.1");
    submit_spark(&mut state, 4, "4.0.1");
    assert_eq!(workers_of(&planned(&state)), BTreeSet::from([1]));
}

#[test]
fn a_worker_that_is_given_a_home_gets_what_waited_for_it() {
    let mut state = cluster(&[(4, 64)]);
    register_spark(&mut state, release("4.0.1"));
    let mut planner = Planner::default();
    assert!(planner.plan(&state, &spread()).is_empty());
    give_homes(&mut state, &worker_id(0), &["4.0.1"]);
    assert!(!planner.plan(&state, &spread()).is_empty());
}

#[test]
fn room_is_kept_for_executors_only_where_they_can_run() {
    // A driver of 3.5 runs and waits for its first executor, which only worker 0 can hold.
    let mut state = cluster(&[(4, 64), (2, 64), (1, 64)]);
    become_spark(&mut state, &worker_id(0), "3.5.6");
    give_homes(&mut state, &worker_id(1), &["3.5.6"]);
    let sized = |state: &mut ClusterState, cores| {
        let id = submit_spark(state, cores, "3.5.6");
        let driver = state.drivers.get_mut(&id).unwrap();
        driver.description.executor = Some(ExecutorSize {
            cores: 4,
            memory_mib: 1,
        });
        id
    };
    sized(&mut state, 1);
    let first = planned(&state);
    assert_eq!(workers_of(&first), BTreeSet::from([1]));
    book(&mut state, &first);
    // A second one would need the same room for its own executor; a program needs none of it.
    let second = sized(&mut state, 1);
    let program = submit(&mut state, 1, 1, Some((1, 1)));
    let plan = planned(&state);
    let placed: Vec<_> = drivers_of(&plan).into_iter().map(|(id, _)| id).collect();
    assert_eq!(placed, [program]);
    let why = Reasons::of(&state, &spread()).driver(&state.drivers[&second]);
    assert!(why.unwrap().starts_with("kept back"));
}

#[test]
fn what_no_worker_can_run_says_so() {
    let mut state = cluster(&[(4, 64)]);
    become_spark(&mut state, &worker_id(0), "3.5.6");
    let said = "no worker runs Spark of its release (Spark 4.0 (Scala 2.13)): start a Spark worker of that \
                release, or name a home of it to a Vesta worker (spark_homes)";
    let app = register_spark(&mut state, release("4.0.1"));
    let driver = submit_spark(&mut state, 1, "4.0.1");
    let program = submit(&mut state, 1, 1, None);
    let reasons = Reasons::of(&state, &spread());
    assert_eq!(
        reasons.application(&state.applications[&app]).unwrap(),
        said
    );
    assert_eq!(reasons.driver(&state.drivers[&driver]).unwrap(), said);
    let program = reasons.driver(&state.drivers[&program]).unwrap();
    assert!(
        program.starts_with("no worker of Vesta's own is ALIVE"),
        "{program}"
    );
    let app = &state.applications[&app].description;
    assert_eq!(never_fits_executor(&state, app).unwrap(), said);
    let driver = &state.drivers[&driver].description;
    assert_eq!(never_fits_driver(&state, driver).unwrap(), said);
}

#[test]
fn what_is_too_large_is_compared_with_the_workers_that_can_run_it() {
    let mut state = cluster(&[(16, 64), (2, 64)]);
    become_spark(&mut state, &worker_id(1), "4.0.1");
    let driver = submit_spark(&mut state, 4, "4.0.1");
    let why = Reasons::of(&state, &spread()).driver(&state.drivers[&driver]);
    assert_eq!(
        why.unwrap(),
        "no registered worker could ever hold it: needs 4 cores, the largest has 2"
    );
}
