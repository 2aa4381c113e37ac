//! The words that every part of Vesta shares: ids, resources, descriptions, life cycles and limits.
//!
//! Nothing here decides or does IO. A value that exists has passed its checks (parse, don't validate):
//! the constructors and `FromStr` implementations are the only way in for text from outside.

pub mod artifact;
pub mod canary;
pub mod containment;
pub mod description;
pub mod disconnect;
pub mod epoch;
pub mod ids;
pub mod instance;
pub mod key;
pub mod lifecycle;
pub mod limits;
pub mod ports;
pub mod resources;
pub mod spark;
pub mod timestamp;

pub use artifact::{Artifact, ArtifactPlace, ArtifactSource};
pub use containment::Containment;
pub use description::{
    ApplicationDescription, DriverDescription, DriverRun, ExecutorSize, Incarnation, Launch,
    ProfileRequest, WorkerDescription,
};
pub use disconnect::{Lease, OnDisconnect};
pub use epoch::Epoch;
pub use ids::{AppId, ClusterId, DriverId, ExecutorId, IdError, WorkerId};
pub use instance::{Exit, InstanceId, InstanceReport, InstanceStatus, Ran, Work};
pub use key::{KeyError, SubmissionKey};
pub use lifecycle::{
    ApplicationState, DriverState, ExecutorState, Illegal, RecoveryState, WorkerState,
};
pub use resources::{Booking, Capacity, ResourceProfile};
pub use spark::{Dialect, SparkApplication, SparkCommand, SparkPeer, SparkRelease, SparkWorker};
pub use timestamp::Timestamp;
