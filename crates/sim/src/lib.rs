//! A deterministic simulator of Vesta.
//!
//! One seed gives the options, the run and the verdict, byte for byte. Real are: the replicated state
//! and its invariants (`vesta_core`), leadership (`vesta_master::{leader, standing}`), the snapshot's
//! codec, a worker's decisions (`vesta_worker::reconcile`, what its records mean, its lease and its last
//! look before exec), an application's judgement of messages and a client's rules of repeating
//! (`vesta_client`). Modelled are: Raft ([`raft`], message by message), disks, the network, clocks,
//! supervisors and processes, and whoever breaks things.
//!
//! A run has two phases: faults everywhere; then everything heals but a minority of masters and some
//! workers, and within a stated time everything must have come right, new work must run, and in the end
//! nothing may be left.
//!
//! | invariant | where it is checked |
//! |---|---|
//! | I1 nothing acknowledged is lost; I2 one key, one answer; I3 no phantoms; I19 kills hold | `check/told.rs` |
//! | I4, I6, I10–I14, I18 of the state; I15 also by what happens | `vesta_core::invariants`, `check/truth.rs` |
//! | I5, I7 executed at most once; one copy of a driver that is to stop | `check/ledger.rs` |
//! | I8 nothing of an older epoch; order freshness; I17 nothing wanted is ended | `check/truth.rs` |
//! | I9 no orphans, no ghosts; I16, I25, I26, I27 in time; I28 bounds; resources are back | `world/judge.rs` |
//! | verdicts come by time led | `world/master/verdicts.rs` |
//! | I20 one leader per term, one log, one state; I21 snapshots; I22 terms never go back | `check/truth.rs` |
//! | "nothing was done" is true | `check/told.rs` |
//!
//! I23 and I24 are of the journal and of real reads: other layers check them. Members do not change here.

pub mod check;
pub mod clock;
pub mod coverage;
pub mod fault;
pub mod options;
pub mod raft;
pub mod run;
pub mod trace;
pub mod world;
