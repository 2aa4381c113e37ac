//! Spark's RPC on the wire: frames, connections, asks and answers, addresses. What the messages are, it doesn't know.
//!
//! Without IO: [`Frame`] and [`Decoder`] (bytes to frames), [`Envelope`] and the addresses (how a message begins),
//! [`Connection`] (the state of one connection). With it: [`Transport`], the listener, the dialler and a task for
//! each connection.
//!
//! - A connection is the same whoever made it: both sides ask, send and answer on it.
//! - Every ask of a peer is answered exactly once: by [`Ask::reply`], by [`Ask::fail`], or, when its [`Ask`] is
//!   dropped, with a failure.
//! - What can't be delivered closes its connection. So a message that was accepted reached the peer, or the
//!   connection's end is told on both sides.
//! - Memory is bounded by [`Limits`]: it grows with the bytes that are there, never with a length that was said.

mod address;
mod budget;
mod connection;
mod decoder;
mod dial;
mod error;
mod event;
mod frame;
mod limits;
mod link;
mod listener;
mod queue;
mod shared;
mod socket;

use std::io;
use std::net::SocketAddr;
use std::sync::Arc;
use std::time::Duration;

use bytes::Bytes;
use tokio::net::TcpListener;
use tokio::sync::{mpsc, oneshot};
use tokio::task::AbortHandle;

pub use crate::address::RpcAddress;
pub use address::{AddressError, EndpointAddress, Envelope};
pub use connection::{Connection, Message, Received};
pub use decoder::{Decoder, Foreign, FrameError};
pub use dial::DialError;
pub use error::{AskError, PeerError, SendError};
pub use event::{Ask, CloseReason, ConnectionId, Event, Incoming};
pub use frame::Frame;
pub use limits::Limits;
pub use shared::Full;

use shared::Shared;

/// A listener and all connections, those made to it and those that it made. Clones are the same one; when the last
/// is dropped, everything is closed.
#[derive(Clone)]
pub struct Transport {
    inner: Arc<Inner>,
}

struct Inner {
    shared: Arc<Shared>,
    advertised: RpcAddress,
    local: SocketAddr,
    listening: AbortHandle,
}

impl Drop for Inner {
    fn drop(&mut self) {
        self.listening.abort();
        self.shared.stop();
    }
}

impl Transport {
    /// Listens at `listen`. `advertised` is what peers are told as the address of this process, in every message and
    /// (by whoever writes these) in every reference; they compare the two. Port 0 there means the one that was bound.
    ///
    /// # Errors
    /// When the address can't be bound.
    pub async fn bind(
        listen: SocketAddr,
        mut advertised: RpcAddress,
        limits: Limits,
    ) -> io::Result<(Transport, mpsc::Receiver<Event>)> {
        let listener = TcpListener::bind(listen).await?;
        let local = listener.local_addr()?;
        if advertised.port == 0 {
            advertised.port = local.port();
        }
        let (sender, receiver) = mpsc::channel(limits.events.max(1));
        let shared = Shared::new(limits, sender);
        let task = tokio::spawn(listener::accept(listener, Arc::clone(&shared)));
        let listening = task.abort_handle();
        let inner = Arc::new(Inner {
            shared,
            advertised,
            local,
            listening,
        });
        Ok((Transport { inner }, receiver))
    }

    /// Where it listens.
    #[must_use]
    pub fn local_addr(&self) -> SocketAddr {
        self.inner.local
    }

    /// What peers are told as the address of this process.
    #[must_use]
    pub fn advertised(&self) -> &RpcAddress {
        &self.inner.advertised
    }

    /// How many connections there are.
    #[must_use]
    pub fn connections(&self) -> usize {
        self.inner.shared.count()
    }

    /// Makes a connection. It may end before this returns its id; sending to it then says so.
    ///
    /// # Errors
    /// When the peer can't be reached within [`Limits::dial_within`].
    pub async fn dial(&self, to: &RpcAddress) -> Result<ConnectionId, DialError> {
        let shared = &self.inner.shared;
        let stream = dial::connect(to, shared.limits.dial_within).await?;
        let failed = |error| DialError::Failed(to.clone(), error);
        let remote = stream.peer_addr().map_err(failed)?;
        Ok(shared.open(stream, remote, true)?)
    }

    /// Whether somebody listens at `to`: makes a connection and closes it.
    ///
    /// # Errors
    /// Why not, as far as that can be known within [`Limits::dial_within`].
    pub async fn probe(&self, to: &RpcAddress) -> Result<(), DialError> {
        dial::connect(to, self.inner.shared.limits.dial_within)
            .await
            .map(drop)
    }

    /// Sends a message without an answer. It is queued when this returns; messages arrive in this order.
    ///
    /// # Errors
    /// When it can't be. Unless it is the message's own fault, the connection is closed then.
    pub fn send(
        &self,
        connection: ConnectionId,
        to: &EndpointAddress,
        body: &[u8],
    ) -> Result<(), SendError> {
        let link = self
            .inner
            .shared
            .link(connection)
            .ok_or(SendError::Closed)?;
        let envelope = self.envelope(to);
        link.queue(|connection| connection.send(&envelope, body))
    }

    /// Asks, and waits for the answer: a Java stream.
    ///
    /// # Errors
    /// When it can't be sent, the peer says that it failed, the connection ends, or no answer comes within `within`.
    pub async fn ask(
        &self,
        connection: ConnectionId,
        to: &EndpointAddress,
        body: &[u8],
        within: Duration,
    ) -> Result<Bytes, AskError> {
        let link = self
            .inner
            .shared
            .link(connection)
            .ok_or(SendError::Closed)?;
        let envelope = self.envelope(to);
        let deadline = link::now() + within;
        let (waiter, answer) = oneshot::channel();
        link.ask(|connection| {
            connection
                .ask(&envelope, body, deadline, waiter)
                .map_err(|(error, _)| error)
        })?;
        drop(link);
        answer.await.unwrap_or(Err(AskError::Closed))
    }

    /// Has a connection that was made to us stay when there are too many: its peer has made itself known. One that
    /// we have dialled always stays.
    pub fn keep(&self, connection: ConnectionId) {
        self.inner.shared.keep(connection);
    }

    /// Closes a connection. What is queued is dropped; what the system has taken still goes out.
    pub fn close(&self, connection: ConnectionId, why: &str) {
        if let Some(link) = self.inner.shared.link(connection) {
            link.close(CloseReason::Closed(why.to_owned()), false);
        }
    }

    /// Closes every connection that there is, at once. When this has returned, nothing more is written to any of
    /// them: what was queued is dropped, and so is what the system has not yet sent. New ones are taken as before.
    pub fn close_all(&self, why: &str) {
        self.inner.shared.close_all(why);
    }

    fn envelope(&self, to: &EndpointAddress) -> Envelope {
        Envelope {
            sender: Some(self.inner.advertised.clone()),
            receiver: Some(to.address.clone()),
            endpoint: to.name.clone(),
        }
    }
}
