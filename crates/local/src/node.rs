//! One master or worker process.

use std::collections::BTreeMap;
use std::fs::{File, OpenOptions};
use std::io::{self, Read, Seek, SeekFrom};
use std::net::SocketAddr;
use std::os::unix::process::CommandExt;
use std::path::{Path, PathBuf};
use std::process::{Child, Command, ExitStatus, Stdio};
use std::time::{Duration, Instant};

use rustix::process::Signal;

use crate::error::LocalError;
use crate::leftovers::CLUSTER_VARIABLE;
use crate::parent::PARENT_VARIABLE;
use crate::wait::wait_until;
use crate::{Place, Process, Program};

/// How much of a log an error shows, in bytes.
const LOG_TAIL: u64 = 4_000;

/// How long the kernel may take to stop a process.
const PAUSE_BOUND: Duration = Duration::from_secs(5);

/// What a process is in its cluster.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Role {
    /// `vesta master`.
    Master,
    /// `vesta worker`.
    Worker,
}

impl Role {
    /// The subcommand.
    pub const fn as_str(self) -> &'static str {
        match self {
            Role::Master => "master",
            Role::Worker => "worker",
        }
    }
}

/// Where Spark's processes and users reach a master.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct SparkDoors {
    /// Spark's own RPC: workers, drivers, `spark-submit`.
    pub rpc: SocketAddr,
    /// Spark's REST gateway.
    pub rest: SocketAddr,
    /// `/json`.
    pub ui: SocketAddr,
}

/// One master or worker: its place on disk, its address, and its process while it runs.
#[derive(Debug)]
pub struct Node {
    role: Role,
    number: usize,
    address: SocketAddr,
    place: Place,
    metrics: Option<SocketAddr>,
    spark: Option<SparkDoors>,
    id: u64,
    program: Program,
    cluster_dir: PathBuf,
    env: BTreeMap<String, String>,
    child: Option<Child>,
    process: Option<Process>,
    starts: u32,
}

impl Node {
    pub(crate) fn new(
        role: Role,
        number: usize,
        address: SocketAddr,
        place: Place,
        program: Program,
        cluster_dir: PathBuf,
        env: BTreeMap<String, String>,
    ) -> Node {
        Node {
            role,
            number,
            address,
            place,
            metrics: None,
            spark: None,
            id: number as u64,
            program,
            cluster_dir,
            env,
            child: None,
            process: None,
            starts: 0,
        }
    }

    /// `master-1`, `worker-2`: numbers count from 1, and a master's is its first Raft node id.
    pub fn name(&self) -> String {
        format!("{}-{}", self.role.as_str(), self.number)
    }

    /// Where it will listen from its next start on.
    pub(crate) fn move_to(&mut self, address: SocketAddr) {
        self.address = address;
    }

    /// Its number, from 1.
    pub fn number(&self) -> usize {
        self.number
    }

    /// A master's Raft node id: its number, unless it became a new member.
    pub fn id(&self) -> u64 {
        self.id
    }

    /// The Raft node id of its next start.
    pub(crate) fn set_id(&mut self, id: u64) {
        self.id = id;
    }

    /// Where clients (or, at a worker, readers of logs) reach it.
    pub fn address(&self) -> SocketAddr {
        self.address
    }

    /// Where a master is reached by everybody else: its address, unless something stands before it.
    pub fn advertised(&self) -> SocketAddr {
        self.place
            .advertised
            .map_or(self.address, |(clients, _)| clients)
    }

    /// Where it is.
    pub fn place(&self) -> &Place {
        &self.place
    }

    /// Where it shows its metrics, if it does.
    pub fn metrics(&self) -> Option<SocketAddr> {
        self.metrics
    }

    /// Where it will show its metrics.
    pub(crate) fn show_metrics_at(&mut self, address: SocketAddr) {
        self.metrics = Some(address);
    }

    /// Where its doors for Spark are, if it has them.
    pub fn spark(&self) -> Option<SparkDoors> {
        self.spark
    }

    /// Where its doors for Spark will be.
    pub(crate) fn open_to_spark_at(&mut self, doors: SparkDoors) {
        self.spark = Some(doors);
    }

    /// Its data directory.
    pub fn dir(&self) -> PathBuf {
        self.cluster_dir.join(self.name())
    }

    /// Its configuration file.
    pub fn config(&self) -> PathBuf {
        self.cluster_dir.join(format!("{}.toml", self.name()))
    }

    /// The file that its output goes to, over restarts.
    pub fn log(&self) -> PathBuf {
        self.cluster_dir.join(format!("{}.log", self.name()))
    }

    /// The whole log, as text; empty if there is none.
    pub fn log_text(&self) -> String {
        let bytes = std::fs::read(self.log()).unwrap_or_default();
        String::from_utf8_lossy(&bytes).into_owned()
    }

    /// Sets an environment variable of its next starts: a failpoint or a canary, say.
    pub fn set_env(&mut self, name: impl Into<String>, value: impl Into<String>) {
        self.env.insert(name.into(), value.into());
    }

    /// Takes back what [`Node::set_env`] set.
    pub fn remove_env(&mut self, name: &str) {
        self.env.remove(name);
    }

    /// How often it was started.
    pub fn starts(&self) -> u32 {
        self.starts
    }

    /// Its process, while there is one (stopped, or ended and not waited for, too).
    pub fn process(&self) -> Option<Process> {
        self.process
    }

    /// Its pid, while there is a process.
    pub fn pid(&self) -> Option<u32> {
        self.process.map(|process| process.pid)
    }

    /// Whether its process is there and has not ended; a paused one runs.
    pub fn is_running(&self) -> bool {
        self.process.is_some_and(Process::is_alive)
    }

    /// Whether it is paused.
    pub fn is_paused(&self) -> bool {
        self.process.is_some_and(Process::is_paused)
    }

    /// Starts it, in a process group of its own, on its directory.
    ///
    /// # Errors
    /// When it runs already, or can't be started.
    pub fn start(&mut self) -> Result<(), LocalError> {
        if self.is_running() {
            return Err(self.state("runs already"));
        }
        self.reap()?;
        let child = self.spawn().map_err(|source| LocalError::Spawn {
            name: self.name(),
            program: self.program.path.clone(),
            source,
        })?;
        self.process = Process::of(child.id());
        self.child = Some(child);
        self.starts += 1;
        Ok(())
    }

    fn spawn(&self) -> io::Result<Child> {
        let log = OpenOptions::new()
            .append(true)
            .create(true)
            .open(self.log())?;
        let mut words = self.place.prefix.iter();
        let mut command = match words.next() {
            Some(first) => {
                let mut command = Command::new(first);
                command.args(words).arg(&self.program.path);
                command
            }
            None => Command::new(&self.program.path),
        };
        // This process's own settings must not become the cluster's; canaries are meant to.
        for (name, _) in std::env::vars_os() {
            let name = name.to_string_lossy().into_owned();
            if name.starts_with("VESTA_") && name != vesta_types::canary::VARIABLE {
                command.env_remove(name);
            }
        }
        command
            .args(&self.program.args)
            .arg(self.role.as_str())
            .arg("--config")
            .arg(self.config())
            .envs(&self.env)
            .env(CLUSTER_VARIABLE, &self.cluster_dir)
            .env(PARENT_VARIABLE, Process::own()?.to_string())
            .current_dir(&self.cluster_dir)
            .stdin(Stdio::null())
            .stdout(log.try_clone()?)
            .stderr(log)
            .process_group(0)
            .spawn()
    }

    /// Ends it with SIGKILL and waits for its end; nothing if it does not run.
    ///
    /// # Errors
    /// When the signal can't be sent.
    pub fn kill(&mut self) -> Result<(), LocalError> {
        self.signal(Signal::KILL)?;
        self.reap().map(|_| ())
    }

    /// Asks it to end (SIGTERM; a paused one goes on first), and returns at once.
    ///
    /// # Errors
    /// When the signal can't be sent.
    pub fn terminate(&mut self) -> Result<(), LocalError> {
        self.resume()?;
        self.signal(Signal::TERM)
    }

    /// Waits until it has ended, and returns how; `None` if it did not run.
    ///
    /// # Errors
    /// When it runs on after `timeout`.
    pub async fn wait(&mut self, timeout: Duration) -> Result<Option<ExitStatus>, LocalError> {
        let what = format!("{} to end", self.name());
        wait_until(what, timeout, async || !self.is_running()).await?;
        self.reap()
    }

    /// Asks it to end and waits; after `grace` it is killed. Returns whether it ended by itself.
    ///
    /// # Errors
    /// When a signal can't be sent.
    pub async fn stop(&mut self, grace: Duration) -> Result<bool, LocalError> {
        self.terminate()?;
        match self.wait(grace).await {
            Err(LocalError::TimedOut(_)) => self.kill().map(|()| false),
            other => other.map(|_| true),
        }
    }

    /// Pauses it (SIGSTOP) and waits until it stands still.
    ///
    /// # Errors
    /// When it does not run, or the signal can't be sent.
    pub fn pause(&mut self) -> Result<(), LocalError> {
        if !self.is_running() {
            return Err(self.state("does not run"));
        }
        self.signal(Signal::STOP)?;
        let begun = Instant::now();
        while !self.is_paused() {
            if begun.elapsed() > PAUSE_BOUND || !self.is_running() {
                return Err(self.state("could not be paused"));
            }
            std::thread::sleep(Duration::from_millis(1));
        }
        Ok(())
    }

    /// Lets it go on (SIGCONT); nothing if it is not paused.
    ///
    /// # Errors
    /// When the signal can't be sent.
    pub fn resume(&mut self) -> Result<(), LocalError> {
        self.signal(Signal::CONT)
    }

    /// An error if it was started and has ended by itself.
    pub(crate) fn check(&mut self) -> Result<(), LocalError> {
        let Some(child) = &mut self.child else {
            return Ok(());
        };
        match child.try_wait() {
            Ok(Some(status)) => Err(LocalError::Ended {
                name: self.name(),
                how: status.to_string(),
                log: tail(&self.log()),
            }),
            Ok(None) => Ok(()),
            Err(source) => Err(self.failed(source)),
        }
    }

    fn signal(&self, signal: Signal) -> Result<(), LocalError> {
        match self.process {
            Some(process) => process.signal(signal).map_err(|source| self.failed(source)),
            None => Ok(()),
        }
    }

    /// Waits for its end and takes note of it.
    fn reap(&mut self) -> Result<Option<ExitStatus>, LocalError> {
        let Some(child) = &mut self.child else {
            return Ok(None);
        };
        let status = child.wait();
        let status = status.map_err(|source| self.failed(source))?;
        self.child = None;
        self.process = None;
        Ok(Some(status))
    }

    fn state(&self, is: &'static str) -> LocalError {
        let name = self.name();
        LocalError::State { name, is }
    }

    fn failed(&self, source: io::Error) -> LocalError {
        let name = self.name();
        LocalError::Signal { name, source }
    }
}

/// The end of a file, as text.
fn tail(path: &Path) -> String {
    let read = || {
        let mut file = File::open(path)?;
        let from = file.metadata()?.len().saturating_sub(LOG_TAIL);
        file.seek(SeekFrom::Start(from))?;
        let mut bytes = Vec::new();
        file.take(LOG_TAIL).read_to_end(&mut bytes)?;
        io::Result::Ok(String::from_utf8_lossy(&bytes).into_owned())
    };
    read().unwrap_or_else(|error| format!("({}: {error})", path.display()))
}
