//! Raft for the replicated master: network, log, state machine adapter and node handle.
//!
//! This is the only crate that names openraft, and it knows nothing of Vesta: commands, replies and
//! snapshots are bytes. A [`Node`] drives a [`StateMachine`]; whether its owner may *act* as leader
//! is the owner's judgement, for which [`Node::status`] and [`Node::quorum_acked_since`] give the
//! facts (openraft does not step down when it loses its quorum).
//!
//! What is stored and sent are the messages of `proto/raft.proto`, never openraft's own form.

mod applier;
mod clock;
mod codec;
mod complaints;
mod config;
mod disk;
mod door;
mod error;
mod failure;
mod flusher;
mod formation;
mod limits;
mod log_store;
mod machine;
mod me;
mod members;
mod network;
mod node;
mod platform;
mod reads;
mod recent;
mod removal;
mod seed;
mod service;
mod start;
mod status;
#[cfg(test)]
mod store_suite;
mod types;

pub use config::{Config, Peer};
pub use disk::Disk;
pub use error::{MembershipError, ProposeError, ReadError, StartError};
pub use limits::COMMAND_BYTES_MAX;
pub use machine::StateMachine;
pub use members::Newcomer;
pub use node::{Applied, Node};
pub use platform::{Platform, Simulated};
pub use seed::{Seed, SeedError, plant};
pub use status::{MemberStatus, Role, Status};
pub use vesta_journal::JournalError;
