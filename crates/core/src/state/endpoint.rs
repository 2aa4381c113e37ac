//! What drivers and executors say where they are reached.

use std::fmt;

use serde::{Deserialize, Serialize};
use vesta_types::{DriverId, ExecutorId, Timestamp};

/// Who publishes endpoints.
#[derive(Clone, Debug, PartialEq, Eq, PartialOrd, Ord, Serialize, Deserialize)]
pub enum EndpointOwner {
    /// A driver, over its attempts.
    Driver(DriverId),
    /// An executor.
    Executor(ExecutorId),
}

impl fmt::Display for EndpointOwner {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            EndpointOwner::Driver(id) => id.fmt(f),
            EndpointOwner::Executor(id) => id.fmt(f),
        }
    }
}

/// An address under a name of its owner's. It is there for as long as the run that published it.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Endpoint {
    /// Where: opaque here, one line without blanks.
    pub address: String,
    /// The attempt that published it; 0 for executors, which have only one.
    pub attempt: u32,
    /// The restart within that attempt.
    pub restart: u32,
    /// When.
    pub published: Timestamp,
}

impl Endpoint {
    /// Which run of its owner published it; a later one is greater.
    pub fn run(&self) -> (u32, u32) {
        (self.attempt, self.restart)
    }
}
