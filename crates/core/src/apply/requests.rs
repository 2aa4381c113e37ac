//! What clients ask for.

use std::collections::BTreeMap;

use vesta_types::limits::{
    CORES_MAX, DESCRIBED_BYTES_MAX, EXECUTOR_TARGET_MAX, LIVE_OBJECTS_MAX, MEMORY_MIB_MAX,
    PROFILES_MAX,
};
use vesta_types::{
    AppId, ApplicationDescription, ApplicationState, DriverDescription, DriverId, DriverRun,
    DriverState, ProfileRequest, SubmissionKey, canary,
};

use super::applications::{over, unknown_application};
use super::{Applying, spark};
use crate::command::Request;
use crate::reply::{Answer, RejectCode, Rejection, Reply};
use crate::state::{Application, Driver};

impl Applying<'_> {
    pub(super) fn request(&mut self, key: SubmissionKey, request: &Request) -> Reply {
        match request {
            Request::SubmitDriver { description } => self.submit_driver(key, description),
            Request::KillDriver { driver } => self.kill_driver(driver),
            Request::RegisterApplication { description } => {
                self.register_application(key, description)
            }
            Request::SetExecutorTarget {
                app,
                profile,
                target,
            } => self.set_target(app, *profile, *target),
            Request::AddProfile { app, wanted } => self.add_profile(app, wanted),
            Request::KillExecutors { app, executors } => self.kill_executors(app, executors),
            Request::UnregisterApplication {
                app,
                failed,
                message,
            } => {
                let failed = if *failed {
                    ApplicationState::Failed
                } else {
                    ApplicationState::Finished
                };
                self.unregister_application(app, failed, message)
            }
            Request::KillApplication { app } => self.kill_application(app),
            Request::DrainWorker {
                worker,
                deadline_ms,
            } => self.drain_worker(worker, *deadline_ms),
            Request::UndrainWorker { worker } => self.undrain_worker(worker),
            Request::PublishEndpoint {
                instance,
                restart,
                name,
                address,
            } => self.publish_endpoint(instance, *restart, name, address),
        }
    }

    fn submit_driver(&mut self, key: SubmissionKey, description: &DriverDescription) -> Reply {
        check_size("a driver", description.cores, description.memory_mib)?;
        check_named(&description.named)?;
        spark::check_driver(description)?;
        if let Some(executor) = &description.executor {
            check_size("an executor", executor.cores, executor.memory_mib)?;
        }
        let bytes = description.bytes();
        self.check_room(bytes)?;
        let mut description = description.clone();
        description.launch.add_ports(&mut description.named);
        let id = DriverId::mint(self.now, self.state.next_driver);
        self.state.next_driver += 1;
        let ticket = self.take_ticket();
        let driver = Driver {
            id: id.clone(),
            description,
            key,
            state: DriverState::Submitted,
            attempt: 0,
            ticket,
            placement: None,
            last_placement: None,
            leased_to: None,
            last_worker: None,
            kill_requested: false,
            submitted: self.now,
            ended: None,
            ages_from: None,
            exit: None,
            message: String::new(),
            former: Default::default(),
        };
        self.state.driver_queue.insert(ticket, id.clone());
        self.state.drivers.insert(id.clone(), driver);
        self.state.described_bytes += bytes;
        Ok(Answer::Submitted { driver: id })
    }

    /// Idempotent, and durable: a placed driver ends when its worker has carried it out, whoever leads
    /// by then.
    fn kill_driver(&mut self, id: &DriverId) -> Reply {
        let Some(driver) = self.state.drivers.get_mut(id) else {
            let message = format!("there is no driver {id}: it was never here, or ended long ago");
            return Err(Rejection::new(RejectCode::NotFound, message));
        };
        let state = driver.state;
        if state.is_final() {
            return Ok(killed(state.as_str(), format!("already {state}")));
        }
        // The canary breaks I19: an acknowledged kill is durable.
        driver.kill_requested = !canary::is_on("kill-forgotten");
        if let Some(placement) = &driver.placement {
            self.state.workers.touch(&placement.worker);
        }
        if state.is_waiting() {
            self.end_driver(
                id,
                DriverState::Killed,
                None,
                "killed on request while it waited",
            );
            return Ok(killed(
                DriverState::Killed.as_str(),
                "it waited and will never run".into(),
            ));
        }
        let message = "recorded; it ends as soon as its worker has been told";
        Ok(killed(state.as_str(), message.to_owned()))
    }

    fn register_application(
        &mut self,
        key: SubmissionKey,
        description: &ApplicationDescription,
    ) -> Reply {
        check_application(description)?;
        spark::check_application(description)?;
        if let Some(app) = self.registered_before(description) {
            return Ok(Answer::Repeated(Box::new(Answer::Registered { app })));
        }
        if let Some(owner) = &description.owner {
            self.check_owner(owner)?;
        }
        let bytes = description.bytes();
        self.check_room(bytes)?;
        let mut description = description.clone();
        for wanted in description.profiles.values_mut() {
            description.launch.add_ports(&mut wanted.profile.named);
        }
        let id = AppId::mint(self.now, self.state.next_app);
        self.state.next_app += 1;
        let ticket = self.take_ticket();
        let app = Application {
            id: id.clone(),
            description,
            key,
            state: ApplicationState::Waiting,
            // Its client is talking to this leader now.
            confirmed_epoch: self.state.epoch,
            ticket,
            next_executor: 0,
            retries: 0,
            executors: Default::default(),
            ended_executors: Default::default(),
            ended_executors_total: 0,
            submitted: self.now,
            ended: None,
            ages_from: None,
            message: String::new(),
            former: Default::default(),
        };
        self.state.app_queue.insert(ticket, id.clone());
        self.state.applications.insert(id.clone(), app);
        self.state.described_bytes += bytes;
        Ok(Answer::Registered { app: id })
    }

    /// An old copy of a driver must not register anything: its run is over for everybody else.
    fn check_owner(&self, owner: &DriverRun) -> Result<(), Rejection> {
        let refuse = |why: String| {
            let DriverRun {
                driver,
                attempt,
                restart,
            } = owner;
            let message = format!("attempt {attempt}, restart {restart} of {driver} {why}");
            Err(Rejection::new(RejectCode::State, message))
        };
        let Some(driver) = self.state.drivers.get(&owner.driver) else {
            return refuse("is unknown: there is no such driver".to_owned());
        };
        match &driver.placement {
            Some(placement)
                if owner.attempt == driver.attempt && owner.restart >= placement.restart =>
            {
                Ok(())
            }
            Some(placement) => refuse(format!(
                "is not the current run: that is attempt {}, restart {}",
                driver.attempt, placement.restart
            )),
            None => refuse(format!("is over: the driver is {}", driver.state)),
        }
    }

    fn set_target(&mut self, id: &AppId, profile: u32, target: u32) -> Reply {
        let app = self.live_application(id)?;
        if target > EXECUTOR_TARGET_MAX {
            let message = format!("a target of {target} executors: at most {EXECUTOR_TARGET_MAX}");
            return Err(Rejection::new(RejectCode::Invalid, message));
        }
        let Some(wanted) = app.description.profiles.get_mut(&profile) else {
            let has: Vec<_> = app.description.profiles.keys().collect();
            let message = format!("application {id} has no resource profile {profile}: {has:?}");
            return Err(Rejection::new(RejectCode::Invalid, message));
        };
        wanted.target = Some(target);
        Ok(Answer::Done)
    }

    /// Executors of a profile are all alike, so a profile never changes; a repetition sets its target.
    fn add_profile(&mut self, id: &AppId, wanted: &ProfileRequest) -> Reply {
        let invalid = |message| Err(Rejection::new(RejectCode::Invalid, message));
        let app = self.live_application(id)?;
        let number = wanted.profile.id;
        check_profile(&app.description, wanted)?;
        let mut wanted = wanted.clone();
        let launch = &app.description.launch;
        launch.add_ports(&mut wanted.profile.named);
        let profiles = &mut app.description.profiles;
        let full = profiles.len() >= PROFILES_MAX;
        match profiles.get_mut(&number) {
            Some(known) if known.profile == wanted.profile => known.target = wanted.target,
            Some(_) => {
                return invalid(format!(
                    "application {id} has another resource profile {number}: a profile never \
                     changes, so take a number that is free"
                ));
            }
            None if full => {
                return invalid(format!(
                    "application {id} has {PROFILES_MAX} resource profiles, and no more are possible"
                ));
            }
            None => {
                profiles.insert(number, wanted);
            }
        }
        Ok(Answer::Done)
    }

    pub(super) fn kill_executors(&mut self, id: &AppId, numbers: &[u32]) -> Reply {
        let Some(app) = self.state.applications.get_mut(id) else {
            return Err(unknown_application(id));
        };
        for number in numbers {
            match app.executors.get_mut(number) {
                Some(executor) if !executor.kill_requested => {
                    executor.kill_requested = true;
                    "its end was asked for".clone_into(&mut executor.message);
                    self.state.workers.touch(&executor.worker);
                }
                _ => {}
            }
        }
        Ok(Answer::Done)
    }

    pub(super) fn unregister_application(
        &mut self,
        id: &AppId,
        to: ApplicationState,
        message: &str,
    ) -> Reply {
        if !self.state.applications.contains_key(id) {
            return Err(unknown_application(id));
        }
        self.end_application(id, to, message);
        Ok(Answer::Done)
    }

    fn kill_application(&mut self, id: &AppId) -> Reply {
        let Some(app) = self.state.applications.get(id) else {
            return Err(unknown_application(id));
        };
        if !app.is_live() {
            return Ok(killed(app.state.as_str(), format!("already {}", app.state)));
        }
        self.end_application(id, ApplicationState::Killed, "killed on request");
        let message = "it gets no more executors; those it has end as soon as their workers know";
        Ok(killed(
            ApplicationState::Killed.as_str(),
            message.to_owned(),
        ))
    }

    pub(super) fn live_application(&mut self, id: &AppId) -> Result<&mut Application, Rejection> {
        match self.state.applications.get_mut(id) {
            None => Err(unknown_application(id)),
            Some(app) if !app.is_live() => Err(over(app)),
            Some(app) => Ok(app),
        }
    }

    fn check_room(&mut self, bytes: u64) -> Result<(), Rejection> {
        self.make_room_for(bytes);
        let state = &self.state;
        let drivers = state.drivers.len() - state.ended_drivers.len();
        let applications = state.applications.len() - state.ended_applications.len();
        let described = state.described_bytes + bytes;
        let limit = if drivers + applications >= LIVE_OBJECTS_MAX {
            format!("no more than {LIVE_OBJECTS_MAX} may")
        } else if described > DESCRIBED_BYTES_MAX {
            format!(
                "with this one their descriptions would take {described} bytes: no more than \
                 {DESCRIBED_BYTES_MAX} may (256 MiB)"
            )
        } else {
            return Ok(());
        };
        Err(Rejection::new(
            RejectCode::Limit,
            format!(
                "{drivers} drivers and {applications} applications wait or run, and {limit}: try again \
                 later"
            ),
        ))
    }

    fn take_ticket(&mut self) -> u64 {
        let ticket = self.state.next_ticket;
        self.state.next_ticket += 1;
        ticket
    }
}

fn killed(state: &str, message: String) -> Answer {
    Answer::Killed {
        state: state.to_owned(),
        message,
    }
}

fn check_size(what: &str, cores: u32, memory_mib: u64) -> Result<(), Rejection> {
    if (1..=CORES_MAX).contains(&cores) && (1..=MEMORY_MIB_MAX).contains(&memory_mib) {
        return Ok(());
    }
    Err(Rejection::new(
        RejectCode::Invalid,
        format!(
            "{what} of {cores} cores and {memory_mib} MiB: 1 to {CORES_MAX} cores and 1 to \
             {MEMORY_MIB_MAX} MiB are possible"
        ),
    ))
}

fn check_named(named: &BTreeMap<String, u32>) -> Result<(), Rejection> {
    match named.iter().find(|(_, count)| **count == 0) {
        None => Ok(()),
        Some((name, _)) => Err(Rejection::new(
            RejectCode::Invalid,
            format!("0 addresses of {name}: at least 1, or no mention of it"),
        )),
    }
}

fn check_application(description: &ApplicationDescription) -> Result<(), Rejection> {
    let invalid = |message: String| Err(Rejection::new(RejectCode::Invalid, message));
    let profiles = &description.profiles;
    if profiles.is_empty() || profiles.len() > PROFILES_MAX {
        return invalid(format!(
            "{} resource profiles: an application has 1 to {PROFILES_MAX}",
            profiles.len()
        ));
    }
    if description.max_cores == Some(0) {
        return invalid("max_cores is 0: at least 1, or no limit".to_owned());
    }
    if description.max_executor_retries < -1 {
        return invalid(format!(
            "max_executor_retries is {}: 0 or more, or -1 for no limit",
            description.max_executor_retries
        ));
    }
    for (number, wanted) in profiles {
        if wanted.profile.id != *number {
            return invalid(format!(
                "resource profile {number} calls itself {}",
                wanted.profile.id
            ));
        }
        check_profile(description, wanted)?;
    }
    Ok(())
}

/// What one profile of `app` may ask for.
pub(super) fn check_profile(
    app: &ApplicationDescription,
    wanted: &ProfileRequest,
) -> Result<(), Rejection> {
    let invalid = |message: String| Err(Rejection::new(RejectCode::Invalid, message));
    let profile = &wanted.profile;
    check_size(
        "an executor",
        profile.cores.unwrap_or(1),
        profile.memory_mib,
    )?;
    check_named(&profile.named)?;
    if let (Some(each), Some(all)) = (profile.cores, app.max_cores)
        && each > all
    {
        return invalid(format!(
            "one executor of resource profile {} takes {each} cores, more than the {all} that all \
             executors may take together",
            profile.id
        ));
    }
    if app.run_to_completion && wanted.target.unwrap_or_default() == 0 {
        return invalid(format!(
            "resource profile {} has no target: an application that runs to completion says how many \
             executors must succeed, from 1",
            profile.id
        ));
    }
    if let Some(target) = wanted.target.filter(|target| *target > EXECUTOR_TARGET_MAX) {
        return invalid(format!(
            "a target of {target} executors: at most {EXECUTOR_TARGET_MAX}"
        ));
    }
    Ok(())
}
