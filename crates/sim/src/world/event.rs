//! What happens, and the queue of what is to happen when.

use std::cmp::Reverse;
use std::rc::Rc;

use vesta_proto::worker_convert::RunOrder;
use vesta_types::{Epoch, InstanceId};

use super::client::{Request, Said};
use super::master::Done;
use super::nemesis::Heal;
use super::supervisor::Next;
use super::{Who, World};
use crate::clock::Nanos;
use crate::raft::{Rpc, Snapshot};

/// What happens at a moment. `life`: only in that life of its process.
#[derive(Debug)]
#[expect(missing_docs, reason = "each is named like what handles it")]
pub enum Event {
    MasterUp {
        m: usize,
    },
    Rpc {
        to: usize,
        from: usize,
        rpc: Box<Rpc>,
    },
    RaftTimer {
        m: usize,
    },
    Flushed {
        m: usize,
        life: u32,
    },
    VoteSaved {
        m: usize,
        life: u32,
        saved: (u64, Option<usize>),
        then: Box<Vec<(usize, Rpc)>>,
    },
    Installed {
        m: usize,
        life: u32,
        snapshot: Box<(Rc<Snapshot>, usize, Nanos)>,
    },
    SnapshotTaken {
        m: usize,
        life: u32,
        snapshot: Rc<Snapshot>,
        purged: u64,
    },
    Wake {
        m: usize,
        life: u32,
    },
    Done {
        m: usize,
        life: u32,
        done: Box<Done>,
    },
    Deliver {
        stream: usize,
        down: bool,
    },
    Keepalive {
        stream: usize,
        client: bool,
    },
    Broken {
        stream: usize,
        client: bool,
    },
    Dial {
        who: Who,
        life: u32,
        master: usize,
        serial: u32,
    },
    OpenTimeout {
        stream: usize,
    },
    MachineUp {
        w: usize,
    },
    AgentUp {
        w: usize,
    },
    AgentTick {
        w: usize,
        life: u32,
    },
    Accept {
        w: usize,
        life: u32,
        order: Rc<RunOrder>,
        epoch: Epoch,
    },
    Spawn {
        w: usize,
        life: u32,
        instance: Rc<InstanceId>,
    },
    Observe {
        w: usize,
        life: u32,
        instance: Rc<InstanceId>,
    },
    KillSupervisor {
        w: usize,
        life: u32,
        instance: Rc<InstanceId>,
    },
    Supervisor {
        w: usize,
        instance: Rc<InstanceId>,
        serial: u64,
        next: Next,
    },
    ProcessEnds {
        w: usize,
        pid: u32,
        code: i32,
    },
    Client {
        client: usize,
    },
    Attempt {
        call: usize,
    },
    AttemptOver {
        call: usize,
        attempt: u32,
    },
    Asked {
        m: usize,
        request: Request,
    },
    PassedOn {
        via: usize,
        request: Request,
        said: Box<Said>,
    },
    Answered {
        request: Request,
        said: Box<Said>,
    },
    NewApp,
    AppBeat {
        app: usize,
    },
    AppEnds {
        app: usize,
    },
    Fault,
    FirstLeader {
        m: usize,
    },
    CutAll,
    Heal(Box<Heal>),
    Roll {
        next: usize,
    },
    Quiet,
    Judge,
    Probed,
    Cleared,
}

/// An event in the queue.
pub struct Item {
    /// When.
    pub at: Nanos,
    /// Of those of one moment, which comes first.
    pub order: u64,
    /// What.
    pub event: Event,
}

impl PartialEq for Item {
    fn eq(&self, other: &Item) -> bool {
        (self.at, self.order) == (other.at, other.order)
    }
}

impl Eq for Item {}

impl PartialOrd for Item {
    fn partial_cmp(&self, other: &Item) -> Option<std::cmp::Ordering> {
        Some(self.cmp(other))
    }
}

impl Ord for Item {
    fn cmp(&self, other: &Item) -> std::cmp::Ordering {
        (self.at, self.order).cmp(&(other.at, other.order))
    }
}

impl World {
    pub(super) fn at(&mut self, at: Nanos, event: Event) {
        self.order += 1;
        let order = self.order;
        self.queue.push(Reverse(Item { at, order, event }));
    }

    pub(super) fn after(&mut self, takes: Nanos, event: Event) {
        self.at(self.now.saturating_add(takes), event);
    }
}
