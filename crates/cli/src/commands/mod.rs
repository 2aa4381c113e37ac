//! One file per command.

pub mod app;
pub mod client_mode;
pub mod cluster;
pub mod completions;
pub mod daemon;
pub mod drain;
pub mod endpoint;
pub mod failover;
pub mod kill;
pub mod list;
pub mod logs;
pub mod master;
pub mod process;
pub mod snapshot;
pub mod status;
pub mod stop;
pub mod submit;
pub mod target;
pub mod worker;
