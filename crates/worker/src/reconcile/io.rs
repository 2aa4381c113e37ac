//! What the reconciler is told, and what it wants done.

use uuid::Uuid;
use vesta_proto::worker_convert::{OrderSet, RunOrder};
use vesta_types::{ClusterId, Epoch, InstanceId, InstanceReport};

use crate::clock::Boottime;

/// One session of the worker with one master.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Source {
    /// The master's address, as the worker dials it.
    pub master: String,
    /// The session's id, made by the worker.
    pub session: Uuid,
}

/// Something that happened.
#[derive(Clone, Debug)]
pub enum Input {
    /// A session to a master is open; an older one to the same master is superseded.
    SessionOpened {
        /// The session.
        from: Source,
    },
    /// A session broke or was closed.
    SessionClosed {
        /// The session.
        from: Source,
    },
    /// A master said who it is.
    Welcome {
        /// On which session.
        from: Source,
        /// Its cluster.
        cluster: ClusterId,
        /// The epoch of its applied state.
        epoch: Epoch,
        /// Whether it leads.
        leading: bool,
    },
    /// A master opened for business as the leader of `epoch`, or asks again.
    MasterChanged {
        /// On which session.
        from: Source,
        /// Its cluster.
        cluster: ClusterId,
        /// Its epoch.
        epoch: Epoch,
    },
    /// A heartbeat is confirmed.
    Confirmed {
        /// On which session it was said.
        from: Source,
        /// In which session the heartbeat was sent.
        session: Uuid,
        /// By the leader of which epoch.
        epoch: Epoch,
        /// Which heartbeat of that session.
        sequence: u64,
    },
    /// A complete set of orders.
    Orders {
        /// On which session.
        from: Source,
        /// The orders.
        set: OrderSet,
    },
    /// The ends of these instances are committed.
    Acknowledged {
        /// On which session.
        from: Source,
        /// By the leader of which epoch.
        epoch: Epoch,
        /// The instances.
        instances: Vec<InstanceId>,
    },
    /// An instance's records show this.
    Observed(InstanceReport),
    /// The directories of these instances are gone.
    Cleaned(Vec<InstanceId>),
    /// The agent is to end: everything is stopped, nothing is started any more.
    Shutdown,
    /// Time has passed.
    Tick,
}

/// Something to be done.
#[derive(Clone, Debug, PartialEq)]
pub enum Action {
    /// Let supervisors know that a heartbeat sent at this time is confirmed.
    Confirm(Boottime),
    /// Accept the order durably and start its supervisor.
    Start {
        /// The order.
        order: Box<RunOrder>,
        /// The epoch that it was ordered under.
        epoch: Epoch,
    },
    /// End the instance (TERM, grace, KILL to its group), or make sure that it never starts.
    Stop(InstanceId),
    /// Mark the instance as acknowledged on disk.
    Forget(InstanceId),
    /// Say something to a master.
    Send {
        /// On which session.
        to: Source,
        /// What.
        message: Message,
    },
    /// Something that people should read in the log.
    Note(String),
}

/// What is said to a master.
#[derive(Clone, Debug, PartialEq)]
pub enum Message {
    /// This worker lives.
    Heartbeat {
        /// The number within the session, from 1.
        sequence: u64,
        /// When it is sent.
        stamp: Boottime,
    },
    /// Everything accepted and not acknowledged.
    Report(Report),
}

/// Everything accepted and not acknowledged.
#[derive(Clone, Debug, PartialEq)]
pub struct Report {
    /// The epoch that it answers.
    pub epoch: Epoch,
    /// The instances.
    pub instances: Vec<InstanceReport>,
    /// What was refused since the last report, for people.
    pub refused_stale: Vec<String>,
    /// How many orders were refused as stale since the agent's start.
    pub stale_orders: u64,
    /// Whether the worker is about to end, in order.
    pub leaving: bool,
}
