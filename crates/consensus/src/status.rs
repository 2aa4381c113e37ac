//! What can be seen of a node from outside.

use tokio::time::Instant;

use crate::clock;
use crate::types::Metrics;

/// What a node is in the cluster, as it knows.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Role {
    /// Elected by a quorum. Whether it may act is for its owner to decide: see
    /// [`Node::quorum_acked_since`](crate::Node::quorum_acked_since).
    Leader,
    /// Asking for votes.
    Candidate,
    /// A voter that follows.
    Follower,
    /// Receives the log but does not vote.
    Learner,
    /// Belongs to no cluster yet, or has not heard from it.
    Unformed,
    /// Shut down, or failed: see [`Node::fatal`](crate::Node::fatal).
    Stopped,
}

/// One member of the cluster.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct MemberStatus {
    /// Its node id.
    pub node_id: u64,
    /// Where its Raft listener is dialled, `host:port`.
    pub raft_addr: String,
    /// Where clients and workers dial it, `host:port`.
    pub client_addr: String,
    /// Whether it votes.
    pub voter: bool,
    /// The highest log index it is known to have; only a leader knows, and its own is its last.
    pub matched: Option<u64>,
}

/// A node at one moment.
#[derive(Clone, Debug, PartialEq)]
pub struct Status {
    /// This node.
    pub node_id: u64,
    /// What it is.
    pub role: Role,
    /// The highest term it has seen; 0 before the first election.
    pub term: u64,
    /// The leader that it follows, itself included; `None` while none is known.
    pub leader: Option<u64>,
    /// The members by rising id; empty before the cluster is formed.
    pub members: Vec<MemberStatus>,
    /// Index of the last entry in its log; 0 if there is none.
    pub last_log_index: u64,
    /// Up to where it knows entries to be committed; 0 if to nowhere.
    pub committed: u64,
    /// Up to where its state machine has applied; 0 if to nowhere.
    pub applied: u64,
    /// Up to where its newest snapshot reaches; 0 if there is none.
    pub snapshot_index: u64,
    /// Up to where its log was deleted, for a snapshot covers that; 0 if nothing was.
    pub purged: u64,
    /// When the newest message was *sent* that a quorum has acknowledged. `None` unless it leads,
    /// and for a sole voter.
    pub last_quorum_ack: Option<Instant>,
    /// Whether it is the only voter: then it needs nobody's acknowledgement.
    pub sole_voter: bool,
}

impl Status {
    pub(crate) fn from_metrics(metrics: &Metrics) -> Status {
        let role = role(metrics);
        let membership = metrics.membership_config.membership();
        let voters: Vec<u64> = membership.voter_ids().collect();
        let last_log_index = metrics.last_log_index.unwrap_or(0);
        let matched = |node_id: u64| match &metrics.replication {
            Some(_) if node_id == metrics.id => Some(last_log_index),
            Some(progress) => progress.get(&node_id).copied().flatten().map(|id| id.index),
            None => None,
        };
        let members = membership
            .nodes()
            .map(|(node_id, member)| MemberStatus {
                node_id: *node_id,
                raft_addr: member.raft_addr.clone(),
                client_addr: member.client_addr.clone(),
                voter: voters.contains(node_id),
                matched: matched(*node_id),
            })
            .collect();
        let index = |id: &Option<crate::types::LogId>| id.map_or(0, |id| id.index);
        Status {
            node_id: metrics.id,
            role,
            term: metrics.current_term,
            leader: leader(metrics, role),
            members,
            last_log_index,
            committed: index(&metrics.local_committed),
            applied: index(&metrics.last_applied),
            snapshot_index: index(&metrics.snapshot),
            purged: index(&metrics.purged),
            last_quorum_ack: match role {
                Role::Leader => metrics
                    .last_quorum_acked
                    .map(|at| clock::to_tokio(at.into_inner())),
                _ => None,
            },
            sole_voter: is_sole_voter(metrics),
        }
    }
}

pub(crate) fn is_sole_voter(metrics: &Metrics) -> bool {
    let mut voters = metrics.membership_config.membership().voter_ids();
    voters.next() == Some(metrics.id) && voters.next().is_none()
}

pub(crate) fn role(metrics: &Metrics) -> Role {
    use openraft::ServerState;
    if metrics.running_state.is_err() {
        return Role::Stopped;
    }
    match metrics.state {
        ServerState::Shutdown => Role::Stopped,
        ServerState::Leader => Role::Leader,
        ServerState::Candidate => Role::Candidate,
        ServerState::Follower => Role::Follower,
        ServerState::Learner if metrics.membership_config.nodes().next().is_none() => {
            Role::Unformed
        }
        ServerState::Learner => Role::Learner,
    }
}

/// After a restart openraft names a former leader as its own leader until it hears otherwise.
fn leader(metrics: &Metrics, role: Role) -> Option<u64> {
    metrics
        .current_leader
        .filter(|leader| *leader != metrics.id || role == Role::Leader)
}

#[cfg(test)]
mod tests {
    use openraft::{RaftMetrics, ServerState};

    use super::*;
    use crate::types::TypeConfig;

    fn metrics(state: ServerState) -> RaftMetrics<TypeConfig> {
        let mut metrics = RaftMetrics::new_initial(1);
        metrics.state = state;
        metrics.current_leader = Some(1);
        metrics
    }

    #[test]
    fn a_follower_that_is_named_as_its_own_leader_knows_none() {
        let status = Status::from_metrics(&metrics(ServerState::Follower));
        assert_eq!((status.role, status.leader), (Role::Follower, None));
        let status = Status::from_metrics(&metrics(ServerState::Leader));
        assert_eq!((status.role, status.leader), (Role::Leader, Some(1)));
    }

    #[test]
    fn a_node_without_members_is_unformed_and_a_stopped_one_is_stopped() {
        let mut metrics = metrics(ServerState::Learner);
        assert_eq!(Status::from_metrics(&metrics).role, Role::Unformed);
        metrics.running_state = Err(openraft::errors::Fatal::Stopped);
        assert_eq!(Status::from_metrics(&metrics).role, Role::Stopped);
    }
}
