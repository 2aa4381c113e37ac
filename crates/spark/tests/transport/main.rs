//! Spark's RPC on the wire, against what real Spark wrote and against peers that nobody should have to meet.

#![allow(clippy::unwrap_used, clippy::panic)]

mod bad_input;
mod bodies;
mod closing;
mod crowd;
mod fixtures;
mod frames;
mod peer;
mod state;
mod talking;
