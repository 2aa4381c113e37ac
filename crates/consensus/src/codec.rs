//! Between openraft's types and our own stored and wire form, so that a change of type in openraft
//! is never a change of format. What comes in is checked here, once.

use std::collections::{BTreeMap, BTreeSet};

use bytes::Bytes;
use openraft::EntryPayload;
use openraft::impls::leader_id_std::LeaderId;
use openraft::vote::RaftLeaderId;
use prost::Message;
use uuid::Uuid;
use vesta_proto::raft as wire;

use crate::config::Peer;
use crate::types::{
    Command, Entry, LogId, Member, Membership, SnapshotMeta, StoredMembership, Vote,
};

/// Why stored or received bytes are not what they should be.
#[derive(Debug, thiserror::Error)]
pub(crate) enum CodecError {
    #[error("{what}: not decodable ({source})")]
    Undecodable {
        what: &'static str,
        source: prost::DecodeError,
    },
    #[error("{0} is missing")]
    Missing(&'static str),
    #[error("{what} has {length} bytes, a uuid has 16")]
    NoUuid { what: &'static str, length: usize },
    #[error("the membership is not possible: {0}")]
    BadMembership(String),
}

impl From<CodecError> for std::io::Error {
    fn from(error: CodecError) -> Self {
        std::io::Error::new(std::io::ErrorKind::InvalidData, error)
    }
}

pub(crate) fn log_id(term: u64, index: u64) -> LogId {
    LogId::new(LeaderId::new(term, 0).to_committed(), index)
}

pub(crate) fn log_id_to_wire(id: &LogId) -> wire::LogId {
    wire::LogId {
        term: id.leader_id.term,
        index: id.index,
    }
}

pub(crate) fn log_id_from_wire(id: wire::LogId) -> LogId {
    log_id(id.term, id.index)
}

pub(crate) fn encode_log_id(id: &LogId) -> Vec<u8> {
    log_id_to_wire(id).encode_to_vec()
}

pub(crate) fn decode_log_id(bytes: &[u8]) -> Result<LogId, CodecError> {
    decode::<wire::LogId>("log id", bytes).map(log_id_from_wire)
}

pub(crate) fn vote_to_wire(vote: &Vote) -> wire::Vote {
    wire::Vote {
        term: vote.leader_id.term,
        node_id: vote.leader_id.voted_for,
        committed: vote.committed,
    }
}

pub(crate) fn vote_from_wire(vote: Option<wire::Vote>) -> Result<Vote, CodecError> {
    let vote = vote.ok_or(CodecError::Missing("the vote"))?;
    Ok(Vote {
        leader_id: LeaderId::new(vote.term, vote.node_id),
        committed: vote.committed,
    })
}

pub(crate) fn vote_to_journal(vote: &Vote) -> vesta_journal::Vote {
    vesta_journal::Vote {
        term: vote.leader_id.term,
        node_id: vote.leader_id.voted_for,
        committed: vote.committed,
    }
}

pub(crate) fn vote_from_journal(vote: vesta_journal::Vote) -> Vote {
    Vote {
        leader_id: LeaderId::new(vote.term, vote.node_id),
        committed: vote.committed,
    }
}

pub(crate) fn uuid(what: &'static str, bytes: &[u8]) -> Result<Uuid, CodecError> {
    Uuid::from_slice(bytes).map_err(|_| CodecError::NoUuid {
        what,
        length: bytes.len(),
    })
}

pub(crate) fn member_to_wire(node_id: u64, member: &Member) -> wire::Member {
    wire::Member {
        node_id,
        raft_addr: member.raft_addr.clone(),
        client_addr: member.client_addr.clone(),
        directory: member.directory.as_bytes().to_vec(),
    }
}

pub(crate) fn member_from_wire(member: wire::Member) -> Result<(u64, Member), CodecError> {
    let directory = uuid("the directory of a member", &member.directory)?;
    let wire::Member {
        node_id,
        raft_addr,
        client_addr,
        ..
    } = member;
    Ok((
        node_id,
        Member {
            raft_addr,
            client_addr,
            directory,
        },
    ))
}

pub(crate) fn members_from_wire(
    members: Vec<wire::Member>,
) -> Result<BTreeMap<u64, Member>, CodecError> {
    members.into_iter().map(member_from_wire).collect()
}

fn membership_to_wire(membership: &Membership) -> wire::Membership {
    let voters = membership
        .get_joint_config()
        .iter()
        .map(|set| wire::VoterSet {
            node_ids: set.iter().copied().collect(),
        })
        .collect();
    let members = membership
        .nodes()
        .map(|(id, member)| member_to_wire(*id, member))
        .collect();
    wire::Membership { voters, members }
}

fn membership_from_wire(membership: wire::Membership) -> Result<Membership, CodecError> {
    let voters: Vec<BTreeSet<u64>> = membership
        .voters
        .into_iter()
        .map(|set| set.node_ids.into_iter().collect())
        .collect();
    let members = members_from_wire(membership.members)?;
    // What openraft itself starts from, before the first membership entry.
    if voters.is_empty() && members.is_empty() {
        return Ok(Membership::default());
    }
    Membership::new(voters, members).map_err(|error| CodecError::BadMembership(error.to_string()))
}

pub(crate) fn entry_to_wire(entry: &Entry) -> wire::Entry {
    let payload = match &entry.payload {
        EntryPayload::Blank => wire::entry::Payload::Blank(wire::Blank {}),
        EntryPayload::Normal(command) => wire::entry::Payload::Command(command.0.to_vec()),
        EntryPayload::Membership(membership) => {
            wire::entry::Payload::Membership(membership_to_wire(membership))
        }
    };
    wire::Entry {
        id: Some(log_id_to_wire(&entry.log_id)),
        payload: Some(payload),
    }
}

pub(crate) fn entry_from_wire(entry: wire::Entry) -> Result<Entry, CodecError> {
    let id = entry.id.ok_or(CodecError::Missing("the id of an entry"))?;
    let payload = match entry
        .payload
        .ok_or(CodecError::Missing("the payload of an entry"))?
    {
        wire::entry::Payload::Blank(_) => EntryPayload::Blank,
        wire::entry::Payload::Command(bytes) => EntryPayload::Normal(Command(Bytes::from(bytes))),
        wire::entry::Payload::Membership(membership) => {
            EntryPayload::Membership(membership_from_wire(membership)?)
        }
    };
    Ok(Entry {
        log_id: log_id_from_wire(id),
        payload,
    })
}

pub(crate) fn decode_entry(bytes: &[u8]) -> Result<Entry, CodecError> {
    entry_from_wire(decode::<wire::Entry>("log entry", bytes)?)
}

/// About what an entry takes in a message or in memory, bytes.
pub(crate) fn entry_bytes(entry: &Entry) -> usize {
    match &entry.payload {
        EntryPayload::Normal(command) => command.0.len() + 64,
        EntryPayload::Blank | EntryPayload::Membership(_) => 512,
    }
}

pub(crate) fn mark_to_wire(meta: &SnapshotMeta) -> wire::SnapshotMark {
    wire::SnapshotMark {
        last: meta.last_log_id.as_ref().map(log_id_to_wire),
        membership_id: meta.last_membership.log_id().as_ref().map(log_id_to_wire),
        membership: Some(membership_to_wire(meta.last_membership.membership())),
    }
}

pub(crate) fn mark_from_wire(mark: wire::SnapshotMark) -> Result<SnapshotMeta, CodecError> {
    let membership = membership_from_wire(mark.membership.unwrap_or_default())?;
    Ok(SnapshotMeta {
        last_log_id: mark.last.map(log_id_from_wire),
        last_membership: StoredMembership::new(
            mark.membership_id.map(log_id_from_wire),
            membership,
        ),
    })
}

pub(crate) fn decode_mark(bytes: &[u8]) -> Result<SnapshotMeta, CodecError> {
    mark_from_wire(decode::<wire::SnapshotMark>(
        "what a snapshot covers",
        bytes,
    )?)
}

pub(crate) fn peer_to_wire(peer: &Peer) -> wire::Peer {
    wire::Peer {
        node_id: peer.node_id,
        raft_addr: peer.raft_addr.clone(),
        client_addr: peer.client_addr.clone(),
    }
}

pub(crate) fn peer_from_wire(peer: wire::Peer) -> Peer {
    let wire::Peer {
        node_id,
        raft_addr,
        client_addr,
    } = peer;
    Peer {
        node_id,
        raft_addr,
        client_addr,
    }
}

pub(crate) fn decode<M: Message + Default>(
    what: &'static str,
    bytes: &[u8],
) -> Result<M, CodecError> {
    M::decode(bytes).map_err(|source| CodecError::Undecodable { what, source })
}
