//! One connection with its socket: moves bytes between the two. What they mean, its [`Connection`] says.
//! [`reading`] and [`writing`] are the two ways.

mod reading;
mod writing;

use std::net::SocketAddr;
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};

use bytes::Bytes;
use tokio::net::TcpStream;
use tokio::sync::{Notify, oneshot};
use tokio::time::Instant;

use super::budget::OutClaim;
use super::connection::Connection;
use super::error::{AskError, PeerError, SendError};
use super::event::{CloseReason, ConnectionId, Event};
use super::shared::Shared;
use super::socket;
use crate::address::RpcAddress;

/// What waits for the answer to an ask of ours.
pub(super) type Waiter = oneshot::Sender<Result<Bytes, AskError>>;

/// A connection and its socket, which is closed when this is dropped.
pub(super) struct Link {
    pub(super) id: ConnectionId,
    remote: SocketAddr,
    stream: TcpStream,
    state: Mutex<State>,
    /// Something was queued.
    output: Notify,
    /// Something was asked.
    asked: Notify,
    closing: Notify,
}

struct State {
    connection: Connection<Waiter>,
    claim: OutClaim,
    closed: Option<CloseReason>,
}

impl Link {
    pub(super) fn new(
        id: ConnectionId,
        stream: TcpStream,
        remote: SocketAddr,
        dialled: bool,
        shared: &Shared,
    ) -> Arc<Self> {
        let connection = if dialled {
            Connection::outbound(&shared.limits)
        } else {
            Connection::inbound(&shared.limits, now())
        };
        let claim = OutClaim::nothing(&shared.output);
        Arc::new(Self {
            id,
            remote,
            stream,
            state: Mutex::new(State {
                connection,
                claim,
                closed: None,
            }),
            output: Notify::new(),
            asked: Notify::new(),
            closing: Notify::new(),
        })
    }

    /// Nothing that panics is done under the lock.
    fn lock(&self) -> MutexGuard<'_, State> {
        self.state.lock().unwrap_or_else(PoisonError::into_inner)
    }

    /// Queues what `work` says. What can't be delivered closes the connection, so that both sides know.
    pub(super) fn queue<T>(
        &self,
        work: impl FnOnce(&mut Connection<Waiter>) -> Result<T, SendError>,
    ) -> Result<T, SendError> {
        let mut state = self.lock();
        if state.closed.is_some() {
            return Err(SendError::Closed);
        }
        let result = work(&mut state.connection);
        if let Err(SendError::Peer(error)) = &result {
            self.close_locked(&mut state, error.clone().into(), true);
        } else {
            self.settle(&mut state)?;
        }
        drop(state);
        self.output.notify_one();
        result
    }

    /// As [`Link::queue`], for an ask.
    pub(super) fn ask(
        &self,
        work: impl FnOnce(&mut Connection<Waiter>) -> Result<i64, SendError>,
    ) -> Result<i64, SendError> {
        let asked = self.queue(work);
        self.asked.notify_one();
        asked
    }

    /// Claims room for what is queued now.
    fn settle(&self, state: &mut State) -> Result<(), SendError> {
        let queued = state.connection.queued();
        if state.claim.set(queued) {
            return Ok(());
        }
        let (more, limit) = state.claim.missing(queued);
        let error = SendError::Crowded { more, limit };
        self.close_locked(state, CloseReason::Crowded(error.to_string()), true);
        Err(error)
    }

    /// Closes it: once this has returned, nothing more is written. If `hard`, also what the system has taken and
    /// not yet sent is dropped.
    pub(super) fn close(&self, reason: CloseReason, hard: bool) {
        self.close_locked(&mut self.lock(), reason, hard);
    }

    fn close_locked(&self, state: &mut State, reason: CloseReason, hard: bool) {
        if hard {
            socket::close_hard(&self.stream);
        }
        if state.closed.is_none() {
            state.closed = Some(reason);
            // Whoever waits for an answer sees that its sender is gone.
            state.connection.close();
            self.closing.notify_one();
        }
    }

    /// Serves the connection until its end.
    pub(super) async fn run(self: Arc<Self>, shared: Arc<Shared>) {
        let reason = tokio::select! {
            biased;
            () = self.closing.notified() => CloseReason::Ended,
            reason = self.read(&shared) => reason,
            reason = self.write(&shared) => reason,
            reason = self.expire() => reason,
        };
        let hard = matches!(reason, CloseReason::Peer(PeerError::Unread { .. }));
        // The first reason counts.
        self.close(reason, hard);
        let (reason, peer, known) = self.outcome();
        shared.forget(self.id);
        self.log(&reason, peer.as_ref());
        let connection = self.id;
        // Closes the socket. Telling of it may have to wait.
        drop(self);
        if known {
            // If nobody receives, nobody wants to know.
            let _ = shared
                .events
                .send(Event::Closed {
                    connection,
                    peer,
                    reason,
                })
                .await;
        }
    }

    fn outcome(&self) -> (CloseReason, Option<RpcAddress>, bool) {
        let state = self.lock();
        let connection = &state.connection;
        let reason = state.closed.clone().unwrap_or(CloseReason::Ended);
        (reason, connection.peer().cloned(), connection.is_known())
    }

    /// One line for each peer that is closed for an error. Never what it sent.
    fn log(&self, reason: &CloseReason, peer: Option<&RpcAddress>) {
        let (connection, remote) = (self.id, self.remote);
        let peer = peer.map_or_else(|| "an unnamed peer".to_owned(), ToString::to_string);
        match reason {
            CloseReason::Peer(_) | CloseReason::Crowded(_) => {
                tracing::warn!(%connection, %remote, "closed the connection of {peer}: {reason}");
            }
            CloseReason::Ended | CloseReason::Broken(_) | CloseReason::Closed(_) => {
                let ignored = self.lock().connection.ignored_answers();
                tracing::debug!(%connection, %remote, ignored, "{peer}: {reason}");
            }
        }
    }
}

/// The time, also where a test stops it.
pub(super) fn now() -> std::time::Instant {
    Instant::now().into_std()
}
