//! The calls to one peer.

use std::future::Future;
use std::pin::pin;
use std::sync::Arc;
use std::time::Duration;

use bytes::Bytes;
use futures::Stream;
use openraft::OptionalSend;
use openraft::errors::{
    NetworkError, RPCError, ReplicationClosed, StreamingError, Timeout, Unreachable,
};
use openraft::network::{Backoff, RPCOption, RPCTypes, RaftNetworkV2};
use openraft::raft::{
    AppendEntriesRequest, AppendEntriesResponse, SnapshotResponse, TransferLeaderError,
    TransferLeaderRequest, TransferLeaderResponse, VoteRequest, VoteResponse,
};
use tokio::time::Instant;
use tonic::{Code, Response, Status};
use vesta_proto::raft as wire;

use super::Shared;
use super::link::Link;
use crate::codec;
use crate::limits::{
    APPEND_BYTES, BACKOFF, SNAPSHOT_DEADLINE, SNAPSHOT_DEADLINE_MAX, SNAPSHOT_PART_BYTES,
};
use crate::types::{Member, Snapshot, TypeConfig, Vote};

type RpcError = RPCError<TypeConfig>;

/// Calls one peer, for one purpose.
pub(crate) struct PeerClient {
    shared: Arc<Shared>,
    target: u64,
    member: Member,
    /// Carries heartbeats only.
    heartbeat: bool,
}

impl PeerClient {
    pub(super) fn new(shared: Arc<Shared>, target: u64, member: Member, heartbeat: bool) -> Self {
        PeerClient {
            shared,
            target,
            member,
            heartbeat,
        }
    }

    fn link(&self) -> Result<Link, RpcError> {
        let address = self.shared.address_of(self.target, &self.member);
        let link = self.shared.links.to(self.target, &address);
        link.map_err(|text| unreachable(&text))
    }

    fn header(&self) -> Result<wire::Header, RpcError> {
        let header = self.shared.me.header(self.target, &self.member);
        header.ok_or_else(|| unreachable("this node belongs to no cluster"))
    }

    /// Awaits one answer within `deadline`. A refusal is as good as no answer, but is said once.
    async fn answer<T>(
        &self,
        action: RPCTypes,
        deadline: Duration,
        call: impl Future<Output = Result<Response<T>, Status>>,
    ) -> Result<T, RpcError> {
        let started = Instant::now();
        let timeout = || {
            let (id, target) = (self.shared.me.node_id, self.target);
            RPCError::Timeout(Timeout {
                action,
                id,
                target,
                timeout: deadline,
            })
        };
        let answer = tokio::time::timeout_at(started + deadline, call)
            .await
            .map_err(|_| timeout())?;
        if answers_are_lost(self.shared.me.node_id) {
            tokio::time::sleep_until(started + deadline).await;
            return Err(timeout());
        }
        answer.map(Response::into_inner).map_err(|status| {
            self.complain(&status);
            unreachable(&format!("{}: {}", self.member.raft_addr, status.message()))
        })
    }

    fn complain(&self, status: &Status) {
        if status.code() != Code::FailedPrecondition {
            return;
        }
        let text = format!("{}: {}", self.target, status.message());
        if self.shared.complaints.is_new(&text) {
            tracing::warn!(
                peer = self.target,
                address = %self.member.raft_addr,
                reason = %status.message(),
                "raft.refused: a peer refuses our calls"
            );
        }
    }

    fn vote_call(
        &self,
        request: VoteRequest<TypeConfig>,
    ) -> Result<(Link, wire::VoteRequest), RpcError> {
        let request = wire::VoteRequest {
            header: Some(self.header()?),
            vote: Some(codec::vote_to_wire(&request.vote)),
            last: request.last_log_id.as_ref().map(codec::log_id_to_wire),
            leadership_transfer: request.leadership_transfer,
        };
        Ok((self.link()?, request))
    }

    async fn send_snapshot(
        &self,
        vote: &Vote,
        snapshot: Snapshot,
    ) -> Result<SnapshotResponse<TypeConfig>, RpcError> {
        let term = vote.leader_id.term;
        if self.shared.quiet.now(term) {
            return Err(unreachable(QUIET));
        }
        let size = snapshot.snapshot.len() as u64;
        let deadline = (SNAPSHOT_DEADLINE + Duration::from_secs(size / (1024 * 1024)))
            .min(SNAPSHOT_DEADLINE_MAX);
        let begin = wire::SnapshotBegin {
            header: Some(self.header()?),
            vote: Some(codec::vote_to_wire(vote)),
            mark: Some(codec::mark_to_wire(&snapshot.meta)),
            bytes_total: size,
        };
        let parts = parts(begin, snapshot.snapshot, self.shared.clone(), term);
        let mut client = self.link()?.data;
        let reply = self
            .answer(
                RPCTypes::InstallSnapshot,
                deadline,
                client.install_snapshot(parts),
            )
            .await?;
        Ok(SnapshotResponse::new(
            codec::vote_from_wire(reply.vote).map_err(bad_answer)?,
        ))
    }
}

const QUIET: &str = "no quorum answers this leader: it keeps quiet, so that the others can elect";

fn unreachable(text: &str) -> RpcError {
    RPCError::Unreachable(Unreachable::from_string(text))
}

fn bad_answer(error: impl std::fmt::Display) -> RpcError {
    RPCError::Network(NetworkError::from_string(error))
}

/// The parts of a snapshot in order. Falls silent before the end when the leader has to: only the
/// end makes the follower install it, and so take the leader for alive.
fn parts(
    begin: wire::SnapshotBegin,
    data: Bytes,
    shared: Arc<Shared>,
    term: u64,
) -> impl Stream<Item = wire::SnapshotPart> + Send + 'static {
    use wire::snapshot_part::Part;
    let crc32c = crc32c::crc32c(&data);
    let mut rest = data;
    let mut begin = Some(begin);
    let mut ended = false;
    let part = move || {
        if let Some(begin) = begin.take() {
            return Some(Part::Begin(begin));
        }
        if ended || shared.quiet.now(term) {
            return None;
        }
        if rest.is_empty() {
            ended = true;
            return Some(Part::End(wire::SnapshotEnd { crc32c }));
        }
        let size = rest.len().min(SNAPSHOT_PART_BYTES);
        Some(Part::Data(rest.split_to(size).to_vec()))
    };
    futures::stream::iter(
        std::iter::from_fn(part).map(|part| wire::SnapshotPart { part: Some(part) }),
    )
}

impl RaftNetworkV2<TypeConfig> for PeerClient {
    type SnapshotData = Bytes;

    async fn append_entries(
        &mut self,
        request: AppendEntriesRequest<TypeConfig>,
        option: RPCOption,
    ) -> Result<AppendEntriesResponse<TypeConfig>, RpcError> {
        // openraft pauses heartbeats by itself.
        if !self.heartbeat && self.shared.quiet.now(request.vote.leader_id.term) {
            return Err(unreachable(QUIET));
        }
        let sent = fitting(&request);
        let cut = sent < request.entries.len();
        let last = match sent {
            0 => request.prev_log_id,
            sent => Some(request.entries[sent - 1].log_id),
        };
        let message = wire::AppendRequest {
            header: Some(self.header()?),
            vote: Some(codec::vote_to_wire(&request.vote)),
            previous: request.prev_log_id.as_ref().map(codec::log_id_to_wire),
            entries: request.entries[..sent]
                .iter()
                .map(codec::entry_to_wire)
                .collect(),
            committed: request.leader_commit.as_ref().map(codec::log_id_to_wire),
        };
        let link = self.link()?;
        let (mut client, deadline) = if self.heartbeat {
            (link.control, option.soft_ttl())
        } else {
            (link.data, self.shared.append_deadline)
        };
        let reply = self
            .answer(RPCTypes::AppendEntries, deadline, client.append(message))
            .await?;
        use wire::append_reply::Outcome;
        match reply
            .outcome
            .ok_or_else(|| bad_answer("an append was answered with nothing"))?
        {
            Outcome::Matched(_) if cut => Ok(AppendEntriesResponse::PartialSuccess(last)),
            Outcome::Matched(_) => Ok(AppendEntriesResponse::Success),
            // openraft takes for granted that what begins the log can't conflict.
            Outcome::Conflict(_) if request.prev_log_id.is_none() => {
                Err(bad_answer("a conflict at the very beginning of the log"))
            }
            Outcome::Conflict(_) => Ok(AppendEntriesResponse::Conflict),
            Outcome::HigherVote(vote) => Ok(AppendEntriesResponse::HigherVote(
                codec::vote_from_wire(Some(vote)).map_err(bad_answer)?,
            )),
        }
    }

    async fn vote(
        &mut self,
        request: VoteRequest<TypeConfig>,
        option: RPCOption,
    ) -> Result<VoteResponse<TypeConfig>, RpcError> {
        let (mut link, request) = self.vote_call(request)?;
        let call = link.control.vote(request);
        vote_reply(self.answer(RPCTypes::Vote, option.soft_ttl(), call).await?)
    }

    /// Asks for real: the default of openraft grants. Whatever is not a true answer is an error.
    async fn pre_vote(
        &mut self,
        request: VoteRequest<TypeConfig>,
        option: RPCOption,
    ) -> Result<VoteResponse<TypeConfig>, RpcError> {
        let (mut link, request) = self.vote_call(request)?;
        let call = link.control.pre_vote(request);
        vote_reply(self.answer(RPCTypes::Vote, option.soft_ttl(), call).await?)
    }

    async fn full_snapshot(
        &mut self,
        vote: Vote,
        snapshot: Snapshot,
        cancel: impl Future<Output = ReplicationClosed> + OptionalSend + 'static,
        _option: RPCOption,
    ) -> Result<SnapshotResponse<TypeConfig>, StreamingError<TypeConfig>> {
        let cancel = pin!(cancel);
        tokio::select! {
            closed = cancel => Err(StreamingError::Closed(closed)),
            sent = self.send_snapshot(&vote, snapshot) => sent.map_err(|error| match error {
                RPCError::Timeout(error) => StreamingError::Timeout(error),
                RPCError::Unreachable(error) => StreamingError::Unreachable(error),
                RPCError::Network(error) => StreamingError::Network(error),
                RPCError::RemoteError(error) => match error.source {},
            }),
        }
    }

    async fn transfer_leader(
        &mut self,
        request: TransferLeaderRequest<TypeConfig>,
        option: RPCOption,
    ) -> Result<TransferLeaderResponse<TypeConfig>, RpcError> {
        let message = wire::TransferLeaderRequest {
            header: Some(self.header()?),
            from: Some(codec::vote_to_wire(request.from_leader())),
            to: *request.to_node_id(),
            last: request.last_log_id().map(codec::log_id_to_wire),
        };
        let mut link = self.link()?;
        let call = link.control.transfer_leader(message);
        let reply = self
            .answer(RPCTypes::TransferLeader, option.soft_ttl(), call)
            .await?;
        use wire::transfer_leader_reply::Outcome;
        match reply
            .outcome
            .ok_or_else(|| bad_answer("a hand-over was answered with nothing"))?
        {
            Outcome::Accepted(_) => Ok(Ok(())),
            Outcome::VoteChanged(changed) => {
                let actual = codec::vote_from_wire(changed.actual).map_err(bad_answer)?;
                Ok(Err(TransferLeaderError::VoteChanged {
                    expected: *request.from_leader(),
                    actual,
                }))
            }
            Outcome::LogBehind(behind) => Ok(Err(TransferLeaderError::LogNotFlushed {
                expected: request.last_log_id().copied(),
                actual: behind.actual.map(codec::log_id_from_wire),
            })),
        }
    }

    fn backoff(&self) -> Option<Backoff> {
        Some(Backoff::new(std::iter::repeat(BACKOFF)))
    }
}

/// How many of the entries fit one message; at least one, if there are any.
fn fitting(request: &AppendEntriesRequest<TypeConfig>) -> usize {
    let mut bytes = 0;
    let over = request.entries.iter().position(|entry| {
        bytes += codec::entry_bytes(entry);
        bytes > 2 * APPEND_BYTES
    });
    over.map_or(request.entries.len(), |count| count.max(1))
}

fn vote_reply(reply: wire::VoteReply) -> Result<VoteResponse<TypeConfig>, RpcError> {
    let vote = codec::vote_from_wire(reply.vote).map_err(bad_answer)?;
    let last = reply.last.map(codec::log_id_from_wire);
    Ok(VoteResponse::new(vote, last, reply.granted))
}

/// Fault for tests: this node's calls arrive, but no answer to them does.
#[cfg(any(debug_assertions, feature = "faults"))]
fn answers_are_lost(node_id: u64) -> bool {
    fail::eval(&format!("raft.answers.{node_id}"), |_| ()).is_some()
}

#[cfg(not(any(debug_assertions, feature = "faults")))]
fn answers_are_lost(_node_id: u64) -> bool {
    false
}

#[cfg(test)]
mod tests {
    use openraft::EntryPayload;

    use super::*;
    use crate::types::{Command, Entry};

    fn request(sizes: &[usize]) -> AppendEntriesRequest<TypeConfig> {
        let entry = |(index, size): (usize, &usize)| Entry {
            log_id: codec::log_id(1, index as u64),
            payload: EntryPayload::Normal(Command(Bytes::from(vec![0; *size]))),
        };
        AppendEntriesRequest {
            vote: Vote::new_committed(1, 1),
            prev_log_id: None,
            entries: sizes.iter().enumerate().map(entry).collect(),
            leader_commit: None,
        }
    }

    #[test]
    fn an_append_carries_what_fits_and_at_least_one_entry() {
        assert_eq!(fitting(&request(&[])), 0);
        assert_eq!(fitting(&request(&[10, 10, 10])), 3);
        assert_eq!(
            fitting(&request(&[APPEND_BYTES, APPEND_BYTES / 2, APPEND_BYTES])),
            2
        );
        assert_eq!(fitting(&request(&[3 * APPEND_BYTES, 10])), 1);
    }
}
