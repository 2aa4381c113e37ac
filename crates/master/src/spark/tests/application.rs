//! What the driver of an application hears.

use vesta_proto::application::{Executor, Executors};
use vesta_spark::message::ExecutorState;

use crate::spark::application::{Held, Say, SparkApplication, host_said};

fn executor(number: u32, state: &str) -> Executor {
    Executor {
        number,
        state: state.to_owned(),
        ..Executor::default()
    }
}

fn table(index: u64, executors: Vec<Executor>) -> Executors {
    Executors {
        index,
        executors,
        ..Executors::default()
    }
}

fn told(news: &[Say<'_>]) -> Vec<(u32, Option<ExecutorState>)> {
    let line = |say: &Say<'_>| match say {
        Say::Added(executor) => (executor.number, None),
        Say::Updated(executor, state) => (executor.number, Some(*state)),
    };
    news.iter().map(line).collect()
}

#[test]
fn a_driver_hears_what_is_new_and_nothing_twice() {
    let mut app = SparkApplication::default();
    let first = table(1, vec![executor(0, "LAUNCHING")]);
    let launching = Some(ExecutorState::Launching);
    assert_eq!(told(&app.news(&first)), [(0, None), (0, launching)]);
    assert!(app.news(&first).is_empty());
    let second = table(2, vec![executor(0, "RUNNING"), executor(1, "LAUNCHING")]);
    let running = Some(ExecutorState::Running);
    let news = [(0, running), (1, None), (1, launching)];
    assert_eq!(told(&app.news(&second)), news);
    let third = table(3, vec![executor(0, "EXITED"), executor(1, "LAUNCHING")]);
    let exited = Some(ExecutorState::Exited);
    assert_eq!(told(&app.news(&third)), [(0, exited)]);
}

#[test]
fn an_older_table_that_comes_late_is_no_news() {
    let mut app = SparkApplication::default();
    let ended = table(5, vec![executor(0, "LOST")]);
    app.news(&ended);
    let older = table(4, vec![executor(0, "RUNNING")]);
    assert!(app.news(&older).is_empty());
}

#[test]
fn what_was_trimmed_from_the_table_is_forgotten() {
    let mut app = SparkApplication::default();
    let ended = || vec![executor(0, "EXITED")];
    app.news(&table(1, ended()));
    assert!(app.news(&table(2, Vec::new())).is_empty());
    let exited = Some(ExecutorState::Exited);
    assert_eq!(
        told(&app.news(&table(3, ended()))),
        [(0, None), (0, exited)]
    );
}

#[test]
fn a_driver_hears_the_host_of_a_decommissioned_executor_as_of_a_lost_one_and_of_no_other() {
    let executor = Executor {
        host: "w1".to_owned(),
        ..Executor::default()
    };
    let told = |state: &&ExecutorState| host_said(&executor, **state) == Some("w1");
    let told: Vec<_> = ExecutorState::ALL.iter().filter(told).collect();
    assert_eq!(told, [&ExecutorState::Lost, &ExecutorState::Decommissioned]);
}

/// An application whose driver, under a new leader, has said nothing yet, when one with its name comes over another
/// connection.
const HELD: Held = Held {
    same_connection: false,
    same_name: true,
    has_id: false,
    ending: false,
};

#[test]
fn a_registration_that_is_repeated_is_of_the_same_driver() {
    assert!(!HELD.is_of_another_driver(), "it was never answered");
    let answered_late = Held {
        same_connection: true,
        has_id: true,
        ..HELD
    };
    assert!(!answered_late.is_of_another_driver());
}

#[test]
fn a_driver_that_is_started_at_the_port_of_a_killed_one_gets_no_application_of_that() {
    for another in [
        Held {
            has_id: true,
            ..HELD
        },
        Held {
            ending: true,
            ..HELD
        },
        Held {
            same_name: false,
            ..HELD
        },
    ] {
        assert!(another.is_of_another_driver(), "{another:?}");
    }
}
