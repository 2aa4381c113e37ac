//! Masters and workers as real processes.

use std::net::SocketAddr;
use std::path::{Path, PathBuf};
use std::time::Duration;

use tempfile::TempDir;
use tokio::net::TcpStream;

use crate::error::LocalError;
use crate::leftovers;
use crate::node::{Node, Role, SparkDoors};
use crate::options::{Options, Place};
use crate::ports::Ports;
use crate::wait::wait_until;

/// How long a worker may take to end what it launched.
const WORKER_GRACE: Duration = Duration::from_secs(20);

/// How long a master may take to hand over and end.
const MASTER_GRACE: Duration = Duration::from_secs(5);

/// Ports for workers and masters that are added later.
const SPARE: usize = 16;

/// The ports of what has an address of its own.
const CLIENTS_PORT: u16 = 7700;
const RAFT_PORT: u16 = 7701;
const METRICS_PORT: u16 = 7709;
const SPARK_PORT: u16 = 7077;
const SPARK_REST_PORT: u16 = 6066;
const SPARK_UI_PORT: u16 = 8080;
const WORKER_PORT: u16 = 7710;

/// A cluster of real processes on loopback. Dropping it kills them, and all that its workers launched.
#[derive(Debug)]
pub struct Cluster {
    /// The masters; the number of each is its Raft node id.
    pub masters: Vec<Node>,
    /// The workers.
    pub workers: Vec<Node>,
    options: Options,
    dir: PathBuf,
    temporary: Option<TempDir>,
    ports: Ports,
}

impl Cluster {
    /// Writes the configuration of every process and starts them all. Their being ready is
    /// [`Cluster::ready`]'s to say.
    ///
    /// # Errors
    /// When the options make no sense, no port is free, or a process can't be started. What was started
    /// already is killed.
    pub fn start(options: Options) -> Result<Cluster, LocalError> {
        let mut cluster = Cluster::prepare(options)?;
        for node in cluster.masters.iter_mut().chain(&mut cluster.workers) {
            node.start()?;
        }
        Ok(cluster)
    }

    /// As [`Cluster::start`], without starting any process: for those that are to start one by one, or
    /// with failpoints.
    ///
    /// # Errors
    /// As [`Cluster::start`].
    pub fn prepare(options: Options) -> Result<Cluster, LocalError> {
        if !matches!(options.masters, 1 | 3 | 5) {
            let masters = options.masters;
            return Err(LocalError::Options(format!(
                "{masters} masters: 1, 3 or 5 are wanted"
            )));
        }
        let (dir, temporary) = directory(&options)?;
        let ports = options.masters * 3 + options.workers + SPARE;
        let ports = Ports::take(ports).map_err(LocalError::Ports)?;
        let mut cluster = Cluster {
            masters: Vec::new(),
            workers: Vec::new(),
            options,
            dir,
            temporary,
            ports,
        };
        cluster.add_masters()?;
        for _ in 0..cluster.options.workers {
            cluster.add_worker()?;
        }
        Ok(cluster)
    }

    fn add_masters(&mut self) -> Result<(), LocalError> {
        let mut rafts = Vec::new();
        let mut peers = Vec::new();
        for number in 1..=self.options.masters {
            let place = self.place(Role::Master, number);
            let listen = self.address(&place, CLIENTS_PORT)?;
            let raft = self.address(&place, RAFT_PORT)?;
            let (clients, masters) = place.advertised.unwrap_or((listen, raft));
            peers.push(format!("{number}={clients}/{masters}"));
            rafts.push(raft);
            let mut node = self.node(Role::Master, number, listen);
            if self.options.metrics {
                node.show_metrics_at(self.address(&place, METRICS_PORT)?);
            }
            if self.options.spark {
                node.open_to_spark_at(SparkDoors {
                    rpc: self.address(&place, SPARK_PORT)?,
                    rest: self.address(&place, SPARK_REST_PORT)?,
                    ui: self.address(&place, SPARK_UI_PORT)?,
                });
            }
            self.masters.push(node);
        }
        for (node, raft) in self.masters.iter().zip(rafts) {
            write(&node.config(), &self.master_settings(node, raft, &peers))?;
        }
        Ok(())
    }

    /// Adds one more master, not started yet: it will wait to be joined. Returns its index in `masters`,
    /// and itself as `ID=CLIENTS/RAFT`.
    ///
    /// # Errors
    /// When no port is left, or its configuration can't be written.
    pub fn add_master(&mut self) -> Result<(usize, String), LocalError> {
        let at = self.masters.len();
        let listen = self.address(&self.place(Role::Master, at + 1), CLIENTS_PORT)?;
        let node = self.node(Role::Master, at + 1, listen);
        self.masters.push(node);
        self.configure_alone(at).map(|named| (at, named))
    }

    /// Gives the master at `at`, which must not run, new addresses and no list of peers. Returns itself
    /// as `ID=CLIENTS/RAFT`.
    ///
    /// # Errors
    /// As [`Cluster::add_master`].
    pub fn move_master(&mut self, at: usize) -> Result<String, LocalError> {
        let listen = self.address(&self.masters[at].place().clone(), CLIENTS_PORT)?;
        self.masters[at].move_to(listen);
        self.configure_alone(at)
    }

    /// Lets the master at `at` forget the list of peers that it was to form a cluster with: on an empty
    /// directory it waits to be joined from now on. Returns itself as `ID=CLIENTS/RAFT`.
    ///
    /// # Errors
    /// As [`Cluster::add_master`].
    pub fn configure_alone(&mut self, at: usize) -> Result<String, LocalError> {
        let place = self.masters[at].place().clone();
        let raft = self.address(&place, RAFT_PORT)?;
        let node = &self.masters[at];
        write(&node.config(), &self.master_settings(node, raft, &[]))?;
        let (clients, masters) = place.advertised.unwrap_or((node.address(), raft));
        Ok(format!("{}={clients}/{masters}", node.id()))
    }

    /// As [`Cluster::configure_alone`], under another Raft node id: for a master that has lost its data, and
    /// is a new member from now on. Everything else of it stays.
    ///
    /// # Errors
    /// As [`Cluster::add_master`].
    pub fn configure_as(&mut self, at: usize, id: u64) -> Result<String, LocalError> {
        self.masters[at].set_id(id);
        self.configure_alone(at)
    }

    /// Where the other masters reach the master at `at`, as its configuration says.
    pub fn raft_address(&self, at: usize) -> Option<String> {
        let settings = std::fs::read_to_string(self.masters[at].config()).ok()?;
        let settings: toml::Table = settings.parse().ok()?;
        Some(settings.get("raft_listen")?.as_str()?.to_owned())
    }

    /// Adds one more worker, not started yet; returns its index in `workers`.
    ///
    /// # Errors
    /// When no port is left, or its configuration can't be written.
    pub fn add_worker(&mut self) -> Result<usize, LocalError> {
        let at = self.workers.len();
        let listen = self.address(&self.place(Role::Worker, at + 1), WORKER_PORT)?;
        let node = self.node(Role::Worker, at + 1, listen);
        write(&node.config(), &self.worker_settings(&node))?;
        self.workers.push(node);
        Ok(at)
    }

    fn place(&self, role: Role, number: usize) -> Place {
        let name = format!("{}-{number}", role.as_str());
        self.options.places.get(&name).cloned().unwrap_or_default()
    }

    /// On loopback a port that nobody has; an address of its own has each port but once.
    fn address(&mut self, place: &Place, port: u16) -> Result<SocketAddr, LocalError> {
        let port = if place.host.is_loopback() {
            self.ports.next().map_err(LocalError::Ports)?
        } else {
            port
        };
        Ok(SocketAddr::from((place.host, port)))
    }

    fn node(&self, role: Role, number: usize, address: SocketAddr) -> Node {
        let Options { program, env, .. } = self.options.clone();
        let place = self.place(role, number);
        Node::new(role, number, address, place, program, self.dir.clone(), env)
    }

    fn master_settings(&self, node: &Node, raft: SocketAddr, peers: &[String]) -> toml::Table {
        let options = &self.options;
        let mut table = toml::Table::new();
        let mut set = |name: &str, value: toml::Value| table.insert(name.to_owned(), value);
        set("node_id", integer(node.id()));
        set("data_dir", path(&node.dir()));
        set("listen", node.address().to_string().into());
        set("raft_listen", raft.to_string().into());
        if !peers.is_empty() {
            set("peers", peers.to_vec().into());
            set("form", true.into());
        }
        if let Some((clients, masters)) = node.place().advertised {
            set("advertise", clients.to_string().into());
            set("raft_advertise", masters.to_string().into());
        }
        if let Some(metrics) = node.metrics() {
            set("metrics_listen", metrics.to_string().into());
        }
        if let Some(spark) = node.spark() {
            set("spark_listen", spark.rpc.to_string().into());
            set("spark_rest_listen", spark.rest.to_string().into());
            set("spark_ui_listen", spark.ui.to_string().into());
            let doors = self.masters.iter().filter_map(Node::spark);
            let doors: Vec<String> = doors.map(|it| it.rpc.to_string()).collect();
            let masters = format!("spark://{}", doors.join(","));
            set("spark_masters", masters.into());
        }
        set("insecure", (!node.place().host.is_loopback()).into());
        set("heartbeat_ms", millis(options.heartbeat));
        set("election_min_ms", millis(options.election.0));
        set("election_max_ms", millis(options.election.1));
        set("time_scale", options.time_scale.into());
        set("log", options.log.clone().into());
        table.extend(options.master_settings.clone());
        table
    }

    fn worker_settings(&self, node: &Node) -> toml::Table {
        let options = &self.options;
        let masters: Vec<String> = self
            .masters
            .iter()
            .map(|master| master.advertised().to_string())
            .collect();
        let mut table = toml::Table::new();
        let mut set = |name: &str, value: toml::Value| table.insert(name.to_owned(), value);
        set("masters", masters.into());
        set("dir", path(&node.dir()));
        set("listen", node.address().to_string().into());
        set("insecure", (!node.place().host.is_loopback()).into());
        set("cores", integer(options.cores.into()));
        set("memory", format!("{}m", options.memory_mib).into());
        set("time_scale", options.time_scale.into());
        set("log", options.log.clone().into());
        table.extend(options.worker_settings.clone());
        table
    }

    /// Where everything is kept.
    pub fn dir(&self) -> &Path {
        &self.dir
    }

    /// Keeps the directory when the cluster is dropped.
    pub fn keep_dir(&mut self) {
        if let Some(temporary) = &mut self.temporary {
            temporary.disable_cleanup(true);
        }
    }

    /// `vesta://127.0.0.1:…,…`: every master.
    pub fn master_url(&self) -> String {
        let addresses: Vec<String> = self
            .masters
            .iter()
            .map(|master| master.advertised().to_string())
            .collect();
        format!("vesta://{}", addresses.join(","))
    }

    /// The file that launched programs append to, see [`crate::ledger`].
    pub fn ledger(&self) -> PathBuf {
        self.dir.join("ledger")
    }

    /// Waits until every started process accepts connections.
    ///
    /// # Errors
    /// At once when one has ended, with the end of its log; or when it takes longer than `timeout`.
    pub async fn ready(&mut self, timeout: Duration) -> Result<(), LocalError> {
        let mut failed = None;
        let waiting = wait_until("every process to listen", timeout, async || {
            for node in self.masters.iter_mut().chain(&mut self.workers) {
                if let Err(error) = node.check() {
                    failed = Some(error);
                    return true;
                }
                if node.process().is_some() && TcpStream::connect(node.address()).await.is_err() {
                    return false;
                }
            }
            true
        });
        waiting.await?;
        failed.map_or(Ok(()), Err)
    }

    /// Ends everything in order: workers first, which end what they launched and report it, then
    /// masters; whoever takes too long is killed. Returns what had to be killed because no worker ended
    /// it, each with its pid and command line: nothing, unless a worker was killed before.
    ///
    /// # Errors
    /// When a signal can't be sent.
    pub async fn stop_all(&mut self) -> Result<Vec<String>, LocalError> {
        for (nodes, grace) in [
            (&mut self.workers, WORKER_GRACE),
            (&mut self.masters, MASTER_GRACE),
        ] {
            for node in nodes.iter_mut() {
                node.terminate()?;
            }
            for node in nodes.iter_mut() {
                node.stop(grace).await?;
            }
        }
        let left = leftovers::find(&self.dir);
        let left = left.into_iter().map(leftovers::describe).collect();
        leftovers::kill(&self.dir);
        Ok(left)
    }
}

impl Drop for Cluster {
    fn drop(&mut self) {
        for node in self.workers.iter_mut().chain(&mut self.masters) {
            if let Err(error) = node.kill() {
                tracing::warn!(%error, "cannot end a process");
            }
        }
        leftovers::kill(&self.dir);
        if std::thread::panicking() && self.temporary.is_some() {
            self.keep_dir();
            eprintln!("the cluster's logs are kept in {}", self.dir.display());
        }
    }
}

fn directory(options: &Options) -> Result<(PathBuf, Option<TempDir>), LocalError> {
    let wanted = options.dir.clone();
    let failed = |path: &Path| {
        let path = path.to_owned();
        move |source| LocalError::File { path, source }
    };
    let (dir, temporary) = match wanted {
        Some(dir) => {
            std::fs::create_dir_all(&dir).map_err(failed(&dir))?;
            (dir, None)
        }
        None => {
            let temporary = tempfile::Builder::new().prefix("vesta-").tempdir();
            let temporary = temporary.map_err(failed(&std::env::temp_dir()))?;
            (temporary.path().to_owned(), Some(temporary))
        }
    };
    // As the kernel shows it: processes are recognised by it.
    let dir = dir.canonicalize().map_err(failed(&dir))?;
    Ok((dir, temporary))
}

fn write(path: &Path, settings: &toml::Table) -> Result<(), LocalError> {
    std::fs::write(path, settings.to_string()).map_err(|source| LocalError::File {
        path: path.to_owned(),
        source,
    })
}

fn path(path: &Path) -> toml::Value {
    path.to_string_lossy().into_owned().into()
}

fn integer(value: u64) -> toml::Value {
    i64::try_from(value).unwrap_or(i64::MAX).into()
}

fn millis(value: Duration) -> toml::Value {
    integer(u64::try_from(value.as_millis()).unwrap_or(u64::MAX))
}
