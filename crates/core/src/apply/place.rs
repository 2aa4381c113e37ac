//! Plans: every placement is checked again, and what no longer fits is left out.

use std::collections::{BTreeMap, BTreeSet};

use vesta_types::{
    AppId, ApplicationState, Booking, DriverId, DriverState, ExecutorId, ExecutorState,
    Incarnation, InstanceId, ResourceProfile, Work, WorkerId, canary,
};

use super::Applying;
use crate::command::Placement;
use crate::plan::kind::{Kind, Runs};
use crate::reply::{Answer, Reply};
use crate::state::{DriverPlacement, Executor, Worker};

type Addresses = BTreeMap<String, BTreeSet<String>>;

impl Applying<'_> {
    /// Applies a plan, in its order.
    pub(super) fn place(&mut self, placements: &[Placement], cursor: Option<&WorkerId>) -> Reply {
        let (mut placed, mut refused) = (0, 0);
        for placement in placements {
            let held = match placement {
                Placement::Driver {
                    driver,
                    attempt,
                    worker,
                    incarnation,
                    named,
                } => self.place_driver(driver, *attempt, (worker, incarnation), named),
                Placement::Executor {
                    app,
                    profile,
                    worker,
                    incarnation,
                    cores,
                    named,
                } => self.place_executor(app, *profile, (worker, incarnation), *cores, named),
            };
            match held {
                Some(()) => placed += 1,
                None => refused += 1,
            }
        }
        if let Some(cursor) = cursor.filter(|cursor| self.state.workers.contains_key(*cursor)) {
            self.state.driver_cursor = Some(cursor.clone());
        }
        Ok(Answer::Placed { placed, refused })
    }

    fn place_driver(
        &mut self,
        id: &DriverId,
        attempt: u32,
        to: (&WorkerId, &Incarnation),
        named: &Addresses,
    ) -> Option<()> {
        let driver = self.state.drivers.get(id)?;
        let expected = driver.may_be_placed()
            && driver.attempt.checked_add(1) == Some(attempt)
            && is_as_asked(&driver.description.named, named);
        if !expected {
            return None;
        }
        let state = driver.state.to(DriverState::Running).ok()?;
        let booking = Booking {
            cores: driver.description.cores,
            memory_mib: driver.description.memory_mib,
            named: named.clone(),
        };
        let work = Work::Driver {
            driver: id.clone(),
            attempt,
        };
        let kind = Kind::of_driver(&driver.description).anywhere();
        let worker = self.book(to, kind, work, &booking)?;
        worker.drivers.insert(id.clone());
        let driver = self.state.drivers.get_mut(id)?;
        driver.state = state;
        driver.attempt = attempt;
        driver.last_worker = Some(to.0.clone());
        driver.last_placement = None;
        driver.message.clear();
        driver.placement = Some(DriverPlacement {
            worker: to.0.clone(),
            incarnation: to.1.clone(),
            booking,
            started: None,
            pid: None,
            restart: 0,
            moving: false,
        });
        self.state.driver_queue.remove(&driver.ticket);
        Some(())
    }

    fn place_executor(
        &mut self,
        id: &AppId,
        profile: u32,
        to: (&WorkerId, &Incarnation),
        cores: u32,
        named: &Addresses,
    ) -> Option<()> {
        let epoch = self.state.epoch;
        let app = self.state.applications.get(id)?;
        let wanted = app.description.profiles.get(&profile)?;
        let expected = app.is_live()
            && app.confirmed_epoch == epoch
            && !app.retries_exhausted()
            && cores <= app.cores_left()
            && wanted
                .target
                .is_none_or(|target| app.live_of(profile) < target)
            && is_of_profile(&wanted.profile, cores, named);
        if !expected {
            return None;
        }
        let number = app.next_executor;
        let next = number.checked_add(1)?;
        let booking = Booking {
            cores,
            memory_mib: wanted.profile.memory_mib,
            named: named.clone(),
        };
        let granted = self.now;
        let work = Work::Executor {
            app: id.clone(),
            number,
        };
        let kind = Kind::of_executor(&app.description);
        let worker = self.book(to, kind, work, &booking)?;
        worker.executors.insert(ExecutorId {
            app: id.clone(),
            number,
        });
        let app = self.state.applications.get_mut(id)?;
        app.next_executor = next;
        app.state = ApplicationState::Running;
        let executor = Executor {
            number,
            profile,
            worker: to.0.clone(),
            incarnation: to.1.clone(),
            booking,
            state: ExecutorState::Launching,
            kill_requested: false,
            pid: None,
            granted,
            ended: None,
            exit: None,
            message: String::new(),
        };
        app.executors.insert(number, executor);
        Some(())
    }

    /// Books on a worker, if that is ALIVE, has answered this leader, is still the one that was planned
    /// with, can run it, and has room.
    ///
    /// If this very instance is quarantined there, it need not be any more: the state had gone back
    /// behind its placement, and has come by it again.
    fn book(
        &mut self,
        to: (&WorkerId, &Incarnation),
        kind: Kind,
        work: Work,
        booking: &Booking,
    ) -> Option<&mut Worker> {
        let cluster = self.state.cluster?;
        let epoch = self.state.epoch;
        let worker = self.state.workers.get_mut(to.0)?;
        let usable = worker.is_alive()
            && worker.confirmed_epoch == epoch
            && worker.description.incarnation == *to.1
            && Runs::of(worker).can(kind)
            // The canary breaks I10: nothing is booked beyond the capacity.
            && (booking.fits(&worker.description.capacity, &worker.booked)
                || canary::is_on("over-commit"));
        if !usable {
            return None;
        }
        worker.booked.add(booking);
        worker.quarantined.remove(&InstanceId { work, cluster });
        Some(worker)
    }
}

/// Whether an executor with these cores and addresses is what the profile asks for.
fn is_of_profile(profile: &ResourceProfile, cores: u32, named: &Addresses) -> bool {
    let cores_fit = profile.cores.map_or(cores >= 1, |wanted| cores == wanted);
    cores_fit && is_as_asked(&profile.named, named)
}

/// Whether these are as many addresses of each named resource as were asked for, and of no other.
fn is_as_asked(asked: &BTreeMap<String, u32>, named: &Addresses) -> bool {
    let count = |name: &String| named.get(name).map_or(0, BTreeSet::len);
    let enough = asked.iter().all(|(name, n)| count(name) == *n as usize);
    enough && named.keys().all(|name| asked.contains_key(name))
}
