//! One connection with its socket: moves bytes between the two. What they mean, its [`Connection`] says.

use std::future::pending;
use std::io;
use std::net::SocketAddr;
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};

use bytes::Bytes;
use tokio::net::TcpStream;
use tokio::sync::{Notify, oneshot};
use tokio::time::{Instant, sleep_until, timeout, timeout_at};

use super::budget::{InBudget, InClaim, OutClaim};
use super::connection::{Connection, Message, Received};
use super::error::{AskError, PeerError, SendError};
use super::event::{Ask, CloseReason, ConnectionId, Event, Incoming};
use super::shared::Shared;
use super::socket;
use crate::address::RpcAddress;

/// Read at a time. The buffer lies on the stack: an idle connection has none.
const CHUNK: usize = 16 << 10;

/// A frame of which more has come is a long one. All that Spark's masters are sent in the normal way is shorter.
const LONG: usize = 1 << 20;

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

/// How far writing came.
enum Written {
    All,
    Blocked,
    Broken,
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

    async fn read(self: &Arc<Self>, shared: &Shared) -> CloseReason {
        let mut kept = shared.input.nothing();
        let mut silent = !self.lock().connection.is_known();
        loop {
            let due = self.lock().connection.frame_due();
            let ready = async {
                self.stream.readable().await?;
                Ok::<_, io::Error>(shared.input.claim(CHUNK as u32).await)
            };
            let ready = match due {
                None => Ok(ready.await),
                Some(due) => timeout_at(due.into(), ready).await,
            };
            let taken = match ready {
                Ok(Ok(claim)) => {
                    kept.merge(claim);
                    self.take(&mut kept, &shared.input)
                }
                Ok(Err(error)) => Err(CloseReason::Broken(error.to_string())),
                Err(_elapsed) => match self.lock().connection.overdue(now()) {
                    Some(error) => Err(error.into()),
                    None => continue,
                },
            };
            let taken = match taken {
                Ok(taken) => taken,
                Err(reason) => return reason,
            };
            if silent && self.lock().connection.is_known() {
                silent = false;
                shared.has_spoken(self.id);
            }
            for event in taken {
                if shared.events.send(event).await.is_err() {
                    return CloseReason::Closed("nobody receives messages any more".to_owned());
                }
            }
        }
    }

    /// Reads once. `kept` is the room for what is kept, and for one chunk; of it remains what is kept now.
    fn take(
        self: &Arc<Self>,
        kept: &mut InClaim,
        budget: &InBudget,
    ) -> Result<Vec<Event>, CloseReason> {
        let mut chunk = [0; CHUNK];
        let read = self.stream.try_read(&mut chunk);
        let mut state = self.lock();
        if let Some(reason) = &state.closed {
            return Err(reason.clone());
        }
        let received = match read {
            Ok(0) => {
                state.connection.end()?;
                return Err(CloseReason::Ended);
            }
            Ok(count) => state.connection.receive(&chunk[..count], now())?,
            Err(error) if error.kind() == io::ErrorKind::WouldBlock => Vec::new(),
            Err(error) => return Err(CloseReason::Broken(error.to_string())),
        };
        // Some frames are answered at once.
        if self.settle(&mut state).is_err() {
            return Err(state.closed.clone().unwrap_or(CloseReason::Ended));
        }
        let buffered = state.connection.buffered();
        if buffered > LONG && budget.is_scarce() {
            let why = format!(
                "{buffered} bytes of a frame that has not ended, while there is little room left for \
                 what other peers send"
            );
            return Err(CloseReason::Crowded(why));
        }
        drop(state);
        self.output.notify_one();
        let mut events = Vec::with_capacity(received.len());
        for received in received {
            match received {
                Received::Message(message) => {
                    let claim = kept.split(message.length);
                    events.push(Event::Message(self.incoming(message, claim)));
                }
                // Whoever asked may have stopped waiting.
                Received::Answer(waiter, answer) => drop(waiter.send(answer)),
            }
        }
        kept.shrink_to(buffered);
        Ok(events)
    }

    fn incoming(self: &Arc<Self>, message: Message, claim: InClaim) -> Incoming {
        let ask = message.ask.map(|id| Ask {
            link: Arc::downgrade(self),
            id,
            answered: false,
        });
        Incoming {
            connection: self.id,
            sender: message.envelope.sender,
            endpoint: message.envelope.endpoint,
            body: message.body,
            ask,
            _claim: claim,
        }
    }

    async fn write(&self, shared: &Shared) -> CloseReason {
        loop {
            match self.write_some() {
                Written::All => self.output.notified().await,
                // What was read before is dealt with first; reading finds the end.
                Written::Broken => pending().await,
                Written::Blocked => {
                    let within = shared.limits.write_within;
                    if timeout(within, self.stream.writable()).await.is_err() {
                        let queued = self.lock().connection.queued();
                        return PeerError::Unread { queued, within }.into();
                    }
                }
            }
        }
    }

    /// Writes what the system takes. The lock is held meanwhile, so that nothing is written after closing.
    fn write_some(&self) -> Written {
        let mut state = self.lock();
        loop {
            let bytes = state.connection.to_write();
            if bytes.is_empty() {
                return Written::All;
            }
            match self.stream.try_write(bytes) {
                Ok(count) => {
                    state.connection.wrote(count);
                    let queued = state.connection.queued();
                    state.claim.set(queued);
                }
                Err(error) if error.kind() == io::ErrorKind::WouldBlock => return Written::Blocked,
                Err(_) => return Written::Broken,
            }
        }
    }

    /// Ends our asks when they are over.
    async fn expire(&self) -> CloseReason {
        loop {
            let next = self.lock().connection.next_deadline();
            match next {
                None => self.asked.notified().await,
                Some(at) => tokio::select! {
                    () = sleep_until(at.into()) => {}
                    () = self.asked.notified() => {}
                },
            }
            let over = self.lock().connection.expire(now());
            for waiter in over {
                drop(waiter.send(Err(AskError::TimedOut)));
            }
        }
    }
}

/// The time, also where a test stops it.
pub(super) fn now() -> std::time::Instant {
    Instant::now().into_std()
}
