//! What every master says at the end.

use serde::{Deserialize, Serialize};

/// `state.json`: the answers of every master, after everything has ended that should have.
#[derive(Clone, Debug, Default, PartialEq, Serialize, Deserialize)]
pub struct FinalState {
    /// By master.
    pub masters: Vec<MasterState>,
}

/// What one master says.
#[derive(Clone, Debug, Default, PartialEq, Serialize, Deserialize)]
pub struct MasterState {
    /// `master-1`.
    pub node: String,
    /// Why it says nothing; then the rest is empty.
    #[serde(default)]
    pub error: Option<String>,
    /// Whether it leads.
    pub leader: bool,
    /// Its status.
    pub status: String,
    /// The number of the leadership.
    pub epoch: u64,
    /// The hash of its state, and the index of it.
    pub hash: (u64, String),
    /// The drivers, ended ones too as far as kept.
    pub drivers: Vec<DriverState>,
    /// The applications, likewise.
    pub applications: Vec<AppState>,
    /// The workers.
    pub workers: Vec<WorkerState>,
    /// Reports of its fail-overs.
    pub failovers: Vec<FailoverState>,
}

/// A driver.
#[derive(Clone, Debug, Default, PartialEq, Serialize, Deserialize)]
pub struct DriverState {
    /// Its id.
    pub id: String,
    /// Its state.
    pub state: String,
    /// Whether that is final.
    pub ended: bool,
    /// Where it is, or was last.
    pub worker: String,
    /// The current or last instance.
    pub instance: String,
    /// Cores that it asks for.
    pub cores: u32,
    /// Memory that it asks for.
    pub memory_mib: u64,
    /// Whether a kill is recorded.
    pub kill_requested: bool,
    /// The process, 0 if not known.
    pub pid: u32,
}

/// An application.
#[derive(Clone, Debug, Default, PartialEq, Serialize, Deserialize)]
pub struct AppState {
    /// Its id.
    pub id: String,
    /// Its state.
    pub state: String,
    /// Whether that is final.
    pub ended: bool,
    /// The driver that registered it; empty if none.
    pub driver: String,
    /// The cores that it may hold.
    pub max_cores: Option<u32>,
    /// Its executors.
    pub executors: Vec<ExecutorState>,
}

/// An executor.
#[derive(Clone, Debug, Default, PartialEq, Serialize, Deserialize)]
pub struct ExecutorState {
    /// Its number.
    pub number: u32,
    /// Its state.
    pub state: String,
    /// Whether that is final.
    pub ended: bool,
    /// Where it is, or was.
    pub worker: String,
    /// Its instance.
    pub instance: String,
    /// Its cores.
    pub cores: u32,
    /// Its memory.
    pub memory_mib: u64,
    /// What is said of its end.
    pub message: String,
}

/// A worker.
#[derive(Clone, Debug, Default, PartialEq, Serialize, Deserialize)]
pub struct WorkerState {
    /// Its id.
    pub id: String,
    /// Its state.
    pub state: String,
    /// What it gives.
    pub cores: u32,
    /// Of that, booked.
    pub cores_used: u32,
    /// What it gives.
    pub memory_mib: u64,
    /// Of that, booked.
    pub memory_used_mib: u64,
    /// Drivers there.
    pub drivers: u32,
    /// Executors there.
    pub executors: u32,
    /// What it runs and the state can't explain.
    pub quarantined: u32,
    /// What it is told to stop.
    pub stopping: u32,
}

/// A fail-over, as `vesta failover` reports it.
#[derive(Clone, Debug, Default, PartialEq, Serialize, Deserialize)]
pub struct FailoverState {
    /// The leadership.
    pub epoch: u64,
    /// Raft's term.
    pub term: u64,
    /// The node that leads.
    pub leader: u64,
    /// Wall clock, milliseconds since 1970.
    pub started_ms: u64,
    /// Without a leader, as the new one saw it, milliseconds.
    pub election_ms: u64,
    /// Until recovery was complete, milliseconds; absent if it never was.
    pub recovery_ms: Option<u64>,
    /// Executors that were ended because of it.
    pub executors_killed: u32,
    /// Objects that were lost.
    pub lost: u32,
}
