//! The flags of every command that talks to masters.

use std::time::Duration;

use clap::Args;
use vesta_client::{Client, ClientOptions, MasterList};

use crate::units;

/// How masters are reached.
#[derive(Args, Clone, Debug)]
pub struct Connection {
    /// The masters. Any one that answers is enough, whichever of them leads.
    #[arg(long, env = "VESTA_MASTER", value_name = "vesta://HOST:PORT,…")]
    pub master: MasterList,
    /// How long to try for an answer.
    #[arg(long, value_name = "TIME", default_value = "10s", value_parser = units::duration, allow_hyphen_values = true)]
    pub timeout: Duration,
}

impl Connection {
    /// A client of these masters; it connects when it is first used.
    pub fn client(&self) -> Client {
        let options = ClientOptions {
            deadline: self.timeout,
            ..ClientOptions::default()
        };
        Client::with_options(&self.master, options)
    }
}

/// The flags of every command that reads.
#[derive(Args, Clone, Debug)]
pub struct Reading {
    /// Write one JSON document instead of text for people.
    #[arg(long)]
    pub json: bool,
    /// Refuse an answer that no quorum confirms, instead of marking it as stale.
    #[arg(long)]
    pub consistent: bool,
}
