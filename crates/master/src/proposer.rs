//! Writing to the log.

use std::sync::Arc;
use std::time::Duration;

use tokio::sync::Semaphore;
use vesta_consensus::{COMMAND_BYTES_MAX, Node, ProposeError};
use vesta_core::{Command, Entry, Reply, codec, version};
use vesta_types::limits::{PROPOSALS_MAX, REPORT_BYTES_MAX};

use crate::machine::Shared;
use crate::time::Clocks;

// A report becomes one entry.
const _: () = assert!(REPORT_BYTES_MAX < COMMAND_BYTES_MAX);

/// Why there is no reply.
#[derive(Debug, thiserror::Error)]
pub enum Failure {
    /// Nothing was written: this master does not lead.
    #[error("this master does not lead")]
    NotLeader,
    /// Nothing was written: it is too large for the log.
    #[error("{0}")]
    TooLarge(String),
    /// It may have been written.
    #[error("the outcome is not known: {0}")]
    Unknown(String),
}

/// Proposes commands; bounded, so that a burst raises latency instead of memory.
#[derive(Clone)]
pub struct Proposer {
    node: Node,
    shared: Arc<Shared>,
    clocks: Clocks,
    clients: Arc<Semaphore>,
}

impl Proposer {
    /// A proposer over `node`, whose entries carry the time of these clocks and are in the rules of this
    /// state.
    pub fn new(node: Node, shared: Arc<Shared>, clocks: Clocks) -> Proposer {
        Proposer {
            node,
            shared,
            clocks,
            clients: Arc::new(Semaphore::new(PROPOSALS_MAX)),
        }
    }

    /// Writes a leader's own command; returns when it is applied here. One that not every master speaks
    /// yet is refused and not written: a master that does not know it would come to another state.
    ///
    /// # Errors
    /// When this master does not lead, or leadership was lost on the way.
    pub async fn own(&self, command: Command) -> Result<Reply, Failure> {
        // The version only rises: what may be written now may be applied then.
        let spoken = version::check_spoken(&command, &self.shared.state());
        if let Err(refused) = spoken {
            return Ok(Err(refused));
        }
        let entry = Entry {
            at: self.clocks.wall(),
            command,
        };
        let applied = self
            .node
            .propose(codec::encode(&entry))
            .await
            .map_err(failure)?;
        codec::decode("reply", &applied.reply).map_err(|error| Failure::Unknown(error.to_string()))
    }

    /// Writes a client's command some time, and says at once what the reply will be if nothing comes in
    /// between: for the canary that does not wait for a quorum.
    pub fn guess(&self, command: Command, shared: &Shared) -> Reply {
        let (at, own) = (self.clocks.wall(), command.clone());
        let mut ahead = shared.state().clone();
        let reply = ahead.apply(ahead.applied + 1, &Entry { at, command });
        let proposer = self.clone();
        tokio::spawn(async move { proposer.own(own).await });
        reply
    }

    /// Writes a client's command, within `deadline`.
    ///
    /// # Errors
    /// As [`Proposer::own`]; when the deadline is over the outcome is not known.
    pub async fn client(&self, command: Command, deadline: Duration) -> Result<Reply, Failure> {
        let write = async {
            let _permit = self.clients.acquire().await;
            self.own(command).await
        };
        tokio::time::timeout(deadline, write)
            .await
            .unwrap_or_else(|_| {
                Err(Failure::Unknown(format!(
                    "no quorum has committed it within {deadline:?}"
                )))
            })
    }
}

fn failure(error: ProposeError) -> Failure {
    match error {
        ProposeError::NotLeader { .. } => Failure::NotLeader,
        ProposeError::TooLarge { .. } => Failure::TooLarge(error.to_string()),
        ProposeError::Unknown(why) | ProposeError::Fatal(why) => Failure::Unknown(why),
    }
}
