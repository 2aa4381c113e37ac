//! Real nodes on loopback, in one process.
#![allow(clippy::unwrap_used, clippy::panic)]

mod cluster;
mod elections;
mod formation;
mod identity;
mod machine;
mod members;
mod reads;
mod replication;
mod sole;
mod stopping;
