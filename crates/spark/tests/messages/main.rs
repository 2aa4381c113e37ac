//! Messages against those that real Spark sent and took.

#![allow(clippy::unwrap_used, clippy::panic)]

mod descriptions;
mod descriptors;
mod fixtures;
mod hostile;
mod plain;
mod profiles;
mod read;
mod written;
