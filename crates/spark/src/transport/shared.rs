//! What all connections of a transport share, and which ones there are.

use std::collections::{BTreeSet, HashMap};
use std::net::SocketAddr;
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};

use tokio::net::TcpStream;
use tokio::sync::mpsc;

use super::budget::{InBudget, OutBudget};
use super::event::{CloseReason, ConnectionId, Event};
use super::limits::Limits;
use super::link::Link;
use super::socket;

pub(super) struct Shared {
    pub(super) limits: Limits,
    pub(super) input: InBudget,
    pub(super) output: Arc<OutBudget>,
    pub(super) events: mpsc::Sender<Event>,
    registry: Mutex<Registry>,
}

#[derive(Default)]
struct Registry {
    last: u64,
    links: HashMap<ConnectionId, Arc<Link>>,
    /// Of the connections made to us, those that brought nothing valid yet; ids grow, so the oldest is the first.
    silent: BTreeSet<ConnectionId>,
    /// Of the connections made to us, those that have spoken and that nobody has asked to keep.
    strangers: BTreeSet<ConnectionId>,
    stopped: bool,
}

/// No connection is taken: there are too many, or the transport is no more. Holds how many there are.
#[derive(Debug, Clone, Copy, PartialEq, Eq, thiserror::Error)]
#[error("no more connections are taken; there are {0}")]
pub struct Full(pub usize);

impl Shared {
    pub(super) fn new(mut limits: Limits, events: mpsc::Sender<Event>) -> Arc<Self> {
        // Else the longest frame could never come to its end.
        limits.buffered_in = limits.buffered_in.max(2 * limits.frame);
        Arc::new(Self {
            input: InBudget::new(limits.buffered_in),
            output: OutBudget::new(limits.queued_out),
            limits,
            events,
            registry: Mutex::default(),
        })
    }

    /// Nothing that panics is done under the lock.
    fn registry(&self) -> MutexGuard<'_, Registry> {
        self.registry.lock().unwrap_or_else(PoisonError::into_inner)
    }

    /// Takes up a connection, which is served from now on.
    pub(super) fn open(
        self: &Arc<Self>,
        stream: TcpStream,
        remote: SocketAddr,
        dialled: bool,
    ) -> Result<ConnectionId, Full> {
        // One that is broken already tells so at the first read.
        let _ = socket::set_up(&stream);
        let mut registry = self.registry();
        if registry.stopped {
            return Err(Full(0));
        }
        let limits = &self.limits;
        if !dialled && registry.silent.len() >= limits.silent_connections {
            registry.close_oldest_silent(limits);
        }
        if registry.links.len() >= limits.connections {
            registry.make_room(limits);
        }
        if registry.links.len() >= limits.connections {
            return Err(Full(registry.links.len()));
        }
        registry.last += 1;
        let id = ConnectionId(registry.last);
        let link = Link::new(id, stream, remote, dialled, self);
        registry.links.insert(id, Arc::clone(&link));
        if !dialled {
            registry.silent.insert(id);
        }
        drop(registry);
        tokio::spawn(link.run(Arc::clone(self)));
        Ok(id)
    }

    pub(super) fn link(&self, id: ConnectionId) -> Option<Arc<Link>> {
        self.registry().links.get(&id).cloned()
    }

    pub(super) fn count(&self) -> usize {
        self.registry().links.len()
    }

    /// A connection made to us has brought something valid.
    pub(super) fn has_spoken(&self, id: ConnectionId) {
        let mut registry = self.registry();
        if registry.silent.remove(&id) {
            registry.strangers.insert(id);
        }
    }

    /// A connection stays when there are too many.
    pub(super) fn keep(&self, id: ConnectionId) {
        let mut registry = self.registry();
        registry.silent.remove(&id);
        registry.strangers.remove(&id);
    }

    /// A connection is no more.
    pub(super) fn forget(&self, id: ConnectionId) {
        let mut registry = self.registry();
        registry.silent.remove(&id);
        registry.strangers.remove(&id);
        let link = registry.links.remove(&id);
        drop(registry);
        drop(link);
    }

    /// Makes room for files when the process may open no more of them.
    pub(super) fn make_room(&self) {
        self.registry().make_room(&self.limits);
    }

    /// Closes every connection there is. When this has returned, nothing more is written to any of them.
    pub(super) fn close_all(&self, why: &str) {
        let links: Vec<_> = self.registry().links.values().cloned().collect();
        for link in links {
            link.close(CloseReason::Closed(why.to_owned()), true);
        }
    }

    /// Closes every connection and takes no more.
    pub(super) fn stop(&self) {
        self.registry().stopped = true;
        self.close_all("the transport is no more");
    }
}

impl Registry {
    fn close_oldest_silent(&mut self, limits: &Limits) {
        if let Some(id) = self.silent.pop_first() {
            let most = limits.silent_connections;
            let why = format!("it has sent nothing yet, and there are {most} such connections");
            self.crowded_out(id, why);
        }
    }

    /// Closes a connection that has sent nothing, or else one that nobody has asked to keep, the oldest.
    fn make_room(&mut self, limits: &Limits) {
        let oldest = self.silent.pop_first();
        if let Some(id) = oldest.or_else(|| self.strangers.pop_first()) {
            let most = limits.connections;
            let why = format!("nobody has registered by it, and there are {most} connections");
            self.crowded_out(id, why);
        }
    }

    fn crowded_out(&mut self, id: ConnectionId, why: String) {
        if let Some(link) = self.links.remove(&id) {
            link.close(CloseReason::Crowded(why), true);
        }
    }
}
