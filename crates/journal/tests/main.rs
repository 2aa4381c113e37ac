//! What a journal keeps, and what it says when it can't.
#![allow(clippy::unwrap_used, clippy::panic)]

mod common;
mod damage;
mod identity;
mod log;
mod mounts;
mod power_cut;
mod snapshots;
