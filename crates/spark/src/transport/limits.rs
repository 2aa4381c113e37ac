//! What one peer, and all peers together, may take of this process.

use std::time::Duration;

const KIB: usize = 1 << 10;
const MIB: usize = 1 << 20;

/// The limits of a transport. All sizes in bytes.
#[derive(Debug, Clone)]
pub struct Limits {
    /// The longest frame, both ways. Spark itself allows 2 GiB; its messages have some kilobytes.
    pub frame: usize,
    /// The longest frame from one who connected to us and has not yet sent a valid one.
    pub first_frame: usize,
    /// For how long one who connected to us may say nothing valid.
    pub first_frame_within: Duration,
    /// For how long a frame may be on its way, from its first byte to its last.
    pub frame_within: Duration,
    /// For how long a peer may take nothing of what is waiting to be written to it.
    pub write_within: Duration,
    /// For how long a connection may be in the making.
    pub dial_within: Duration,
    /// Asks of one connection that have no answer yet; of its peer's and of ours, each.
    pub asks: usize,
    /// Connections in all. One more, and the oldest that was made to us and that nobody has asked to keep is closed.
    pub connections: usize,
    /// Connections that were made to us and brought nothing valid yet. One more, and the oldest of them is closed:
    /// whoever has something to say says it at once.
    pub silent_connections: usize,
    /// Bytes that came in and are not yet dealt with, of all connections; at least twice the longest frame is taken.
    /// When three quarters are used up, whoever is in the middle of a frame of over 1 MiB is closed; when all are,
    /// nothing is read.
    pub buffered_in: usize,
    /// Bytes that wait to be written, of all connections.
    pub queued_out: usize,
    /// Bytes that wait to be written to one connection, if they are more than one message.
    pub queued_per_connection: usize,
    /// Events that wait to be received. When there are more, nothing is read.
    pub events: usize,
}

impl Default for Limits {
    fn default() -> Self {
        Self {
            frame: 64 * MIB,
            first_frame: 64 * KIB,
            first_frame_within: Duration::from_secs(10),
            frame_within: Duration::from_secs(60),
            write_within: Duration::from_secs(30),
            dial_within: Duration::from_secs(5),
            asks: 1024,
            connections: 16_384,
            silent_connections: 1024,
            buffered_in: 256 * MIB,
            queued_out: 256 * MIB,
            queued_per_connection: 64 * MIB,
            events: 1024,
        }
    }
}

impl Limits {
    /// The default, for a process that may have `files` files open: peers take half of them at most, so that the
    /// process is never kept from reaching others and being reached.
    pub fn for_files(files: u64) -> Limits {
        let most = Limits::default();
        let half = usize::try_from(files / 2).unwrap_or(usize::MAX);
        let connections = most.connections.min(half);
        Limits {
            connections,
            silent_connections: most.silent_connections.min(connections / 4),
            ..most
        }
    }
}
