//! What happens to drivers, whoever caused it.

use vesta_types::{
    ApplicationState, DriverId, DriverRun, DriverState, Exit, InstanceStatus, Timestamp,
};

use super::{Applying, clip};
use crate::failover::Outcome;
use crate::state::EndpointOwner;

/// What becomes of a driver whose attempt is over.
enum End {
    /// It ended for good.
    Final(DriverState, String),
    /// It waits for a new attempt.
    Again(String),
}

impl Applying<'_> {
    /// Ends a driver for good: its place on a worker or in the queue is free, and what it registered
    /// ends with it. Nothing if its state does not lead there.
    pub(super) fn end_driver(
        &mut self,
        id: &DriverId,
        to: DriverState,
        exit: Option<Exit>,
        message: &str,
    ) {
        let Some(driver) = self.state.drivers.get_mut(id) else {
            return;
        };
        let Ok(to) = driver.state.to(to) else { return };
        self.free_driver(id);
        let ages_from = self.ages_from();
        let Some(driver) = self.state.drivers.get_mut(id) else {
            return;
        };
        self.state.driver_queue.remove(&driver.ticket);
        driver.leased_to = None;
        self.state.leased_drivers.remove(id);
        driver.state = to;
        driver.exit = exit;
        driver.message = clip(message);
        driver.ended = Some(self.now);
        driver.ages_from = ages_from;
        self.state.ended_drivers.push_back(id.clone());
        let attempt = driver.attempt;
        let apps = match to {
            DriverState::Finished => ApplicationState::Finished,
            DriverState::Killed => ApplicationState::Killed,
            _ => ApplicationState::Failed,
        };
        self.end_applications_of(id, apps, |owner| owner.attempt <= attempt);
    }

    /// Lets a placed driver wait for a new attempt, under its id and at its place in the queue. What
    /// the attempt registered ends.
    pub(super) fn relaunch_driver(&mut self, id: &DriverId, message: &str) {
        let Some(driver) = self.state.drivers.get_mut(id) else {
            return;
        };
        let Ok(to) = driver.state.to(DriverState::Relaunching) else {
            return;
        };
        self.free_driver(id);
        let Some(driver) = self.state.drivers.get_mut(id) else {
            return;
        };
        driver.state = to;
        driver.exit = None;
        driver.message = clip(message);
        self.state.driver_queue.insert(driver.ticket, id.clone());
        let attempt = driver.attempt;
        self.end_applications_of(id, ApplicationState::Failed, |owner| {
            owner.attempt <= attempt
        });
    }

    /// The current attempt runs, says its worker.
    pub(super) fn driver_runs(&mut self, id: &DriverId, pid: u32, since: Timestamp, restart: u32) {
        let Some(driver) = self.state.drivers.get_mut(id) else {
            return;
        };
        let Some(placement) = &mut driver.placement else {
            return;
        };
        placement.started.get_or_insert(since);
        placement.pid = Some(pid);
        if restart <= placement.restart {
            return;
        }
        placement.restart = restart;
        let current = (driver.attempt, restart);
        self.forget_endpoints_before(&EndpointOwner::Driver(id.clone()), current);
        self.end_applications_of(id, ApplicationState::Failed, |owner| {
            (owner.attempt, owner.restart) < current
        });
    }

    /// The current attempt is over, says its worker.
    pub(super) fn driver_over(&mut self, id: &DriverId, status: &InstanceStatus) {
        let Some(driver) = self.state.drivers.get(id) else {
            return;
        };
        let exit = match status {
            InstanceStatus::Ended { exit, .. } => Some(Exit {
                error: exit.error.as_deref().map(clip),
                ..exit.clone()
            }),
            _ => None,
        };
        match judge(driver, status) {
            End::Final(to, message) => {
                self.note(id, Outcome::Ended, &clip(&message));
                self.end_driver(id, to, exit, &message);
            }
            End::Again(message) => {
                self.note(id, Outcome::Relaunched, &clip(&message));
                self.relaunch_driver(id, &message);
            }
        }
    }

    /// The canary `recovery-ends-waiting`: what Spark does (failure D1), past the transition table.
    pub(super) fn end_waiting_drivers(&mut self) {
        for id in std::mem::take(&mut self.state.driver_queue).into_values() {
            if let Some(driver) = self.state.drivers.get_mut(&id) {
                driver.state = DriverState::Error;
                driver.ended = Some(self.now);
                self.state.ended_drivers.push_back(id);
            }
        }
    }

    fn free_driver(&mut self, id: &DriverId) {
        let Some(driver) = self.state.drivers.get_mut(id) else {
            return;
        };
        let Some(placement) = driver.placement.take() else {
            return;
        };
        driver.last_placement = Some(placement.clone());
        self.forget_endpoints(&EndpointOwner::Driver(id.clone()));
        if let Some(worker) = self.state.workers.get_mut(&placement.worker) {
            worker.drivers.remove(id);
            worker.booked.remove(&placement.booking);
        }
    }

    fn end_applications_of(
        &mut self,
        driver: &DriverId,
        to: ApplicationState,
        over: impl Fn(&DriverRun) -> bool,
    ) {
        let owned = |app: &crate::Application| {
            let owner = app.description.owner.as_ref();
            owner.is_some_and(|owner| owner.driver == *driver && over(owner))
        };
        let live = self.state.app_queue.values();
        let apps: Vec<_> = live
            .filter(|id| self.state.applications.get(*id).is_some_and(owned))
            .cloned()
            .collect();
        for app in apps {
            self.end_application(&app, to, "the run of its driver that registered it is over");
        }
    }
}

/// What the end of a driver's current attempt means. As Spark ≥ 4: exit code 0 is FINISHED, for one
/// that was killed too.
fn judge(driver: &crate::Driver, status: &InstanceStatus) -> End {
    let supervise = driver.description.supervise;
    let killing = driver.kill_requested;
    let never_started = driver
        .placement
        .as_ref()
        .is_none_or(|placed| placed.started.is_none());
    match status {
        InstanceStatus::NeverRan { reason } if killing => End::Final(
            DriverState::Killed,
            format!("killed before it ran ({reason})"),
        ),
        // No run happened, so an unsupervised driver may have its one run yet. Its worker contradicts
        // itself if it had reported a process: then nothing is proven, and it is as interrupted.
        InstanceStatus::NeverRan { reason } if supervise || never_started => {
            End::Again(format!("attempt {} never ran: {reason}", driver.attempt))
        }
        InstanceStatus::NeverRan { reason } | InstanceStatus::Interrupted { reason } => {
            let message = format!("attempt {} was interrupted: {reason}", driver.attempt);
            match (killing, supervise) {
                (true, _) => End::Final(DriverState::Killed, message),
                (false, true) => End::Again(message),
                (false, false) => End::Final(DriverState::Failed, message),
            }
        }
        InstanceStatus::Ended { exit, .. } => judge_exit(driver, exit),
        // Not an end; its caller has asked `is_final`.
        InstanceStatus::Accepted | InstanceStatus::Running { .. } => End::Final(
            DriverState::Error,
            "its worker's report makes no sense".to_owned(),
        ),
    }
}

fn is_moving(driver: &crate::Driver) -> bool {
    driver.placement.as_ref().is_some_and(|it| it.moving)
}

fn judge_exit(driver: &crate::Driver, exit: &Exit) -> End {
    let supervise = driver.description.supervise;
    let said = exit.to_string();
    match exit {
        Exit { killed: true, .. } if driver.kill_requested => {
            if exit.is_success() {
                End::Final(DriverState::Finished, format!("{said}, when it was killed"))
            } else {
                End::Final(DriverState::Killed, format!("killed on request; {said}"))
            }
        }
        // Its worker ended it unasked: that is a worker going away, and how the process took it says
        // nothing of its work.
        Exit { killed: true, .. } => {
            let why = if is_moving(driver) {
                "moved, since its worker is drained"
            } else {
                "its worker was shut down"
            };
            let message = format!("{why}; {said}");
            if supervise {
                End::Again(message)
            } else {
                End::Final(DriverState::Error, message)
            }
        }
        Exit { error: Some(_), .. } => End::Final(DriverState::Error, said),
        exit if exit.is_success() => End::Final(DriverState::Finished, said),
        // Its worker has given up restarting it, and another one may do better; but a driver whose
        // end was asked for never runs again.
        _ if supervise && !driver.kill_requested => End::Again(said),
        _ => End::Final(DriverState::Failed, said),
    }
}
