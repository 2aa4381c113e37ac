//! The one place where openraft is told which types to use.

use std::fmt;

use bytes::Bytes;
use openraft::impls::leader_id_std;
use uuid::Uuid;

/// A command as openraft carries it: bytes that only the state machine understands.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) struct Command(pub(crate) Bytes);

impl fmt::Display for Command {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{} bytes", self.0.len())
    }
}

/// What the state machine answered to a command; empty for entries that are not commands.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) struct Reply(pub(crate) Vec<u8>);

/// One member of the cluster as the membership entry holds it.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub(crate) struct Member {
    /// Where its Raft listener is dialled, `host:port`; the name is resolved anew at each dial.
    pub(crate) raft_addr: String,
    /// Where clients and workers dial it, `host:port`.
    pub(crate) client_addr: String,
    /// The uuid of its data directory: a wiped one has another and is refused.
    pub(crate) directory: Uuid,
}

openraft::declare_raft_types!(
    /// Raft as Vesta uses it: one leader per term, so a term alone names its leader.
    pub(crate) TypeConfig:
        D = Command,
        R = Reply,
        NodeId = u64,
        Node = Member,
        LeaderId = leader_id_std::LeaderId<u64, u64>,
        AsyncRuntime = openraft_rt_tokio::TokioRuntime,
);

pub(crate) type Raft = openraft::Raft<TypeConfig, crate::applier::Applier>;
pub(crate) type LogId = openraft::type_config::alias::LogIdOf<TypeConfig>;
pub(crate) type Vote = openraft::type_config::alias::VoteOf<TypeConfig>;
pub(crate) type Entry = openraft::type_config::alias::EntryOf<TypeConfig>;
pub(crate) type Membership = openraft::Membership<u64, Member>;
pub(crate) type StoredMembership = openraft::type_config::alias::StoredMembershipOf<TypeConfig>;
pub(crate) type SnapshotMeta = openraft::type_config::alias::SnapshotMetaOf<TypeConfig>;
pub(crate) type Snapshot = openraft::type_config::alias::SnapshotOf<TypeConfig, Bytes>;
pub(crate) type Metrics = openraft::RaftMetrics<TypeConfig>;
pub(crate) type MetricsWatch = openraft::type_config::alias::WatchReceiverOf<TypeConfig, Metrics>;
