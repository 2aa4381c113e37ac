//! The sending side: how openraft reaches the other masters.

mod client;
mod link;
mod quiet;

use std::sync::Arc;
use std::time::Duration;

use openraft::async_runtime::watch::WatchReceiver;
use openraft::network::RaftNetworkFactory;

pub(crate) use client::PeerClient;
pub(crate) use link::{Links, WINDOW_BYTES, client};
pub(crate) use quiet::Quiet;

use crate::complaints::Complaints;
use crate::me::{LateMetrics, Me};
use crate::types::{Member, TypeConfig};

/// What all clients of this node share.
pub(crate) struct Shared {
    pub(crate) me: Arc<Me>,
    pub(crate) metrics: LateMetrics,
    pub(crate) links: Links,
    pub(crate) quiet: Quiet,
    pub(crate) complaints: Complaints,
    /// Deadline of an append that carries entries: the follower has to sync them first.
    pub(crate) append_deadline: Duration,
}

impl Shared {
    /// Where the member with this data directory is now. openraft keeps the clients that it has when
    /// an address changes.
    pub(crate) fn address_of(&self, target: u64, known: &Member) -> String {
        let now = self.metrics.get().and_then(|metrics| {
            let metrics = metrics.borrow_watched();
            metrics.membership_config.get_node(&target).cloned()
        });
        now.filter(|now| now.directory == known.directory)
            .map_or_else(|| known.raft_addr.clone(), |now| now.raft_addr)
    }
}

/// Makes a client per peer and purpose; connections are shared.
#[derive(Clone)]
pub(crate) struct Network {
    pub(crate) shared: Arc<Shared>,
}

impl RaftNetworkFactory<TypeConfig> for Network {
    type Network = PeerClient;

    async fn new_client(&mut self, target: u64, node: &Member) -> PeerClient {
        PeerClient::new(self.shared.clone(), target, node.clone(), false)
    }

    async fn new_heartbeat_client(&mut self, target: u64, node: &Member) -> PeerClient {
        PeerClient::new(self.shared.clone(), target, node.clone(), true)
    }
}
