//! What `chaos run` is told.

use std::path::PathBuf;
use std::time::Duration;

use clap::{Args, ValueEnum};

use crate::fault::Kind;

/// Run a cluster under load, with the faults of a seed, and judge what it did.
#[derive(Clone, Debug, Args)]
pub struct Arguments {
    /// Decides which faults, on whom, when, and for how long
    #[arg(long, default_value_t = 1)]
    pub seed: u64,
    /// How long faults are injected
    #[arg(long, default_value_t = 2.0)]
    pub minutes: f64,
    /// Masters: 3 or 5
    #[arg(long, default_value_t = 3, value_parser = masters)]
    pub masters: usize,
    /// Workers, of 4 cores and 4 GiB
    #[arg(long, default_value_t = 3, value_parser = clap::value_parser!(u8).range(1..=50))]
    pub workers: u8,
    /// How nodes are connected
    #[arg(long, value_enum, default_value_t = NetWish::Auto)]
    pub net: NetWish,
    /// Where the run's directory is made. By default a new one under the system's temporary directory
    #[arg(long)]
    pub out: Option<PathBuf>,
    /// Scales every time that a verdict depends on: 0.0834 makes a worker's timeout 5 s
    #[arg(long, default_value_t = 5.0 / 60.0, value_parser = scale)]
    pub scale: f64,
    /// The faults to choose from, by name, separated by commas. By default all that are possible here
    #[arg(long, value_delimiter = ',')]
    pub faults: Vec<Kind>,
    /// The binary under test, built with the feature `faults` or in debug. By default it is built
    #[arg(long)]
    pub vesta: Option<PathBuf>,
}

/// How nodes are to be connected.
#[derive(Clone, Copy, Debug, PartialEq, Eq, ValueEnum)]
pub enum NetWish {
    /// Namespaces where they work, else loopback
    Auto,
    /// Each node in a network namespace of its own
    Namespaces,
    /// All on loopback: links between single nodes can't be cut, and disks not
    Loopback,
}

impl Arguments {
    /// How long faults are injected.
    pub fn duration(&self) -> Duration {
        Duration::from_secs_f64(self.minutes.max(0.0) * 60.0)
    }
}

fn masters(text: &str) -> Result<usize, String> {
    match text.parse() {
        Ok(masters @ (3 | 5)) => Ok(masters),
        _ => Err(format!("{text:?}: 3 or 5 are wanted")),
    }
}

fn scale(text: &str) -> Result<f64, String> {
    match text.parse() {
        // Below that a lost worker could not be told from one whose orders are still good.
        Ok(scale) if (0.06..=1.0).contains(&scale) => Ok(scale),
        _ => Err(format!("{text:?}: a number from 0.06 to 1 is wanted")),
    }
}
