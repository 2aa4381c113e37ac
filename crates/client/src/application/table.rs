//! The executor table, and the differences between two of them.

use std::collections::BTreeMap;

use vesta_proto::application::{Executor, Executors, ProfileState};

use crate::ApplicationEvent;

/// The state in which an executor is reported whose end was missed: so many ended at once that the
/// masters' record of it is gone.
pub const END_UNKNOWN: &str = "UNKNOWN";

/// What an application knows of its executors, as of one log index.
#[derive(Clone, Debug, Default, PartialEq)]
pub struct Table {
    /// The leadership that sent it; 0 before the first.
    pub epoch: u64,
    /// The log index that it reflects.
    pub index: u64,
    /// By number: the live ones and the last ended ones.
    pub executors: BTreeMap<u32, Executor>,
    /// WAITING or RUNNING; empty before the first.
    pub state: String,
    /// What the application waits for; empty if for nothing.
    pub waiting_because: String,
    /// Executors that failed in a row, counted against the limit.
    pub retries: u32,
    /// By number: each resource profile's target, live executors, and why it waits for more.
    pub profiles: BTreeMap<u32, ProfileState>,
}

impl Table {
    /// The executors that have not ended.
    pub fn live(&self) -> impl DoubleEndedIterator<Item = &Executor> {
        self.executors.values().filter(|executor| !executor.ended)
    }

    /// The events that lead from this table to `newer`, by executor number.
    pub fn events_to(&self, newer: &Table) -> Vec<ApplicationEvent> {
        let mut events = Vec::new();
        if (&self.state, &self.waiting_because) != (&newer.state, &newer.waiting_because) {
            events.push(ApplicationEvent::State {
                state: newer.state.clone(),
                waiting_because: newer.waiting_because.clone(),
            });
        }
        for (number, executor) in &newer.executors {
            match self.executors.get(number) {
                None => events.push(ApplicationEvent::ExecutorAdded(executor.clone())),
                Some(known) if known != executor => {
                    events.push(ApplicationEvent::ExecutorUpdated(executor.clone()));
                }
                Some(_) => {}
            }
        }
        for known in self
            .live()
            .filter(|known| !newer.executors.contains_key(&known.number))
        {
            events.push(ApplicationEvent::ExecutorUpdated(Executor {
                state: END_UNKNOWN.into(),
                ended: true,
                exit_code: None,
                message: "it ended, and the record of its end is not kept any more".into(),
                ..known.clone()
            }));
        }
        events
    }
}

impl From<Executors> for Table {
    fn from(message: Executors) -> Table {
        let by_number = |executor: Executor| (executor.number, executor);
        Table {
            epoch: message.epoch,
            index: message.index,
            executors: message.executors.into_iter().map(by_number).collect(),
            state: message.state,
            waiting_because: message.waiting_because,
            retries: message.retries,
            profiles: message.profiles.into_iter().map(|it| (it.id, it)).collect(),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn executor(number: u32, state: &str) -> Executor {
        let ended = matches!(state, "EXITED" | "FAILED" | "KILLED" | "LOST");
        Executor {
            number,
            state: state.into(),
            ended,
            ..Executor::default()
        }
    }

    fn table(executors: &[Executor]) -> Table {
        let executors = executors
            .iter()
            .map(|one| (one.number, one.clone()))
            .collect();
        Table {
            executors,
            ..Table::default()
        }
    }

    #[test]
    fn each_difference_is_told_once_and_the_rest_not_at_all() {
        let before = table(&[executor(0, "RUNNING"), executor(1, "LAUNCHING")]);
        let exited = Executor {
            exit_code: Some(3),
            ..executor(1, "EXITED")
        };
        let after = table(&[
            executor(0, "RUNNING"),
            exited.clone(),
            executor(2, "LAUNCHING"),
        ]);
        let expected = [
            ApplicationEvent::ExecutorUpdated(exited),
            ApplicationEvent::ExecutorAdded(executor(2, "LAUNCHING")),
        ];
        assert_eq!(before.events_to(&after), expected);
        assert_eq!(after.events_to(&after), []);
    }

    #[test]
    fn an_executor_whose_record_is_gone_is_told_as_ended() {
        let before = table(&[executor(0, "EXITED"), executor(1, "RUNNING")]);
        let events = before.events_to(&table(&[]));
        let [ApplicationEvent::ExecutorUpdated(gone)] = events.as_slice() else {
            panic!("only the one that was live: {events:?}");
        };
        assert_eq!(
            (gone.number, gone.ended, gone.state.as_str()),
            (1, true, END_UNKNOWN)
        );
    }

    #[test]
    fn a_change_of_what_it_waits_for_is_told() {
        let waiting = Table {
            waiting_because: "needs 4 cores".into(),
            ..table(&[])
        };
        let events = table(&[]).events_to(&waiting);
        let [
            ApplicationEvent::State {
                waiting_because, ..
            },
        ] = events.as_slice()
        else {
            panic!("one event about the state: {events:?}");
        };
        assert_eq!(waiting_because, "needs 4 cores");
    }
}
