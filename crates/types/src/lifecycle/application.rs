//! The life cycle of this kind of object.

super::states!(
    /// An application.
    ///
    /// | from | to | when |
    /// |---|---|---|
    /// | WAITING | RUNNING | it holds an executor |
    /// | RUNNING | WAITING | it holds none any more |
    /// | WAITING, RUNNING | FINISHED | its client says so, its driver finished, or its lease is over |
    /// | WAITING, RUNNING | FAILED | its executors failed too often in a row, or its driver failed |
    /// | WAITING, RUNNING | KILLED | killed on request |
    ApplicationState, "an application", {
        /// It holds no executor.
        Waiting = "WAITING",
        /// It holds at least one executor.
        Running = "RUNNING",
        /// It ended well.
        Finished = "FINISHED",
        /// It ended badly.
        Failed = "FAILED",
        /// It was ended on request.
        Killed = "KILLED",
    },
    final: [Finished, Failed, Killed],
    table: [
        Waiting => [Running, Finished, Failed, Killed],
        Running => [Waiting, Finished, Failed, Killed],
        Finished => [],
        Failed => [],
        Killed => [],
    ]
);
