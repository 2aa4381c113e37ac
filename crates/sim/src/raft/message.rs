//! What members say to each other.

use std::rc::Rc;

use super::{LogEntry, LogId, Snapshot};
use crate::clock::Nanos;

/// A message between two members. `sent` comes back in the answer.
#[derive(Clone, Debug)]
#[expect(missing_docs, reason = "fields are named as in the paper")]
pub enum Rpc {
    /// Asks for a vote; `pre`: whether it would be given; `force`: by a leader's own wish.
    Vote {
        term: u64,
        last: LogId,
        pre: bool,
        force: bool,
    },
    /// The answer.
    Voted { term: u64, granted: bool, pre: bool },
    /// A heartbeat.
    Beat { term: u64, commit: u64, sent: Nanos },
    /// The answer.
    Beaten { term: u64, sent: Nanos },
    /// Entries after `prev`.
    Append {
        term: u64,
        prev: LogId,
        entries: Vec<LogEntry>,
        commit: u64,
        sent: Nanos,
    },
    /// The answer: durable up to `matched`; or not fitting, and worth trying after `hint`.
    Appended {
        term: u64,
        matched: Option<u64>,
        hint: u64,
        sent: Nanos,
    },
    /// A snapshot, for one that lags too far.
    Install {
        term: u64,
        snapshot: Rc<Snapshot>,
        sent: Nanos,
    },
    /// The leader of this term wants to be succeeded at once.
    TakeOver { term: u64 },
}

impl Rpc {
    /// Its name, for traces.
    pub fn name(&self) -> &'static str {
        match self {
            Rpc::Vote { pre: true, .. } => "prevote",
            Rpc::Vote { .. } => "vote",
            Rpc::Voted { granted: true, .. } => "granted",
            Rpc::Voted { .. } => "denied",
            Rpc::Beat { .. } => "beat",
            Rpc::Beaten { .. } => "beaten",
            Rpc::Append { .. } => "append",
            Rpc::Appended { .. } => "appended",
            Rpc::Install { .. } => "install",
            Rpc::TakeOver { .. } => "takeover",
        }
    }
}
