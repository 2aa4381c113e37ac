//! What a worker should run and what it should stop, derived from the state.

use vesta_types::{InstanceId, WorkerId};

use crate::state::{Application, ClusterState, Driver, Executor};

/// One instance that should run.
#[derive(Clone, Copy, Debug)]
pub enum Should<'a> {
    /// A driver's current attempt.
    Driver(&'a Driver),
    /// An executor.
    Executor(&'a Application, &'a Executor),
}

/// The two sets for one worker, as of one index.
#[derive(Debug)]
pub struct Orders<'a> {
    /// Should run, with their ids, ordered by id.
    pub run: Vec<(InstanceId, Should<'a>)>,
    /// Known to be over, or asked to end; ordered.
    pub stop: Vec<InstanceId>,
}
