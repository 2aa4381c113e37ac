//! Every limit of this crate, with its reason.

use std::time::Duration;

/// The largest command that may be proposed, bytes. An entry is written and sent as a whole, in
/// between heartbeats: much larger ones would cost a leader its term on a slow disk.
pub const COMMAND_BYTES_MAX: usize = 1024 * 1024;

/// The largest gRPC message between members, bytes; well above one append (the default of 4 MiB is
/// too close to it).
pub(crate) const MESSAGE_BYTES_MAX: usize = 32 * 1024 * 1024;

/// Entries of one append are cut at about this many bytes, so that a follower that is catching up
/// is answered, and its progress counted, several times a second even on a slow link.
pub(crate) const APPEND_BYTES: usize = 1024 * 1024;

/// Entries of one append at most.
pub(crate) const APPEND_ENTRIES: u64 = 1024;

/// One part of a snapshot on the wire, bytes.
pub(crate) const SNAPSHOT_PART_BYTES: usize = 1024 * 1024;

/// A snapshot that claims to be larger than this is refused before memory is taken for it.
pub(crate) const SNAPSHOT_BYTES_MAX: u64 = 1024 * 1024 * 1024;

/// Recent entries kept decoded in memory: each one is read at least once per follower and once to
/// be applied.
pub(crate) const RECENT_ENTRIES: usize = 4096;

/// The same bound in bytes.
pub(crate) const RECENT_BYTES: usize = 8 * 1024 * 1024;

/// Entries applied before the state is published and their proposers answered, when a long run is
/// applied.
pub(crate) const APPLY_RUN: usize = 256;

/// A connection that takes longer than this does not help an election that is under way.
pub(crate) const CONNECT_TIMEOUT: Duration = Duration::from_millis(200);

/// HTTP/2 ping interval and patience between members: finds a peer that vanished without closing.
/// Tighter values tore down healthy connections elsewhere.
pub(crate) const KEEPALIVE: Duration = Duration::from_secs(5);

/// Pause after a peer could not be reached.
pub(crate) const BACKOFF: Duration = Duration::from_millis(100);

/// The least time a snapshot transfer gets; it gets one second more per MiB.
pub(crate) const SNAPSHOT_DEADLINE: Duration = Duration::from_secs(30);

/// The most time a snapshot transfer gets, whatever its size.
pub(crate) const SNAPSHOT_DEADLINE_MAX: Duration = Duration::from_secs(1200);

/// A proposal that is neither committed nor discarded for this long is answered with "outcome
/// unknown".
pub(crate) const PROPOSE_TIMEOUT: Duration = Duration::from_secs(10);

/// How long a probe may take.
pub(crate) const PROBE_TIMEOUT: Duration = Duration::from_millis(500);

/// Pause between two attempts to form a cluster.
pub(crate) const FORMING_PAUSE: Duration = Duration::from_millis(100);

/// How long parts of a node get to end at shutdown.
pub(crate) const SHUTDOWN_TIMEOUT: Duration = Duration::from_secs(5);

/// Different complaints about refused calls that are remembered, so that each is logged once.
pub(crate) const COMPLAINTS_MAX: usize = 256;
