//! Drivers, between a master and a worker.

use vesta_javaser::Value;

use super::description::DriverDescription;
use super::error::{MessageError, WriteError};
use super::failure;
use super::fields::Fields;
use super::resources::{self, Resources};
use super::state::DriverState;
use super::writer::{ToPeer, Writer};

/// The worker is to start a driver. It does not ask whether it is its master that says so.
#[derive(Debug, Clone, Copy)]
pub struct LaunchDriver<'a> {
    /// The driver.
    pub driver_id: &'a str,
    /// What to start.
    pub description: &'a DriverDescription,
    /// The addresses of named resources that it gets.
    pub resources: &'a Resources,
}

impl ToPeer for LaunchDriver<'_> {
    fn build(&self, to: &mut Writer<'_>) -> Result<Value, WriteError> {
        let fields = [
            ("driverId", to.text(self.driver_id)),
            ("driverDesc", self.description.build(to)?),
            ("resources", resources::build(to, self.resources)?),
        ];
        to.message("LaunchDriver", &fields)
    }
}

/// The worker is to kill a driver. It does not ask whether it is its master that says so.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct KillDriver<'a> {
    /// The driver.
    pub driver_id: &'a str,
}

impl ToPeer for KillDriver<'_> {
    fn build(&self, to: &mut Writer<'_>) -> Result<Value, WriteError> {
        to.one_text("KillDriver", "driverId", self.driver_id)
    }
}

/// A driver has ended.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct DriverStateChanged {
    /// The driver.
    pub driver_id: String,
    /// Its state: FINISHED, FAILED, KILLED or ERROR.
    pub state: DriverState,
    /// The exception that it ended with, as Java prints one: its class and its message.
    pub exception: Option<String>,
}

impl DriverStateChanged {
    pub(super) fn read(of: Fields<'_>) -> Result<Self, MessageError> {
        Ok(Self {
            driver_id: of.text("driverId")?,
            state: DriverState::read(of, "state")?,
            exception: failure::read(of, "exception")?,
        })
    }
}
