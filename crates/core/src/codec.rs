//! How commands, replies and state become bytes: MessagePack with field names.
//!
//! Named fields let a later version add one with a default and still read what this one wrote. An
//! unknown command or field is an error, never skipped.

use serde::Serialize;
use serde::de::DeserializeOwned;

/// Bytes that are not what they should be.
#[derive(Debug, thiserror::Error)]
#[error("{bytes} bytes are not a {what} of this version: {source}")]
pub struct CodecError {
    what: &'static str,
    bytes: usize,
    #[source]
    source: rmp_serde::decode::Error,
}

/// FNV-1a, 64 bits: stable over versions of the compiler, unlike the standard hasher. It tells
/// unlike things apart; it does not withstand somebody who looks for collisions.
pub fn fnv1a(bytes: &[u8]) -> u64 {
    bytes.iter().fold(0xcbf2_9ce4_8422_2325, |hash, byte| {
        (hash ^ u64::from(*byte)).wrapping_mul(0x0000_0100_0000_01b3)
    })
}

/// The bytes of `value`.
pub fn encode<T: Serialize>(value: &T) -> Vec<u8> {
    rmp_serde::to_vec_named(value)
        .expect("writing to memory can't fail, and all keys are text or ids")
}

/// The value that `bytes` were made of.
///
/// # Errors
/// When they are not a `T` of this version; `what` names it in the message.
pub fn decode<T: DeserializeOwned>(what: &'static str, bytes: &[u8]) -> Result<T, CodecError> {
    rmp_serde::from_slice(bytes).map_err(|source| CodecError {
        what,
        bytes: bytes.len(),
        source,
    })
}
