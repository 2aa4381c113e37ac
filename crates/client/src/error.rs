//! How a call can end without an answer that was hoped for.

use vesta_types::SubmissionKey;

/// What kind of refusal it was.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Refusal {
    /// A value of the request can't be taken.
    Invalid,
    /// What it names does not exist (any more).
    NotFound,
    /// Its key was used for another request.
    Conflict,
    /// The state of the cluster or of the object doesn't allow it.
    Precondition,
    /// A limit is reached.
    Limit,
}

/// How a call ended otherwise than hoped.
#[derive(Clone, Debug, thiserror::Error)]
pub enum ClientError {
    /// A master answered no. Nothing was done, and the same request gets the same answer.
    #[error("{message}")]
    Refused {
        /// What kind of refusal.
        reason: Refusal,
        /// The master's words: what was wrong, and what would be right.
        message: String,
    },
    /// A master answered that this client may not do that. Nothing was done.
    #[error("not allowed: {message}")]
    NotAllowed {
        /// The master's words.
        message: String,
    },
    /// No master answered in time, and surely nothing was done.
    #[error("no master could answer: {message}")]
    Unavailable {
        /// What each master did instead.
        message: String,
    },
    /// Masters answered, and none of them reaches the worker that has what was asked for. Nothing was
    /// done; a later try may get it.
    #[error("no master reaches its worker now: {message}")]
    WorkerAway {
        /// What each master said.
        message: String,
    },
    /// The request may have reached a master and no answer came: it is done, or will be, or never
    /// will. Whoever asks with `key`, or sends the same request with it again, learns which.
    #[error("the outcome is not known; the key to ask with is {key} ({message})")]
    Unknown {
        /// The key of the write.
        key: SubmissionKey,
        /// What each master did instead of answering.
        message: String,
    },
}

impl ClientError {
    /// Whether the same call may get an answer later: no quorum, no leader, nobody reached, a worker
    /// away.
    pub fn is_passing(&self) -> bool {
        matches!(
            self,
            ClientError::Unavailable { .. }
                | ClientError::WorkerAway { .. }
                | ClientError::Unknown { .. }
        )
    }
}
