//! What Vesta decides, without IO: the replicated state, the commands that change it, how they are
//! applied, how work is placed, and what must always hold.
//!
//! There is no clock, randomness, file or task in here. Time comes in as a value, in the command or as
//! an argument. So every replica that applies the same log has the same state, and everything can be
//! tested in microseconds.
//!
//! - [`ClusterState`] is what every master has.
//! - [`Command`] is one log entry; [`ClusterState::apply`] verifies and applies it and answers with a
//!   [`Reply`].
//! - [`plan::plan`] is run by the leader only; its result goes through the log as [`Command::Place`],
//!   and `apply` re-checks all of it.
//! - [`orders::for_worker`] derives what a worker should run and stop.
//! - [`invariants::check`] is run after each `apply` in debug builds.

pub mod apply;
pub mod codec;
pub mod command;
pub mod failover;
pub mod invariants;
pub mod orders;
pub mod plan;
pub mod reply;
pub mod state;
pub mod version;

pub use command::{Command, Entry, Placement, Request, SparkAsk};
pub use failover::{FailoverReport, Outcome};
pub use plan::Policy;
pub use reply::{Answer, RejectCode, Rejection, Reply};
pub use state::{Application, ClusterState, Driver, Executor, Worker};
