//! The life cycle of this kind of object.

super::states!(
    /// How a master shows itself. It follows from its role and its epoch's recovery and is never stored.
    RecoveryState, "a master", {
        /// It doesn't lead, or its leadership is suspended.
        Standby = "STANDBY",
        /// It leads and waits for the answers of what was placed.
        Recovering = "RECOVERING",
        /// It has proposed to complete the recovery.
        CompletingRecovery = "COMPLETING_RECOVERY",
        /// It leads, and recovery is over.
        Alive = "ALIVE",
    },
    final: [],
    table: [
        Standby => [Recovering, Alive],
        Recovering => [CompletingRecovery, Standby],
        CompletingRecovery => [Alive, Standby],
        Alive => [Standby],
    ]
);
