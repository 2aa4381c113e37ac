//! The sending side: how openraft reaches the other masters.

mod client;
mod link;
mod quiet;

use std::sync::Arc;
use std::time::Duration;

use openraft::network::RaftNetworkFactory;

pub(crate) use client::PeerClient;
pub(crate) use link::{Links, WINDOW_BYTES, client};
pub(crate) use quiet::Quiet;

use crate::complaints::Complaints;
use crate::me::Me;
use crate::types::{Member, TypeConfig};

/// What all clients of this node share.
pub(crate) struct Shared {
    pub(crate) me: Arc<Me>,
    pub(crate) links: Links,
    pub(crate) quiet: Quiet,
    pub(crate) complaints: Complaints,
    /// Deadline of an append that carries entries: the follower has to sync them first.
    pub(crate) append_deadline: Duration,
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
