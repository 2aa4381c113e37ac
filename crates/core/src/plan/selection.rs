//! In which order workers are asked for an executor: Spark's `spark.deploy.workerSelectionPolicy`.

use serde::{Deserialize, Serialize};

use super::room::Size;

/// Which worker gets the next executor first. Like Spark's, it is about executors alone: drivers go round
/// robin.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "SCREAMING_SNAKE_CASE")]
pub enum WorkerSelection {
    /// The fewest free cores: full workers become fuller, others stay free for what is large.
    CoresFreeAsc,
    /// The most free cores (Spark's default).
    #[default]
    CoresFreeDesc,
    /// The least free memory.
    MemoryFreeAsc,
    /// The most free memory.
    MemoryFreeDesc,
    /// The lowest id.
    WorkerId,
}

impl WorkerSelection {
    /// Every policy.
    pub const ALL: [WorkerSelection; 5] = [
        WorkerSelection::CoresFreeAsc,
        WorkerSelection::CoresFreeDesc,
        WorkerSelection::MemoryFreeAsc,
        WorkerSelection::MemoryFreeDesc,
        WorkerSelection::WorkerId,
    ];

    /// Its name, as Spark writes it.
    pub fn as_str(self) -> &'static str {
        match self {
            WorkerSelection::CoresFreeAsc => "CORES_FREE_ASC",
            WorkerSelection::CoresFreeDesc => "CORES_FREE_DESC",
            WorkerSelection::MemoryFreeAsc => "MEMORY_FREE_ASC",
            WorkerSelection::MemoryFreeDesc => "MEMORY_FREE_DESC",
            WorkerSelection::WorkerId => "WORKER_ID",
        }
    }

    /// Where a worker with this much room stands: the lowest is asked first, and of equal ones that with
    /// the lowest id.
    pub(super) fn rank(self, room: Size) -> u64 {
        match self {
            WorkerSelection::CoresFreeAsc => u64::from(room.cores),
            WorkerSelection::MemoryFreeAsc => room.memory_mib,
            more => u64::MAX - more.most_wanted(room).unwrap_or_default(),
        }
    }

    /// What the worker that is asked first has the most of, if the policy is about having most of
    /// something: then a search can begin where there is most.
    pub(super) fn most_wanted(self, room: Size) -> Option<u64> {
        match self {
            WorkerSelection::CoresFreeDesc => Some(room.cores.into()),
            WorkerSelection::MemoryFreeDesc => Some(room.memory_mib),
            WorkerSelection::WorkerId => Some(0),
            WorkerSelection::CoresFreeAsc | WorkerSelection::MemoryFreeAsc => None,
        }
    }
}
