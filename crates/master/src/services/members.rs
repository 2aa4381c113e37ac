//! Changing the masters: asked of any, done by the leader. Each request says what is wanted, so it can be
//! repeated for as long as it takes; one that a client has given up on is completed all the same.

use std::sync::Arc;
use std::time::Duration;

use tonic::{Response, Status};
use vesta_consensus::{MembershipError, Peer};
use vesta_core::Command;
use vesta_proto::checks;
use vesta_proto::client::{
    AddMasterRequest, ChangeMastersReply, RemoveMasterRequest, TransferLeadershipReply,
    TransferLeadershipRequest,
};

use super::status;
use crate::context::Context;
use crate::proposer::Failure;

/// How long one request waits before it says how far it is.
const STEP: Duration = Duration::from_millis(1_000);

/// How long a change that was begun may take to be committed, whether or not somebody waits for it.
const CHANGE: Duration = Duration::from_secs(5);

/// Makes a master that waits to be joined a learner, and a voter once it has caught up; or gives a
/// member other addresses.
pub(super) async fn add(
    context: &Arc<Context>,
    request: AddMasterRequest,
) -> Result<Response<ChangeMastersReply>, Status> {
    let peer = peer(request).map_err(|error| status::invalid(&error))?;
    let node = &context.node;
    let newcomer = match node.examine(&peer).await {
        Ok(newcomer) => newcomer,
        Err(error @ MembershipError::Unreachable(_)) => {
            return Ok(Response::new(ChangeMastersReply {
                message: error.to_string(),
                unreachable: true,
                ..ChangeMastersReply::default()
            }));
        }
        Err(error) => return Err(failed(error)),
    };
    let (epoch, version, noted) = {
        let state = context.shared.state();
        let noted = state.masters.get(&peer.node_id).copied();
        (state.epoch, state.version, noted)
    };
    if newcomer.speaks < version {
        return Err(status::refused(format!(
            "the master at {} speaks version {} of the rules at most, and this cluster follows version \
             {version}: start it with the release that the others run",
            peer.raft_addr, newcomer.speaks
        )));
    }
    // Before it is a member: from then on this id is never another directory's.
    if noted != Some(newcomer.directory) {
        let note = Command::NoteMaster {
            epoch,
            node: peer.node_id,
            directory: newcomer.directory,
        };
        match context.proposer.own(note).await {
            Ok(Ok(_)) => {}
            Ok(Err(rejection)) => return Err(status::rejected(&rejection)),
            Err(Failure::NotLeader) => return Err(lost()),
            Err(failure) => return Err(status::unknown(failure.to_string())),
        }
    }
    let name = format!("node {}", peer.node_id);
    let node = node.clone();
    let change = tokio::spawn(async move { node.add_member(peer, STEP).await });
    answer(change, |()| format!("{name} is a voter")).await
}

/// Takes a member out. A leader that is to remove itself hands over, and is removed by the next.
pub(super) async fn remove(
    context: &Arc<Context>,
    request: RemoveMasterRequest,
) -> Result<Response<ChangeMastersReply>, Status> {
    let node_id = checks::node_id(request.node_id).map_err(|error| status::invalid(&error))?;
    // Asked again after it was done: as a removal that has succeeded.
    let was_one = context.shared.state().masters.contains_key(&node_id);
    let members = context.node.status().members;
    if was_one && members.iter().all(|member| member.node_id != node_id) {
        return Ok(Response::new(ChangeMastersReply {
            done: true,
            message: format!("node {node_id} is no member"),
            ..ChangeMastersReply::default()
        }));
    }
    let node = context.node.clone();
    let change = tokio::spawn(async move { node.remove_member(node_id, CHANGE).await });
    answer(change, |()| format!("node {node_id} is removed")).await
}

/// Hands leadership over.
pub(super) async fn transfer(
    context: &Arc<Context>,
    request: TransferLeadershipRequest,
) -> Result<Response<TransferLeadershipReply>, Status> {
    let own = context.config.node.node_id;
    let reply = |leader| Ok(Response::new(TransferLeadershipReply { leader }));
    if request.node_id == 0 {
        return match context.node.hand_over(CHANGE).await {
            Some(leader) => reply(leader),
            None => Err(status::refused(
                "no other voter that answers has all of the log: there is nobody to hand over to",
            )),
        };
    }
    let to = checks::node_id(request.node_id).map_err(|error| status::invalid(&error))?;
    if to == own {
        return reply(own);
    }
    let members = context.node.status().members;
    match members.iter().find(|member| member.node_id == to) {
        None => return Err(status::not_found(format!("there is no member {to}"))),
        Some(member) if !member.voter => {
            return Err(status::refused(format!(
                "node {to} is a learner: it does not vote yet"
            )));
        }
        Some(_) => {}
    }
    if context.node.hand_over_to(to, CHANGE / 2).await {
        return reply(to);
    }
    Err(status::refused(format!(
        "node {to} did not take over within {:?}: it does not answer, or has not got all of the log. `vesta cluster \
         members` shows how far it is",
        CHANGE / 2
    )))
}

fn peer(request: AddMasterRequest) -> Result<Peer, vesta_proto::ConvertError> {
    Ok(Peer {
        node_id: checks::node_id(request.node_id)?,
        raft_addr: checks::address("raft_address", request.raft_address)?,
        client_addr: checks::address("client_address", request.client_address)?,
    })
}

/// What came of a change, which goes on when nobody waits any more.
async fn answer(
    change: tokio::task::JoinHandle<Result<(), MembershipError>>,
    done: impl FnOnce(()) -> String,
) -> Result<Response<ChangeMastersReply>, Status> {
    let outcome = change
        .await
        .map_err(|error| status::unknown(format!("the change was broken off: {error}")))?;
    match outcome {
        Ok(()) => Ok(Response::new(ChangeMastersReply {
            done: true,
            message: done(()),
            ..ChangeMastersReply::default()
        })),
        Err(
            ref error @ MembershipError::CatchingUp {
                matched, target, ..
            },
        ) => Ok(Response::new(ChangeMastersReply {
            done: false,
            message: error.to_string(),
            matched_index: matched,
            target_index: target,
            unreachable: false,
        })),
        Err(ref error @ MembershipError::HandedOver { .. }) => {
            Ok(Response::new(ChangeMastersReply {
                done: false,
                message: error.to_string(),
                ..ChangeMastersReply::default()
            }))
        }
        Err(error) => Err(failed(error)),
    }
}

fn failed(error: MembershipError) -> Status {
    match error {
        MembershipError::Refused(why) => status::refused(why),
        MembershipError::NotLeader { .. } => lost(),
        other => status::unknown(format!("{other}; asking again is safe")),
    }
}

fn lost() -> Status {
    status::unavailable("the leadership was lost on the way; ask again")
}
