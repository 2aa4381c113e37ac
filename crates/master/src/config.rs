//! What a master is told at its start.

use std::net::SocketAddr;

use vesta_core::Policy;
use vesta_types::{Lease, OnDisconnect};

use crate::leader::Timing;
use crate::spark::SparkDoor;

/// A master's configuration, checked by whoever read it.
#[derive(Clone, Debug)]
pub struct Config {
    /// Raft: who it is, who the others are, where its data is.
    pub node: vesta_consensus::Config,
    /// Where clients, workers and applications reach it.
    pub listen: SocketAddr,
    /// Where metrics and readiness are asked; nowhere if it is not given.
    pub metrics_listen: Option<SocketAddr>,
    /// Where Spark's own processes reach it; nowhere if it is not given.
    pub spark: Option<SparkDoor>,
    /// How long what is silent is waited for.
    pub timing: Timing,
    /// How the leader plans.
    pub policy: Policy,
    /// How often an executor may fail in a row, where an application does not say; -1: no limit.
    pub max_executor_retries: i32,
    /// What becomes of a driver whose worker is cut off, where it does not say.
    pub on_disconnect: OnDisconnect,
    /// How long one that is to stop then runs on.
    pub lease: Lease,
    /// Whether another bind than loopback was allowed; said in the log each hour.
    pub insecure: bool,
}
