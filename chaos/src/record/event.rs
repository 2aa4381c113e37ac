//! What the run did and saw.

use std::fmt;

use serde::{Deserialize, Serialize};

use super::Moment;

/// One line of `events.jsonl`.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub struct Event {
    /// When.
    pub at: Moment,
    /// What.
    #[serde(flatten)]
    pub what: What,
}

/// What happened, or was seen.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
#[serde(tag = "kind", rename_all = "kebab-case")]
pub enum What {
    /// A phase of the run begins, and the one before it ends.
    Phase {
        /// Which.
        phase: Phase,
    },
    /// The plan holds a fault. Every planned fault must happen.
    FaultPlanned {
        /// Its number in this run.
        id: u32,
        /// Its name: `kill-leader`, say.
        fault: String,
    },
    /// A fault begins.
    FaultBegan {
        /// Its number in this run.
        id: u32,
        /// Its name.
        fault: String,
        /// The nodes that it touches (`master-1`, `worker-2`): their processes, disks, clocks or links.
        targets: Vec<String>,
        /// The master that led when it began, as far as known.
        #[serde(default)]
        leader: Option<String>,
        /// What was under way: the columns of the fault matrix that this hits.
        phases: Vec<Letter>,
    },
    /// It was seen to have happened: a process is dead, packets were dropped.
    FaultSeen {
        /// Its number.
        id: u32,
        /// By what.
        by: String,
    },
    /// A fault ends: everything is as it was before, as far as the fault goes.
    FaultEnded {
        /// Its number.
        id: u32,
    },
    /// What a master said of itself, or that it did not answer.
    Observation(Observation),
    /// What a node's process takes.
    Sample(NodeSample),
    /// Something worth knowing, for people.
    Note {
        /// What.
        text: String,
    },
}

/// A phase of a run.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case")]
pub enum Phase {
    /// The cluster forms; no load yet.
    Forming,
    /// Load, no faults yet.
    Warm,
    /// Faults.
    Safety,
    /// No new faults for a while, in the midst of the run: verdicts fall and everything converges.
    Quiet,
    /// Everything was healed; convergence is demanded, under load.
    Healing,
    /// The load submits nothing more; what runs comes to its end.
    Draining,
    /// Everything has ended that should have: whatever runs now is an orphan. The final state is taken.
    Drained,
}

/// What was under way when a fault began: a column of the fault matrix.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize)]
pub enum Letter {
    /// Forming.
    F,
    /// A submission in flight.
    Q,
    /// Placed, the assignment not acknowledged.
    S,
    /// Intent written, about to exec.
    L,
    /// Running.
    R,
    /// A report in flight.
    U,
    /// A kill in flight.
    K,
    /// An election.
    E,
    /// The window of re-attachment.
    V,
    /// A snapshot is built or installed.
    N,
    /// A member change or a rolling restart.
    M,
}

impl Letter {
    /// All, in the matrix's order.
    pub const ALL: [Letter; 11] = [
        Letter::F,
        Letter::Q,
        Letter::S,
        Letter::L,
        Letter::R,
        Letter::U,
        Letter::K,
        Letter::E,
        Letter::V,
        Letter::N,
        Letter::M,
    ];
}

impl fmt::Display for Letter {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{self:?}")
    }
}

/// What a master said of itself.
#[derive(Clone, Debug, Default, PartialEq, Serialize, Deserialize)]
pub struct Observation {
    /// `master-1`.
    pub node: String,
    /// STANDBY, RECOVERING, COMPLETING_RECOVERY, ALIVE; UNREACHABLE if it did not answer.
    pub status: String,
    /// Whether it says that it leads.
    pub leader: bool,
    /// The number of the leadership that it knows.
    pub epoch: u64,
    /// Raft's term.
    pub term: u64,
    /// Up to where it has applied the log.
    pub applied: u64,
}

/// What the process of a node takes.
#[derive(Clone, Debug, Default, PartialEq, Serialize, Deserialize)]
pub struct NodeSample {
    /// `master-1`.
    pub node: String,
    /// Its process: growth is judged within one process.
    pub pid: u32,
    /// Resident memory, bytes.
    pub rss_bytes: u64,
    /// Open descriptors.
    pub fds: u64,
    /// Threads.
    pub threads: u64,
    /// Its data directory, bytes on disk.
    pub disk_bytes: u64,
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::record::{Appender, read_lines};

    #[test]
    fn events_are_read_as_they_were_written() {
        let all = [
            What::Phase {
                phase: Phase::Quiet,
            },
            What::FaultBegan {
                id: 1,
                fault: "kill-leader".into(),
                targets: vec!["master-1".into()],
                leader: Some("master-1".into()),
                phases: vec![Letter::Q, Letter::R],
            },
            What::FaultEnded { id: 1 },
            What::Observation(Observation::default()),
            What::Sample(NodeSample::default()),
        ];
        let written = all.map(|what| Event {
            at: Moment(7),
            what,
        });
        let dir = tempfile::tempdir().unwrap();
        let path = dir.path().join("events.jsonl");
        let appender = Appender::open(&path).unwrap();
        for event in &written {
            appender.append(event).unwrap();
        }
        let read: Result<Vec<Event>, _> = read_lines(&path).unwrap().collect();
        assert_eq!(read.unwrap(), written);
    }
}
