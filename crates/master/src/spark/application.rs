//! An application of Spark's: the leader tells its whole table of executors, its driver hears what is new
//! in it.
//!
//! No IO. A new leader does not know what the driver heard from the one before, and tells it all: Spark's
//! drivers take an executor that they know, and an end that they have seen, as no news.

use std::collections::BTreeMap;

use vesta_proto::application::{Executor, Executors};
use vesta_spark::message::ExecutorState;

/// What its driver is to hear.
#[derive(Debug, PartialEq)]
pub(super) enum Say<'t> {
    /// It has an executor more.
    Added(&'t Executor),
    /// An executor is in another state.
    Updated(&'t Executor, ExecutorState),
}

/// The host that a driver is told with this state of an executor, if it is: all that is kept there is lost, or
/// soon will be.
pub(super) fn host_said(executor: &Executor, state: ExecutorState) -> Option<&str> {
    let is_going = matches!(state, ExecutorState::Lost | ExecutorState::Decommissioned);
    is_going.then_some(executor.host.as_str())
}

/// What is known of a live application when a driver registers from the address of its driver.
#[derive(Clone, Copy, Debug)]
pub(super) struct Held {
    /// It comes by the connection of that application.
    pub(super) same_connection: bool,
    /// It has the same name and user.
    pub(super) same_name: bool,
    /// The application's driver has its id.
    pub(super) has_id: bool,
    /// The application's driver has said that it is over, or is gone.
    pub(super) ending: bool,
}

impl Held {
    /// Whether it is another driver than that application's, which then is gone: an address is of one process,
    /// and that of one application at a time.
    ///
    /// A driver registers until it is answered, and never again, over one connection as long as that holds. So who
    /// has its id and comes over another connection is another. A driver whose answer was lost with its connection
    /// looks like another too; it knows of no id yet, and any is as good. What can't be told: if the leadership
    /// has changed, and the new leader had no answer from a driver that was killed, one with its name that is
    /// started at its port is taken for it. It then gets that application, with its executors and the description
    /// that it had.
    pub(super) fn is_of_another_driver(&self) -> bool {
        !self.same_connection && (self.has_id || self.ending || !self.same_name)
    }
}

/// What the driver of an application has heard.
#[derive(Debug, Default)]
pub(super) struct SparkApplication {
    told: BTreeMap<u32, ExecutorState>,
    /// The index of the last table.
    index: u64,
}

impl SparkApplication {
    /// What is new in this table.
    pub(super) fn news<'t>(&mut self, table: &'t Executors) -> Vec<Say<'t>> {
        if table.index < self.index {
            return Vec::new();
        }
        self.index = table.index;
        let mut news = Vec::new();
        for executor in &table.executors {
            let Some(state) = state_of(executor) else {
                continue;
            };
            let told = self.told.insert(executor.number, state);
            if told.is_none() {
                news.push(Say::Added(executor));
            }
            if told != Some(state) {
                news.push(Say::Updated(executor, state));
            }
        }
        // What was trimmed is never told of again: numbers are not reused.
        let there = |number: &u32| table.executors.iter().any(|it| it.number == *number);
        self.told.retain(|number, _| there(number));
        news
    }
}

/// Spark has no name for an executor that a new leader has not heard of yet; its driver has it and needs
/// no news of it.
fn state_of(executor: &Executor) -> Option<ExecutorState> {
    let named = |state: &&ExecutorState| state.as_str() == executor.state;
    ExecutorState::ALL.iter().find(named).copied()
}
