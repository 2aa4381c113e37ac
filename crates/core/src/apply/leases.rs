//! Drivers that are to stop when their worker is cut off: while a lost attempt may still run, there is no
//! other (failure D2).

use vesta_types::{DriverId, Work, WorkerId};

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

    pub(super) fn end_lease(&mut self, id: &DriverId) {
        self.state.leased_drivers.remove(id);
        if let Some(driver) = self.state.drivers.get_mut(id) {
            driver.leased_to = None;
        }
    }
}
