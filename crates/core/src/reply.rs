//! What applying an entry answers.

use serde::{Deserialize, Serialize};
use vesta_types::{AppId, DriverId, Epoch, InstanceId};

/// The answer of `apply`: the same on every replica, used by the proposer alone.
pub type Reply = Result<Answer, Rejection>;

/// What was done.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub enum Answer {
    /// The leadership has begun, or had begun already, under this epoch.
    LeaderStarted {
        /// Its epoch.
        epoch: Epoch,
    },
    /// Recovery is complete (this entry or an earlier one did it).
    Recovered,
    /// The reports were taken; these ends are in the log and the worker may forget them.
    Reported {
        /// Instances whose end is known.
        acknowledged: Vec<InstanceId>,
    },
    /// The plan was applied.
    Placed {
        /// How many placements held.
        placed: u32,
        /// How many no longer fitted.
        refused: u32,
    },
    /// A driver was accepted.
    Submitted {
        /// Its id.
        driver: DriverId,
    },
    /// An application was registered.
    Registered {
        /// Its id.
        app: AppId,
    },
    /// A kill is recorded.
    Killed {
        /// The object's state now; not final means that its end is awaited.
        state: String,
        /// For people.
        message: String,
    },
    /// A drain is recorded, or taken back.
    Drained {
        /// The worker's state now.
        state: String,
        /// For people.
        message: String,
    },
    /// Nothing more to say.
    Done,
    /// A client's write whose key had been answered before, or the registration of a Spark application
    /// that is there already: that answer.
    Repeated(Box<Answer>),
}

/// Why nothing was done.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize, thiserror::Error)]
#[error("{message}")]
pub struct Rejection {
    /// For programs.
    pub code: RejectCode,
    /// For people: what was wrong, with the value, and what would be right.
    pub message: String,
}

impl Rejection {
    /// A rejection.
    pub fn new(code: RejectCode, message: impl Into<String>) -> Rejection {
        Rejection {
            code,
            message: message.into(),
        }
    }
}

/// Kinds of rejection.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub enum RejectCode {
    /// It was decided under an epoch that is over.
    StaleEpoch,
    /// No leadership has begun in this cluster: nothing was done, the same write may be accepted later.
    NotStarted,
    /// No such object.
    NotFound,
    /// The key is taken by a write with another body.
    KeyConflict,
    /// The key is too old, or too far ahead, to be taken as new.
    KeyTime,
    /// A limit is reached.
    Limit,
    /// The object's state does not allow it.
    State,
    /// The worker's incarnation is an older one, or not the registered one.
    Incarnation,
    /// The request makes no sense.
    Invalid,
}
