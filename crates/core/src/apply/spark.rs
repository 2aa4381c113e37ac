//! What Spark's drivers ask for, and what is particular to their applications.

use vesta_types::limits::{EXECUTOR_TARGET_MAX, PROFILES_MAX};
use vesta_types::{
    AppId, ApplicationDescription, ApplicationState, DriverDescription, Launch, ProfileRequest,
    WorkerDescription,
};

use super::Applying;
use super::requests::check_profile;
use crate::command::SparkAsk;
use crate::reply::{Answer, RejectCode, Rejection, Reply};

impl Applying<'_> {
    pub(super) fn spark_driver_asks(&mut self, id: &AppId, ask: &SparkAsk) -> Reply {
        match ask {
            SparkAsk::SetTargets { wanted } => self.set_targets(id, wanted),
            SparkAsk::KillExecutors { executors } => self.kill_executors(id, executors),
            SparkAsk::Unregister => {
                let message = "its driver says that it is over";
                self.unregister_application(id, ApplicationState::Finished, message)
            }
        }
    }

    /// All of it or nothing: a driver counts on what it was told, and half of it is no answer.
    fn set_targets(&mut self, id: &AppId, wanted: &[ProfileRequest]) -> Reply {
        let app = self.live_application(id)?;
        let mut profiles = app.description.profiles.clone();
        for request in wanted {
            let number = request.profile.id;
            let target = request.target.map(|target| target.min(EXECUTOR_TARGET_MAX));
            match profiles.get_mut(&number) {
                Some(known) => known.target = target,
                None => {
                    let mut new = request.clone();
                    new.target = target;
                    check_profile(&app.description, &new)?;
                    app.description.launch.add_ports(&mut new.profile.named);
                    profiles.insert(number, new);
                }
            }
        }
        if profiles.len() > PROFILES_MAX {
            let message = format!(
                "application {id} would have {} resource profiles: at most {PROFILES_MAX} are possible",
                profiles.len()
            );
            return Err(Rejection::new(RejectCode::Limit, message));
        }
        app.description.profiles = profiles;
        Ok(Answer::Done)
    }

    /// The application that `description` is a repeated registration of: a Spark driver registers with
    /// every master, and again until it is answered, and has no key to say that it is the same.
    pub(super) fn registered_before(&self, description: &ApplicationDescription) -> Option<AppId> {
        let spark = description.spark.as_ref()?;
        let app = self.state.spark_application(spark, &description.name)?;
        Some(app.id.clone())
    }
}

/// An application is of Spark's if its executors are, and only then: workers of both kinds must be able
/// to start them.
pub(super) fn check_application(description: &ApplicationDescription) -> Result<(), Rejection> {
    check_launch(&description.launch)?;
    if description.spark.is_some() == description.launch.spark.is_some() {
        return Ok(());
    }
    let message = "a Spark application has a Spark command to start executors by, and no other has";
    Err(Rejection::new(RejectCode::Invalid, message))
}

pub(super) fn check_driver(description: &DriverDescription) -> Result<(), Rejection> {
    check_launch(&description.launch)
}

/// One of Spark's own workers starts nothing by a home: it is one.
pub(super) fn check_worker(description: &WorkerDescription) -> Result<(), Rejection> {
    if description.spark.is_none() || description.spark_homes.is_empty() {
        return Ok(());
    }
    let message = "WRK004: one of Spark's own workers has no homes of Spark beside it";
    Err(Rejection::new(RejectCode::Invalid, message))
}

fn check_launch(launch: &Launch) -> Result<(), Rejection> {
    let plain = launch.program.is_empty() && launch.args.is_empty() && launch.env.is_empty();
    if launch.spark.is_none() || plain {
        return Ok(());
    }
    let message = "a launch names a program with its arguments and environment, or a Spark command: not \
                   both";
    Err(Rejection::new(RejectCode::Invalid, message))
}
