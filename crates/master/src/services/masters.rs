//! The list of masters: each says of itself how it is.

use std::time::Duration;

use futures::future::join_all;
use tonic::transport::Endpoint;
use tonic::{Request, Status};
use vesta_consensus::{MemberStatus, Role};
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
    let own = itself(context);
    if forward::is_forwarded(&request) {
        return Ok(ListMastersReply {
            masters: vec![own],
            read: None,
            cluster_id,
        });
    }
    let read = context.read_point(request.get_ref().consistent).await?;
    let members = context.node.status().members;
    let mut masters = join_all(members.iter().map(async |member| {
        if member.node_id == own.node_id {
            own.clone()
        } else {
            ask(member).await
        }
    }))
    .await;
    if masters.is_empty() {
        masters.push(own);
    }
    Ok(ListMastersReply {
        masters,
        read: Some(read),
        cluster_id,
    })
}

fn itself(context: &Context) -> Master {
    let status = context.node.status();
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
        applied_index: state.applied,
        term: status.term,
        epoch: state.epoch.0,
        leader: status.role == Role::Leader,
        committed_index: status.committed,
        snapshot_index: status.snapshot_index,
        state_hash: format!("{:016x}", state.digest()),
    }
}

async fn ask(member: &MemberStatus) -> Master {
    let answer = tokio::time::timeout(WAIT, async {
        let endpoint = Endpoint::from_shared(format!("http://{}", member.client_addr)).ok()?;
        let channel = endpoint.connect().await.ok()?;
        let request = forward::forwarded(ListRequest::default());
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
