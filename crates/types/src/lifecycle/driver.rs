//! The life cycle of this kind of object.

super::states!(
    /// A driver in cluster mode.
    ///
    /// | from | to | when |
    /// |---|---|---|
    /// | SUBMITTED, RELAUNCHING | RUNNING | placed on a worker |
    /// | SUBMITTED, RELAUNCHING | KILLED | killed while it waited |
    /// | RUNNING | FINISHED | exit code 0 |
    /// | RUNNING | FAILED | another end of its process |
    /// | RUNNING | KILLED | ended on request |
    /// | RUNNING | ERROR | it could not be run; or, unsupervised, its worker was lost |
    /// | RUNNING | RELAUNCHING | supervised and its worker was lost; or it provably never ran |
    DriverState, "a driver", {
        /// Accepted; it waits for a worker.
        Submitted = "SUBMITTED",
        /// Placed on a worker.
        Running = "RUNNING",
        /// Its process exited with code 0.
        Finished = "FINISHED",
        /// It waits for a worker again, under a new attempt and the same id.
        Relaunching = "RELAUNCHING",
        /// Ended on request.
        Killed = "KILLED",
        /// Its process failed.
        Failed = "FAILED",
        /// It could not be run, or it can't be told how it ended.
        Error = "ERROR",
    },
    final: [Finished, Killed, Failed, Error],
    table: [
        Submitted => [Running, Killed],
        Relaunching => [Running, Killed],
        Running => [Finished, Failed, Killed, Error, Relaunching],
        Finished => [],
        Killed => [],
        Failed => [],
        Error => [],
    ]
);

impl DriverState {
    /// Whether it waits for a worker.
    pub const fn is_waiting(self) -> bool {
        matches!(self, DriverState::Submitted | DriverState::Relaunching)
    }
}
