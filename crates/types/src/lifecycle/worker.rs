//! The life cycle of this kind of object.

super::states!(
    /// A worker. A DEAD one that comes back is what it was, ALIVE or drained, in a confirmed registration.
    ///
    /// | from | to | when |
    /// |---|---|---|
    /// | ALIVE | DEAD | silent for the worker timeout, or replaced at its address |
    /// | ALIVE | DECOMMISSIONED | it is drained: nothing new is placed on it |
    /// | DECOMMISSIONED | DEAD | as ALIVE |
    /// | DEAD | ALIVE, DECOMMISSIONED | it registers again; a drain outlives it |
    /// | DECOMMISSIONED | ALIVE | its drain is taken back |
    WorkerState, "a worker", {
        /// Registered; work is placed on it.
        Alive = "ALIVE",
        /// Lost; its instances are terminal.
        Dead = "DEAD",
        /// It keeps what it has and gets nothing new.
        Decommissioned = "DECOMMISSIONED",
    },
    final: [],
    table: [
        Alive => [Dead, Decommissioned],
        Dead => [Alive, Decommissioned],
        Decommissioned => [Dead, Alive],
    ]
);
