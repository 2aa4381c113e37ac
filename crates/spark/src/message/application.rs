//! An application's driver: registration, its executors, and its end.

use vesta_javaser::{Value, scala};
use vesta_types::SparkPeer;

use super::description::{ApplicationDescription, ResourceProfile};
use super::error::{MessageError, WriteError};
use super::fields::Fields;
use super::state::ExecutorState;
use super::writer::{ToPeer, Writer, int};
use crate::address::RpcAddress;

/// A driver registers its application. A master that does not lead gives no answer.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct RegisterApplication {
    /// The application.
    pub description: ApplicationDescription,
    /// The driver's endpoint.
    pub driver: SparkPeer,
}

impl RegisterApplication {
    pub(super) fn read(of: Fields<'_>) -> Result<Self, MessageError> {
        Ok(Self {
            description: ApplicationDescription::read(of.object("appDescription")?)?,
            driver: of.peer("driver")?,
        })
    }
}

/// The application is registered.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct RegisteredApplication<'a> {
    /// Its id, of our choice.
    pub app_id: &'a str,
    /// Where the master is reached.
    pub master: &'a RpcAddress,
}

impl ToPeer for RegisteredApplication<'_> {
    fn build(&self, to: &mut Writer<'_>) -> Result<Value, WriteError> {
        let fields = [
            ("appId", to.text(self.app_id)),
            ("master", self.master.build_master(to)?),
        ];
        to.message("RegisteredApplication", &fields)
    }
}

/// The application was given an executor.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct ExecutorAdded<'a> {
    /// The executor's number.
    pub id: u32,
    /// Its worker.
    pub worker_id: &'a str,
    /// Where that worker is.
    pub worker: &'a RpcAddress,
    /// Its cores.
    pub cores: u32,
    /// Its memory, in MiB.
    pub memory_mib: u64,
}

impl ToPeer for ExecutorAdded<'_> {
    fn build(&self, to: &mut Writer<'_>) -> Result<Value, WriteError> {
        let fields = [
            ("id", int("the executor's number", self.id)?),
            ("workerId", to.text(self.worker_id)),
            ("hostPort", to.text(&self.worker.to_string())),
            ("cores", int("the executor's cores", self.cores)?),
            ("memory", int("the executor's memory", self.memory_mib)?),
        ];
        to.message("ExecutorAdded", &fields)
    }
}

/// An executor of the application changed its state.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct ExecutorUpdated<'a> {
    /// The executor's number.
    pub id: u32,
    /// Its state.
    pub state: ExecutorState,
    /// What there is to say of it.
    pub message: Option<&'a str>,
    /// The exit code of its process.
    pub exit_status: Option<i32>,
    /// The host, when all of it is lost or leaves: then what its executors stored there is gone, too.
    pub worker_host: Option<&'a str>,
}

impl ToPeer for ExecutorUpdated<'_> {
    fn build(&self, to: &mut Writer<'_>) -> Result<Value, WriteError> {
        let fields = [
            ("id", int("the executor's number", self.id)?),
            ("state", self.state.build(to)?),
            ("message", to.optional_text(self.message)?),
            ("exitStatus", to.optional_int(self.exit_status)?),
            ("workerHost", to.optional_text(self.worker_host)?),
        ];
        to.message("ExecutorUpdated", &fields)
    }
}

/// A worker is lost; every application is told.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct WorkerRemoved<'a> {
    /// The worker.
    pub id: &'a str,
    /// Its host.
    pub host: &'a str,
    /// Why.
    pub message: &'a str,
}

impl ToPeer for WorkerRemoved<'_> {
    fn build(&self, to: &mut Writer<'_>) -> Result<Value, WriteError> {
        let fields = [
            ("id", to.text(self.id)),
            ("host", to.text(self.host)),
            ("message", to.text(self.message)),
        ];
        to.message("WorkerRemoved", &fields)
    }
}

/// The application was ended from here; its driver takes it as dead.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct ApplicationRemoved<'a> {
    /// Why: its final state, as `KILLED`.
    pub message: &'a str,
}

impl ToPeer for ApplicationRemoved<'_> {
    fn build(&self, to: &mut Writer<'_>) -> Result<Value, WriteError> {
        to.one_text("ApplicationRemoved", "message", self.message)
    }
}

/// How many executors the application wants, those that it has included. It is answered yes or no.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct RequestExecutors {
    /// The application.
    pub app_id: String,
    /// The totals, by profile. A profile other than the default one shows up here first.
    pub totals: Vec<ProfileTotal>,
}

/// How many executors of one profile an application wants.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct ProfileTotal {
    /// The profile.
    pub profile: ResourceProfile,
    /// How many.
    pub total: u32,
}

impl RequestExecutors {
    pub(super) fn read(of: Fields<'_>) -> Result<Self, MessageError> {
        const TOTALS: &str = "resourceProfileToTotalExecs";
        let app_id = of.text("appId")?;
        let totals = of.get(TOTALS, scala::map)?;
        let totals = of.elements(totals, |(profile, total)| {
            let total = of.get(TOTALS, |_| total.int())?;
            Ok(ProfileTotal {
                profile: ResourceProfile::read(Fields::new(profile, of.context))?,
                total: of.in_range(TOTALS, total.into())?,
            })
        })?;
        Ok(Self { app_id, totals })
    }
}

/// The application gives executors back. It is answered yes or no.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct KillExecutors {
    /// The application.
    pub app_id: String,
    /// The executors' numbers, as texts.
    pub executor_ids: Vec<String>,
}

impl KillExecutors {
    pub(super) fn read(of: Fields<'_>) -> Result<Self, MessageError> {
        Ok(Self {
            app_id: of.text("appId")?,
            executor_ids: of.texts("executorIds")?,
        })
    }
}

/// The application has ended.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct UnregisterApplication {
    /// The application.
    pub app_id: String,
}

impl UnregisterApplication {
    pub(super) fn read(of: Fields<'_>) -> Result<Self, MessageError> {
        let app_id = of.text("appId")?;
        Ok(Self { app_id })
    }
}
