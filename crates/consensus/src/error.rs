//! What can go wrong, as callers see it.

use std::time::Duration;

use vesta_journal::JournalError;

use crate::config::Peer;

/// Why a node did not start. The data directory is as it was.
#[derive(Debug, thiserror::Error)]
pub enum StartError {
    /// A setting is wrong.
    #[error("the configuration can't work: {0}")]
    Config(String),
    /// The data directory can't be opened.
    #[error(transparent)]
    Journal(#[from] JournalError),
    /// The data directory belongs to another node.
    #[error(
        "the data directory belongs to node {found}, and this is node {expected}: start it as node \
         {found}, or give node {expected} a directory of its own"
    )]
    OtherNode {
        /// Whose directory it is.
        found: u64,
        /// Who was to be started.
        expected: u64,
    },
    /// The Raft listener can't be bound.
    #[error("the Raft listener can't bind {address}")]
    Bind {
        /// Where.
        address: std::net::SocketAddr,
        /// Why.
        #[source]
        source: std::io::Error,
    },
    /// Threads can't be started.
    #[error("the threads of Raft can't be started")]
    Threads(#[source] std::io::Error),
    /// The log, a snapshot or the state machine refused to be loaded.
    #[error("the replicated state can't be loaded: {0}")]
    Load(String),
}

/// Why a command was not, or perhaps not, committed.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub enum ProposeError {
    /// It was not taken: this node is not leader, hands over just now, or has heard from no quorum
    /// for too long. Nothing was done.
    #[error("not the leader{}", hint(.leader))]
    NotLeader {
        /// Where to go instead, if known.
        leader: Option<Peer>,
    },
    /// It is larger than [`COMMAND_BYTES_MAX`](crate::COMMAND_BYTES_MAX). Nothing was done.
    #[error("a command of {bytes} bytes: at most {limit} are possible")]
    TooLarge {
        /// Its size.
        bytes: usize,
        /// The limit.
        limit: usize,
    },
    /// It was taken, but whether it will be committed is not known: ask again with the same key.
    #[error("the outcome is not known: {0}")]
    Unknown(String),
    /// The node has stopped.
    #[error("this node has stopped: {0}")]
    Fatal(String),
}

fn hint(leader: &Option<Peer>) -> String {
    match leader {
        Some(peer) => format!("; try node {} at {}", peer.node_id, peer.client_addr),
        None => "; there is none known at the moment".to_owned(),
    }
}

/// Why no linearizable read is possible.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub enum ReadError {
    /// In all the time given no leader could show that it still leads.
    #[error("no leader with a quorum within {waited:?}: {reason}")]
    NoQuorum {
        /// The time given.
        waited: Duration,
        /// What stood in the way last.
        reason: String,
    },
    /// The node has stopped.
    #[error("this node has stopped: {0}")]
    Fatal(String),
}

/// Why the members were not changed.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub enum MembershipError {
    /// This node is not, or no longer, the leader. A change that was begun may be half done: asking
    /// the leader again completes it.
    #[error("not the leader{}", hint(.leader))]
    NotLeader {
        /// Where to go instead, if known.
        leader: Option<Peer>,
    },
    /// The change is not possible as asked.
    #[error("{0}")]
    Refused(String),
    /// The newcomer does not answer, and nothing was done: it may be starting.
    #[error(
        "{0}: start it first, on an empty directory and without --form; the second address is its Raft port"
    )]
    Unreachable(String),
    /// A new member receives the log and has not got all of it yet: it does not vote before it has.
    /// Asking again goes on waiting.
    #[error("node {node_id} has the log up to {} of {target}", .matched.unwrap_or(0))]
    CatchingUp {
        /// Who.
        node_id: u64,
        /// Up to where it is known to have the log.
        matched: Option<u64>,
        /// Up to where it has to.
        target: u64,
    },
    /// It leads and was to be removed: it has handed over, and the next leader removes it when asked.
    #[error("leadership was handed over to node {to}")]
    HandedOver {
        /// To whom.
        to: u64,
    },
    /// The change was begun, and whether it will be completed is not known: look at the members.
    #[error("the outcome is not known: {0}")]
    Unknown(String),
    /// The node has stopped.
    #[error("this node has stopped: {0}")]
    Fatal(String),
}
