//! Drivers that are to stop when their worker is cut off: while a lost attempt may still run, there is no
//! other (failure D2).

use vesta_types::limits::{REPORT_BYTES_MAX, REPORT_LINE_BYTES};
use vesta_types::{DriverId, InstanceReport, Work, WorkerId};

use super::Applying;
use crate::reply::{Answer, Reply};

impl Applying<'_> {
    /// The attempt of the waiting driver `id` was lost on `worker` and may run there until its lease is
    /// over.
    pub(super) fn lease(&mut self, id: &DriverId, worker: WorkerId) {
        let Some(driver) = self.state.drivers.get_mut(id) else {
            return;
        };
        driver.leased_to = Some(worker);
        self.state.leased_drivers.insert(id.clone(), driver.attempt);
    }

    /// The leader's word that time is up. It holds for the attempt that it was about, and no later one.
    pub(super) fn end_leases(&mut self, drivers: &[(DriverId, u32)]) -> Reply {
        for (id, attempt) in drivers {
            if self.state.leased_drivers.get(id) == Some(attempt) {
                self.end_lease(id);
            }
        }
        Ok(Answer::Done)
    }

    /// Its worker says that what ran as `work` has ended: sooner than its lease.
    pub(super) fn end_lease_of(&mut self, worker: &WorkerId, work: &Work) {
        let Work::Driver {
            driver: id,
            attempt,
        } = work
        else {
            return;
        };
        let leased_here = |driver: &crate::Driver| driver.leased_to.as_ref() == Some(worker);
        if self.state.leased_drivers.get(id) == Some(attempt)
            && self.state.drivers.get(id).is_some_and(leased_here)
        {
            self.end_lease(id);
        }
    }

    /// An answer names everything that its worker has: a lost attempt that it does not name never reached
    /// it, or is over. Without this its heartbeats would prolong the lease for ever.
    pub(super) fn end_unreported_leases(&mut self, worker: &WorkerId, reports: &[InstanceReport]) {
        if reports.len() >= REPORT_BYTES_MAX / REPORT_LINE_BYTES {
            return;
        }
        let leased_here = |id: &DriverId| {
            let driver = self.state.drivers.get(id);
            driver.is_some_and(|driver| driver.leased_to.as_ref() == Some(worker))
        };
        let named = |id: &DriverId, attempt: u32| {
            let mut works = reports.iter().map(|report| &report.instance.work);
            works.any(|work| {
                matches!(work, Work::Driver { driver, attempt: of } if driver == id && *of == attempt)
            })
        };
        let leased = self.state.leased_drivers.iter();
        let over = leased.filter(|(id, attempt)| leased_here(id) && !named(id, **attempt));
        let over: Vec<DriverId> = over.map(|(id, _)| id.clone()).collect();
        for id in over {
            self.end_lease(&id);
        }
    }

    pub(super) fn end_lease(&mut self, id: &DriverId) {
        self.state.leased_drivers.remove(id);
        if let Some(driver) = self.state.drivers.get_mut(id) {
            driver.leased_to = None;
        }
    }
}
