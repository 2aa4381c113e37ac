//! Changing who the members are.

use std::collections::BTreeSet;
use std::time::Duration;

use openraft::ChangeMembers;
use openraft::errors::{ClientWriteError, RaftError};
use tokio::time::{Instant, sleep_until, timeout_at};

use crate::codec;
use crate::config::Peer;
use crate::error::MembershipError;
use crate::formation::probe;
use crate::node::{Node, hint};
use crate::status::Role;
use crate::types::{Member, TypeConfig};

type ChangeError = RaftError<TypeConfig, ClientWriteError<TypeConfig>>;

#[derive(Clone)]
enum Change {
    AddLearner(u64, Member),
    /// The change, and whether voters that it takes out stay as learners.
    Members(ChangeMembers<u64, Member>, bool),
}

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
            self.change(until, Change::AddLearner(peer.node_id, member))
                .await?;
        }
        self.caught_up(peer.node_id, until).await?;
        let voters = ChangeMembers::AddVoterIds(BTreeSet::from([peer.node_id]));
        self.change(until, Change::Members(voters, true)).await
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
        self.change(until, Change::Members(change, false)).await
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

    /// Makes one change. While this node leads, what is in the way for a moment is waited for: its
    /// first or next acknowledgement by a quorum, or the end of another change.
    async fn change(&self, until: Instant, change: Change) -> Result<(), MembershipError> {
        loop {
            let Ok(changed) = timeout_at(until, self.attempt(change.clone())).await else {
                let text = "not committed in the time given".to_owned();
                return Err(MembershipError::Unknown(text));
            };
            let error = match changed {
                Ok(()) => return Ok(()),
                Err(error) => error,
            };
            let pause = Instant::now() + self.retry_pause();
            if !self.is_passing(&error) || pause > until {
                return Err(refusal(error));
            }
            sleep_until(pause).await;
        }
    }

    async fn attempt(&self, change: Change) -> Result<(), ChangeError> {
        let done = match change {
            Change::AddLearner(node_id, member) => {
                self.raft().add_learner(node_id, member, false).await
            }
            Change::Members(change, retain) => self.raft().change_membership(change, retain).await,
        };
        done.map(|_| ())
    }

    fn is_passing(&self, error: &ChangeError) -> bool {
        use openraft::errors::ChangeMembershipError as Cause;
        let leads = self.status().role == Role::Leader;
        match error {
            RaftError::APIError(ClientWriteError::ForwardToLeader(forward)) => {
                forward.leader_id.is_none() && leads
            }
            RaftError::APIError(ClientWriteError::ChangeMembershipError(cause)) => {
                leads && matches!(cause, Cause::InProgress(_) | Cause::UncommittedLeaderLog(_))
            }
            _ => false,
        }
    }
}

fn refusal(error: ChangeError) -> MembershipError {
    match error {
        RaftError::APIError(ClientWriteError::ForwardToLeader(forward)) => {
            MembershipError::NotLeader {
                leader: hint(forward),
            }
        }
        RaftError::APIError(ClientWriteError::ChangeMembershipError(error)) => {
            MembershipError::Refused(error.to_string())
        }
        RaftError::APIError(error) => MembershipError::Unknown(error.to_string()),
        RaftError::Fatal(error) => MembershipError::Fatal(error.to_string()),
    }
}
