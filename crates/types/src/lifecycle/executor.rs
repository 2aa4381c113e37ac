//! The life cycle of this kind of object.

super::states!(
    /// An executor.
    ///
    /// | from | to | when |
    /// |---|---|---|
    /// | LAUNCHING | RUNNING | its worker reports its process |
    /// | LAUNCHING, RUNNING | EXITED | it ended by itself, whatever its code |
    /// | LAUNCHING, RUNNING | FAILED | it could not be run, or its outcome is not known |
    /// | LAUNCHING, RUNNING | KILLED | ended on request |
    /// | LAUNCHING, RUNNING | LOST | its worker was lost, or it provably never ran |
    /// | LAUNCHING, RUNNING | DECOMMISSIONED | its worker is drained, and the time for that is over; of Spark's, at once |
    /// | DECOMMISSIONED | EXITED, FAILED, KILLED, LOST | as above |
    ExecutorState, "an executor", {
        /// Granted and committed; its worker has not reported it yet.
        Launching = "LAUNCHING",
        /// Its process runs.
        Running = "RUNNING",
        /// Ended on request.
        Killed = "KILLED",
        /// It could not be run.
        Failed = "FAILED",
        /// Its worker was lost.
        Lost = "LOST",
        /// Its process ended by itself.
        Exited = "EXITED",
        /// Its worker is drained, and it is told to end, or its driver, of Spark's, is told to let it go;
        /// it may still run.
        Decommissioned = "DECOMMISSIONED",
    },
    final: [Killed, Failed, Lost, Exited],
    table: [
        Launching => [Running, Killed, Failed, Lost, Exited, Decommissioned],
        Running => [Killed, Failed, Lost, Exited, Decommissioned],
        Decommissioned => [Killed, Failed, Lost, Exited],
        Killed => [],
        Failed => [],
        Lost => [],
        Exited => [],
    ]
);
