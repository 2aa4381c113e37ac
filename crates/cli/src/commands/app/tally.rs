//! How far a run is, without IO.

use std::collections::{BTreeMap, BTreeSet};

use vesta_client::ApplicationEvent;
use vesta_client::application_proto::Executor;

/// What is known of a run. Which executors are needed is the masters' affair.
#[derive(Debug)]
pub struct Tally {
    wanted: u32,
    done: BTreeSet<u32>,
    failed: BTreeSet<u32>,
    /// How many executors failed in the same words.
    ends: BTreeMap<String, u32>,
    waiting_because: String,
}

impl Tally {
    /// A run of which `wanted` executors must succeed.
    pub fn new(wanted: u32) -> Tally {
        Tally {
            wanted,
            done: BTreeSet::new(),
            failed: BTreeSet::new(),
            ends: BTreeMap::new(),
            waiting_because: String::new(),
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
            ApplicationEvent::ExecutorAdded(_)
            | ApplicationEvent::ExecutorUpdated(_)
            | ApplicationEvent::MasterChanged { .. }
            | ApplicationEvent::Ended { .. } => None,
        }
    }

    fn end_of(&mut self, executor: &Executor) -> Option<String> {
        let number = executor.number;
        if executor.state == "EXITED" && executor.exit_code == Some(0) {
            self.done.insert(number);
            return None;
        }
        // The masters' own doing is no failure of the command.
        if executor.state == "KILLED" || !self.failed.insert(number) {
            return None;
        }
        let why = match (executor.message.as_str(), executor.exit_code) {
            ("", Some(code)) => format!(": exit code {code}"),
            ("", None) => String::new(),
            (message, _) => format!(": {message}"),
        };
        let how = format!("ended as {}{why}", executor.state);
        let said = format!("executor {number} {how}");
        let times = self.ends.entry(how).or_default();
        *times += 1;
        (*times == 1).then_some(said)
    }

    /// What was told of one executor and holds for more of them, with their count.
    pub fn repeated(&self) -> Vec<String> {
        let repeated = self.ends.iter().filter(|(_, times)| **times > 1);
        repeated
            .map(|(how, times)| format!("{times} executors {how}"))
            .collect()
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

    fn ends(tally: &mut Tally, number: u32, state: &str, exit_code: Option<i32>) -> Option<String> {
        tally.take(&ApplicationEvent::ExecutorUpdated(Executor {
            number,
            state: state.into(),
            exit_code,
            ended: true,
            ..Executor::default()
        }))
    }

    #[test]
    fn a_failure_is_told_once_and_counts_for_nothing() {
        let mut tally = Tally::new(1);
        let said = ends(&mut tally, 0, "EXITED", Some(3)).unwrap();
        assert!(
            said.contains("executor 0") && said.contains("exit code 3"),
            "{said}"
        );
        assert_eq!(ends(&mut tally, 0, "EXITED", Some(3)), None);
        assert_eq!(tally.summary(), "0 of 1 done, 1 failed");
    }

    #[test]
    fn failures_in_the_same_words_are_told_once_and_counted() {
        let mut tally = Tally::new(1);
        let told: Vec<_> = (0..3)
            .filter_map(|number| ends(&mut tally, number, "EXITED", Some(3)))
            .collect();
        assert_eq!(told, ["executor 0 ended as EXITED: exit code 3"]);
        assert!(
            ends(&mut tally, 3, "LOST", None).is_some(),
            "in other words"
        );
        assert_eq!(
            tally.repeated(),
            ["3 executors ended as EXITED: exit code 3"]
        );
    }

    #[test]
    fn one_executor_succeeds_once_however_often_it_is_told() {
        let mut tally = Tally::new(2);
        assert_eq!(ends(&mut tally, 0, "EXITED", Some(0)), None);
        assert_eq!(ends(&mut tally, 0, "EXITED", Some(0)), None);
        assert_eq!(tally.summary(), "1 of 2 done, 0 failed");
    }

    #[test]
    fn a_process_that_was_killed_has_not_succeeded_whatever_its_code_and_has_not_failed() {
        let mut tally = Tally::new(1);
        assert_eq!(ends(&mut tally, 0, "KILLED", Some(0)), None);
        assert!(ends(&mut tally, 1, "LOST", Some(0)).is_some());
        assert_eq!(tally.summary(), "0 of 1 done, 1 failed");
    }

    #[test]
    fn what_it_waits_for_is_said() {
        let mut tally = Tally::new(1);
        tally.take(&ApplicationEvent::State {
            state: "WAITING".into(),
            waiting_because: "no worker".into(),
        });
        assert_eq!(tally.summary(), "0 of 1 done, 0 failed, waits: no worker");
    }
}
