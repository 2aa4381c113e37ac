//! What a master runs on.

use vesta_net::Net;

use crate::time::Clocks;

/// What a master runs on: this machine, if nothing else is said.
#[derive(Clone, Default)]
pub struct Platform {
    /// What Raft runs on.
    pub raft: vesta_consensus::Platform,
    /// How it is reached, and reaches the others, for clients' sake.
    pub net: Net,
    /// Its clocks.
    pub clocks: Clocks,
}
