//! How executors end, and what that means for their application.

use vesta_types::{AppId, ApplicationState, ExecutorState, InstanceReport};

use super::support::*;
use crate::command::Request;
use crate::reply::RejectCode;

/// What a worker says of an instance.
type Says = fn(&vesta_types::InstanceId) -> InstanceReport;

/// What becomes of an executor, and of the retries of its application, when its worker reports `end`.
fn after(killing: bool, seen: bool, end: Says) -> (ExecutorState, u32) {
    let mut cluster = Cluster::with_workers(1);
    let app = cluster.register();
    cluster.running_executor(&app, 0);
    let instance = cluster.place_executor(&app, 0);
    if seen {
        cluster.report(0, &[runs(&instance)]);
    }
    if killing {
        cluster
            .ask(Request::KillExecutors {
                app: app.clone(),
                executors: vec![1, 7],
            })
            .unwrap();
    }
    assert_eq!(cluster.report(0, &[end(&instance)]), [instance]);
    assert_eq!(cluster.worker(0).booked.cores, 1, "its booking is free");
    (cluster.executor(&app, 1).state, cluster.app(&app).retries)
}

#[test]
fn the_end_of_an_executor_is_what_its_process_and_its_owner_make_it() {
    use ExecutorState::*;
    let code_0 = |instance: &_| exited(instance, 0);
    let code_1 = |instance: &_| exited(instance, 1);
    let (asked, not) = (true, false);
    let (seen, unseen) = (true, false);
    let table: &[(bool, bool, Says, ExecutorState, u32)] = &[
        (not, seen, code_0, Exited, 0),
        (not, seen, code_1, Exited, 1),
        (not, unseen, code_1, Exited, 1),
        (asked, seen, code_0, Exited, 0),
        (asked, seen, code_1, Exited, 0),
        (asked, seen, killed, Killed, 0),
        (not, seen, killed, Exited, 0),
        (not, unseen, not_found, Failed, 1),
        (not, unseen, never_ran, Lost, 0),
        (asked, unseen, never_ran, Killed, 0),
        (not, seen, never_ran, Failed, 1),
        (not, seen, interrupted, Failed, 1),
    ];
    for (n, (killing, seen, end, expected, retries)) in table.iter().enumerate() {
        assert_eq!(
            after(*killing, *seen, *end),
            (*expected, *retries),
            "line {n}"
        );
    }
}

#[test]
fn an_application_fails_when_its_executors_failed_too_often_in_a_row_and_none_runs() {
    let mut cluster = Cluster::with_workers(1);
    let app = cluster.register();
    for n in 0..2 {
        assert!(cluster.app(&app).is_live(), "after {n} failures of 2");
        let executor = cluster.place_executor(&app, 0);
        cluster.report(0, &[exited(&executor, 1)]);
    }
    assert_eq!(cluster.app(&app).state, ApplicationState::Failed);
    assert!(
        cluster
            .app(&app)
            .message
            .contains("2 of its executors failed")
    );
    assert!(cluster.state.app_queue.is_empty());
}

#[test]
fn an_executor_that_runs_ends_the_row_of_failures() {
    let mut cluster = Cluster::with_workers(1);
    let app = cluster.register();
    for _ in 0..5 {
        let executor = cluster.place_executor(&app, 0);
        cluster.report(0, &[exited(&executor, 1)]);
        let executor = cluster.running_executor(&app, 0);
        assert_eq!(cluster.app(&app).retries, 0);
        cluster.report(0, &[exited(&executor, 0)]);
    }
    assert!(cluster.app(&app).is_live());
}

#[test]
fn a_repeated_report_that_an_executor_runs_does_not_end_the_row() {
    let mut cluster = Cluster::with_workers(1);
    let app = cluster.register();
    let running = cluster.running_executor(&app, 0);
    let failing = cluster.place_executor(&app, 0);
    cluster.report(0, &[exited(&failing, 1)]);
    cluster.report(0, &[runs(&running)]);
    assert_eq!(cluster.app(&app).retries, 1);
}

#[test]
fn while_one_executor_runs_the_application_goes_on_without_more_and_fails_after_it() {
    let mut cluster = Cluster::with_workers(1);
    let app = cluster.register();
    let running = cluster.running_executor(&app, 0);
    for _ in 0..2 {
        let failing = cluster.place_executor(&app, 0);
        cluster.report(0, &[exited(&failing, 1)]);
    }
    assert_eq!(cluster.app(&app).state, ApplicationState::Running);
    let placement = cluster.executor_placement(&app, 0);
    assert_eq!(
        cluster.place(vec![placement]),
        (0, 1),
        "it gets nothing more"
    );
    cluster.report(0, &[exited(&running, 0)]);
    assert_eq!(
        cluster.app(&app).state,
        ApplicationState::Failed,
        "it could only wait for ever"
    );
}

#[test]
fn minus_one_switches_the_limit_off_and_zero_allows_none() {
    for (limit, failures, live) in [(-1, 30, true), (0, 1, false)] {
        let mut cluster = Cluster::with_workers(1);
        let mut description = application(None);
        description.max_executor_retries = limit;
        let app = cluster.register_as(description);
        for _ in 0..failures {
            let executor = cluster.place_executor(&app, 0);
            cluster.report(0, &[exited(&executor, 1)]);
        }
        assert_eq!(cluster.app(&app).is_live(), live, "limit {limit}");
    }
}

/// SPARK-16925: after a clean exit the application hung without executors.
#[test]
fn spark_16925_a_clean_exit_leaves_room_for_another_executor() {
    let mut cluster = Cluster::with_workers(1);
    let mut description = application(None);
    description.max_cores = Some(1);
    let app = cluster.register_as(description);
    let executor = cluster.running_executor(&app, 0);
    let placement = cluster.executor_placement(&app, 0);
    assert_eq!(cluster.place(vec![placement.clone()]), (0, 1));
    cluster.report(0, &[exited(&executor, 0)]);
    assert_eq!(cluster.place(vec![placement]), (1, 0));
}

/// An application that runs to completion, with this target.
fn to_completion(cluster: &mut Cluster, target: u32) -> AppId {
    let mut description = application(None);
    description.run_to_completion = true;
    if let Some(wanted) = description.profiles.get_mut(&0) {
        wanted.target = Some(target);
    }
    cluster.register_as(description)
}

#[test]
fn of_an_application_that_runs_to_completion_what_succeeded_is_not_run_again() {
    let mut cluster = Cluster::with_workers(1);
    let app = to_completion(&mut cluster, 2);
    let first = cluster.running_executor(&app, 0);
    let second = cluster.running_executor(&app, 0);
    let another = cluster.executor_placement(&app, 0);
    cluster.report(0, &[exited(&first, 0)]);
    assert_eq!(cluster.place(vec![another.clone()]), (0, 1));
    assert_eq!(cluster.app(&app).state, ApplicationState::Running);
    // One that failed is replaced, also when its application was only WAITING meanwhile.
    cluster.report(0, &[exited(&second, 1)]);
    assert_eq!(cluster.app(&app).state, ApplicationState::Waiting);
    let third = cluster.running_executor(&app, 0);
    cluster.report(0, &[exited(&third, 0)]);
    let ended = cluster.app(&app);
    assert_eq!(ended.state, ApplicationState::Finished, "{}", ended.message);
    assert_eq!(cluster.place(vec![another]), (0, 1));
}

/// Found by a user: a program that runs for a moment and fails was started hundreds of times.
#[test]
fn of_an_application_that_runs_to_completion_only_a_success_ends_a_row_of_failures() {
    let mut cluster = Cluster::with_workers(1);
    let app = to_completion(&mut cluster, 2);
    let limit = cluster.app(&app).description.max_executor_retries;
    assert_eq!(limit, 2);
    let first = cluster.running_executor(&app, 0);
    cluster.report(0, &[exited(&first, 1)]);
    let second = cluster.running_executor(&app, 0);
    cluster.report(0, &[exited(&second, 0)]);
    assert_eq!(cluster.app(&app).retries, 0);
    for _ in 0..limit {
        assert!(cluster.app(&app).is_live());
        let failing = cluster.running_executor(&app, 0);
        cluster.report(0, &[exited(&failing, 1)]);
    }
    assert_eq!(cluster.app(&app).state, ApplicationState::Failed);
}

#[test]
fn an_application_that_runs_to_completion_says_how_much_that_is() {
    let mut cluster = Cluster::with_workers(1);
    for target in [None, Some(0)] {
        let mut description = application(None);
        description.run_to_completion = true;
        if let Some(wanted) = description.profiles.get_mut(&0) {
            wanted.target = target;
        }
        let reply = cluster.ask(Request::RegisterApplication { description });
        assert_rejected(reply, RejectCode::Invalid);
    }
}

#[test]
fn ends_of_an_unknown_application_s_executors_cost_no_retry() {
    let mut cluster = Cluster::with_workers(1);
    let app = cluster.register();
    let executors: Vec<_> = (0..4).map(|_| cluster.running_executor(&app, 0)).collect();
    cluster.lead();
    cluster.attach(0, 0, &executors.iter().map(runs).collect::<Vec<_>>());
    cluster.report(
        0,
        &executors.iter().map(|e| exited(e, 1)).collect::<Vec<_>>(),
    );
    assert_eq!(cluster.app(&app).retries, 0);
    assert_eq!(cluster.app(&app).state, ApplicationState::Waiting);
}

#[test]
fn a_decommissioned_executor_s_end_costs_no_retry() {
    let mut cluster = Cluster::with_workers(1);
    let app = cluster.register();
    let executor = cluster.running_executor(&app, 0);
    cluster.drain(0, 0).unwrap();
    assert_eq!(
        cluster.executor(&app, 0).state,
        ExecutorState::Decommissioned
    );
    cluster.report(0, &[exited(&executor, 1)]);
    assert_eq!(cluster.app(&app).retries, 0);
    assert_eq!(cluster.executor(&app, 0).state, ExecutorState::Exited);
}

#[test]
fn the_last_hundred_ended_executors_are_shown_and_all_are_counted() {
    let mut cluster = Cluster::with_workers(1);
    let app = cluster.register();
    for _ in 0..130 {
        let executor = cluster.running_executor(&app, 0);
        cluster.report(0, &[exited(&executor, 0)]);
    }
    let app = cluster.app(&app);
    assert_eq!(app.ended_executors.len(), 100);
    assert_eq!(app.ended_executors_total, 130);
    assert_eq!(app.ended_executors.first_key_value().unwrap().0, &30);
}

#[test]
fn killing_executors_does_not_lower_the_target_and_ignores_the_unknown() {
    let mut cluster = Cluster::with_workers(1);
    let app = cluster.register();
    let executor = cluster.running_executor(&app, 0);
    let target = Request::SetExecutorTarget {
        app: app.clone(),
        profile: 0,
        target: 1,
    };
    cluster.ask(target).unwrap();
    let request = Request::KillExecutors {
        app: app.clone(),
        executors: vec![0, 0, 99],
    };
    cluster.ask(request).unwrap();
    cluster.report(0, &[killed(&executor)]);
    assert_eq!(cluster.app(&app).description.profiles[&0].target, Some(1));
    cluster.place_executor(&app, 0);
}
