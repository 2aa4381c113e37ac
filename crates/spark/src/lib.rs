//! The wire protocol of Apache Spark's standalone clusters, as a master speaks it.

mod address;

pub mod message;
pub mod profile;
pub mod rest;
pub mod transport;
