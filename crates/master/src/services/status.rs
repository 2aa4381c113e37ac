//! Answers that are not the wanted one. Each carries a mark that it is a master's own word: a status
//! without it was made up by the transport, and then the outcome of a write is not known.

use tonic::metadata::MetadataValue;
use tonic::{Code, Status};
use vesta_core::{RejectCode, Rejection};
use vesta_proto::ConvertError;

/// Metadata key of the mark.
pub const ANSWERED: &str = "vesta-answered";

fn marked(code: Code, message: impl Into<String>) -> Status {
    let mut status = Status::new(code, message);
    status
        .metadata_mut()
        .insert(ANSWERED, MetadataValue::from_static("1"));
    status
}

/// Whether a master said this, and not the transport.
pub fn is_answer(status: &Status) -> bool {
    status.metadata().contains_key(ANSWERED)
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

/// A limit is passed.
pub fn too_large(message: impl Into<String>) -> Status {
    marked(Code::ResourceExhausted, message)
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
