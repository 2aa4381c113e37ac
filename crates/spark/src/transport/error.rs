//! Why a peer is closed, a message not sent, an ask not answered.

use std::time::Duration;

use super::address::AddressError;
use super::decoder::FrameError;

/// Why a connection is closed for what came, or did not come, from the peer.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub enum PeerError {
    /// No frames.
    #[error(transparent)]
    Frame(#[from] FrameError),
    /// A frame that holds no message.
    #[error("the body of a frame of {length} bytes holds no message: {error}")]
    Envelope {
        /// Of the frame.
        length: usize,
        /// What is wrong with it.
        error: AddressError,
    },
    /// Connected and said nothing.
    #[error("sent no message within {0:?} of connecting; Spark's processes send one at once")]
    Silent(Duration),
    /// A frame did not end.
    #[error(
        "of a frame of its {buffered} bytes came within {within:?}, and not the rest; a frame is sent in one go"
    )]
    Slow {
        /// What came of it.
        buffered: usize,
        /// The limit.
        within: Duration,
    },
    /// The end came inside a frame.
    #[error("ended after {buffered} bytes of a frame; a frame is sent whole")]
    Truncated {
        /// What came of it.
        buffered: usize,
    },
    /// Does not read.
    #[error(
        "took nothing of {queued} bytes that wait for it within {within:?}; a peer reads what it is sent"
    )]
    Unread {
        /// What waits.
        queued: usize,
        /// The limit.
        within: Duration,
    },
    /// Does not read fast enough.
    #[error(
        "{queued} bytes wait for it, and with {more} more they would be over the limit of {limit}"
    )]
    Overrun {
        /// What waits.
        queued: usize,
        /// The message that does not fit.
        more: usize,
        /// The limit.
        limit: usize,
    },
}

/// Why a message can't be sent.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub enum SendError {
    /// There is no such connection any more.
    #[error("the connection is closed")]
    Closed,
    /// The peer does not read; the connection is being closed.
    #[error(transparent)]
    Peer(#[from] PeerError),
    /// All that waits to be written is too much; the connection is being closed.
    #[error(
        "{more} bytes more would be over the limit of {limit} for all that waits to be written to peers"
    )]
    Crowded {
        /// The message.
        more: usize,
        /// The limit.
        limit: usize,
    },
    /// Too long for a frame.
    #[error("a frame of {length} bytes; the limit is {limit}")]
    Long {
        /// The frame.
        length: usize,
        /// The limit.
        limit: usize,
    },
    /// Can't be written.
    #[error(transparent)]
    Address(#[from] AddressError),
    /// The peer answers too little.
    #[error("{0} asks of this connection wait for their answers already, and no more may")]
    Asks(usize),
}

/// Why an ask has no answer.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub enum AskError {
    /// It was not sent.
    #[error(transparent)]
    Send(#[from] SendError),
    /// The peer says that it failed.
    #[error("the peer answers that the request failed: {0}")]
    Failed(String),
    /// Too late.
    #[error("no answer came in time")]
    TimedOut,
    /// The connection ended before the answer came.
    #[error("the connection closed before the answer came")]
    Closed,
}
