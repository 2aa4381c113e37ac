//! Why a message can't be read or written.

use vesta_javaser::{AccessError, BuildError, ReadError};

/// A message that can't be read. The texts name classes, fields and numbers, never other values.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub enum MessageError {
    /// The bytes are no Java stream, or one beyond our limits.
    #[error(transparent)]
    Stream(#[from] ReadError),
    /// Not an object.
    #[error("the message is {found}; expected an object")]
    NotAnObject {
        /// What it is.
        found: String,
    },
    /// No message of this class is taken at this endpoint.
    #[error("class {class} is no message that endpoint {endpoint} takes")]
    UnknownMessage {
        /// The class.
        class: String,
        /// The endpoint that it was sent to.
        endpoint: String,
    },
    /// A message of a release of Spark that is not known.
    #[error(
        "class {class} with serialVersionUID {uid} is of no release of Spark that is known; {known}"
    )]
    UnknownRelease {
        /// The class.
        class: String,
        /// Its number.
        uid: i64,
        /// The numbers that are known, for people.
        known: String,
    },
    /// A field is not what it must be.
    #[error(transparent)]
    Field(#[from] AccessError),
    /// A number out of its range.
    #[error("{field} is {value}; expected {expected}")]
    Number {
        /// Class and field.
        field: String,
        /// The number.
        value: i64,
        /// What it may be.
        expected: &'static str,
    },
    /// What is in the message is too much.
    #[error("what the message says takes more than {limit} bytes")]
    TooLarge {
        /// The limit.
        limit: usize,
    },
    /// A description can't be kept as a stream of its own.
    #[error("{class} can't be kept: {source}")]
    Description {
        /// The class.
        class: String,
        /// Why.
        source: vesta_javaser::WriteError,
    },
}

/// A message that can't be written.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub enum WriteError {
    /// The classes of the release are not as expected.
    #[error(transparent)]
    Build(#[from] BuildError),
    /// The stream is beyond our limits.
    #[error(transparent)]
    Stream(#[from] vesta_javaser::WriteError),
    /// A number for which Java's `int` has no room.
    #[error("{what} is {value}; the most that can be written is 2147483647")]
    Number {
        /// What it is.
        what: &'static str,
        /// The number.
        value: u64,
    },
    /// The description that is to be passed on is no stream of one object.
    #[error("the description that is passed on: {0}")]
    Description(ReadError),
}
