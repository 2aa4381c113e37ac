//! All that a master takes.

use vesta_javaser::{Limits, Stream};
use vesta_types::SparkRelease;

use super::application::{
    KillExecutors, RegisterApplication, RequestExecutors, UnregisterApplication,
};
use super::classes::{self, Kind};
use super::error::MessageError;
use super::executor::ExecutorStateChanged;
use super::fields::{Context, Fields};
use super::recovery::{MasterChangeAcknowledged, WorkerSchedulerStateResponse};
use super::registration::{Heartbeat, RegisterWorker, WorkerDecommissioning, WorkerLatestState};
use super::submission::{RequestDriverStatus, RequestKillDriver, RequestSubmitDriver};
use super::verifier::CheckExistence;
use super::worker_driver::DriverStateChanged;
use crate::profile;

/// What one message may cost us.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct MessageLimits {
    /// What the stream of a message may cost; what is read out of it may take as much memory once more.
    pub stream: Limits,
    /// The longest description of an application that is kept, in bytes.
    pub max_description: usize,
}

impl Default for MessageLimits {
    /// Those of the codec; descriptions of 4 MiB (usual ones are of 4 kB to 100 kB).
    fn default() -> Self {
        Self {
            stream: Limits::default(),
            max_description: 4 << 20,
        }
    }
}

/// A message, and what it shows of its sender.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Received {
    /// The release that the sender is of, as far as this message shows it: its dialect always.
    pub release: SparkRelease,
    /// The message.
    pub message: FromPeer,
}

/// A message to a master.
#[derive(Debug, Clone, PartialEq, Eq)]
#[expect(missing_docs, reason = "the structs say what each means")]
pub enum FromPeer {
    CheckExistence(CheckExistence),
    RegisterWorker(RegisterWorker),
    Heartbeat(Heartbeat),
    WorkerLatestState(WorkerLatestState),
    ExecutorStateChanged(ExecutorStateChanged),
    DriverStateChanged(DriverStateChanged),
    WorkerSchedulerStateResponse(WorkerSchedulerStateResponse),
    WorkerDecommissioning(WorkerDecommissioning),
    RegisterApplication(Box<RegisterApplication>),
    RequestExecutors(RequestExecutors),
    KillExecutors(KillExecutors),
    UnregisterApplication(UnregisterApplication),
    MasterChangeAcknowledged(MasterChangeAcknowledged),
    RequestSubmitDriver(Box<RequestSubmitDriver>),
    RequestKillDriver(RequestKillDriver),
    RequestDriverStatus(RequestDriverStatus),
    /// All drivers are to be killed; since Spark 4.0. Answered by
    /// [`KillAllDriversResponse`](super::KillAllDriversResponse).
    RequestKillAllDrivers,
}

impl FromPeer {
    /// Reads the Java stream of a message that was sent to an endpoint (`Master` or `endpoint-verifier`).
    ///
    /// # Errors
    /// When it is no message that this endpoint takes, of no release that is known, beyond the limits, or a field of it
    /// is not what it must be. The peer can't be served then.
    pub fn read(
        endpoint: &str,
        body: &[u8],
        limits: &MessageLimits,
    ) -> Result<Received, MessageError> {
        let stream = Stream::read(body, &limits.stream)?;
        let value = stream.value()?;
        let (kind, dialect) = classes::identify(endpoint, value)?;
        let release = profile::shown_by(dialect, &stream.graph);
        let context = Context::new(release, *limits);
        let of = Fields::new(value, &context);
        let message = match kind {
            Kind::CheckExistence => Self::CheckExistence(CheckExistence::read(of)?),
            Kind::RegisterWorker => Self::RegisterWorker(RegisterWorker::read(of)?),
            Kind::Heartbeat => Self::Heartbeat(Heartbeat::read(of)?),
            Kind::WorkerLatestState => Self::WorkerLatestState(WorkerLatestState::read(of)?),
            Kind::ExecutorStateChanged => {
                Self::ExecutorStateChanged(ExecutorStateChanged::read(of)?)
            }
            Kind::DriverStateChanged => Self::DriverStateChanged(DriverStateChanged::read(of)?),
            Kind::WorkerSchedulerStateResponse => {
                Self::WorkerSchedulerStateResponse(WorkerSchedulerStateResponse::read(of)?)
            }
            Kind::WorkerDecommissioning => {
                Self::WorkerDecommissioning(WorkerDecommissioning::read(of)?)
            }
            Kind::RegisterApplication => {
                let application = RegisterApplication::read(of)?;
                Self::RegisterApplication(Box::new(application))
            }
            Kind::RequestExecutors => Self::RequestExecutors(RequestExecutors::read(of)?),
            Kind::KillExecutors => Self::KillExecutors(KillExecutors::read(of)?),
            Kind::UnregisterApplication => {
                Self::UnregisterApplication(UnregisterApplication::read(of)?)
            }
            Kind::MasterChangeAcknowledged => {
                Self::MasterChangeAcknowledged(MasterChangeAcknowledged::read(of)?)
            }
            Kind::RequestSubmitDriver => {
                let driver = RequestSubmitDriver::read(of)?;
                Self::RequestSubmitDriver(Box::new(driver))
            }
            Kind::RequestKillDriver => Self::RequestKillDriver(RequestKillDriver::read(of)?),
            Kind::RequestDriverStatus => Self::RequestDriverStatus(RequestDriverStatus::read(of)?),
            Kind::RequestKillAllDrivers => Self::RequestKillAllDrivers,
        };
        Ok(Received { release, message })
    }
}
