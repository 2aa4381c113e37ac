//! A drain of a worker: nothing new is placed there, and what can go elsewhere does in the end.

use serde::{Deserialize, Serialize};
use vesta_types::Timestamp;

/// A drain. It is the worker's, whichever life of that: operators drain machines, not boots.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Drain {
    /// The log index of the entry that asked for it: which drain a leader's word is about.
    pub index: u64,
    /// When it was asked for.
    pub asked: Timestamp,
    /// How long what runs there may go on, in milliseconds of time led.
    pub deadline_ms: u64,
    /// Whether that time is over: executors and supervised drivers there are told to end.
    pub over: bool,
}
