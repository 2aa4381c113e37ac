//! The master: it leads or follows, holds a stream to every worker and application, and answers
//! clients.
//!
//! What a leader decides is in [`leader`] (no IO) and in `vesta-core`. The rest of this crate carries
//! it out: [`lead`] runs the leadership, [`sessions`] owns the streams, [`services`] speaks gRPC.

pub mod config;
pub mod context;
mod door;
pub mod failpoints;
pub mod lead;
pub mod leader;
pub mod machine;
pub mod meters;
mod observe;
mod platform;
pub mod proposer;
pub mod reads;
mod run;
pub mod services;
pub mod sessions;
pub mod spark;
pub mod standing;
pub mod time;
mod upkeep;

pub use config::Config;

/// The highest version of the replicated rules that this master can follow.
pub fn speaks() -> u32 {
    failpoints::number_of(failpoints::SPEAKS).unwrap_or(vesta_core::version::LATEST)
}

pub use platform::Platform;
pub use run::{Master, RunError, run};
