//! What clients asked for and were answered.

use serde::{Deserialize, Serialize};
use vesta_types::{DriverId, OnDisconnect, SubmissionKey};

use super::Moment;

/// Names a call: one client makes one call after the other, under rising numbers.
#[derive(Clone, Debug, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize)]
pub struct CallId {
    /// The client's name.
    pub client: String,
    /// The number of the call, within that client.
    pub call: u64,
}

/// One line of `history.jsonl`. A call without a second line is open: its outcome is unknown.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub struct Entry {
    /// When.
    pub at: Moment,
    /// Of which call.
    #[serde(flatten)]
    pub id: CallId,
    /// That it was sent, or answered.
    #[serde(flatten)]
    pub what: What,
}

/// A call is sent, or has come to an end.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
#[serde(rename_all = "lowercase")]
pub enum What {
    /// It is sent.
    Invoked(Op),
    /// It has come to an end for its client.
    Returned(Outcome),
}

/// What is asked for.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
#[serde(tag = "op", rename_all = "kebab-case")]
pub enum Op {
    /// Submit a driver.
    Submit(Submit),
    /// Kill a driver.
    Kill {
        /// The key of the write.
        key: SubmissionKey,
        /// Whom.
        driver: DriverId,
    },
    /// Read the status of a driver.
    Status {
        /// Whose.
        driver: DriverId,
        /// Whether a stale answer is refused.
        consistent: bool,
    },
    /// Ask what became of a submission.
    FindKey {
        /// Its key.
        key: SubmissionKey,
    },
    /// List the drivers.
    List,
}

/// The submission of a driver.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub struct Submit {
    /// Its key: every repetition has the same.
    pub key: SubmissionKey,
    /// What the driver does.
    pub manner: Manner,
    /// Whether it is started again when it fails or its worker is lost.
    pub supervised: bool,
    /// What becomes of it when its worker is cut off.
    pub on_disconnect: OnDisconnect,
    /// Whether it is a probe: one write after another, to measure availability.
    #[serde(default)]
    pub probe: bool,
}

/// What a driver of the load does.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize)]
#[serde(tag = "does", rename_all = "kebab-case")]
pub enum Manner {
    /// Exits after a time with a code.
    Exits {
        /// After how many milliseconds.
        after_ms: u64,
        /// With what.
        code: u8,
    },
    /// Runs until it is told to end.
    Forever,
    /// Runs on when it is told to end: SIGKILL alone ends it.
    IgnoresTerm,
    /// Starts a process in a session of its own, which beats on under the same instance, and exits with 0.
    ForksAway {
        /// How long that process would go on, in milliseconds.
        child_ms: u64,
    },
    /// Registers an application and keeps it until it is told to end.
    Application {
        /// How many executors it wants.
        executors: u32,
        /// How long it lives, in milliseconds; for ever if not given.
        #[serde(default, skip_serializing_if = "Option::is_none")]
        after_ms: Option<u64>,
    },
}

impl Manner {
    /// Whether it comes to an end without being told to.
    pub fn ends(self) -> bool {
        match self {
            Manner::Exits { .. } | Manner::ForksAway { .. } => true,
            Manner::Application { after_ms, .. } => after_ms.is_some(),
            Manner::Forever | Manner::IgnoresTerm => false,
        }
    }
}

/// What a call came to.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
#[serde(tag = "outcome", rename_all = "lowercase")]
pub enum Outcome {
    /// It was carried out.
    Ok(Answer),
    /// It was surely not carried out, and will not be.
    Failed {
        /// What was said.
        why: String,
    },
    /// It may have been carried out, may be later, or never.
    Unknown {
        /// What was said.
        why: String,
    },
}

/// What was answered.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
#[serde(tag = "answer", rename_all = "kebab-case")]
pub enum Answer {
    /// The driver of a submission.
    Submitted {
        /// Its id.
        driver: DriverId,
        /// Whether the key had been answered before.
        duplicate: bool,
    },
    /// A kill.
    Killed {
        /// Whether it is recorded: the driver never runs again.
        success: bool,
        /// The driver's state then.
        state: String,
    },
    /// The status of a driver.
    Status {
        /// Its state, as shown.
        state: String,
        /// Whether that is final.
        ended: bool,
        /// Its attempt.
        attempt: u32,
        /// The worker's restart of that.
        restart: u32,
        /// Whether a kill is recorded.
        kill_requested: bool,
        /// Whether the answer says of itself that it may be old.
        stale: bool,
        /// The log index that it reflects.
        index: u64,
    },
    /// No such driver or key.
    NotFound {
        /// Whether the answer says of itself that it may be old.
        stale: bool,
    },
    /// What a key became.
    Found {
        /// The id of the driver or application that the write made or named.
        id: String,
        /// Whether the answer says of itself that it may be old.
        stale: bool,
    },
    /// A list.
    Listed {
        /// How many there are.
        total: u64,
        /// Whether the answer says of itself that it may be old.
        stale: bool,
        /// The log index that it reflects.
        index: u64,
    },
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::record::{Appender, read_lines};

    fn entry(call: u64, what: What) -> Entry {
        let client = "client-1".to_owned();
        Entry {
            at: Moment(5),
            id: CallId { client, call },
            what,
        }
    }

    #[test]
    fn a_history_is_read_as_it_was_written_but_for_a_line_that_was_cut_off() {
        let key = "019aa5a0-0000-7000-8000-000000000001".parse().unwrap();
        let driver: DriverId = "driver-20261121110000-0003".parse().unwrap();
        let submit = Submit {
            key,
            manner: Manner::Exits {
                after_ms: 10,
                code: 1,
            },
            supervised: true,
            on_disconnect: OnDisconnect::Stop,
            probe: false,
        };
        let answer = Answer::Submitted {
            driver: driver.clone(),
            duplicate: true,
        };
        let why = "no answer".to_owned();
        let written = [
            entry(1, What::Invoked(Op::Submit(submit))),
            entry(1, What::Returned(Outcome::Ok(answer))),
            entry(2, What::Invoked(Op::Kill { key, driver })),
            entry(2, What::Returned(Outcome::Unknown { why })),
        ];
        let dir = tempfile::tempdir().unwrap();
        let path = dir.path().join("history.jsonl");
        let appender = Appender::open(&path).unwrap();
        for entry in &written {
            appender.append(entry).unwrap();
        }
        let cut = std::fs::read_to_string(&path).unwrap() + "{\"at\":9,\"cli";
        std::fs::write(&path, cut).unwrap();
        let read: Result<Vec<Entry>, _> = read_lines(&path).unwrap().collect();
        assert_eq!(read.unwrap(), written);
    }

    #[test]
    fn a_line_that_is_no_entry_is_named() {
        let dir = tempfile::tempdir().unwrap();
        let path = dir.path().join("history.jsonl");
        std::fs::write(&path, "{\"at\":9}\n").unwrap();
        let read: Result<Vec<Entry>, _> = read_lines(&path).unwrap().collect();
        let text = read.unwrap_err().to_string();
        assert!(text.contains("line 1"), "{text}");
    }
}
