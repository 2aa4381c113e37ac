//! What a node runs on.

use std::sync::Arc;
use std::time::Duration;

use vesta_net::Net;

use crate::disk::Disk;

/// What a node runs on. The part that decides is the same on all of them.
#[derive(Clone, Default)]
pub enum Platform {
    /// This machine: its network, the data directory of the configuration, threads of the node's own.
    #[default]
    Machine,
    /// A simulation.
    Simulated(Simulated),
}

impl Platform {
    pub(crate) fn net(&self) -> Net {
        match self {
            Platform::Machine => Net::default(),
            Platform::Simulated(simulated) => simulated.net.clone(),
        }
    }
}

/// What a simulation puts at the machine's place. The node then has no thread of its own: all of it are tasks
/// of the runtime that it is started in, whose clock it lives by.
#[derive(Clone)]
pub struct Simulated {
    /// How it reaches the others.
    pub net: Net,
    /// What it keeps; the data directory of its configuration means nothing.
    pub disk: Arc<dyn Disk>,
    /// How long the next sync takes.
    pub sync_time: Arc<dyn Fn() -> Duration + Send + Sync>,
}
