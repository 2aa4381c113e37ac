//! The directory of one instance. Its records are its truth; whoever creates `started.0` first decides
//! whether it was ever executed.
//!
//! ```text
//! order.json        what to run, and how             (agent, before anything else)
//! payload           an executor's application's payload
//! supervisor.json   its supervisor's pid and start time
//! started.<n>       it is about to be executed for the n-th time; or it never will be
//! pid.<n>           the process's pid and start time
//! exit.<n>          how that run ended, and whether another one follows
//! told_to_end       it is not to be executed any more (agent); says nothing of whether it was
//! interrupted       it was started and its outcome is not known
//! acknowledged      its end is committed
//! work/             the process's directory, with its artifacts
//! local/            where a Spark executor puts shuffle files, while it runs
//! spark.json        the addresses of named resources, as Spark's programs read them
//! stdout, stderr    what it printed, over all restarts ([`super::output`])
//! ```

use std::fs;
use std::io;
use std::path::{Path, PathBuf};
use std::time::Duration;

use serde::de::DeserializeOwned;
use serde::{Deserialize, Serialize};
use vesta_proto::worker_convert::RunOrder;
use vesta_types::{Epoch, InstanceId, InstanceReport, InstanceStatus, WorkerId, canary};

use crate::cgroup::Cgroup;
use crate::clock;
use crate::files::{self, Found};
use crate::process::Process;
use crate::spark::SparkHome;

use super::records::Records;
pub(crate) use super::records::{Ending, Outcome, Running, Started};

/// An accepted order, with all that its supervisor must know.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub struct InstanceOrder {
    /// The order.
    pub run: RunOrder,
    /// The epoch that it was ordered under.
    pub epoch: Epoch,
    /// The worker.
    pub worker: WorkerId,
    /// The host that the worker is reached under.
    pub host: String,
    /// The agent's port.
    pub port: u16,
    /// Masters, `host:port` each, if the worker's directory names none.
    pub masters: Vec<String>,
    /// How old the last confirmed heartbeat may be at exec.
    pub order_ttl: Duration,
    /// How long the process may take to end after TERM.
    pub kill_grace: Duration,
    /// Scales the wait between restarts.
    pub restart_backoff: f64,
    /// Its cgroup, where there are any.
    pub cgroup: Option<Cgroup>,
    /// The most that one of its artifacts may have, in bytes.
    pub artifact_max: u64,
    /// The most that is kept of each of its two outputs, in bytes.
    pub log_max: u64,
    /// The Spark homes that there are, for what runs from one.
    #[serde(default)]
    pub spark_homes: Vec<SparkHome>,
}

/// The directory of one instance.
#[derive(Clone, Debug)]
pub struct InstanceDir {
    path: PathBuf,
}

impl InstanceDir {
    /// The directory of `id` in the worker's directory `root`.
    pub fn new(root: &Path, id: &InstanceId) -> InstanceDir {
        InstanceDir {
            path: root.join("instances").join(id.to_string()),
        }
    }

    /// The directory at `path`.
    pub fn at(path: &Path) -> InstanceDir {
        InstanceDir {
            path: path.to_owned(),
        }
    }

    /// Its path.
    pub fn path(&self) -> &Path {
        &self.path
    }

    /// The worker's directory.
    pub fn root(&self) -> &Path {
        self.path
            .parent()
            .and_then(Path::parent)
            .unwrap_or(&self.path)
    }

    /// Makes the directory and accepts the order: durable when it returns.
    ///
    /// # Errors
    /// When it can't be written; then the order is not accepted.
    pub fn accept(&self, order: &InstanceOrder) -> io::Result<()> {
        fs::create_dir_all(self.path.join("work"))?;
        if !order.run.payload.is_empty() {
            files::write_private(&self.payload_path(), &order.run.payload)?;
        }
        // With them come environments, which have secrets in them.
        files::write_private(&self.path.join("order.json"), &files::json(order)?)?;
        files::sync_dir(self.path.parent().unwrap_or(&self.path))
    }

    /// The order, with where its payload lies if it has one.
    pub(crate) fn order(&self) -> Found<InstanceOrder> {
        files::read_json(&self.path.join("order.json"))
    }

    /// Its cgroup, where there are any.
    pub(crate) fn cgroup(&self) -> Option<Cgroup> {
        self.order().value()?.cgroup
    }

    pub(crate) fn payload_path(&self) -> PathBuf {
        self.path.join("payload")
    }

    pub(crate) fn spark_path(&self) -> PathBuf {
        self.path.join("spark.json")
    }

    pub(crate) fn work_path(&self) -> PathBuf {
        self.path.join("work")
    }

    /// Decides, for good, whether restart `restart` is executed: `true` if nobody had decided before.
    pub(crate) fn start(&self, restart: u32, decision: &Started) -> io::Result<bool> {
        let record = self.numbered("started", restart);
        let first = files::create_exclusive(&record, &files::json(decision)?)?;
        // Breaks I7: whoever is first decides, alone.
        Ok(first || canary::is_on("duplicate-assignment"))
    }

    /// Makes sure that the instance is never executed. `false` if it may have been already.
    ///
    /// # Errors
    /// When that can't be written.
    pub fn revoke(&self, reason: &str) -> io::Result<bool> {
        self.start(
            0,
            &Started::Revoked {
                reason: reason.to_owned(),
            },
        )
    }

    pub(crate) fn write_supervisor(&self, process: Process) -> io::Result<()> {
        files::write_visible(&self.path.join("supervisor.json"), &files::json(&process)?)
    }

    pub(crate) fn supervisor(&self) -> Option<Process> {
        files::read_json(&self.path.join("supervisor.json")).value()
    }

    pub(crate) fn write_pid(&self, restart: u32, running: &Running) -> io::Result<()> {
        files::write_visible(&self.numbered("pid", restart), &files::json(running)?)
    }

    pub(crate) fn write_exit(&self, restart: u32, ending: &Ending) -> io::Result<()> {
        files::write_synced(&self.numbered("exit", restart), &files::json(ending)?)
    }

    /// Notes that the instance was started and is being ended without knowing its outcome. The first
    /// reason stays.
    pub(crate) fn interrupt(&self, reason: &str) -> io::Result<()> {
        if self.interrupted().is_some() {
            return Ok(());
        }
        files::write_synced(&self.path.join("interrupted"), &files::json(&reason)?)
    }

    fn interrupted(&self) -> Option<String> {
        files::read_json(&self.path.join("interrupted")).value()
    }

    /// Lets its supervisor know that it is to end, for good: what has not been executed by then never is.
    /// A supervisor of an earlier release hears it by its signal alone.
    ///
    /// # Errors
    /// When it can't be written.
    pub(crate) fn tell_to_end(&self) -> io::Result<()> {
        // Not synced: after a power cut no supervisor is left that could look.
        match files::write_visible(&self.path.join("told_to_end"), b"") {
            // Its order is not on disk yet, or has left it: there is no supervisor.
            Err(error) if error.kind() == io::ErrorKind::NotFound => Ok(()),
            written => written,
        }
    }

    /// Whether it was told to end.
    pub(crate) fn is_told_to_end(&self) -> bool {
        self.path.join("told_to_end").exists()
    }

    /// Whether its records prove that nothing of it runs: its last end, or that it never will start. That
    /// it is being interrupted proves nothing: its process may be in its grace yet.
    pub(crate) fn is_over(&self) -> bool {
        self.records().is_over()
    }

    /// Notes that the instance's end is committed.
    ///
    /// # Errors
    /// When it can't be written; then a restarted agent reports it once more.
    pub fn acknowledge(&self) -> io::Result<()> {
        // What was revoked before it was ever ordered has no records that could be reported again.
        if !self.path.exists() {
            return Ok(());
        }
        files::write_visible(&self.path.join("acknowledged"), b"")
    }

    /// Takes that back: another cluster has to hear of its end.
    ///
    /// # Errors
    /// When it can't be written.
    pub(crate) fn unacknowledge(&self) -> io::Result<()> {
        match fs::remove_file(self.path.join("acknowledged")) {
            Err(error) if error.kind() == io::ErrorKind::NotFound => Ok(()),
            removed => removed,
        }
    }

    /// Whether its end is committed.
    pub fn is_acknowledged(&self) -> bool {
        self.path.join("acknowledged").exists()
    }

    /// The process of its latest run, whether it still runs or not.
    pub(crate) fn process(&self) -> Option<Process> {
        let restart = self.last_started()?;
        self.running(restart).map(|running| running.process)
    }

    /// What its records show.
    pub fn report(&self, instance: &InstanceId) -> InstanceReport {
        let (status, restart) = self.status();
        InstanceReport {
            instance: instance.clone(),
            status,
            restart,
        }
    }

    fn status(&self) -> (InstanceStatus, u32) {
        self.records().status()
    }

    fn records(&self) -> Records {
        let last_started = self.last_started();
        let interrupted = self.interrupted();
        let revoked = match self.read("started", 0) {
            Some(Started::Revoked { reason }) => Some(reason),
            _ => None,
        };
        Records {
            last_started,
            revoked,
            ending: last_started.and_then(|restart| self.read("exit", restart)),
            is_supervised: interrupted.is_some()
                && self.supervisor().is_some_and(Process::is_alive),
            interrupted,
            running: last_started.and_then(|last| self.running(last)),
        }
    }

    /// The process of run `restart`; between two runs, that of the one before.
    fn running(&self, restart: u32) -> Option<Running> {
        (0..=restart)
            .rev()
            .find_map(|restart| self.read("pid", restart))
    }

    pub(crate) fn last_started(&self) -> Option<u32> {
        self.numbers("started").into_iter().max()
    }

    fn numbers(&self, record: &str) -> Vec<u32> {
        let entries = fs::read_dir(&self.path).into_iter().flatten().flatten();
        let number = |name: &str| name.strip_prefix(record)?.strip_prefix('.')?.parse().ok();
        entries
            .filter_map(|entry| number(entry.file_name().to_str()?))
            .collect()
    }

    /// Keeps every record that can't be read as `<name>.bad`, and says which they were. `started` files
    /// also stay where they are: that they exist is what counts.
    pub(crate) fn set_damaged_aside(&self) -> Vec<String> {
        let mut damaged = Vec::new();
        let mut check = |name: String, is_bad: bool, stays: bool| {
            if is_bad {
                let (from, to) = (self.path.join(&name), self.path.join(format!("{name}.bad")));
                let kept = match stays {
                    true => fs::copy(&from, &to).map(drop),
                    false => fs::rename(&from, &to),
                };
                if let Err(error) = kept {
                    tracing::warn!(file = %from.display(), %error, "cannot keep a damaged record");
                }
                damaged.push(name);
            }
        };
        check(
            "order.json".into(),
            matches!(self.order(), Found::Damaged(_)),
            false,
        );
        for number in self.numbers("started") {
            check(
                format!("started.{number}"),
                self.is_bad::<Started>("started", number),
                true,
            );
        }
        for number in self.numbers("pid") {
            check(
                format!("pid.{number}"),
                self.is_bad::<Running>("pid", number),
                false,
            );
        }
        for number in self.numbers("exit") {
            check(
                format!("exit.{number}"),
                self.is_bad::<Ending>("exit", number),
                false,
            );
        }
        damaged
    }

    fn is_bad<T: DeserializeOwned>(&self, record: &str, number: u32) -> bool {
        matches!(
            files::read_json::<T>(&self.numbered(record, number)),
            Found::Damaged(_)
        )
    }

    fn read<T: DeserializeOwned>(&self, record: &str, number: u32) -> Option<T> {
        files::read_json(&self.numbered(record, number)).value()
    }

    fn numbered(&self, record: &str, number: u32) -> PathBuf {
        self.path.join(format!("{record}.{number}"))
    }
}

/// The end of a run, now.
pub(crate) fn ending(outcome: Outcome, last: bool) -> Ending {
    Ending {
        outcome,
        at: clock::wall(),
        last,
    }
}
