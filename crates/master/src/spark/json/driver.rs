//! A driver.

use serde::Serialize;
use vesta_core::Driver;
use vesta_types::WorkerId;

use super::{Resources, date, resources};

#[derive(Serialize)]
pub(super) struct DriverInfo<'a> {
    id: &'a str,
    starttime: String,
    state: String,
    cores: u32,
    memory: u64,
    resources: Resources<'a>,
    submitdate: String,
    worker: &'a str,
    mainclass: &'a str,
    #[serde(skip)]
    waits: bool,
}

impl<'a> DriverInfo<'a> {
    pub(super) fn of(driver: &'a Driver) -> DriverInfo<'a> {
        let placement = driver.placement.as_ref();
        let last = driver
            .last_worker
            .as_ref()
            .filter(|_| driver.state.is_final());
        let worker = placement.map(|placed| &placed.worker).or(last);
        let held = placement.map(|placed| resources(&placed.booking.named));
        DriverInfo {
            id: driver.id.as_str(),
            starttime: driver.submitted.0.to_string(),
            state: driver.state.to_string(),
            cores: driver.description.cores,
            memory: driver.description.memory_mib,
            resources: held.unwrap_or_default(),
            submitdate: date(driver.submitted),
            worker: worker.map_or("None", WorkerId::as_str),
            // The user's own class, if it is one of Spark's.
            mainclass: &driver.description.name,
            waits: driver.state.is_waiting(),
        }
    }

    /// Whether it waits for a worker.
    pub(super) fn waits(&self) -> bool {
        self.waits
    }
}
