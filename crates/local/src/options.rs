//! What cluster to start.

use std::collections::BTreeMap;
use std::ffi::OsString;
use std::io;
use std::net::{Ipv4Addr, SocketAddr};
use std::path::PathBuf;
use std::time::Duration;

/// The `vesta` binary.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Program {
    /// Its path.
    pub path: PathBuf,
    /// Arguments before `master` or `worker`.
    pub args: Vec<OsString>,
}

impl Program {
    /// The binary at `path`.
    pub fn new(path: impl Into<PathBuf>) -> Program {
        Program {
            path: path.into(),
            args: Vec::new(),
        }
    }

    /// This very executable.
    ///
    /// # Errors
    /// When it has no path.
    pub fn current() -> io::Result<Program> {
        std::env::current_exe().map(Program::new)
    }
}

/// Where one process is, if it is not on loopback like everything else.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Place {
    /// Its address. One that is not on loopback is taken to be the process's own, with the usual ports.
    pub host: Ipv4Addr,
    /// What its command line begins with, such as `nsenter --net=…`. It must become the process, not
    /// start it: signals go to its pid.
    pub prefix: Vec<OsString>,
    /// Where a master is reached by everybody else, for clients and for masters, if something stands
    /// before it.
    pub advertised: Option<(SocketAddr, SocketAddr)>,
}

impl Default for Place {
    fn default() -> Place {
        Place {
            host: Ipv4Addr::LOCALHOST,
            prefix: Vec::new(),
            advertised: None,
        }
    }
}

/// What cluster to start. [`Options::new`] fills in the defaults.
#[derive(Clone, Debug)]
pub struct Options {
    /// The binary.
    pub program: Program,
    /// Where everything is kept; `None` is a temporary directory that goes with the cluster.
    pub dir: Option<PathBuf>,
    /// How many masters: 1, 3 or 5.
    pub masters: usize,
    /// How many workers.
    pub workers: usize,
    /// Cores that each worker gives.
    pub cores: u32,
    /// Memory that each worker gives, in MiB.
    pub memory_mib: u64,
    /// Raft's heartbeat.
    pub heartbeat: Duration,
    /// The least and the most that a master waits for a leader before it stands for election.
    pub election: (Duration, Duration),
    /// Scales every timeout of workers, recovery and applications.
    pub time_scale: f64,
    /// The log filter of every process.
    pub log: String,
    /// Environment variables of every process, beside this process's own.
    pub env: BTreeMap<String, String>,
    /// Where processes are, by name (`master-1`, `worker-2`); loopback for those that are not named.
    pub places: BTreeMap<String, Place>,
    /// Whether each master shows its metrics at an address of its own.
    pub metrics: bool,
    /// Whether each master has doors for Spark: RPC, REST and `/json`, each at an address of its own.
    pub spark: bool,
    /// Further settings of each master's configuration file; they win.
    pub master_settings: toml::Table,
    /// Further settings of each worker's configuration file; they win.
    pub worker_settings: toml::Table,
}

impl Options {
    /// Three masters with the timing that is Vesta's default, and two workers of 4 cores and 4 GiB.
    pub fn new(program: Program) -> Options {
        Options {
            program,
            dir: None,
            masters: 3,
            workers: 2,
            cores: 4,
            memory_mib: 4096,
            heartbeat: Duration::from_millis(100),
            election: (Duration::from_millis(300), Duration::from_millis(600)),
            time_scale: 1.0,
            log: "info".to_owned(),
            env: BTreeMap::new(),
            places: BTreeMap::new(),
            metrics: false,
            spark: false,
            master_settings: toml::Table::new(),
            worker_settings: toml::Table::new(),
        }
    }
}
