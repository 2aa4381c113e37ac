//! The codec against streams that real Spark and a real JVM wrote, and against streams that nobody should write.

#![allow(clippy::unwrap_used, clippy::panic)]

mod access;
mod build;
mod check;
mod corpus;
mod dump;
mod fixtures;
mod fuzz;
mod hostile;
mod import;
mod jvm;
mod roundtrip;
mod scala;
