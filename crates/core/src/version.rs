//! Which versions of commands and rules this code speaks.
//!
//! `apply` must come to the same state on every master, also while masters of two releases work
//! together. So what a release adds (a command, a field, a rule) has a version, is proposed and followed
//! only once the replicated [`ClusterState::version`] has reached that, and that is raised by the leader
//! when every member has said that it speaks it. An entry or snapshot beyond what the code speaks stops
//! the node: a master that was set back to an older release does not guess.

use vesta_types::{ApplicationDescription, Launch, WorkerDescription};

use crate::command::{Command, Entry, Request};
use crate::reply::{RejectCode, Rejection};
use crate::state::ClusterState;

/// The rules that every release speaks: those of a cluster before its version is raised.
pub const FIRST: u32 = 1;

/// From this version on what has ended ages by [`ClusterState::ageing`], which follows nobody's wall
/// clock; before, by [`ClusterState::clock`].
pub const AGEING: u32 = 2;

/// From this version on there are workers, applications and commands of Spark's. Code before it would
/// skip what is said of them, so whoever proposes asks [`check_spoken`] first.
pub const SPARK: u32 = 3;

/// The highest version that this code speaks.
pub const LATEST: u32 = 3;

/// The version of the rules that `command` needs.
pub fn needed(command: &Command) -> u32 {
    let spark = match command {
        Command::AttachWorker { worker, .. } => worker_of_spark(worker),
        Command::FromSparkDriver { .. } => true,
        Command::Client { request, .. } => match request {
            Request::SubmitDriver { description } => launches_spark(&description.launch),
            Request::RegisterApplication { description } => application_of_spark(description),
            _ => false,
        },
        _ => false,
    };
    if spark { SPARK } else { FIRST }
}

/// Whether masters that follow the rules of `state` take `command`. To be asked before it is proposed,
/// and by `apply` again.
///
/// # Errors
/// When they don't: nothing is done, and the same command is taken once every master speaks more.
pub fn check_spoken(command: &Command, state: &ClusterState) -> Result<(), Rejection> {
    let (needed, version) = (needed(command), state.version.max(FIRST));
    if needed <= version {
        return Ok(());
    }
    Err(Rejection::new(
        RejectCode::State,
        format!(
            "it needs version {needed} of the rules, and this cluster follows version {version} as long as \
             not every master speaks {needed}: upgrade those that do not, and try again"
        ),
    ))
}

fn worker_of_spark(worker: &WorkerDescription) -> bool {
    worker.spark.is_some() || !worker.spark_homes.is_empty()
}

fn application_of_spark(app: &ApplicationDescription) -> bool {
    app.spark.is_some() || launches_spark(&app.launch)
}

fn launches_spark(launch: &Launch) -> bool {
    launch.spark.is_some()
}

/// An entry or a state of a later version.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
#[error(
    "it needs version {found} of the rules, and this release speaks {spoken} at most: start a release that \
     speaks {found} on this directory, as the other masters run"
)]
pub struct TooNew {
    found: u32,
    spoken: u32,
}

/// Whether code that speaks `spoken` can apply `entry`.
///
/// # Errors
/// When it can't; applying it anyway would make this replica another one.
pub fn check_entry(entry: &Entry, spoken: u32) -> Result<(), TooNew> {
    match entry.command {
        Command::RaiseVersion { version, .. } => check(version, spoken),
        _ => Ok(()),
    }
}

/// Whether code that speaks `spoken` can go on from `state`.
///
/// # Errors
/// When it can't.
pub fn check_state(state: &ClusterState, spoken: u32) -> Result<(), TooNew> {
    check(state.version, spoken)
}

fn check(found: u32, spoken: u32) -> Result<(), TooNew> {
    if found <= spoken {
        return Ok(());
    }
    Err(TooNew { found, spoken })
}
