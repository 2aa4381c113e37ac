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
