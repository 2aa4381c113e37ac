//! `spark-submit --deploy-mode cluster`: drivers are submitted, asked about and killed. All of these are questions.

use vesta_javaser::Value;

use super::description::DriverDescription;
use super::error::{MessageError, WriteError};
use super::failure;
use super::fields::Fields;
use super::state::DriverState;
use super::writer::{ToPeer, Writer};
use crate::address::RpcAddress;

/// A driver is to be run. Answered by [`SubmitDriverResponse`].
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct RequestSubmitDriver {
    /// The driver.
    pub description: DriverDescription,
}

impl RequestSubmitDriver {
    pub(super) fn read(of: Fields<'_>) -> Result<Self, MessageError> {
        let description = of.object("driverDescription")?;
        let description = DriverDescription::read(description)?;
        Ok(Self { description })
    }
}

/// What became of a submission.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct SubmitDriverResponse<'a> {
    /// Where the master is reached, through which the client then asks for the state. Without success it may be left
    /// out.
    pub master: Option<&'a RpcAddress>,
    /// Whether the driver was taken.
    pub success: bool,
    /// Its id.
    pub driver_id: Option<&'a str>,
    /// What the client prints. Of a master that does not lead it must begin with `Current state is not alive`.
    pub message: &'a str,
}

impl ToPeer for SubmitDriverResponse<'_> {
    fn build(&self, to: &mut Writer<'_>) -> Result<Value, WriteError> {
        let fields = [
            ("master", optional_master(self.master, to)?),
            ("success", Value::Bool(self.success)),
            ("driverId", to.optional_text(self.driver_id)?),
            ("message", to.text(self.message)),
        ];
        to.message("SubmitDriverResponse", &fields)
    }
}

/// A driver is to be killed. Answered by [`KillDriverResponse`].
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct RequestKillDriver {
    /// The driver.
    pub driver_id: String,
}

impl RequestKillDriver {
    pub(super) fn read(of: Fields<'_>) -> Result<Self, MessageError> {
        let driver_id = of.text("driverId")?;
        Ok(Self { driver_id })
    }
}

/// What became of a request to kill a driver.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct KillDriverResponse<'a> {
    /// Where the master is reached. Without success it may be left out.
    pub master: Option<&'a RpcAddress>,
    /// The driver.
    pub driver_id: &'a str,
    /// Whether it is being killed.
    pub success: bool,
    /// What the client prints. Of a master that does not lead it must begin with `Current state is not alive`.
    pub message: &'a str,
}

impl ToPeer for KillDriverResponse<'_> {
    fn build(&self, to: &mut Writer<'_>) -> Result<Value, WriteError> {
        let fields = [
            ("master", optional_master(self.master, to)?),
            ("driverId", to.text(self.driver_id)),
            ("success", Value::Bool(self.success)),
            ("message", to.text(self.message)),
        ];
        to.message("KillDriverResponse", &fields)
    }
}

/// What a driver does. Answered by [`DriverStatusResponse`].
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct RequestDriverStatus {
    /// The driver.
    pub driver_id: String,
}

impl RequestDriverStatus {
    pub(super) fn read(of: Fields<'_>) -> Result<Self, MessageError> {
        let driver_id = of.text("driverId")?;
        Ok(Self { driver_id })
    }
}

/// What a driver does.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq)]
pub struct DriverStatusResponse<'a> {
    /// Whether the driver is known.
    pub found: bool,
    /// Its state.
    pub state: Option<DriverState>,
    /// The worker that it is on.
    pub worker_id: Option<&'a str>,
    /// Where that worker is.
    pub worker_host_port: Option<&'a str>,
    /// What it failed with, or why there is no answer: the client prints it.
    pub exception: Option<&'a str>,
}

impl ToPeer for DriverStatusResponse<'_> {
    fn build(&self, to: &mut Writer<'_>) -> Result<Value, WriteError> {
        let state = self.state.map(|state| state.build(to)).transpose()?;
        let fields = [
            ("found", Value::Bool(self.found)),
            ("state", to.option(state)?),
            ("workerId", to.optional_text(self.worker_id)?),
            ("workerHostPort", to.optional_text(self.worker_host_port)?),
            ("exception", failure::build(to, self.exception)?),
        ];
        to.message("DriverStatusResponse", &fields)
    }
}

/// What became of a request to kill all drivers; since Spark 4.0.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct KillAllDriversResponse<'a> {
    /// Where the master is reached. Without success it may be left out.
    pub master: Option<&'a RpcAddress>,
    /// Whether they are being killed.
    pub success: bool,
    /// What the client prints.
    pub message: &'a str,
}

impl ToPeer for KillAllDriversResponse<'_> {
    fn build(&self, to: &mut Writer<'_>) -> Result<Value, WriteError> {
        let fields = [
            ("master", optional_master(self.master, to)?),
            ("success", Value::Bool(self.success)),
            ("message", to.text(self.message)),
        ];
        to.message("KillAllDriversResponse", &fields)
    }
}

fn optional_master(master: Option<&RpcAddress>, to: &mut Writer<'_>) -> Result<Value, WriteError> {
    master.map_or(Ok(Value::Null), |master| master.build_master(to))
}
