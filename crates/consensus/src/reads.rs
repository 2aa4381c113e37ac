//! Linearizable reads: an index that covers every write that was answered before the read began.

use std::time::Duration;

use openraft::LinearizerOption;
use tokio::time::Instant;
use vesta_proto::raft as wire;

use crate::error::ReadError;
use crate::node::Node;
use crate::status::Role;
use crate::types::Raft;

/// Asked of a leader: confirms with a quorum, by a round of heartbeats that concurrent reads share,
/// that it still leads, and says up to where a read must see.
pub(crate) async fn leader_index(raft: &Raft, wait: Duration) -> Result<u64, String> {
    let option = LinearizerOption::new(Some(Duration::ZERO), true).with_wait_timeout(wait);
    match raft.get_read_linearizer(option).await {
        Ok(read) => Ok(read.read_log_id().index()),
        Err(error) => Err(error.to_string()),
    }
}

impl Node {
    /// A linearizable read point (Raft's ReadIndex): once this returns, what this node has applied
    /// holds every write that was answered anywhere before the call. A follower asks the leader.
    /// Returns the index that was waited for.
    ///
    /// # Errors
    /// [`ReadError::NoQuorum`] when no leader could confirm itself within `deadline`.
    pub async fn read_index(&self, deadline: Duration) -> Result<u64, ReadError> {
        // Breaks I24: a current read shows every write that was acknowledged before it.
        if vesta_types::canary::is_on("stale-read") {
            return Ok(0);
        }
        let until = Instant::now() + deadline;
        let mut changes = self.watch();
        let mut reason = "no leader is known".to_owned();
        loop {
            if let Some(fatal) = self.stopped() {
                return Err(ReadError::Fatal(fatal));
            }
            let left = until.saturating_duration_since(Instant::now());
            if left.is_zero() {
                return Err(ReadError::NoQuorum {
                    waited: deadline,
                    reason,
                });
            }
            let asked = self.ask_leader(left).await;
            let applied = match asked {
                Ok(index) => {
                    let applied = changes.wait_for(|status| status.applied >= index);
                    match tokio::time::timeout_at(until, applied).await {
                        Ok(Ok(_)) => return Ok(index),
                        Ok(Err(_)) | Err(_) => {
                            format!("entry {index} is not applied here yet")
                        }
                    }
                }
                Err(reason) => reason,
            };
            reason = applied;
            // Another leader may be known by then; a little later in any case.
            let pause = Instant::now() + self.retry_pause();
            tokio::time::timeout_at(pause.min(until), changes.changed())
                .await
                .ok();
        }
    }

    async fn ask_leader(&self, left: Duration) -> Result<u64, String> {
        let status = self.status();
        if status.role == Role::Leader {
            let asked = leader_index(self.raft(), left);
            return match tokio::time::timeout(left, asked).await {
                Ok(answer) => answer,
                Err(_) => Err("no quorum has answered".to_owned()),
            };
        }
        let leader = status.leader.ok_or("no leader is known")?;
        self.ask_remote_leader(leader, left).await
    }

    async fn ask_remote_leader(&self, leader: u64, left: Duration) -> Result<u64, String> {
        let member = self
            .member(leader)
            .ok_or("the leader is not in the membership known here")?;
        let shared = self.network();
        let header = shared
            .me
            .header(leader, &member)
            .ok_or("this node belongs to no cluster yet")?;
        let wait_ms = u32::try_from(left.as_millis()).unwrap_or(u32::MAX);
        let request = wire::ReadIndexRequest {
            header: Some(header),
            wait_ms,
        };
        let mut link = shared.links.to(leader, &member.raft_addr)?;
        match tokio::time::timeout(left, link.control.read_index(request)).await {
            Ok(Ok(reply)) => Ok(reply.into_inner().index),
            Ok(Err(status)) => Err(format!("node {leader}: {}", status.message())),
            Err(_) => Err(format!("node {leader} has not answered")),
        }
    }
}
