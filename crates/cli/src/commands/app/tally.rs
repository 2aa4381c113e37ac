//! Which executors are done and what to ask for next, without IO.

use std::collections::BTreeSet;

use vesta_client::application_proto::Executor;
use vesta_client::{ApplicationEvent, Table};

/// What follows from what is known.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Verdict {
    /// Nothing is to be done.
    Waits,
    /// Ask for so many executors, and end those that are too many.
    Asks {
        /// Executors that still have to succeed.
        target: u32,
        /// The newest ones above that.
        surplus: Vec<u32>,
    },
    /// Enough have succeeded.
    Succeeded,
    /// The application ended by itself.
    Ended {
        /// As the masters name it.
        state: String,
        /// Why.
        message: String,
    },
}

/// The count of a run.
#[derive(Debug)]
pub struct Tally {
    wanted: u32,
    done: BTreeSet<u32>,
    failed: BTreeSet<u32>,
    /// The target that the masters were last asked for.
    asked: u32,
    killed: BTreeSet<u32>,
    waiting_because: String,
    ended: Option<(String, String)>,
}

impl Tally {
    /// A run of which `wanted` executors must succeed, and which registers with that target.
    pub fn new(wanted: u32) -> Tally {
        Tally {
            wanted,
            done: BTreeSet::new(),
            failed: BTreeSet::new(),
            asked: wanted,
            killed: BTreeSet::new(),
            waiting_because: String::new(),
            ended: None,
        }
    }

    /// Takes an event. Returns what people should be told about it, if anything.
    pub fn take(&mut self, event: &ApplicationEvent) -> Option<String> {
        match event {
            ApplicationEvent::ExecutorAdded(executor)
            | ApplicationEvent::ExecutorUpdated(executor)
                if executor.ended =>
            {
                self.end_of(executor)
            }
            ApplicationEvent::State {
                waiting_because, ..
            } => {
                self.waiting_because.clone_from(waiting_because);
                None
            }
            ApplicationEvent::Ended { state, message } => {
                self.ended = Some((state.clone(), message.clone()));
                None
            }
            ApplicationEvent::ExecutorAdded(_)
            | ApplicationEvent::ExecutorUpdated(_)
            | ApplicationEvent::MasterChanged { .. } => None,
        }
    }

    fn end_of(&mut self, executor: &Executor) -> Option<String> {
        let number = executor.number;
        if executor.state == "EXITED" && executor.exit_code == Some(0) {
            self.done.insert(number);
            return None;
        }
        if self.killed.contains(&number) || !self.failed.insert(number) {
            return None;
        }
        let why = match (executor.message.as_str(), executor.exit_code) {
            ("", Some(code)) => format!(": exit code {code}"),
            ("", None) => String::new(),
            (message, _) => format!(": {message}"),
        };
        Some(format!(
            "executor {number} ended as {}{why}",
            executor.state
        ))
    }

    /// What is to be done now, by what is known of the executors that live.
    pub fn verdict(&mut self, table: &Table) -> Verdict {
        let missing = self.missing();
        if missing == 0 {
            return Verdict::Succeeded;
        }
        if let Some((state, message)) = self.ended.clone() {
            return Verdict::Ended { state, message };
        }
        let live: Vec<u32> = table
            .live()
            .map(|executor| executor.number)
            .filter(|number| !self.killed.contains(number) && !self.done.contains(number))
            .collect();
        // The newest have done the least.
        let surplus: Vec<u32> = live.into_iter().skip(missing as usize).collect();
        if self.asked == missing && surplus.is_empty() {
            return Verdict::Waits;
        }
        self.asked = missing;
        self.killed.extend(&surplus);
        Verdict::Asks {
            target: missing,
            surplus,
        }
    }

    fn missing(&self) -> u32 {
        let done = u32::try_from(self.done.len()).unwrap_or(u32::MAX);
        self.wanted.saturating_sub(done)
    }

    /// How far it is, in one line.
    pub fn summary(&self) -> String {
        let why = match self.waiting_because.as_str() {
            "" => String::new(),
            why => format!(", waits: {why}"),
        };
        format!(
            "{} of {} done, {} failed{why}",
            self.done.len(),
            self.wanted,
            self.failed.len()
        )
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn executor(number: u32, state: &str, exit_code: Option<i32>) -> Executor {
        let ended = !matches!(state, "LAUNCHING" | "RUNNING");
        Executor {
            number,
            state: state.into(),
            exit_code,
            ended,
            ..Executor::default()
        }
    }

    fn table(live: &[u32]) -> Table {
        let one = |number: &u32| (*number, executor(*number, "RUNNING", None));
        Table {
            executors: live.iter().map(one).collect(),
            ..Table::default()
        }
    }

    fn ends(tally: &mut Tally, number: u32, state: &str, code: Option<i32>) {
        tally.take(&ApplicationEvent::ExecutorUpdated(executor(
            number, state, code,
        )));
    }

    #[test]
    fn each_success_lowers_the_target_until_none_is_missing() {
        let mut tally = Tally::new(2);
        assert_eq!(tally.verdict(&table(&[0, 1])), Verdict::Waits);
        ends(&mut tally, 0, "EXITED", Some(0));
        assert_eq!(
            tally.verdict(&table(&[1])),
            Verdict::Asks {
                target: 1,
                surplus: vec![]
            }
        );
        assert_eq!(
            tally.verdict(&table(&[1])),
            Verdict::Waits,
            "it is asked for once"
        );
        ends(&mut tally, 1, "EXITED", Some(0));
        assert_eq!(tally.verdict(&table(&[])), Verdict::Succeeded);
    }

    #[test]
    fn a_replacement_that_nobody_needs_is_ended_and_its_end_is_no_failure() {
        let mut tally = Tally::new(2);
        ends(&mut tally, 0, "EXITED", Some(0));
        let asks = Verdict::Asks {
            target: 1,
            surplus: vec![2],
        };
        assert_eq!(tally.verdict(&table(&[1, 2])), asks);
        assert_eq!(tally.verdict(&table(&[1, 2])), Verdict::Waits);
        let end = ApplicationEvent::ExecutorUpdated(executor(2, "KILLED", None));
        assert_eq!(tally.take(&end), None);
        assert_eq!(tally.summary(), "1 of 2 done, 0 failed");
    }

    #[test]
    fn a_failure_is_told_and_counts_for_nothing() {
        let mut tally = Tally::new(1);
        let end = ApplicationEvent::ExecutorUpdated(executor(0, "EXITED", Some(3)));
        let said = tally.take(&end).unwrap();
        assert!(
            said.contains("executor 0") && said.contains("exit code 3"),
            "{said}"
        );
        assert_eq!(tally.verdict(&table(&[1])), Verdict::Waits);
    }

    #[test]
    fn a_process_that_was_killed_has_not_succeeded_whatever_its_code() {
        let mut tally = Tally::new(1);
        ends(&mut tally, 0, "KILLED", Some(0));
        ends(&mut tally, 1, "LOST", Some(0));
        assert_eq!(tally.verdict(&table(&[2])), Verdict::Waits);
    }

    #[test]
    fn one_executor_succeeds_once_however_often_it_is_told() {
        let mut tally = Tally::new(2);
        ends(&mut tally, 0, "EXITED", Some(0));
        ends(&mut tally, 0, "EXITED", Some(0));
        assert_eq!(
            tally.verdict(&table(&[1])),
            Verdict::Asks {
                target: 1,
                surplus: vec![]
            }
        );
    }

    #[test]
    fn an_application_that_failed_ends_the_run() {
        let mut tally = Tally::new(1);
        let (state, message) = ("FAILED".to_owned(), "10 failures in a row".to_owned());
        tally.take(&ApplicationEvent::Ended {
            state: state.clone(),
            message: message.clone(),
        });
        assert_eq!(
            tally.verdict(&table(&[])),
            Verdict::Ended { state, message }
        );
    }
}
