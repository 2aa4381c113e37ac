//! What a master answers over gRPC, on the port for clients, workers and applications.

pub mod application;
pub mod client;
mod endpoints;
mod forward;
mod logs;
mod masters;
mod members;
mod snapshot;
pub mod status;
pub mod views;
pub mod worker;

pub(crate) use forward::Route;
