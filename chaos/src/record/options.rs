//! What was run.

use std::time::Duration;

use serde::{Deserialize, Serialize};

use super::Clock;

/// `options.json`: all that a run was told, and what it started from.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub struct Options {
    /// The seed that the plan of faults comes from.
    pub seed: u64,
    /// The scenario, if it is one.
    #[serde(default)]
    pub scenario: Option<String>,
    /// How long faults are injected, in seconds.
    pub seconds: u64,
    /// How many masters.
    pub masters: u32,
    /// How many workers.
    pub workers: u32,
    /// How they are connected.
    pub net: NetMode,
    /// The timing of the cluster, scaled.
    pub timings: Timings,
    /// The faults that the plan may choose from.
    pub faults: Vec<String>,
    /// The commit of the binary under test, as far as known.
    pub commit: String,
    /// When it started: CLOCK_BOOTTIME, microseconds.
    pub started_boot_us: u64,
    /// When it started, wall clock, milliseconds since 1970.
    pub started_wall_ms: u64,
    /// The least number of acknowledged calls in each of: before the first fault, during, and after the last
    /// one. With fewer nothing is concluded.
    pub calls_min: u64,
}

impl Options {
    /// The run's clock.
    pub fn clock(&self) -> Clock {
        Clock::started_at(self.started_boot_us)
    }
}

/// How the nodes are connected.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "lowercase")]
pub enum NetMode {
    /// Each in a network namespace of its own.
    Namespaces,
    /// All on loopback.
    Loopback,
}

/// The times that verdicts depend on, in milliseconds, scaled as the cluster has them.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Timings {
    /// How often a worker is heard.
    pub worker_heartbeat_ms: u64,
    /// How long a silent worker lives on.
    pub worker_timeout_ms: u64,
    /// How long a recovery waits for those that don't answer.
    pub recovery_timeout_ms: u64,
    /// How long an application lives on without its client.
    pub app_lease_ms: u64,
    /// How old a worker's last confirmed heartbeat may be when it executes an order.
    pub order_ttl_ms: u64,
    /// How long a driver that is to stop when cut off runs on.
    pub stop_lease_ms: u64,
    /// How long a process is given to end before it is killed; not scaled by Vesta.
    pub stop_grace_ms: u64,
    /// The most that a master waits for a leader before it stands for election; not scaled by Vesta.
    pub election_max_ms: u64,
}

impl Timings {
    /// Vesta's defaults with its own times multiplied by `scale`. The grace and the election's are as given.
    pub fn scaled(scale: f64, stop_grace: Duration, election_max: Duration) -> Timings {
        let scaled = |seconds: u32| (f64::from(seconds) * 1_000.0 * scale).round() as u64;
        let whole = |time: Duration| u64::try_from(time.as_millis()).unwrap_or(u64::MAX);
        Timings {
            worker_heartbeat_ms: scaled(5),
            worker_timeout_ms: scaled(60),
            recovery_timeout_ms: scaled(60),
            app_lease_ms: scaled(300),
            order_ttl_ms: scaled(15),
            stop_lease_ms: scaled(120),
            stop_grace_ms: whole(stop_grace),
            election_max_ms: whole(election_max),
        }
    }
}
