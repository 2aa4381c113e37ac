//! What applying entries must come to, one file per subject.

mod applications;
mod client;
mod drains;
mod drivers;
mod endpoints;
mod executors;
mod failover;
mod frozen;
mod garbage;
mod history;
mod leader_everywhere;
mod leadership;
mod leases;
mod life_cycles;
mod losing;
mod masters;
mod model;
mod orders;
mod placing;
mod ports;
mod property;
mod reports;
mod restored;
mod support;
mod workers;
mod world;
