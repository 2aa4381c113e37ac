//! Where the processes run: namespaces of the network or loopback, disks, relays.
//!
//! A run that can have it lives in namespaces of its own, of processes, mounts and networks ([`private`]):
//! whatever happens to it, the kernel takes back all of it with the run's last process. In there each node
//! has a network namespace ([`net`]), and masters have a relay before each port and, for power cuts and full
//! disks, a file system in an image file ([`disk`]). Where none of that is allowed everything is on loopback:
//! then links between single nodes can't be cut, and disks not.

pub mod commands;
pub mod disk;
pub mod metrics;
pub mod net;
pub mod private;
mod start;

use std::collections::BTreeMap;
use std::path::{Path, PathBuf};
use std::time::Duration;

use anyhow::{Context, Result};
use vesta_client::{Client, ClientOptions};
use vesta_local::{Cluster, Manners, Node, Relay};

use crate::record::{NetMode, RunDir};
use disk::Disk;
use net::Net;

pub(crate) use start::Surroundings;
pub use start::{Wanted, faketime};

/// A started cluster with all that can be done to its surroundings.
#[derive(Debug)]
pub struct Site {
    /// The processes.
    pub cluster: Cluster,
    /// The links between them; `None` on loopback.
    pub net: Option<Net>,
    /// Before each master: its relays for clients and for masters.
    pub relays: Vec<[Relay; 2]>,
    /// The file systems of masters, by index; none without images.
    pub disks: BTreeMap<usize, Disk>,
    mode: NetMode,
    dir: RunDir,
    vesta: PathBuf,
    wall: Option<PathBuf>,
    failpoints: PathBuf,
    next_id: u64,
}

impl Site {
    /// How the nodes are connected.
    pub fn mode(&self) -> NetMode {
        self.mode
    }

    /// The run's directory.
    pub fn dir(&self) -> &RunDir {
        &self.dir
    }

    /// The binary under test.
    pub fn vesta(&self) -> &Path {
        &self.vesta
    }

    /// How many masters there are.
    pub fn masters(&self) -> usize {
        self.cluster.masters.len()
    }

    /// The node `name`: `master-1`, `worker-2`.
    pub fn node(&mut self, name: &str) -> Option<&mut Node> {
        let Cluster {
            masters, workers, ..
        } = &mut self.cluster;
        masters
            .iter_mut()
            .chain(workers)
            .find(|node| node.name() == name)
    }

    /// A patient client of all masters, which no cut between nodes touches.
    pub fn client(&self) -> Result<Client> {
        let options = ClientOptions {
            deadline: Duration::from_secs(20),
            attempt: Duration::from_secs(2),
            ..ClientOptions::default()
        };
        let masters = self.cluster.master_url().parse();
        let masters = masters.context("the masters' own addresses are a list of masters")?;
        Ok(Client::with_options(&masters, options))
    }

    /// Has the relays of a master behave so.
    pub fn behave(&self, master: usize, manners: &Manners) {
        for relay in &self.relays[master] {
            relay.behave(manners.clone());
        }
    }

    /// How often a master's relays have made something late, lost, changed or refused.
    pub fn touched(&self, master: usize) -> u64 {
        self.relays[master].iter().map(Relay::touched).sum()
    }

    /// Lets the failpoints of a node be as `settings` says (`name=actions;…`), from now or its next start on.
    /// A running process follows within 100 ms.
    ///
    /// # Errors
    /// When the file can't be written.
    pub fn set_failpoints(&self, node: &str, settings: &str) -> Result<()> {
        let path = self.failpoints.join(node);
        let beside = self.failpoints.join(format!("{node}.new"));
        let written = std::fs::write(&beside, settings);
        written
            .and_then(|()| std::fs::rename(&beside, &path))
            .with_context(|| path.display().to_string())
    }

    /// Moves the wall clock of one master by so many seconds against the machine's.
    ///
    /// # Errors
    /// When clocks can't be moved here, or the file can't be written.
    pub fn set_wall_clock(&self, node: &str, seconds: i64) -> Result<()> {
        let dir = self
            .wall
            .as_ref()
            .context("this site moves no wall clocks")?;
        start::write_clock(dir, node, seconds)
    }

    /// A new Raft node id, which no master of this run has had.
    pub fn new_id(&mut self) -> u64 {
        self.next_id += 1;
        self.next_id
    }
}
