//! Executors, between a master and a worker.

use vesta_javaser::{Limits, Stream, Value};

use super::error::{MessageError, WriteError};
use super::fields::Fields;
use super::resources::{self, Resources};
use super::state::ExecutorState;
use super::writer::{ToPeer, Writer, int};

/// The worker is to start an executor.
#[derive(Clone, Copy)]
pub struct LaunchExecutor<'a> {
    /// The master's `spark://` URL. A worker ignores the order if it is not that of its master.
    pub master_url: &'a str,
    /// The application.
    pub app_id: &'a str,
    /// The executor's number there; never given twice.
    pub exec_id: u32,
    /// The number of its resource profile.
    pub rp_id: u32,
    /// The application's description as it came
    /// ([`ApplicationDescription::payload`](super::ApplicationDescription::payload)).
    pub description: &'a [u8],
    /// Its cores.
    pub cores: u32,
    /// Its memory, in MiB.
    pub memory_mib: u64,
    /// The addresses of named resources that it gets.
    pub resources: &'a Resources,
}

impl ToPeer for LaunchExecutor<'_> {
    fn build(&self, to: &mut Writer<'_>) -> Result<Value, WriteError> {
        let description = Stream::read(self.description, &Limits::default());
        let description = description.map_err(WriteError::Description)?;
        let description = description.value().map_err(WriteError::Description)?;
        let fields = [
            ("masterUrl", to.text(self.master_url)),
            ("appId", to.text(self.app_id)),
            ("execId", int("the executor's number", self.exec_id)?),
            ("rpId", int("the profile's number", self.rp_id)?),
            ("appDesc", to.import(description)),
            ("cores", int("the executor's cores", self.cores)?),
            ("memory", int("the executor's memory", self.memory_mib)?),
            ("resources", resources::build(to, self.resources)?),
        ];
        to.message("LaunchExecutor", &fields)
    }
}

/// The worker is to kill an executor.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct KillExecutor<'a> {
    /// The master's `spark://` URL. A worker ignores the order if it is not that of its master.
    pub master_url: &'a str,
    /// The application.
    pub app_id: &'a str,
    /// The executor's number there.
    pub exec_id: u32,
}

impl ToPeer for KillExecutor<'_> {
    fn build(&self, to: &mut Writer<'_>) -> Result<Value, WriteError> {
        let fields = [
            ("masterUrl", to.text(self.master_url)),
            ("appId", to.text(self.app_id)),
            ("execId", int("the executor's number", self.exec_id)?),
        ];
        to.message("KillExecutor", &fields)
    }
}

/// An executor changed its state. A worker asks this, and is answered yes even when we have forgotten the application.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct ExecutorStateChanged {
    /// The application.
    pub app_id: String,
    /// The executor's number there.
    pub exec_id: u32,
    /// Its state.
    pub state: ExecutorState,
    /// What the worker says of it.
    pub message: Option<String>,
    /// The exit code of its process.
    pub exit_status: Option<i32>,
}

impl ExecutorStateChanged {
    pub(super) fn read(of: Fields<'_>) -> Result<Self, MessageError> {
        Ok(Self {
            app_id: of.text("appId")?,
            exec_id: of.number("execId")?,
            state: ExecutorState::read(of, "state")?,
            message: of.optional_text("message")?,
            exit_status: of.optional_int("exitStatus")?,
        })
    }
}

/// An application has ended; each worker that ran executors of it removes their folders.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct ApplicationFinished<'a> {
    /// The application.
    pub id: &'a str,
}

impl ToPeer for ApplicationFinished<'_> {
    fn build(&self, to: &mut Writer<'_>) -> Result<Value, WriteError> {
        to.one_text("ApplicationFinished", "id", self.id)
    }
}
