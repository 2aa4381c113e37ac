//! Learning that this node was removed.
//!
//! A leader stops sending to a member that it takes out, so the entry that removes a node may never
//! reach it. A node that hears no leader therefore asks the others, and believes one alone: a leader
//! whose quorum has just answered.

use std::sync::Arc;
use std::time::Duration;

use openraft::async_runtime::watch::WatchReceiver;
use tokio::sync::watch;
use tokio::time::sleep;

use crate::config::Peer;
use crate::door::Door;
use crate::formation::probe;
use crate::status::{self, Role};

/// Whether this node was removed; a cheap handle.
#[derive(Clone, Debug, Default)]
pub(crate) struct Removal {
    text: Arc<watch::Sender<Option<String>>>,
}

impl Removal {
    /// Asks, while no leader is heard, until the node ends or a leader says that it was removed.
    pub(crate) async fn watch(self, door: Arc<Door>, patience: Duration) {
        loop {
            sleep(patience).await;
            if door.closed.load(std::sync::atomic::Ordering::Acquire) {
                return;
            }
            if door.me.cluster().is_none() || hears_a_leader(&door, patience) {
                continue;
            }
            for peer in known(&door) {
                let Ok(reply) = probe(&door.net, &door.me, &peer).await else {
                    continue;
                };
                if reply.asker_is_removed {
                    let text = format!(
                        "node {} is not, or no longer, a member of the cluster: node {}, which leads it, says \
                         so. Its data directory is of no more use; to come back, start it on an empty one \
                         under a node id that was never used, and add that",
                        door.me.node_id, peer.node_id
                    );
                    tracing::warn!(
                        node = door.me.node_id,
                        leader = peer.node_id,
                        "raft.removed: {text}"
                    );
                    self.text.send_replace(Some(text));
                    return;
                }
            }
        }
    }

    pub(crate) async fn wait(&self) -> String {
        let mut changes = self.text.subscribe();
        let found = changes.wait_for(Option::is_some).await.ok();
        match found.and_then(|text| text.clone()) {
            Some(text) => text,
            // The sender lives as long as this value does, so this is never reached.
            None => std::future::pending().await,
        }
    }
}

fn hears_a_leader(door: &Door, patience: Duration) -> bool {
    let leads = door
        .metrics
        .get()
        .is_some_and(|metrics| status::role(&metrics.borrow_watched()) == Role::Leader);
    let heard = door.me.leader_heard();
    leads || heard.is_some_and(|heard| heard.elapsed() < patience * 2)
}

/// The other masters, as the membership has them, and those of the configuration that are not in it.
fn known(door: &Door) -> Vec<Peer> {
    let members = door.metrics.get().map(|metrics| {
        let metrics = metrics.borrow_watched();
        let members = metrics.membership_config.membership().nodes();
        let peer = |(node_id, member): (&u64, &crate::types::Member)| Peer {
            node_id: *node_id,
            raft_addr: member.raft_addr.clone(),
            client_addr: member.client_addr.clone(),
        };
        members.map(peer).collect::<Vec<_>>()
    });
    let mut known = members.unwrap_or_default();
    for peer in &door.peers {
        if known
            .iter()
            .all(|member| member.raft_addr != peer.raft_addr)
        {
            known.push(peer.clone());
        }
    }
    known.retain(|peer| peer.node_id != door.me.node_id);
    known
}
