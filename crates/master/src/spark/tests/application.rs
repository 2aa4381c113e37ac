//! What the driver of an application hears.

use vesta_proto::application::{Executor, Executors};
use vesta_spark::message::ExecutorState;

use crate::spark::application::{Say, SparkApplication};

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
