//! What users and workers describe: drivers, applications and workers themselves.

use std::collections::BTreeMap;

use serde::{Deserialize, Serialize};
use uuid::Uuid;

use crate::limits::OBJECT_BYTES;
use crate::{
    Artifact, Capacity, Containment, DriverId, Lease, OnDisconnect, ResourceProfile,
    SparkApplication, SparkCommand, SparkRelease, SparkWorker, WorkerId,
};

/// How to start a process. Masters and workers treat it as opaque but for `{{…}}`, which the worker
/// replaces by Spark's variables and by ports.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
pub struct Launch {
    /// The program: a path, or a name that is looked up in the worker's `PATH`.
    pub program: String,
    /// Its arguments; no shell sees them.
    pub args: Vec<String>,
    /// Environment variables, added to those that the worker sets.
    pub env: BTreeMap<String, String>,
    /// Files to put beside it; `{{USER_JAR}}` is the first one's path.
    pub artifacts: Vec<Artifact>,
    /// What Spark starts, instead of a program: then program, arguments and environment are empty. Left
    /// out where there is none, as everything of Spark's: what was written before there was any keeps
    /// its bytes.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub spark: Option<Box<SparkCommand>>,
}

impl Launch {
    /// How long its texts are together, in bytes.
    pub fn bytes(&self) -> usize {
        let args = self.args.iter().map(String::len);
        let env = self
            .env
            .iter()
            .map(|(name, value)| name.len() + value.len());
        let artifacts = self.artifacts.iter().map(|artifact| artifact.uri.len());
        let spark = self.spark.as_ref().map_or(0, |spark| spark.bytes());
        self.program.len() + args.chain(env).chain(artifacts).sum::<usize>() + spark
    }
}

/// The executors that a driver means to ask for. Planning keeps room for one (failure D20).
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct ExecutorSize {
    /// Cores per executor, at least 1.
    pub cores: u32,
    /// Memory per executor in MiB.
    pub memory_mib: u64,
}

/// A driver to run in cluster mode.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct DriverDescription {
    /// A name for people.
    pub name: String,
    /// What to start.
    pub launch: Launch,
    /// Cores it takes on its worker, at least 1.
    pub cores: u32,
    /// Memory it takes there in MiB. Booked, not enforced.
    pub memory_mib: u64,
    /// Whether it is started again when it fails, and elsewhere when its worker is lost.
    pub supervise: bool,
    /// Configuration that reaches the driver as it is.
    pub conf: BTreeMap<String, String>,
    /// The executors it means to ask for, if it said so.
    pub executor: Option<ExecutorSize>,
    /// The most cores that its executors may take together, if it said so.
    pub total_executor_cores: Option<u32>,
    /// How many addresses of each named resource it takes on its worker.
    #[serde(default)]
    pub named: BTreeMap<String, u32>,
    /// What becomes of it when its worker is cut off; `None` until a master accepts it, which then takes
    /// the cluster's default.
    #[serde(default)]
    pub on_disconnect: Option<OnDisconnect>,
    /// The lease of one that is to stop then, from the master that accepted it.
    #[serde(default)]
    pub lease: Option<Lease>,
}

impl DriverDescription {
    /// How much of a master's memory it takes, about, in bytes.
    pub fn bytes(&self) -> u64 {
        let conf = self.conf.iter();
        let conf: usize = conf.map(|(name, value)| name.len() + value.len()).sum();
        OBJECT_BYTES + (self.name.len() + self.launch.bytes() + conf) as u64
    }
}

/// One run of a driver's program: who registered an application.
#[derive(Clone, Debug, PartialEq, Eq, PartialOrd, Ord, Serialize, Deserialize)]
pub struct DriverRun {
    /// The driver.
    pub driver: DriverId,
    /// Its attempt, from `apply`.
    pub attempt: u32,
    /// Its restart within that attempt, from the worker.
    pub restart: u32,
}

/// A resource profile and how many executors of it are wanted.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct ProfileRequest {
    /// The profile.
    pub profile: ResourceProfile,
    /// The executor target (dynamic allocation); `None` is as many as `max_cores` allows.
    pub target: Option<u32>,
}

/// An application: a driver that wants executors.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct ApplicationDescription {
    /// A name for people.
    pub name: String,
    /// How to start an executor.
    pub launch: Launch,
    /// The most cores that its executors may take together; `None` is no limit.
    pub max_cores: Option<u32>,
    /// What executors it wants, by profile number. Never empty; 0 is the default profile.
    pub profiles: BTreeMap<u32, ProfileRequest>,
    /// How often an executor may fail in a row before the application fails; -1 switches it off.
    pub max_executor_retries: i32,
    /// Whether an executor that exits with 0 has done its part: then its profile's target, which must
    /// be given, falls by one, and with the last one the application is FINISHED. Otherwise it is
    /// replaced, as in Spark.
    pub run_to_completion: bool,
    /// The run of a cluster-mode driver that registered it; `None` in client mode.
    pub owner: Option<DriverRun>,
    /// Where its user looks at it; empty if nowhere.
    pub ui_url: String,
    /// Bytes that go back out unchanged at each launch.
    pub payload: Vec<u8>,
    /// What it has beside that if it is one of Spark's.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub spark: Option<SparkApplication>,
}

impl ApplicationDescription {
    /// How much of a master's memory it takes, about, in bytes; nothing that changes while it lives is
    /// counted.
    pub fn bytes(&self) -> u64 {
        let spark = self.spark.as_ref().map_or(0, SparkApplication::bytes);
        let texts = self.name.len() + self.ui_url.len() + self.payload.len() + spark;
        OBJECT_BYTES + (texts + self.launch.bytes()) as u64
    }
}

/// Which life of a worker this is. A restarted agent is the same incarnation; a rebooted machine, or
/// one whose instance store was replaced, is a new one.
#[derive(Clone, Debug, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize)]
pub struct Incarnation {
    /// The instance store's id, made with its directory.
    pub store: Uuid,
    /// The machine's boot id.
    pub boot: Uuid,
}

/// A worker as it registers.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct WorkerDescription {
    /// Its id, kept in its directory.
    pub id: WorkerId,
    /// Which life of it this is.
    pub incarnation: Incarnation,
    /// The host that drivers and executors on it are reached under.
    pub host: String,
    /// The port that the agent holds on that host; with the host, its address.
    pub port: u16,
    /// What it has to give.
    pub capacity: Capacity,
    /// By what it finds every process of an instance.
    #[serde(default)]
    pub containment: Containment,
    /// What it has beside that if it is one of Spark's own: it runs Spark alone.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub spark: Option<SparkWorker>,
    /// Which Sparks it can start itself, by version, if it is one of Vesta's.
    #[serde(default, skip_serializing_if = "BTreeMap::is_empty")]
    pub spark_homes: BTreeMap<String, SparkRelease>,
}
