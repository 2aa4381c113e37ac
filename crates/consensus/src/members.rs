//! Changing who the members are.

use std::collections::{BTreeMap, BTreeSet};
use std::time::Duration;

use futures::future::join_all;
use openraft::ChangeMembers;
use openraft::errors::{ClientWriteError, RaftError};
use tokio::time::{Instant, sleep_until, timeout_at};
use uuid::Uuid;

use crate::codec;
use crate::config::Peer;
use crate::error::MembershipError;
use crate::formation::probe;
use crate::node::{Node, hint, was_heard};
use crate::status::Role;
use crate::types::{Member, TypeConfig};

type ChangeError = RaftError<TypeConfig, ClientWriteError<TypeConfig>>;

/// A master that was asked who it is before it is made a member.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Newcomer {
    /// The uuid of its data directory.
    pub directory: Uuid,
    /// The highest version of commands that it applies.
    pub speaks: u32,
}

#[derive(Clone)]
enum Change {
    AddLearner(u64, Member),
    /// The change, and whether voters that it takes out stay as learners.
    Members(ChangeMembers<u64, Member>, bool),
}

impl Node {
    /// Makes a master that waits to be joined (started on an empty directory without `form`) a
    /// learner, and once it has caught up a voter. A member that is named with other addresses, and
    /// is found there with its own directory, gets these. To be asked of the leader; asking again
    /// after a failure goes on where it stopped. All within `deadline`.
    ///
    /// Node ids are never used twice: what replaces a lost directory comes under a new one.
    ///
    /// # Errors
    /// See [`MembershipError`]; [`MembershipError::CatchingUp`] after `deadline` while it is a learner.
    pub async fn add_member(&self, peer: Peer, deadline: Duration) -> Result<(), MembershipError> {
        let until = Instant::now() + deadline;
        self.leads()?;
        let newcomer = self.examine(&peer).await?;
        let node_id = peer.node_id;
        let member = Member {
            raft_addr: peer.raft_addr,
            client_addr: peer.client_addr,
            directory: newcomer.directory,
        };
        match self.member(node_id) {
            None => {
                self.change(until, Change::AddLearner(node_id, member))
                    .await?
            }
            Some(known) if known == member => {}
            Some(_) => {
                let moved = ChangeMembers::SetNodes(BTreeMap::from([(node_id, member)]));
                self.change(until, Change::Members(moved, true)).await?;
            }
        }
        let voters = self.voters();
        if voters.contains(&node_id) {
            return Ok(());
        }
        self.caught_up(node_id, until).await?;
        let with_it = voters.into_iter().chain([node_id]).collect();
        self.keeps_a_quorum(&with_it, Some(node_id), until).await?;
        let voters = ChangeMembers::AddVoterIds(BTreeSet::from([node_id]));
        self.change(until, Change::Members(voters, true)).await
    }

    /// Takes a member out of the cluster; its data directory is of no more use. To be asked of the
    /// leader. One that is to remove itself hands over first: the next leader has to be asked.
    ///
    /// # Errors
    /// See [`MembershipError`]. The last voter can't be removed, nor one without which those that are
    /// left and answer are no majority of those that are left.
    pub async fn remove_member(
        &self,
        node_id: u64,
        deadline: Duration,
    ) -> Result<(), MembershipError> {
        let until = Instant::now() + deadline;
        self.leads()?;
        if self.member(node_id).is_none() {
            return Err(MembershipError::Refused(format!(
                "there is no member {node_id}"
            )));
        }
        let mut voters = self.voters();
        let votes = voters.remove(&node_id);
        if votes && voters.is_empty() {
            let text = format!("node {node_id} is the only voter: without it there is no cluster");
            return Err(MembershipError::Refused(text));
        }
        if votes {
            self.keeps_a_quorum(&voters, None, until).await?;
        }
        if node_id == self.network().me.node_id {
            return match self.hand_over(deadline).await {
                Some(to) => Err(MembershipError::HandedOver { to }),
                None => Err(MembershipError::Refused(format!(
                    "node {node_id} leads, and no other voter that answers has all of the log: it can't \
                     hand over before it goes"
                ))),
            };
        }
        let ids = BTreeSet::from([node_id]);
        let change = match votes {
            true => ChangeMembers::RemoveVoters(ids),
            false => ChangeMembers::RemoveNodes(ids),
        };
        self.change(until, Change::Members(change, false)).await
    }

    /// Completes a change of members whose leader was lost half-way; nothing if there is none. To be
    /// asked of the leader.
    ///
    /// # Errors
    /// See [`MembershipError`].
    pub async fn settle_members(&self, deadline: Duration) -> Result<(), MembershipError> {
        let metrics = self.metrics();
        let joint = metrics
            .membership_config
            .membership()
            .get_joint_config()
            .len()
            > 1;
        if !joint {
            return Ok(());
        }
        let nothing_new = ChangeMembers::AddVoterIds(BTreeSet::new());
        let until = Instant::now() + deadline;
        self.change(until, Change::Members(nothing_new, false))
            .await
    }

    /// The lowest of the versions that the members apply; `None` if one of them does not say.
    pub async fn members_speak(&self) -> Option<u32> {
        let (me, net) = (&self.network().me, self.network().links.net());
        let status = self.status();
        let others = status.members.iter().filter(|it| it.node_id != me.node_id);
        let asked = others.map(async |member| {
            let peer = Peer {
                node_id: member.node_id,
                raft_addr: member.raft_addr.clone(),
                client_addr: member.client_addr.clone(),
            };
            let reply = probe(net, me, &peer).await.ok()?;
            (reply.node_id == member.node_id).then_some(reply.speaks)
        });
        let all: Option<Vec<u32>> = join_all(asked).await.into_iter().collect();
        Some(all?.into_iter().fold(self.speaks(), u32::min))
    }

    /// The members' data directories, by node id: an id belongs to one directory for good.
    pub fn directories(&self) -> BTreeMap<u64, Uuid> {
        let metrics = self.metrics();
        let members = metrics.membership_config.membership().nodes();
        members
            .map(|(id, member)| (*id, member.directory))
            .collect()
    }

    /// Asks a newcomer who it is, and whether it may become the member `peer`.
    ///
    /// # Errors
    /// [`MembershipError::Refused`], with what would be right, or [`MembershipError::Unreachable`].
    pub async fn examine(&self, peer: &Peer) -> Result<Newcomer, MembershipError> {
        let refuse = |text: String| Err(MembershipError::Refused(text));
        let Peer { node_id, .. } = *peer;
        for other in self.status().members {
            let clash = [&peer.raft_addr, &peer.client_addr]
                .into_iter()
                .find(|address| [&other.raft_addr, &other.client_addr].contains(address));
            if let Some(address) = clash.filter(|_| other.node_id != node_id) {
                return refuse(format!(
                    "{address} is an address of node {}, which is a member: remove that one first, or give node \
                     {node_id} addresses of its own",
                    other.node_id
                ));
            }
        }
        let reply = probe(self.network().links.net(), &self.network().me, peer)
            .await
            .map_err(MembershipError::Unreachable)?;
        let at = format!("the master at {}", peer.raft_addr);
        if reply.node_id != node_id {
            return refuse(format!("{at} is node {}, not {node_id}", reply.node_id));
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
        if let Some(known) = self.member(node_id)
            && known.directory != directory
        {
            return refuse(format!(
                "node {node_id} is a member with another data directory: what was replaced comes back under \
                 a new node id (remove {node_id}, and add the new one)"
            ));
        }
        Ok(Newcomer {
            directory,
            speaks: reply.speaks,
        })
    }

    fn voters(&self) -> BTreeSet<u64> {
        let metrics = self.metrics();
        metrics.membership_config.membership().voter_ids().collect()
    }

    fn leads(&self) -> Result<(), MembershipError> {
        let status = self.status();
        if status.role == Role::Leader {
            return Ok(());
        }
        let leader = status.leader.and_then(|leader| {
            let Member {
                raft_addr,
                client_addr,
                ..
            } = self.member(leader)?;
            Some(Peer {
                node_id: leader,
                raft_addr,
                client_addr,
            })
        });
        Err(MembershipError::NotLeader { leader })
    }

    /// Refuses a set of voters most of which are not heard of: nothing could be committed with it, not
    /// even the way back. `sure` is heard of for another reason. A leader that was just elected hears of
    /// the others a little later.
    async fn keeps_a_quorum(
        &self,
        voters: &BTreeSet<u64>,
        sure: Option<u64>,
        until: Instant,
    ) -> Result<(), MembershipError> {
        let until = until.min(Instant::now() + self.patience());
        let mut changes = self.watch();
        loop {
            let metrics = self.metrics();
            let is_silent = |id: &u64| {
                *id != metrics.id
                    && Some(*id) != sure
                    && !was_heard(&metrics, *id, self.patience() * 2)
            };
            let silent: Vec<u64> = voters.iter().copied().filter(is_silent).collect();
            let wanted = voters.len() / 2 + 1;
            let answering = voters.len() - silent.len();
            if answering >= wanted {
                return Ok(());
            }
            if matches!(timeout_at(until, changes.changed()).await, Ok(Ok(()))) {
                continue;
            }
            let silent: Vec<String> = silent.iter().map(u64::to_string).collect();
            return Err(MembershipError::Refused(format!(
                "then there would be {} voters, of which {wanted} must answer, and {answering} do: nothing is \
                 heard of {}. Start or remove those first",
                voters.len(),
                silent.join(", ")
            )));
        }
    }

    async fn caught_up(&self, node_id: u64, until: Instant) -> Result<(), MembershipError> {
        let target = self.status().committed;
        let mut changes = self.watch();
        let matched = |status: &crate::Status| {
            let mut members = status.members.iter();
            members.find(|member| member.node_id == node_id)?.matched
        };
        let reached =
            changes.wait_for(|status| matched(status).is_some_and(|index| index >= target));
        match timeout_at(until, reached).await {
            Ok(Ok(_)) => Ok(()),
            _ => Err(MembershipError::CatchingUp {
                node_id,
                matched: matched(&self.status()),
                target,
            }),
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
