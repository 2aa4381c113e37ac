//! What a transport tells whoever uses it.

use std::fmt;
use std::sync::Weak;

use bytes::Bytes;

use super::address::EndpointAddress;
use super::budget::InClaim;
use super::error::{PeerError, SendError};
use super::link::Link;
use crate::address::RpcAddress;

/// One connection of a transport. Never used again for another one; later ones are greater.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, PartialOrd, Ord)]
pub struct ConnectionId(pub(super) u64);

impl fmt::Display for ConnectionId {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{}", self.0)
    }
}

/// What happened. Those of one connection come in order, `Closed` as the last one.
#[derive(Debug)]
pub enum Event {
    /// A peer sent a message. The first one of a connection made to us is the first that is heard of it.
    Message(Incoming),
    /// A connection is no more: one that had brought a message, or that we made. What was queued there and not
    /// written is lost. It may come before [`dial`](super::Transport::dial) has returned the connection's id.
    Closed {
        /// The connection.
        connection: ConnectionId,
        /// Where the peer listens, if it ever said so.
        peer: Option<RpcAddress>,
        /// Why.
        reason: CloseReason,
    },
}

/// Why a connection is closed.
#[derive(Debug, Clone, thiserror::Error)]
pub enum CloseReason {
    /// The peer closed it.
    #[error("the peer closed the connection")]
    Ended,
    /// It broke.
    #[error("the connection broke: {0}")]
    Broken(String),
    /// What the peer did is not taken.
    #[error(transparent)]
    Peer(#[from] PeerError),
    /// Too much waits to be written, or there are too many connections.
    #[error("{0}")]
    Crowded(String),
    /// Whoever uses the transport wanted it.
    #[error("closed on this side: {0}")]
    Closed(String),
}

/// A message of a peer.
pub struct Incoming {
    /// Where it came, and where what is sent back has to go.
    pub connection: ConnectionId,
    /// Where the sender listens; nothing if it does not (executors).
    pub sender: Option<RpcAddress>,
    /// Which of our endpoints is meant: `Master`, `endpoint-verifier`.
    pub endpoint: String,
    /// A Java stream with one object. Kept bytes count against [`Limits::buffered_in`](super::Limits) until the
    /// whole message is dropped.
    pub body: Bytes,
    /// If it is an ask, what answers it.
    pub ask: Option<Ask>,
    pub(super) _claim: InClaim,
}

impl Incoming {
    /// Answers with a Java stream. A message that is no ask gets no answer.
    pub fn reply(self, body: impl Into<Bytes>) {
        if let Some(ask) = self.ask {
            ask.reply(body);
        }
    }

    /// Answers that it failed. A message that is no ask gets no answer.
    pub fn fail(self, text: impl Into<String>) {
        if let Some(ask) = self.ask {
            ask.fail(text);
        }
    }

    /// The endpoint `name` of the sender; nothing if the sender does not listen.
    #[must_use]
    pub fn sender_endpoint(&self, name: &str) -> Option<EndpointAddress> {
        let sender = self.sender.clone()?;
        Some(EndpointAddress::new(sender, name))
    }
}

/// The body is not shown: it may hold a submitter's environment.
impl fmt::Debug for Incoming {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Incoming")
            .field("connection", &self.connection)
            .field("sender", &self.sender)
            .field("endpoint", &self.endpoint)
            .field("body", &format_args!("{} bytes", self.body.len()))
            .field("ask", &self.ask)
            .finish()
    }
}

/// An ask that is to be answered. Dropped without an answer, it answers that it failed: a peer that waits for long
/// closes the connection.
pub struct Ask {
    pub(super) link: Weak<Link>,
    pub(super) id: i64,
    pub(super) answered: bool,
}

impl Ask {
    /// Answers with a Java stream. If the connection is closed, nobody waits any more.
    pub fn reply(mut self, body: impl Into<Bytes>) {
        // A failure closes the connection, and that is told.
        let _: Result<(), SendError> = self.answer(Ok(body.into()));
    }

    /// Answers that it failed.
    pub fn fail(mut self, text: impl Into<String>) {
        let _: Result<(), SendError> = self.answer(Err(text.into()));
    }

    fn answer(&mut self, answer: Result<Bytes, String>) -> Result<(), SendError> {
        self.answered = true;
        let link = self.link.upgrade().ok_or(SendError::Closed)?;
        link.queue(|connection| connection.answer(self.id, answer))
    }
}

impl Drop for Ask {
    fn drop(&mut self) {
        if !self.answered {
            let text = "the master ended this request without an answer".to_owned();
            let _: Result<(), SendError> = self.answer(Err(text));
        }
    }
}

impl fmt::Debug for Ask {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "Ask({})", self.id)
    }
}
