//! The list of masters: each says of itself how it is.

use std::sync::Arc;
use std::time::Duration;

use futures::future::join_all;
use tonic::transport::Endpoint;
use tonic::{Request, Status};
use vesta_consensus::{MemberStatus, Role};
use vesta_core::codec;
use vesta_net::Net;
use vesta_proto::client::client_client::ClientClient;
use vesta_proto::client::{ListMastersReply, ListRequest, Master};

use super::forward;
use crate::context::Context;

/// How long another master may take to say how it is.
const WAIT: Duration = Duration::from_millis(500);

/// Asks every master; one that was asked by another answers for itself alone.
pub(super) async fn list(
    context: &Context,
    request: Request<ListRequest>,
) -> Result<ListMastersReply, Status> {
    let cluster_id = context
        .cluster()
        .map(|id| id.to_string())
        .unwrap_or_default();
    let (hashed, consistent) = (request.get_ref().state_hash, request.get_ref().consistent);
    let own = itself(context, hashed).await;
    let version = context.shared.state().version;
    if forward::is_forwarded(&request) {
        return Ok(ListMastersReply {
            masters: vec![own],
            read: None,
            cluster_id,
            version,
        });
    }
    let read = context.read_point(consistent).await?;
    let members = context.node.status().members;
    let mut masters = join_all(members.iter().map(async |member| {
        let found = if member.node_id == own.node_id {
            own.clone()
        } else {
            ask(&context.net, member, hashed).await
        };
        // As the cluster knows it; the master's own settings may be others.
        Master {
            client_address: member.client_addr.clone(),
            raft_address: member.raft_addr.clone(),
            voter: member.voter,
            ..found
        }
    }))
    .await;
    tell_progress(&mut masters, &members);
    if masters.is_empty() {
        masters.push(own);
    }
    Ok(ListMastersReply {
        masters,
        read: Some(read),
        cluster_id,
        version,
    })
}

/// Only the leader knows how far the others are: itself, or as it has just said.
fn tell_progress(masters: &mut [Master], members: &[MemberStatus]) {
    let said = masters.iter().find(|master| master.leader);
    let said = said
        .map(|leader| leader.matched.clone())
        .unwrap_or_default();
    for master in masters {
        let own = members
            .iter()
            .find(|member| member.node_id == master.node_id);
        let own = own.and_then(|member| member.matched);
        master.matched_index = own.or_else(|| said.get(&master.node_id).copied());
        master.matched.clear();
    }
}

async fn itself(context: &Context, hashed: bool) -> Master {
    let status = context.node.status();
    let hash = if hashed { hash(context).await } else { None };
    let (hash_index, state_hash) = hash.unwrap_or_default();
    let state = context.shared.state();
    let voter = status
        .members
        .iter()
        .any(|it| it.node_id == status.node_id && it.voter);
    Master {
        node_id: status.node_id,
        client_address: context.config.node.client_addr.clone(),
        raft_address: context.config.node.raft_addr.clone(),
        voter,
        status: context.shown().status.to_string(),
        applied_index: status.applied,
        term: status.term,
        epoch: state.epoch.0,
        leader: status.role == Role::Leader,
        committed_index: status.committed,
        snapshot_index: status.snapshot_index,
        state_hash,
        matched_index: None,
        purged_index: status.purged,
        hash_index,
        last_log_index: status.last_log_index,
        speaks: crate::speaks(),
        matched: status
            .members
            .iter()
            .filter_map(|member| Some((member.node_id, member.matched?)))
            .collect(),
    }
}

/// The hash of the whole state, and of which entry it is. Entries wait only while the state is encoded.
async fn hash(context: &Context) -> Option<(u64, String)> {
    let shared = Arc::clone(&context.shared);
    let hashed = tokio::task::spawn_blocking(move || {
        let (index, bytes) = {
            let state = shared.state();
            (state.applied, codec::encode(&*state))
        };
        (index, format!("{:016x}", codec::fnv1a(&bytes)))
    });
    hashed.await.ok()
}

async fn ask(net: &Net, member: &MemberStatus, hashed: bool) -> Master {
    let answer = tokio::time::timeout(WAIT, async {
        let endpoint = Endpoint::from_shared(format!("http://{}", member.client_addr)).ok()?;
        let channel = net.connect(&endpoint).await.ok()?;
        let request = forward::forwarded(ListRequest {
            state_hash: hashed,
            ..ListRequest::default()
        });
        let reply = ClientClient::new(channel)
            .list_masters(request)
            .await
            .ok()?;
        reply.into_inner().masters.into_iter().next()
    });
    answer.await.ok().flatten().unwrap_or_else(|| Master {
        node_id: member.node_id,
        client_address: member.client_addr.clone(),
        raft_address: member.raft_addr.clone(),
        voter: member.voter,
        status: "UNREACHABLE".to_owned(),
        ..Master::default()
    })
}
