//! A new leader, and the answers to it.

use vesta_javaser::Value;

use super::error::{MessageError, WriteError};
use super::fields::Fields;
use super::registration::ExecutorDescription;
use super::resources::{self, Resources};
use super::writer::{ToPeer, Writer};
use crate::address::RpcAddress;

/// Another master leads. A worker answers with a [`WorkerSchedulerStateResponse`], a driver with
/// [`MasterChangeAcknowledged`]; both send to that master from now on.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct MasterChanged<'a> {
    /// Where the master is reached.
    pub master: &'a RpcAddress,
    /// The master's web pages.
    pub master_web_ui_url: &'a str,
}

impl ToPeer for MasterChanged<'_> {
    fn build(&self, to: &mut Writer<'_>) -> Result<Value, WriteError> {
        let fields = [
            ("master", self.master.build_master(to)?),
            ("masterWebUiUrl", to.text(self.master_web_ui_url)),
        ];
        to.message("MasterChanged", &fields)
    }
}

/// A driver follows the new master.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct MasterChangeAcknowledged {
    /// Its application.
    pub app_id: String,
}

impl MasterChangeAcknowledged {
    pub(super) fn read(of: Fields<'_>) -> Result<Self, MessageError> {
        let app_id = of.text("appId")?;
        Ok(Self { app_id })
    }
}

/// A worker follows the new master, and runs this.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct WorkerSchedulerStateResponse {
    /// The worker's id.
    pub id: String,
    /// Its executors.
    pub executors: Vec<ExecutorResponse>,
    /// Its drivers.
    pub drivers: Vec<DriverResponse>,
}

/// An executor on a worker, and what it holds there.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct ExecutorResponse {
    /// The executor.
    pub description: ExecutorDescription,
    /// The addresses of named resources that it has.
    pub resources: Resources,
}

/// A driver on a worker, and what it holds there.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct DriverResponse {
    /// The driver.
    pub driver_id: String,
    /// The addresses of named resources that it has.
    pub resources: Resources,
}

impl WorkerSchedulerStateResponse {
    pub(super) fn read(of: Fields<'_>) -> Result<Self, MessageError> {
        let executor = |of: Fields<'_>| {
            Ok(ExecutorResponse {
                description: ExecutorDescription::read(of.object("desc")?)?,
                resources: resources::read(of, "resources")?,
            })
        };
        let driver = |of: Fields<'_>| {
            Ok(DriverResponse {
                driver_id: of.text("driverId")?,
                resources: resources::read(of, "resources")?,
            })
        };
        Ok(Self {
            id: of.text("id")?,
            executors: of.each("execResponses", executor)?,
            drivers: of.each("driverResponses", driver)?,
        })
    }
}
