//! The receiving side: calls from the other masters, passed to openraft.

use std::sync::Arc;
use std::time::Duration;

use bytes::Bytes;
use openraft::raft::{
    AppendEntriesRequest, AppendEntriesResponse, TransferLeaderError, TransferLeaderRequest,
    VoteRequest, VoteResponse,
};
use tonic::{Request, Response, Status, Streaming};
use vesta_proto::raft as wire;
use wire::snapshot_part::Part;

use crate::codec::{self, CodecError};
use crate::door::Door;
use crate::limits::SNAPSHOT_BYTES_MAX;
use crate::reads;
use crate::types::{Raft, Snapshot, TypeConfig};

/// Answers the other masters.
pub(crate) struct Service {
    pub(crate) door: Arc<Door>,
    pub(crate) raft: Raft,
}

fn bad(error: CodecError) -> Status {
    Status::invalid_argument(error.to_string())
}

/// openraft gives an error to a caller only when it has stopped.
fn stopped(error: impl std::fmt::Display) -> Status {
    Status::unavailable(error.to_string())
}

impl Service {
    async fn vote_request(
        &self,
        request: wire::VoteRequest,
    ) -> Result<VoteRequest<TypeConfig>, Status> {
        self.door.admit(request.header.as_ref()).await?;
        let vote = codec::vote_from_wire(request.vote).map_err(bad)?;
        let mut vote = VoteRequest::new(vote, request.last.map(codec::log_id_from_wire));
        vote.leadership_transfer = request.leadership_transfer;
        Ok(vote)
    }
}

fn vote_reply(reply: &VoteResponse<TypeConfig>) -> Response<wire::VoteReply> {
    Response::new(wire::VoteReply {
        vote: Some(codec::vote_to_wire(&reply.vote)),
        granted: reply.vote_granted,
        last: reply.last_log_id.as_ref().map(codec::log_id_to_wire),
    })
}

#[tonic::async_trait]
impl wire::raft_server::Raft for Service {
    async fn probe(
        &self,
        request: Request<wire::ProbeRequest>,
    ) -> Result<Response<wire::ProbeReply>, Status> {
        let me = &self.door.me;
        let request = request.into_inner();
        Ok(Response::new(wire::ProbeReply {
            node_id: me.node_id,
            directory: me.directory.as_bytes().to_vec(),
            cluster_id: me
                .cluster()
                .map(|id| id.as_bytes().to_vec())
                .unwrap_or_default(),
            forming: self.door.is_forming(),
            peers: self.door.peers.iter().map(codec::peer_to_wire).collect(),
            asker_is_removed: self.door.has_removed(&request),
            speaks: self.door.speaks,
        }))
    }

    async fn pre_vote(
        &self,
        request: Request<wire::VoteRequest>,
    ) -> Result<Response<wire::VoteReply>, Status> {
        let request = self.vote_request(request.into_inner()).await?;
        let reply = self.raft.pre_vote(request).await.map_err(stopped)?;
        Ok(vote_reply(&reply))
    }

    async fn vote(
        &self,
        request: Request<wire::VoteRequest>,
    ) -> Result<Response<wire::VoteReply>, Status> {
        let request = self.vote_request(request.into_inner()).await?;
        let reply = self.raft.vote(request).await.map_err(stopped)?;
        Ok(vote_reply(&reply))
    }

    async fn append(
        &self,
        request: Request<wire::AppendRequest>,
    ) -> Result<Response<wire::AppendReply>, Status> {
        let request = request.into_inner();
        self.door.admit(request.header.as_ref()).await?;
        let entries: Result<Vec<_>, _> = request
            .entries
            .into_iter()
            .map(codec::entry_from_wire)
            .collect();
        let append = AppendEntriesRequest {
            vote: codec::vote_from_wire(request.vote).map_err(bad)?,
            prev_log_id: request.previous.map(codec::log_id_from_wire),
            entries: entries.map_err(bad)?,
            leader_commit: request.committed.map(codec::log_id_from_wire),
        };
        check_order(&append)?;
        use wire::append_reply::Outcome;
        let outcome = match self.raft.append_entries(append).await.map_err(stopped)? {
            AppendEntriesResponse::Success | AppendEntriesResponse::PartialSuccess(_) => {
                Outcome::Matched(wire::Matched {})
            }
            AppendEntriesResponse::Conflict => Outcome::Conflict(wire::Conflict {}),
            AppendEntriesResponse::HigherVote(vote) => {
                Outcome::HigherVote(codec::vote_to_wire(&vote))
            }
        };
        if !matches!(outcome, Outcome::HigherVote(_)) {
            self.door.me.hear_leader();
        }
        Ok(Response::new(wire::AppendReply {
            outcome: Some(outcome),
        }))
    }

    async fn install_snapshot(
        &self,
        request: Request<Streaming<wire::SnapshotPart>>,
    ) -> Result<Response<wire::SnapshotReply>, Status> {
        let mut parts = request.into_inner();
        let Some(Part::Begin(begin)) = next(&mut parts).await? else {
            return Err(Status::invalid_argument(
                "a snapshot begins with its description",
            ));
        };
        self.door.admit(begin.header.as_ref()).await?;
        let vote = codec::vote_from_wire(begin.vote).map_err(bad)?;
        let mark = begin
            .mark
            .ok_or_else(|| bad(CodecError::Missing("what a snapshot covers")))?;
        let meta = codec::mark_from_wire(mark).map_err(bad)?;
        let snapshot = receive(&mut parts, begin.bytes_total).await?;
        let snapshot = Snapshot { meta, snapshot };
        let reply = self
            .raft
            .install_full_snapshot(vote, snapshot)
            .await
            .map_err(stopped)?;
        let vote = Some(codec::vote_to_wire(&reply.vote));
        Ok(Response::new(wire::SnapshotReply { vote }))
    }

    async fn transfer_leader(
        &self,
        request: Request<wire::TransferLeaderRequest>,
    ) -> Result<Response<wire::TransferLeaderReply>, Status> {
        let request = request.into_inner();
        self.door.admit(request.header.as_ref()).await?;
        let from = codec::vote_from_wire(request.from).map_err(bad)?;
        let last = request.last.map(codec::log_id_from_wire);
        let transfer = TransferLeaderRequest::new(from, request.to, last);
        use wire::transfer_leader_reply::Outcome;
        let outcome = match self
            .raft
            .handle_transfer_leader(transfer)
            .await
            .map_err(stopped)?
        {
            Ok(()) => Outcome::Accepted(wire::Accepted {}),
            Err(TransferLeaderError::VoteChanged { actual, .. }) => {
                let actual = Some(codec::vote_to_wire(&actual));
                Outcome::VoteChanged(wire::VoteChanged { actual })
            }
            Err(TransferLeaderError::LogNotFlushed { actual, .. }) => {
                let actual = actual.as_ref().map(codec::log_id_to_wire);
                Outcome::LogBehind(wire::LogBehind { actual })
            }
        };
        Ok(Response::new(wire::TransferLeaderReply {
            outcome: Some(outcome),
        }))
    }

    async fn read_index(
        &self,
        request: Request<wire::ReadIndexRequest>,
    ) -> Result<Response<wire::ReadIndexReply>, Status> {
        let request = request.into_inner();
        self.door.admit(request.header.as_ref()).await?;
        let wait = Duration::from_millis(request.wait_ms.into());
        let index = reads::leader_index(&self.raft, wait)
            .await
            .map_err(Status::unavailable)?;
        Ok(Response::new(wire::ReadIndexReply { index }))
    }
}

/// openraft takes the entries of a leader on trust; a message that was not made by one must not
/// bring it down.
fn check_order(append: &AppendEntriesRequest<TypeConfig>) -> Result<(), Status> {
    let mut expected = append
        .prev_log_id
        .map_or(0, |id| id.index.saturating_add(1));
    for entry in &append.entries {
        if entry.log_id.index != expected {
            let found = entry.log_id.index;
            let text = format!("entry {found} where entry {expected} has to follow");
            return Err(Status::invalid_argument(text));
        }
        expected = expected.saturating_add(1);
    }
    Ok(())
}

async fn next(parts: &mut Streaming<wire::SnapshotPart>) -> Result<Option<Part>, Status> {
    Ok(parts.message().await?.and_then(|part| part.part))
}

async fn receive(
    parts: &mut Streaming<wire::SnapshotPart>,
    bytes_total: u64,
) -> Result<Bytes, Status> {
    if bytes_total > SNAPSHOT_BYTES_MAX {
        let text = format!("a snapshot of {bytes_total} bytes: at most {SNAPSHOT_BYTES_MAX}");
        return Err(Status::invalid_argument(text));
    }
    let mut data: Vec<u8> = Vec::new();
    loop {
        match next(parts).await? {
            Some(Part::Data(part)) if (data.len() + part.len()) as u64 <= bytes_total => {
                data.extend_from_slice(&part);
            }
            Some(Part::Data(_)) => {
                let text = format!("a snapshot of {bytes_total} bytes that goes on after them");
                return Err(Status::invalid_argument(text));
            }
            Some(Part::End(end)) => return verified(data, bytes_total, end.crc32c),
            Some(Part::Begin(_)) => {
                return Err(Status::invalid_argument("a snapshot that begins twice"));
            }
            None => return Err(Status::aborted("the snapshot was broken off")),
        }
    }
}

fn verified(data: Vec<u8>, bytes_total: u64, crc32c: u32) -> Result<Bytes, Status> {
    let found = crc32c::crc32c(&data);
    if data.len() as u64 != bytes_total || found != crc32c {
        return Err(Status::data_loss(format!(
            "a snapshot arrived damaged: {} bytes with CRC32C {found:08x}, announced were \
             {bytes_total} with {crc32c:08x}",
            data.len()
        )));
    }
    Ok(Bytes::from(data))
}

#[cfg(test)]
mod tests {
    use openraft::EntryPayload;

    use super::*;
    use crate::types::{Entry, Vote};

    #[test]
    fn a_snapshot_is_taken_only_whole_and_undamaged() {
        let data = b"a state".to_vec();
        let crc32c = crc32c::crc32c(&data);
        let size = data.len() as u64;
        assert_eq!(verified(data.clone(), size, crc32c).unwrap(), data);
        let mut flipped = data.clone();
        flipped[3] ^= 1;
        assert!(verified(flipped, size, crc32c).is_err());
        assert!(verified(data[1..].to_vec(), size, crc32c).is_err());
        assert!(verified(data[1..].to_vec(), size, crc32c::crc32c(&data[1..])).is_err());
    }

    fn append(previous: Option<u64>, indexes: &[u64]) -> AppendEntriesRequest<TypeConfig> {
        let id = |index| codec::log_id(1, index);
        let entry = |index: &u64| Entry {
            log_id: id(*index),
            payload: EntryPayload::Blank,
        };
        AppendEntriesRequest {
            vote: Vote::new_committed(1, 1),
            prev_log_id: previous.map(id),
            entries: indexes.iter().map(entry).collect(),
            leader_commit: None,
        }
    }

    #[test]
    fn entries_with_a_gap_are_refused() {
        assert!(check_order(&append(None, &[])).is_ok());
        assert!(check_order(&append(None, &[0, 1])).is_ok());
        assert!(check_order(&append(Some(6), &[7, 8])).is_ok());
        assert!(check_order(&append(Some(6), &[8])).is_err());
        assert!(check_order(&append(Some(6), &[7, 9])).is_err());
        assert!(check_order(&append(None, &[1])).is_err());
        assert!(check_order(&append(Some(u64::MAX), &[0])).is_err());
    }
}
