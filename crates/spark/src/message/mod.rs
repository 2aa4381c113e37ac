//! What a master and Spark's processes say to each other, one file for each conversation.
//!
//! What comes in is read to a [`FromPeer`]; what goes out is a struct that is written in the [`Profile`] of the peer
//! that it goes to ([`ToPeer::write`]). Names and fields are Spark's own (`org.apache.spark.deploy.DeployMessages`), but
//! for numbers that carry their unit (`memory_mib`).
//!
//! Descriptions of applications and drivers hold the environment of whoever submitted them: neither `Debug` nor an
//! error shows what is in them.

mod address;
mod application;
mod classes;
mod description;
mod error;
mod executor;
mod failure;
mod fields;
mod from_peer;
mod recovery;
mod registration;
mod resources;
mod state;
mod submission;
mod verifier;
mod worker_driver;
mod writer;

pub use crate::address::RpcAddress;
pub use application::{
    ApplicationRemoved, ExecutorAdded, ExecutorUpdated, KillExecutors, ProfileTotal,
    RegisterApplication, RegisteredApplication, RequestExecutors, UnregisterApplication,
    WorkerRemoved,
};
pub use description::{
    ApplicationDescription, DriverDescription, ResourceProfile, ResourceRequirement,
};
pub use error::{MessageError, WriteError};
pub use executor::{ApplicationFinished, ExecutorStateChanged, KillExecutor, LaunchExecutor};
pub use from_peer::{FromPeer, MessageLimits, Received};
pub use recovery::{
    DriverResponse, ExecutorResponse, MasterChangeAcknowledged, MasterChanged,
    WorkerSchedulerStateResponse,
};
pub use registration::{
    DecommissionWorker, ExecutorDescription, Heartbeat, MasterInStandby, ReconnectWorker,
    RegisterWorker, RegisterWorkerFailed, RegisteredWorker, WorkerDecommissioning,
    WorkerLatestState,
};
pub use resources::Resources;
pub use state::{DriverState, ExecutorState};
pub use submission::{
    DriverStatusResponse, KillAllDriversResponse, KillDriverResponse, RequestDriverStatus,
    RequestKillDriver, RequestSubmitDriver, SubmitDriverResponse,
};
pub use verifier::{Answer, CheckExistence};
pub use worker_driver::{DriverStateChanged, KillDriver, LaunchDriver};
pub use writer::{ToPeer, Writer};

#[expect(unused_imports, reason = "for the documentation")]
use crate::profile::Profile;
