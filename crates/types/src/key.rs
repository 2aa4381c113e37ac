//! The key that makes a repeated write the same write.

use std::fmt;
use std::str::FromStr;

use serde::{Deserialize, Serialize};
use uuid::Uuid;

use crate::Timestamp;

/// Why a text is not a submission key.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
#[error(
    "{found:?} is not a submission key: a UUID of version 7 is wanted, whose time tells how old it is"
)]
pub struct KeyError {
    /// The text, cut to a printable length.
    pub found: String,
}

/// Names one client write: the same key gets the same answer, through whichever master and however
/// often it is sent. A UUID of version 7, made by the CLI or library; its time bounds how long it can
/// be taken as new.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize)]
#[serde(try_from = "String", into = "String")]
pub struct SubmissionKey(Uuid);

impl SubmissionKey {
    /// The key of `uuid`.
    ///
    /// # Errors
    /// When it is not of version 7.
    pub fn new(uuid: Uuid) -> Result<SubmissionKey, KeyError> {
        if uuid.get_version_num() == 7 {
            Ok(SubmissionKey(uuid))
        } else {
            Err(KeyError {
                found: uuid.to_string(),
            })
        }
    }

    /// When the key was made, by the clock of whoever made it.
    pub fn time(self) -> Timestamp {
        // The first 48 bits of a version 7 UUID are Unix milliseconds (RFC 9562, 5.7).
        Timestamp((self.0.as_u128() >> 80) as u64)
    }
}

impl fmt::Display for SubmissionKey {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        self.0.fmt(f)
    }
}

impl FromStr for SubmissionKey {
    type Err = KeyError;

    fn from_str(text: &str) -> Result<Self, KeyError> {
        let error = || KeyError {
            found: text.chars().take(120).collect(),
        };
        SubmissionKey::new(Uuid::parse_str(text).map_err(|_| error())?)
    }
}

impl TryFrom<String> for SubmissionKey {
    type Error = KeyError;

    fn try_from(text: String) -> Result<Self, KeyError> {
        text.parse()
    }
}

impl From<SubmissionKey> for String {
    fn from(key: SubmissionKey) -> String {
        key.to_string()
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_key_tells_when_it_was_made() {
        let time = uuid::Timestamp::from_unix(uuid::NoContext, 1_795_258_800, 5_000_000);
        let key = SubmissionKey::new(Uuid::new_v7(time)).unwrap();
        assert_eq!(key.time(), Timestamp(1_795_258_800_005));
        assert_eq!(key.to_string().parse(), Ok(key));
    }

    #[test]
    fn a_random_uuid_is_refused_because_it_has_no_time() {
        assert!(
            "67e55044-10b1-426f-9247-bb680e5fe0c8"
                .parse::<SubmissionKey>()
                .is_err()
        );
        assert!("today".parse::<SubmissionKey>().is_err());
    }
}
