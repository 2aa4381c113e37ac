//! A cluster of real processes on one machine: for the demo, tests, scripts and fault injection.
//!
//! It starts `vesta master` and `vesta worker` processes on loopback, kills, pauses and restarts them,
//! and leaves none behind: not when it is dropped, not after a panic, and, by [`watch_parent`], not
//! when its own process is killed. It knows nothing of what the processes do. What they launched is
//! judged by a [`ledger`] that the launched programs themselves write.

pub mod cluster;
pub mod error;
pub mod interrupt;
pub mod ledger;
mod leftovers;
pub mod node;
pub mod options;
mod parent;
mod ports;
pub mod process;
pub mod relay;
pub mod wait;

pub use cluster::Cluster;
pub use error::LocalError;
pub use interrupt::interrupted;
pub use node::{Node, Role, SparkDoors};
pub use options::{Options, Place, Program};
pub use parent::{PARENT_VARIABLE, watch_parent};
pub use process::Process;
pub use relay::{Manners, Relay};
pub use wait::{TimedOut, wait_for, wait_until};
