//! The programs that the cluster runs: stand-ins for drivers and executors, which write the ledger.
