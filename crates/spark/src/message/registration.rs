//! A worker's registration, heartbeats and farewell.

use vesta_javaser::Value;
use vesta_types::SparkPeer;

use super::error::{MessageError, WriteError};
use super::fields::Fields;
use super::resources::{self, Resources};
use super::state::ExecutorState;
use super::writer::{ToPeer, Writer};
use crate::address::RpcAddress;

/// A worker offers itself. Answered by [`RegisteredWorker`], [`RegisterWorkerFailed`] or [`MasterInStandby`].
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct RegisterWorker {
    /// The id that it gave itself.
    pub id: String,
    /// Where it listens.
    pub host: String,
    /// The port there.
    pub port: u16,
    /// Its endpoint.
    pub worker: SparkPeer,
    /// Cores that it offers.
    pub cores: u32,
    /// Memory that it offers, in MiB.
    pub memory_mib: u64,
    /// Its web pages.
    pub web_ui_url: String,
    /// The master as the worker was told of it; it goes back with the answer.
    pub master_address: RpcAddress,
    /// Addresses of named resources that it offers.
    pub resources: Resources,
}

impl RegisterWorker {
    pub(super) fn read(of: Fields<'_>) -> Result<Self, MessageError> {
        Ok(Self {
            id: of.text("id")?,
            host: of.text("host")?,
            port: of.number("port")?,
            worker: of.peer("worker")?,
            cores: of.number("cores")?,
            memory_mib: of.number("memory")?,
            web_ui_url: of.text("workerWebUiUrl")?,
            master_address: RpcAddress::read(of.object("masterAddress")?)?,
            resources: resources::read(of, "resources")?,
        })
    }
}

/// The worker belongs to the cluster; it sends its [`WorkerLatestState`] and heartbeats from now on.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct RegisteredWorker<'a> {
    /// Where the master is reached.
    pub master: &'a RpcAddress,
    /// The master's web pages.
    pub master_web_ui_url: &'a str,
    /// The [`RegisterWorker::master_address`] of the request.
    pub master_address: &'a RpcAddress,
    /// Whether the worker was registered before; it only notes that.
    pub duplicate: bool,
}

impl ToPeer for RegisteredWorker<'_> {
    fn build(&self, to: &mut Writer<'_>) -> Result<Value, WriteError> {
        let fields = [
            ("master", self.master.build_master(to)?),
            ("masterWebUiUrl", to.text(self.master_web_ui_url)),
            ("masterAddress", self.master_address.build(to)?),
            ("duplicate", Value::Bool(self.duplicate)),
        ];
        to.message("RegisteredWorker", &fields)
    }
}

/// The worker is refused, and ends if it was never registered.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct RegisterWorkerFailed<'a> {
    /// Why, for its log.
    pub message: &'a str,
}

impl ToPeer for RegisterWorkerFailed<'_> {
    fn build(&self, to: &mut Writer<'_>) -> Result<Value, WriteError> {
        to.one_text("RegisterWorkerFailed", "message", self.message)
    }
}

/// This master does not lead; the worker goes on asking the others.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct MasterInStandby;

impl ToPeer for MasterInStandby {
    fn build(&self, to: &mut Writer<'_>) -> Result<Value, WriteError> {
        to.singleton("MasterInStandby$")
    }
}

/// A worker lives. One that is not known is told to register again ([`ReconnectWorker`]).
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Heartbeat {
    /// The worker's id.
    pub worker_id: String,
    /// Its endpoint.
    pub worker: SparkPeer,
}

impl Heartbeat {
    pub(super) fn read(of: Fields<'_>) -> Result<Self, MessageError> {
        Ok(Self {
            worker_id: of.text("workerId")?,
            worker: of.peer("worker")?,
        })
    }
}

/// The worker is not known here and is to register again.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct ReconnectWorker<'a> {
    /// The master's `spark://` URL.
    pub master_url: &'a str,
}

impl ToPeer for ReconnectWorker<'_> {
    fn build(&self, to: &mut Writer<'_>) -> Result<Value, WriteError> {
        to.one_text("ReconnectWorker", "masterUrl", self.master_url)
    }
}

/// What a worker runs, said after each registration. What we do not know of is to be killed.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct WorkerLatestState {
    /// The worker's id.
    pub id: String,
    /// Its executors.
    pub executors: Vec<ExecutorDescription>,
    /// Its drivers.
    pub driver_ids: Vec<String>,
}

impl WorkerLatestState {
    pub(super) fn read(of: Fields<'_>) -> Result<Self, MessageError> {
        Ok(Self {
            id: of.text("id")?,
            executors: of.each("executors", ExecutorDescription::read)?,
            driver_ids: of.texts("driverIds")?,
        })
    }
}

/// An executor, as its worker describes it.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct ExecutorDescription {
    /// The application that it is of.
    pub app_id: String,
    /// Its number there.
    pub exec_id: u32,
    /// The number of its resource profile.
    pub rp_id: u32,
    /// Its cores.
    pub cores: u32,
    /// Its memory, in MiB.
    pub memory_mib: u64,
    /// Its state.
    pub state: ExecutorState,
}

impl ExecutorDescription {
    pub(super) fn read(of: Fields<'_>) -> Result<Self, MessageError> {
        Ok(Self {
            app_id: of.text("appId")?,
            exec_id: of.number("execId")?,
            rp_id: of.number("rpId")?,
            cores: of.number("cores")?,
            // Not a case class: its field is named otherwise than its parameter.
            memory_mib: of.number("memoryMb")?,
            state: ExecutorState::read(of, "state")?,
        })
    }
}

/// A worker is going; nothing is to be started there any more.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct WorkerDecommissioning {
    /// The worker's id.
    pub id: String,
    /// Its endpoint.
    pub worker: SparkPeer,
}

impl WorkerDecommissioning {
    pub(super) fn read(of: Fields<'_>) -> Result<Self, MessageError> {
        Ok(Self {
            id: of.text("id")?,
            worker: of.peer("workerRef")?,
        })
    }
}

/// The worker is to go; it decommissions its executors and ends.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct DecommissionWorker;

impl ToPeer for DecommissionWorker {
    fn build(&self, to: &mut Writer<'_>) -> Result<Value, WriteError> {
        to.singleton("DecommissionWorker$")
    }
}
