//! The report: everything that the demo measured and counted, for programs.

use std::fs;
use std::path::Path;

use anyhow::Context;
use serde::{Deserialize, Serialize};

use super::timeline::Event;
use crate::trial::machine::Machine;

/// One fault, and how the cluster came through it.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub struct Fault {
    /// `SIGKILL` or `SIGSTOP`.
    pub kind: String,
    /// The master that it happened to, the leader.
    pub master: usize,
    /// When, since the demo began, in seconds.
    pub at_s: f64,
    /// Until the first submission that was begun after it was accepted.
    pub failover_ms: u64,
    /// Until the first process that the next leader started ran, by its own ledger line.
    pub failover_to_launch_ms: u64,
    /// The next leader's recovery, by its fail-over report: from its first entry to its last answer.
    pub recovery_ms: u64,
    /// Submissions that were begun while nobody led.
    pub submitted_without_leader: usize,
    /// Until the master was back and had applied what the leader had.
    pub caught_up_ms: u64,
}

/// The calls of all submissions, by what became of them.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
pub struct Calls {
    /// Acknowledged.
    pub ok: usize,
    /// Surely nothing was done; the submission was sent again.
    pub failed: usize,
    /// Nobody knew whether something was done; the submission was sent again with its key.
    pub unknown: usize,
}

/// The text and what was counted in it.
#[derive(Clone, Debug, Default, PartialEq, Serialize, Deserialize)]
pub struct Words {
    /// Where the text is from.
    pub source: String,
    /// Its files.
    pub files: usize,
    /// Its length.
    pub bytes: usize,
    /// Its words, by a plain count in one process.
    pub words: u64,
    /// The different ones among them.
    pub distinct: usize,
    /// The parts that it was counted in.
    pub parts: usize,
    /// How often a part went to another executor because the first was lost.
    pub parts_taken_back: u64,
    /// Executors that counted.
    pub executors: usize,
    /// Workers on which they did.
    pub on_workers: usize,
    /// The restart of the driver that finished: 0 if it never had to begin again.
    pub driver_restart: u32,
}

/// The report.
#[derive(Clone, Debug, Default, PartialEq, Serialize, Deserialize)]
pub struct Report {
    /// Whether nothing was lost, killed or run twice, something was acknowledged, and the result is
    /// right.
    pub ok: bool,
    /// What failed, one sentence each.
    pub failures: Vec<String>,

    /// Per fault: until the first submission that was begun after it was accepted, in ms.
    pub failover_ms: Vec<u64>,
    /// Per fault: until the first process that the next leader started ran, in ms.
    pub failover_to_launch_ms: Vec<u64>,
    /// Per fault: the next leader's recovery, in ms.
    pub recovery_ms: Vec<u64>,
    /// Executors that started and did not come to their regular end.
    pub executors_killed_by_failover: usize,
    /// Drivers that started and never came to their regular end.
    pub drivers_lost: usize,
    /// What ran twice.
    pub drivers_run_twice: usize,
    /// Submissions that a master acknowledged.
    pub submissions_acknowledged: usize,
    /// Drivers that were acknowledged and never started.
    pub submissions_lost: usize,
    /// Orders of an older leadership that workers refused.
    pub orders_refused_as_stale: u64,
    /// Whether the executors counted what a plain count finds.
    pub result_correct: bool,

    /// Each fault.
    pub faults: Vec<Fault>,
    /// Elections that the masters report, beside the first.
    pub elections: usize,
    /// The submissions' calls.
    pub calls: Calls,
    /// Processes that ran, by the ledger.
    pub processes_started: usize,
    /// The application that had to wait: whether it got its executor in the end.
    pub waiting_application_ran: bool,
    /// Processes that were still there when every worker had ended.
    pub processes_left: Vec<String>,
    /// The text and what was counted.
    pub words: Words,

    /// What was done to the demo to see it fail, if anything.
    pub sabotage: Option<String>,
    /// How long it took.
    pub seconds: f64,
    /// Vesta's version.
    pub version: String,
    /// `release` or `debug`.
    pub build: String,
    /// Where it ran.
    pub machine: Machine,
    /// What happened when.
    pub timeline: Vec<Event>,
}

impl Report {
    /// Writes it as one JSON document.
    ///
    /// # Errors
    /// When the file can't be written.
    pub fn write(&self, path: &Path) -> anyhow::Result<()> {
        let mut text = serde_json::to_string_pretty(self)?;
        text.push('\n');
        fs::write(path, text).with_context(|| format!("can't write the report {}", path.display()))
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_report_is_written_with_the_names_that_programs_look_for() {
        let directory = tempfile::tempdir().unwrap();
        let path = directory.path().join("report.json");
        let machine = Machine::this(directory.path());
        let report = Report {
            failover_ms: vec![812],
            machine,
            ..Report::default()
        };
        report.write(&path).unwrap();
        let text = fs::read_to_string(&path).unwrap();
        let value: serde_json::Value = serde_json::from_str(&text).unwrap();
        for name in [
            "failover_ms",
            "failover_to_launch_ms",
            "recovery_ms",
            "executors_killed_by_failover",
            "drivers_lost",
            "drivers_run_twice",
            "submissions_acknowledged",
            "submissions_lost",
            "orders_refused_as_stale",
            "result_correct",
        ] {
            assert!(value.get(name).is_some(), "{name}");
        }
        assert_eq!(value["failover_ms"][0], 812);
        assert_eq!(serde_json::from_str::<Report>(&text).unwrap(), report);
    }

    #[test]
    fn a_report_that_can_t_be_written_names_the_file() {
        let error = Report::default()
            .write(Path::new("/nowhere/report.json"))
            .unwrap_err();
        assert!(error.to_string().contains("/nowhere/report.json"));
    }
}
