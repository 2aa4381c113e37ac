//! What the parts of a master share.

use std::collections::BTreeMap;
use std::sync::{Arc, Mutex};
use std::time::{Duration, Instant};

use tokio::sync::{Semaphore, mpsc};
use tonic::codegen::http::HeaderValue;
use vesta_consensus::{Node, Role};
use vesta_net::Net;
use vesta_types::{ClusterId, DriverDescription, OnDisconnect, RecoveryState, WorkerId};

use crate::config::Config;
use crate::leader::{Input, WorkerGlance};
use crate::machine::Shared;
use crate::meters::Meters;
use crate::proposer::Proposer;
use crate::reads::Currency;
use crate::sessions::Sessions;
use crate::time::Clocks;

/// A master's parts.
pub struct Context {
    /// What it was told.
    pub config: Config,
    /// Raft.
    pub node: Node,
    /// How the other masters are reached.
    pub net: Net,
    /// Beside tokio's.
    pub clocks: Clocks,
    /// The applied state.
    pub shared: Arc<Shared>,
    /// Writing to the log.
    pub proposer: Proposer,
    /// Places for clients' writes, those that are sent on among them.
    pub writes: Semaphore,
    /// The streams.
    pub sessions: Sessions,
    /// What happens on streams, for whoever leads.
    pub events: mpsc::Sender<Input>,
    /// When this master last knew itself current.
    pub currency: Currency,
    /// What the leadership shows of itself.
    pub shown: Mutex<Shown>,
    /// What is measured as it happens.
    pub meters: Meters,
    /// When the leadership's loop last went round.
    pub pulse: Pulse,
    /// The masters' addresses as every answer names them; see [`vesta_proto::MEMBERS`].
    pub named: Mutex<Option<HeaderValue>>,
}

/// When something last happened.
pub struct Pulse(Mutex<Instant>);

impl Default for Pulse {
    fn default() -> Pulse {
        Pulse(Mutex::new(Instant::now()))
    }
}

impl Pulse {
    /// It happens now.
    pub fn beat(&self) {
        *self
            .0
            .lock()
            .expect("nothing panics while it holds this lock") = Instant::now();
    }

    /// How long ago it last happened.
    pub fn age(&self) -> Duration {
        let last = *self
            .0
            .lock()
            .expect("nothing panics while it holds this lock");
        last.elapsed()
    }
}

/// What a leadership shows of itself, beside the state.
#[derive(Clone, Debug)]
pub struct Shown {
    /// STANDBY, RECOVERING, COMPLETING_RECOVERY or ALIVE.
    pub status: RecoveryState,
    /// What it knows of each worker, some moments old; empty on a standby.
    pub workers: Arc<BTreeMap<WorkerId, WorkerGlance>>,
}

impl Default for Shown {
    fn default() -> Shown {
        Shown {
            status: RecoveryState::Standby,
            workers: Arc::default(),
        }
    }
}

impl Context {
    /// Whether this master is Raft's leader now, as far as it knows.
    pub fn is_leader(&self) -> bool {
        self.node.status().role == Role::Leader
    }

    /// The cluster, once it is formed or joined.
    pub fn cluster(&self) -> Option<ClusterId> {
        self.node.cluster_id().map(ClusterId)
    }

    /// What the leadership shows of itself.
    pub fn shown(&self) -> Shown {
        self.shown
            .lock()
            .expect("nothing panics while it holds this lock")
            .clone()
    }

    /// A driver as it is accepted: what it does not say is the cluster's default, and is kept with it, so that what it
    /// was accepted under holds for as long as it lives.
    #[must_use]
    pub fn accepted(&self, mut description: DriverDescription) -> DriverDescription {
        let on_disconnect = description
            .on_disconnect
            .unwrap_or(self.config.on_disconnect);
        description.on_disconnect = Some(on_disconnect);
        description.lease = (on_disconnect == OnDisconnect::Stop).then_some(self.config.lease);
        description
    }

    /// Whether what a worker was ordered lapses there before it is declared lost, its clock being up to
    /// a tenth wrong.
    ///
    /// # Errors
    /// What would be right.
    pub fn lapses_in_time(&self, order_ttl: Duration) -> Result<(), String> {
        let timing = &self.config.timing;
        let verdict = timing.worker_timeout.min(timing.recovery_timeout);
        if order_ttl.mul_f64(1.1) <= verdict {
            return Ok(());
        }
        Err(format!(
            "the worker's order_ttl is {order_ttl:?}, and this master declares workers lost after \
             {verdict:?}: order_ttl must be the masters' own"
        ))
    }

    /// Names the masters in every answer from now on.
    pub fn name(&self, members: &[(u64, String)]) {
        let addresses: Vec<&str> = members
            .iter()
            .map(|(_, address)| address.as_str())
            .collect();
        let named = HeaderValue::from_str(&addresses.join(",")).ok();
        *self
            .named
            .lock()
            .expect("nothing panics while it holds this lock") =
            named.filter(|named| !named.is_empty());
    }

    /// What every answer carries.
    pub fn named(&self) -> Option<HeaderValue> {
        let named = self.named.lock();
        named
            .expect("nothing panics while it holds this lock")
            .clone()
    }

    /// Client addresses of all masters, by node id; none while this master neither leads nor hears a
    /// leader. It may have been removed then, and what it knows of the others be old.
    pub fn members(&self) -> Vec<(u64, String)> {
        let current = self.is_leader() || self.node.status().leader.is_some();
        if !current {
            return Vec::new();
        }
        let members = self.node.status().members;
        members
            .into_iter()
            .map(|member| (member.node_id, member.client_addr))
            .collect()
    }
}
