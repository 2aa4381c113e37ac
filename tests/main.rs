//! Vesta's tests on real processes, one module per subject.
#![allow(clippy::unwrap_used, clippy::panic)]

mod architecture;
mod bench;
mod cli;
mod cuts;
mod demo;
mod disconnect;
mod drain;
mod endpoints;
mod failover;
mod fencing;
mod frozen;
mod limits;
mod members;
mod observe;
mod outbox;
mod ports;
mod proxy;
mod restore;
mod scheduling;
mod seven_scenarios;
mod spark;
mod submission;
mod support;
mod timeouts;
mod worker;
