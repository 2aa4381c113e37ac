//! The values that go in and out of a [`Journal`](crate::Journal).

use serde::{Deserialize, Serialize};
use uuid::Uuid;

/// One entry of the Raft log: its index and its bytes, which mean nothing to this crate.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Record {
    /// Position in the Raft log; indexes have no gaps.
    pub index: u64,
    /// The encoded entry, 0 to [`MAX_RECORD_BYTES`](crate::MAX_RECORD_BYTES) bytes.
    pub bytes: Vec<u8>,
}

/// The Raft vote: whom this node supports, and in which term.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Vote {
    /// The term voted in.
    pub term: u64,
    /// The node voted for.
    pub node_id: u64,
    /// Whether a quorum is known to have granted that node this term.
    pub committed: bool,
}

/// Who this directory is: kept in its own file, apart from the log.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Identity {
    /// Random, made once when the directory was created.
    pub directory_uuid: Uuid,
    /// The cluster that the directory is a member of, once it has joined one.
    pub cluster_id: Option<Uuid>,
    /// The Raft node id of this member, once it has joined.
    pub node_id: Option<u64>,
    /// What [`Journal::join`](crate::Journal::join) was given, until
    /// [`Journal::founded`](crate::Journal::founded) clears it.
    pub founding: Option<Vec<u8>>,
    /// The last vote saved.
    pub vote: Option<Vote>,
    /// The highest index recorded as committed and durable in this directory; 0 before the first.
    pub committed_index: u64,
}

/// How far the log has been purged.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Purged {
    /// The highest index purged.
    pub index: u64,
    /// The bytes given to [`Journal::purge_to`](crate::Journal::purge_to) with it.
    pub marker: Vec<u8>,
}

/// What a snapshot covers.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct SnapshotMeta {
    /// The last log index that the snapshot includes.
    pub index: u64,
    /// The name that consensus gave it, at most 255 bytes.
    pub id: String,
    /// Bytes that mean nothing to this crate (last log id and membership).
    pub extra: Vec<u8>,
}

/// A snapshot as read back, verified.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Snapshot {
    /// What it covers.
    pub meta: SnapshotMeta,
    /// Its content.
    pub data: Vec<u8>,
}
