//! Submission keys and their answers.

use std::collections::BTreeMap;

use serde::{Deserialize, Serialize};
use vesta_types::{SubmissionKey, Timestamp};

use crate::reply::Reply;

/// A key that was answered.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct KeyRecord {
    /// Hash of the request's body, to tell a repetition from another request.
    pub fingerprint: u64,
    /// The answer that was given.
    pub answer: Reply,
}

/// The keys of the last day. Ordered by key, which for UUIDs of version 7 is by time.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
pub struct Keys {
    /// Answered keys.
    pub answered: BTreeMap<SubmissionKey, KeyRecord>,
    /// A key whose time is not above this is never taken as new: it may have been answered and
    /// forgotten.
    pub floor: Timestamp,
    /// When this cluster was restored from the state of another: an unknown key up to then may have
    /// been answered after that state was saved.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub restored: Option<Timestamp>,
}
