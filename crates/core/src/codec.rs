//! How commands, replies and state become bytes: MessagePack with field names.
//!
//! Named fields let a later version add one with a default and still read what this one wrote. An
//! unknown command or field is an error, never skipped.

use serde::Serialize;
use serde::de::DeserializeOwned;
use vesta_types::canary;

use crate::state::ClusterState;

/// Bytes that are not what they should be.
#[derive(Debug, thiserror::Error)]
#[error("{bytes} bytes are not a {what} of this version: {why}")]
pub struct CodecError {
    what: &'static str,
    bytes: usize,
    why: String,
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

/// The bytes of a snapshot of the state.
pub fn snapshot(state: &ClusterState) -> Vec<u8> {
    // Both break I21, what a snapshot is for: I2, a key that was answered is known …
    if canary::is_on("key-not-in-snapshot") {
        let mut state = state.clone();
        state.keys.answered.clear();
        return encode(&state);
    }
    // … and I4, an id is given once.
    if canary::is_on("snapshot-forgets-ids") {
        let mut state = state.clone();
        (state.next_driver, state.next_app) = (0, 0);
        return encode(&state);
    }
    encode(state)
}

/// The value that `bytes` were made of.
///
/// # Errors
/// When they are not a `T` of this version; `what` names it in the message.
pub fn decode<T: DeserializeOwned>(what: &'static str, bytes: &[u8]) -> Result<T, CodecError> {
    let wrong = |why| CodecError {
        what,
        bytes: bytes.len(),
        why,
    };
    let mut unknown = None;
    let mut reader = rmp_serde::Deserializer::new(bytes);
    // Everywhere, in types that know nothing of this codec, too.
    let value = serde_ignored::deserialize(&mut reader, |path| {
        unknown.get_or_insert_with(|| path.to_string());
    });
    let value = value.map_err(|error| wrong(error.to_string()))?;
    match unknown {
        Some(field) => Err(wrong(format!("the field {field} is unknown"))),
        None if !reader.get_ref().is_empty() => {
            let more = reader.get_ref().len();
            Err(wrong(format!("{more} bytes more than that")))
        }
        None => Ok(value),
    }
}

#[cfg(test)]
mod tests {
    use std::collections::BTreeMap;

    use super::*;

    #[derive(Serialize, serde::Deserialize, Debug, PartialEq)]
    struct Inner {
        known: u32,
    }

    fn inner(text: &[(&str, u32)]) -> Vec<u8> {
        encode(&BTreeMap::from([("a", BTreeMap::from_iter(text.to_vec()))]))
    }

    fn read(bytes: &[u8]) -> Result<BTreeMap<String, Inner>, String> {
        decode("test", bytes).map_err(|error| error.to_string())
    }

    #[test]
    fn a_field_that_is_not_known_is_an_error_wherever_it_stands() {
        assert!(read(&inner(&[("known", 1)])).is_ok());
        let error = read(&inner(&[("known", 1), ("newer", 2)])).unwrap_err();
        assert!(error.contains("a.newer is unknown"), "{error}");
    }

    #[test]
    fn bytes_that_are_cut_or_go_on_are_an_error() {
        let bytes = inner(&[("known", 1)]);
        assert!(read(&bytes[..bytes.len() - 1]).is_err());
        let error = read(&[bytes, vec![0]].concat()).unwrap_err();
        assert!(error.contains("1 bytes more"), "{error}");
    }
}
