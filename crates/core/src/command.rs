//! What can be written to the log.

use std::collections::BTreeMap;

use serde::{Deserialize, Serialize};
use vesta_types::{
    AppId, ApplicationDescription, ClusterId, DriverDescription, DriverId, Epoch, Incarnation,
    InstanceId, InstanceReport, ProfileRequest, SubmissionKey, Timestamp, WorkerDescription,
    WorkerId,
};

/// One log entry: a command, and when its proposer made it.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Entry {
    /// The proposing leader's wall clock. Ages keys and history; never decides liveness.
    pub at: Timestamp,
    /// The command.
    pub command: Command,
}

/// A change of the cluster's state.
///
/// What a leader proposes of its own accord carries the epoch that it was decided under; `apply`
/// refuses it once the epoch has moved (the lesson of etcd #15247). What a client asked for carries
/// the client's key instead, and is as good under one leader as under the next.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub enum Command {
    /// A master has become the leader of `term`. Applied once per (term, node); raises the epoch.
    LeaderStarted {
        /// Identity of the cluster; the first such entry sets it.
        cluster: ClusterId,
        /// Raft term.
        term: u64,
        /// The leader's node id.
        node: u64,
        /// How long it had heard no leader, in milliseconds.
        leaderless_ms: u64,
    },
    /// Recovery of this epoch is over; at most once per epoch.
    CompleteRecovery {
        /// Decided under.
        epoch: Epoch,
        /// Silent workers to lose; those confirmed meanwhile are skipped.
        condemned: Vec<WorkerId>,
    },
    /// A worker registers, comes back, or answers a new leader, with everything that it has and that
    /// no entry has acknowledged. Confirms it in this epoch.
    AttachWorker {
        /// Decided under.
        epoch: Epoch,
        /// The worker.
        worker: WorkerDescription,
        /// Every instance that it accepted and that is not acknowledged.
        reports: Vec<InstanceReport>,
    },
    /// News of a confirmed worker's instances.
    ReportInstances {
        /// Decided under.
        epoch: Epoch,
        /// The worker.
        worker: WorkerId,
        /// Its incarnation.
        incarnation: Incarnation,
        /// What changed (or everything; it is idempotent).
        reports: Vec<InstanceReport>,
    },
    /// Workers whose time is over.
    LoseWorkers {
        /// Decided under.
        epoch: Epoch,
        /// Which, and the incarnation that was judged.
        workers: Vec<(WorkerId, Incarnation)>,
        /// Why, for people.
        cause: String,
    },
    /// The leases of lost attempts are over: nothing of them runs any more.
    EndLeases {
        /// Decided under.
        epoch: Epoch,
        /// Which driver's, and which attempt's.
        drivers: Vec<(DriverId, u32)>,
    },
    /// The deadlines of drains are over: executors and supervised drivers there are to end.
    EndDrains {
        /// Decided under.
        epoch: Epoch,
        /// Which worker's, and which drain of it, by the index of the entry that asked for it.
        drains: Vec<(WorkerId, u64)>,
    },
    /// A plan. Each placement is re-checked; what no longer fits is refused, the rest is applied.
    Place {
        /// Decided under.
        epoch: Epoch,
        /// The placements, in order.
        placements: Vec<Placement>,
        /// Where round robin goes on, if a driver was placed.
        cursor: Option<WorkerId>,
    },
    /// An application has answered the new leader.
    ConfirmApplication {
        /// Decided under.
        epoch: Epoch,
        /// Which.
        app: AppId,
    },
    /// Applications whose lease is over.
    ExpireApplications {
        /// Decided under.
        epoch: Epoch,
        /// Which.
        apps: Vec<AppId>,
    },
    /// A master is, or is about to become, a member: its node id belongs to its data directory for good.
    NoteMaster {
        /// Decided under.
        epoch: Epoch,
        /// Its node id.
        node: u64,
        /// The uuid of its data directory.
        directory: uuid::Uuid,
    },
    /// From here on `apply` follows the rules of this version: every member speaks it.
    RaiseVersion {
        /// Decided under.
        epoch: Epoch,
        /// The version.
        version: u32,
    },
    /// What a Spark driver asks for. It has no keys, so all of it is such that twice is as good as once.
    FromSparkDriver {
        /// Decided under.
        epoch: Epoch,
        /// Its application.
        app: AppId,
        /// What it asks for.
        ask: SparkAsk,
    },
    /// A client's write.
    Client {
        /// The client's key: same key, same answer.
        key: SubmissionKey,
        /// What it asks for.
        request: Request,
    },
}

/// What a Spark driver can ask for.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub enum SparkAsk {
    /// So many executors of each of these profiles in all (Spark's `RequestExecutors`); profiles that are
    /// not known yet are added, and those that are not named stay as they are. All of it or nothing.
    SetTargets {
        /// The profiles, and how many executors of each are wanted. A profile never changes: of one that
        /// is known only the target counts. Targets above the most that are possible are that.
        wanted: Vec<ProfileRequest>,
    },
    /// End these executors; unknown and ended ones are ignored.
    KillExecutors {
        /// Their numbers.
        executors: Vec<u32>,
    },
    /// It is over.
    Unregister,
}

/// What a client can ask for. The body that a key is compared with.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub enum Request {
    /// Run a driver in cluster mode.
    SubmitDriver {
        /// What to run.
        description: DriverDescription,
    },
    /// End a driver; it never runs again, whoever leads.
    KillDriver {
        /// Which.
        driver: DriverId,
    },
    /// Register an application.
    RegisterApplication {
        /// Which.
        description: ApplicationDescription,
    },
    /// Set the executor target of a profile (dynamic allocation).
    SetExecutorTarget {
        /// The application.
        app: AppId,
        /// The profile's number.
        profile: u32,
        /// Executors wanted in all.
        target: u32,
    },
    /// Add a resource profile to an application (stage-level scheduling). A profile never changes:
    /// adding the same one again sets its target, another one under its number is refused.
    AddProfile {
        /// The application.
        app: AppId,
        /// The profile, and how many executors of it are wanted.
        wanted: ProfileRequest,
    },
    /// End some executors of an application. As in Spark, this does not lower the target.
    KillExecutors {
        /// The application.
        app: AppId,
        /// Their numbers; unknown and ended ones are ignored.
        executors: Vec<u32>,
    },
    /// The application's client says that it is over.
    UnregisterApplication {
        /// Which.
        app: AppId,
        /// Whether it failed.
        failed: bool,
        /// Why, for people.
        message: String,
    },
    /// End an application on a user's request.
    KillApplication {
        /// Which.
        app: AppId,
    },
    /// Drain a worker: nothing new is placed on it, and after a deadline executors and supervised
    /// drivers go elsewhere.
    DrainWorker {
        /// Which.
        worker: WorkerId,
        /// How long what runs there may go on, in milliseconds.
        deadline_ms: u64,
    },
    /// Take a drain back: the worker is given work again.
    UndrainWorker {
        /// Which.
        worker: WorkerId,
    },
    /// Publish where the run of an instance is reached; it is forgotten with that run.
    PublishEndpoint {
        /// Whose run: the current attempt of a driver, or an executor.
        instance: InstanceId,
        /// Its restart within that attempt.
        restart: u32,
        /// The name.
        name: String,
        /// Where.
        address: String,
    },
}

/// One decision of the planner.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub enum Placement {
    /// Run a driver's next attempt.
    Driver {
        /// Which.
        driver: DriverId,
        /// The attempt that this is; it must be the driver's next.
        attempt: u32,
        /// Where.
        worker: WorkerId,
        /// The incarnation that was planned with.
        incarnation: Incarnation,
        /// Addresses of named resources, if it wants any.
        named: BTreeMap<String, std::collections::BTreeSet<String>>,
    },
    /// Give an application an executor; `apply` numbers it.
    Executor {
        /// The application.
        app: AppId,
        /// The profile's number.
        profile: u32,
        /// Where.
        worker: WorkerId,
        /// The incarnation that was planned with.
        incarnation: Incarnation,
        /// Cores of this executor.
        cores: u32,
        /// Addresses of named resources.
        named: BTreeMap<String, std::collections::BTreeSet<String>>,
    },
}
