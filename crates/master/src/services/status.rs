//! Answers that are not the wanted one. Each carries the mark that it is a master's own word.

use tonic::{Code, Status};
use vesta_core::{RejectCode, Rejection};
use vesta_proto::{ConvertError, answer};
use vesta_types::limits::{BUSY_PAUSE, WRITES_MAX};

fn marked(code: Code, message: impl Into<String>) -> Status {
    answer::marked(Status::new(code, message))
}

/// Nothing was done; another master, or a later try, may do it.
pub fn unavailable(message: impl Into<String>) -> Status {
    marked(Code::Unavailable, message)
}

/// It may have been done: ask with the key.
pub fn unknown(message: impl Into<String>) -> Status {
    marked(Code::Unknown, message)
}

/// There is no such thing.
pub fn not_found(message: impl Into<String>) -> Status {
    marked(Code::NotFound, message)
}

/// It can't be done as things are.
pub fn refused(message: impl Into<String>) -> Status {
    marked(Code::FailedPrecondition, message)
}

/// A limit is passed.
pub fn too_large(message: impl Into<String>) -> Status {
    marked(Code::ResourceExhausted, message)
}

/// More writes are under way here than this master takes in: nothing was done, the same one can be sent
/// again in a moment.
pub fn busy() -> Status {
    let message = format!(
        "busy: {WRITES_MAX} writes are under way at this master; nothing was done, send it again after \
         {} ms, with the same key",
        BUSY_PAUSE.as_millis()
    );
    answer::busy(message, BUSY_PAUSE)
}

/// The request is wrong.
pub fn invalid(error: &ConvertError) -> Status {
    marked(Code::InvalidArgument, error.to_string())
}

/// `apply` refused it.
pub fn rejected(rejection: &Rejection) -> Status {
    let code = match rejection.code {
        RejectCode::NotStarted => Code::Unavailable,
        RejectCode::NotFound => Code::NotFound,
        RejectCode::KeyConflict => Code::AlreadyExists,
        RejectCode::Limit => Code::ResourceExhausted,
        RejectCode::KeyTime | RejectCode::Invalid => Code::InvalidArgument,
        RejectCode::StaleEpoch | RejectCode::State | RejectCode::Incarnation => {
            Code::FailedPrecondition
        }
    };
    marked(code, rejection.message.clone())
}

/// An answer of `apply` that does not belong to the request: a defect, and nothing that a client
/// could do better.
pub fn unexpected(answer: &vesta_core::Answer) -> Status {
    marked(
        Code::Internal,
        format!("an answer that does not belong to the request: {answer:?}"),
    )
}
