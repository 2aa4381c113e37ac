//! Changing who the members are.

use std::collections::BTreeSet;
use std::future::Future;
use std::time::Duration;

use openraft::ChangeMembers;
use openraft::errors::{ClientWriteError, RaftError};
use openraft::raft::ClientWriteResponse;
use tokio::time::{Instant, timeout_at};

use crate::codec;
use crate::config::Peer;
use crate::error::MembershipError;
use crate::formation::probe;
use crate::node::{Node, hint};
use crate::types::{Member, TypeConfig};

impl Node {
    /// Makes a master that waits to be joined (started on an empty directory without `form`) a
    /// learner, and once it has caught up a voter. To be asked of the leader; asking again after a
    /// failure goes on where it stopped. All within `deadline`.
    ///
    /// Node ids are never used twice: what replaces a lost directory comes under a new one.
    ///
    /// # Errors
    /// See [`MembershipError`].
    pub async fn add_member(&self, peer: Peer, deadline: Duration) -> Result<(), MembershipError> {
        let until = Instant::now() + deadline;
        let member = self.examine(&peer).await?;
        if self.member(peer.node_id).is_none() {
            let added = self.raft().add_learner(peer.node_id, member, false);
            self.change(until, added).await?;
        }
        self.caught_up(peer.node_id, until).await?;
        let voters = ChangeMembers::AddVoterIds(BTreeSet::from([peer.node_id]));
        self.change(until, self.raft().change_membership(voters, true))
            .await
    }

    /// Takes a member out of the cluster; its data directory is of no more use. To be asked of the
    /// leader; a leader may remove itself and then hands over.
    ///
    /// # Errors
    /// See [`MembershipError`]. The last voter can't be removed.
    pub async fn remove_member(
        &self,
        node_id: u64,
        deadline: Duration,
    ) -> Result<(), MembershipError> {
        let until = Instant::now() + deadline;
        let status = self.status();
        let found = status
            .members
            .iter()
            .find(|member| member.node_id == node_id);
        let Some(member) = found else {
            return Err(MembershipError::Refused(format!(
                "there is no member {node_id}"
            )));
        };
        if member.voter && status.sole_voter {
            let text = format!("node {node_id} is the only voter: without it there is no cluster");
            return Err(MembershipError::Refused(text));
        }
        let ids = BTreeSet::from([node_id]);
        let change = match member.voter {
            true => ChangeMembers::RemoveVoters(ids),
            false => ChangeMembers::RemoveNodes(ids),
        };
        self.change(until, self.raft().change_membership(change, false))
            .await
    }

    /// Asks the newcomer who it is.
    async fn examine(&self, peer: &Peer) -> Result<Member, MembershipError> {
        let refuse = |text: String| Err(MembershipError::Refused(text));
        let reply = match probe(self.network().me.node_id, peer).await {
            Ok(reply) => reply,
            Err(text) => return refuse(text),
        };
        let at = format!("the master at {}", peer.raft_addr);
        if reply.node_id != peer.node_id {
            return refuse(format!(
                "{at} is node {}, not {}",
                reply.node_id, peer.node_id
            ));
        }
        if reply.forming {
            return refuse(format!(
                "{at} waits to form a cluster of its own: start it without --form"
            ));
        }
        let own = self
            .cluster_id()
            .map(|id| id.as_bytes().to_vec())
            .unwrap_or_default();
        if !reply.cluster_id.is_empty() && reply.cluster_id != own {
            return refuse(format!("{at} belongs to another cluster already"));
        }
        let directory = match codec::uuid("its directory", &reply.directory) {
            Ok(directory) => directory,
            Err(error) => return refuse(format!("{at}: {error}")),
        };
        if let Some(known) = self.member(peer.node_id)
            && known.directory != directory
        {
            return refuse(format!(
                "node {} is a member with another data directory: what was replaced comes back under \
                 a new node id",
                peer.node_id
            ));
        }
        let Peer {
            raft_addr,
            client_addr,
            ..
        } = peer.clone();
        Ok(Member {
            raft_addr,
            client_addr,
            directory,
        })
    }

    async fn caught_up(&self, node_id: u64, until: Instant) -> Result<(), MembershipError> {
        let target = self.status().committed;
        let mut changes = self.watch();
        let reached = changes.wait_for(|status| {
            let member = status
                .members
                .iter()
                .find(|member| member.node_id == node_id);
            member
                .and_then(|member| member.matched)
                .is_some_and(|matched| matched >= target)
        });
        match timeout_at(until, reached).await {
            Ok(Ok(_)) => Ok(()),
            _ => Err(MembershipError::Unknown(format!(
                "node {node_id} has not caught up yet"
            ))),
        }
    }

    async fn change(
        &self,
        until: Instant,
        change: impl Future<
            Output = Result<
                ClientWriteResponse<TypeConfig>,
                RaftError<TypeConfig, ClientWriteError<TypeConfig>>,
            >,
        >,
    ) -> Result<(), MembershipError> {
        let Ok(changed) = timeout_at(until, change).await else {
            return Err(MembershipError::Unknown(
                "not committed in the time given".to_owned(),
            ));
        };
        match changed {
            Ok(_) => Ok(()),
            Err(RaftError::APIError(ClientWriteError::ForwardToLeader(forward))) => {
                Err(MembershipError::NotLeader {
                    leader: hint(forward),
                })
            }
            Err(RaftError::APIError(ClientWriteError::ChangeMembershipError(error))) => {
                Err(MembershipError::Refused(error.to_string()))
            }
            Err(RaftError::APIError(error)) => Err(MembershipError::Unknown(error.to_string())),
            Err(RaftError::Fatal(error)) => Err(MembershipError::Fatal(error.to_string())),
        }
    }
}
