//! How a cluster begins: once, deliberately, and with everybody there.
//!
//! Only with `form`, only when every configured master answers, belongs to no cluster and names the
//! identical list. The lowest id alone initialises: it writes down what it founds, then tells
//! openraft; a crash between the two is resumed at the next start. The others become members by the
//! founder's first call (see `door`).

use std::collections::BTreeMap;
use std::sync::Arc;

use futures::future::join_all;
use openraft::errors::{InitializeError, RaftError};
use prost::Message;
use tokio::time::timeout;
use uuid::Uuid;
use vesta_net::Net;
use vesta_proto::raft as wire;

use crate::codec;
use crate::config::Peer;
use crate::door::Door;
use crate::limits::{FORMING_PAUSE, PROBE_TIMEOUT};
use crate::me::Me;
use crate::network;
use crate::types::{Member, Raft};

/// Runs until this node belongs to a cluster that is initialised, as far as that is this node's
/// business.
pub(crate) async fn run(door: Arc<Door>, raft: Raft) {
    if let Err(error) = form(&door, &raft).await {
        door.failure
            .report(format!("could not form the cluster: {error}"));
    }
}

async fn form(door: &Door, raft: &Raft) -> Result<(), String> {
    if let Some(founding) = door.store.identity().founding {
        tracing::info!(
            node = door.me.node_id,
            "raft.form: resumed, this node was founding a cluster"
        );
        return initialise(door, raft, &founding).await;
    }
    let mut cluster = door.me.watch_cluster();
    let mut said = String::new();
    while door.is_forming() {
        match everybody(door).await {
            Ok(members)
                if door
                    .peers
                    .first()
                    .is_some_and(|peer| peer.node_id == door.me.node_id) =>
            {
                return found(door, raft, members).await;
            }
            Ok(_) => {}
            Err(reason) if reason != said => {
                tracing::info!(node = door.me.node_id, reason, "raft.form: waiting");
                said = reason;
            }
            Err(_) => {}
        }
        // Whichever comes first: a founder's call, or the time to look again.
        timeout(FORMING_PAUSE, cluster.wait_for(Option::is_some))
            .await
            .ok();
    }
    Ok(())
}

/// Asks every configured master; `Ok` only if all are there and of one mind.
async fn everybody(door: &Door) -> Result<BTreeMap<u64, Member>, String> {
    let answers = door.peers.iter().map(|peer| async move {
        if peer.node_id == door.me.node_id {
            return Ok((peer.node_id, member(peer, door.me.directory)));
        }
        let reply = probe(&door.net, &door.me, peer).await?;
        check(door, peer, &reply)
            .map(|directory| (peer.node_id, member(peer, directory)))
            .map_err(|reason| format!("node {} at {}: {reason}", peer.node_id, peer.raft_addr))
    });
    join_all(answers).await.into_iter().collect()
}

fn member(peer: &Peer, directory: Uuid) -> Member {
    Member {
        raft_addr: peer.raft_addr.clone(),
        client_addr: peer.client_addr.clone(),
        directory,
    }
}

/// Asks one master who it is. A connection of its own: until a cluster exists there is no link to
/// it.
pub(crate) async fn probe(net: &Net, me: &Me, peer: &Peer) -> Result<wire::ProbeReply, String> {
    let at = format!("node {} at {}", peer.node_id, peer.raft_addr);
    let mut client = network::client(net, &peer.raft_addr)?;
    let cluster_id = me.cluster().map(|id| id.as_bytes().to_vec());
    let request = wire::ProbeRequest {
        node_id: me.node_id,
        directory: me.directory.as_bytes().to_vec(),
        cluster_id: cluster_id.unwrap_or_default(),
    };
    match timeout(PROBE_TIMEOUT, client.probe(request)).await {
        Ok(Ok(reply)) => Ok(reply.into_inner()),
        Ok(Err(status)) => Err(format!("{at} does not answer: {}", status.message())),
        Err(_) => Err(format!("{at} does not answer")),
    }
}

fn check(door: &Door, peer: &Peer, reply: &wire::ProbeReply) -> Result<Uuid, String> {
    if reply.node_id != peer.node_id {
        return Err(format!("it says that it is node {}", reply.node_id));
    }
    if !reply.cluster_id.is_empty() {
        let cluster = codec::uuid("its cluster id", &reply.cluster_id);
        return Err(format!(
            "it belongs to cluster {} already; an empty directory joins that one, it does not \
             form another",
            cluster.map_err(|error| error.to_string())?
        ));
    }
    if !reply.forming {
        return Err("it was started without --form".to_owned());
    }
    let theirs: Vec<Peer> = reply
        .peers
        .iter()
        .cloned()
        .map(codec::peer_from_wire)
        .collect();
    if theirs != door.peers {
        return Err(format!(
            "its list of masters is another: {theirs:?}, here {:?}",
            door.peers
        ));
    }
    let directory = codec::uuid("its directory", &reply.directory);
    let directory = directory.map_err(|error| error.to_string())?;
    if directory == door.me.directory {
        return Err("it has this node's own data directory".to_owned());
    }
    Ok(directory)
}

async fn found(door: &Door, raft: &Raft, members: BTreeMap<u64, Member>) -> Result<(), String> {
    let cluster = Uuid::new_v4();
    let founding = wire::Founding {
        cluster_id: cluster.as_bytes().to_vec(),
        members: members
            .iter()
            .map(|(id, member)| codec::member_to_wire(*id, member))
            .collect(),
    }
    .encode_to_vec();
    tracing::info!(
        node = door.me.node_id, %cluster, members = members.len(),
        "raft.form: every master is there, founding the cluster"
    );
    let (me, kept) = (door.me.clone(), founding.clone());
    let joined = door
        .store
        .blocking(move |disk| me.join(disk, cluster, Some(kept)))
        .await;
    joined
        .map_err(|error| error.to_string())?
        .map_err(|error| error.to_string())?;
    initialise(door, raft, &founding).await
}

async fn initialise(door: &Door, raft: &Raft, founding: &[u8]) -> Result<(), String> {
    let founding = codec::decode::<wire::Founding>("the founding list", founding);
    let founding = founding.map_err(|error| error.to_string())?;
    let members = codec::members_from_wire(founding.members).map_err(|error| error.to_string())?;
    crash_point(door.me.node_id)?;
    match raft.initialize(members).await {
        Ok(()) => {}
        // The crash came after openraft had its entry.
        Err(RaftError::APIError(InitializeError::NotAllowed(_))) => {}
        Err(error) => return Err(error.to_string()),
    }
    let done = door.store.blocking(|disk| disk.founded()).await;
    done.map_err(|error| error.to_string())?
        .map_err(|error| error.to_string())
}

/// Fault for tests: the founder dies between writing down what it founds and initialising it.
#[cfg(any(debug_assertions, feature = "faults"))]
fn crash_point(node_id: u64) -> Result<(), String> {
    match fail::eval(&format!("raft.founding.{node_id}"), |_| ()) {
        Some(()) => Err("failpoint".to_owned()),
        None => Ok(()),
    }
}

#[cfg(not(any(debug_assertions, feature = "faults")))]
fn crash_point(_node_id: u64) -> Result<(), String> {
    Ok(())
}
