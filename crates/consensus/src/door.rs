//! Who may talk to this node.
//!
//! Each call names the cluster, the sender and the receiver with the uuids of their data
//! directories. So a call never reaches another cluster at a reused address, and a wiped member,
//! which has a new uuid, neither gets nor gives votes.

use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};
use std::time::Duration;

use openraft::Instant as _;
use openraft::async_runtime::watch::WatchReceiver;
use tonic::Status;
use uuid::Uuid;
use vesta_net::Net;
use vesta_proto::raft as wire;

use crate::codec;
use crate::complaints::Complaints;
use crate::config::Peer;
use crate::disk::Store;
use crate::failure::Failure;
use crate::me::{LateMetrics, Me};
use crate::status::{self, Role};

/// Checks the header of every call.
pub(crate) struct Door {
    pub(crate) me: Arc<Me>,
    pub(crate) store: Store,
    /// How other masters are asked who they are.
    pub(crate) net: Net,
    pub(crate) metrics: LateMetrics,
    /// The configured masters by rising id.
    pub(crate) peers: Vec<Peer>,
    /// Started with `form`.
    pub(crate) form: bool,
    /// The version of commands that is told to who asks.
    pub(crate) speaks: u32,
    /// How old the word of a quorum may be that still counts.
    pub(crate) lease: Duration,
    pub(crate) failure: Failure,
    pub(crate) complaints: Complaints,
    pub(crate) closed: AtomicBool,
}

impl Door {
    /// Whether this node would take part in forming a cluster now.
    pub(crate) fn is_forming(&self) -> bool {
        self.form && self.me.cluster().is_none()
    }

    /// Whether this node can say that the asker was removed from the cluster: it leads by a quorum's
    /// word of just now, and the membership that it knows to be committed does not hold the asker.
    pub(crate) fn has_removed(&self, asker: &wire::ProbeRequest) -> bool {
        let Some(metrics) = self
            .metrics
            .get()
            .map(|metrics| metrics.borrow_watched().clone())
        else {
            return false;
        };
        let ours = self.me.cluster().map(|id| id.as_bytes().to_vec());
        let acked = metrics.last_quorum_acked;
        let leads = status::role(&metrics) == Role::Leader
            && (status::is_sole_voter(&metrics)
                || acked.is_some_and(|at| at.into_inner().elapsed() < self.lease));
        let membership = &metrics.membership_config;
        let is_member = membership
            .get_node(&asker.node_id)
            .is_some_and(|known| known.directory.as_bytes()[..] == asker.directory[..]);
        let is_committed = *membership.log_id() <= metrics.local_committed;
        ours.is_some_and(|ours| ours == asker.cluster_id) && leads && is_committed && !is_member
    }

    /// After this every call is refused.
    pub(crate) fn close(&self) {
        self.closed.store(true, Ordering::Release);
    }

    /// Lets a call in, or says why not. The first call to a directory that belongs to no cluster
    /// makes it a member, durably, before it is answered.
    pub(crate) async fn admit(&self, header: Option<&wire::Header>) -> Result<(), Status> {
        if self.closed.load(Ordering::Acquire) {
            return Err(Status::unavailable("this node is shutting down"));
        }
        if requests_are_lost(self.me.node_id) {
            return std::future::pending().await;
        }
        let header = header.ok_or_else(|| Status::invalid_argument("the call has no header"))?;
        match self.check(header) {
            Ok(None) => Ok(()),
            Ok(Some(cluster)) => self.join(cluster).await,
            Err(reason) => {
                self.complain(header.sender_id, &reason);
                Err(Status::failed_precondition(reason))
            }
        }
    }

    /// `Some` is the cluster to join first.
    fn check(&self, header: &wire::Header) -> Result<Option<Uuid>, String> {
        let uuid = |what, bytes: &[u8]| codec::uuid(what, bytes).map_err(|error| error.to_string());
        let cluster = uuid("the cluster id", &header.cluster_id)?;
        let sender = uuid("the sender's directory", &header.sender_directory)?;
        let receiver = uuid("the receiver's directory", &header.receiver_directory)?;
        let me = &self.me;
        if header.receiver_id != me.node_id {
            let (meant, own) = (header.receiver_id, me.node_id);
            return Err(format!(
                "the call is for node {meant}, and this is node {own}"
            ));
        }
        if receiver != me.directory {
            return Err(format!(
                "the call is for node {} with data directory {receiver}, and this one has {}: a \
                 directory that was replaced does not come back under the same node id; let it be \
                 joined under a new one",
                me.node_id, me.directory
            ));
        }
        match me.cluster() {
            Some(own) if own != cluster => Err(format!(
                "the call is from cluster {cluster}, and this node belongs to {own}"
            )),
            Some(_) => self.check_sender(header.sender_id, sender).map(|()| None),
            None if self.form
                && !self
                    .peers
                    .iter()
                    .any(|peer| peer.node_id == header.sender_id) =>
            {
                Err(format!(
                    "node {} is not among the masters that this node is to form a cluster with",
                    header.sender_id
                ))
            }
            // The sender knows this directory's uuid: it has asked us, and chosen us.
            None => Ok(Some(cluster)),
        }
    }

    fn check_sender(&self, sender_id: u64, directory: Uuid) -> Result<(), String> {
        let known = self.metrics.get().and_then(|metrics| {
            let metrics = metrics.borrow_watched();
            metrics
                .membership_config
                .get_node(&sender_id)
                .map(|member| member.directory)
        });
        match known {
            Some(known) if known != directory => Err(format!(
                "node {sender_id} is a member with data directory {known}, and this call comes \
                 from {directory}"
            )),
            // Members that this node has not heard of yet may call it: it may be behind.
            _ => Ok(()),
        }
    }

    async fn join(&self, cluster: Uuid) -> Result<(), Status> {
        let me = self.me.clone();
        let joined = self
            .store
            .blocking(move |disk| me.join(disk, cluster, None))
            .await;
        let error = match joined {
            Ok(Ok(())) => return Ok(()),
            // Another cluster was faster.
            Ok(Err(_)) if self.me.cluster().is_some_and(|own| own != cluster) => {
                return Err(Status::failed_precondition(
                    "this node has just joined another cluster",
                ));
            }
            Ok(Err(error)) => error.to_string(),
            Err(error) => error.to_string(),
        };
        self.failure.report(format!(
            "could not become a member of cluster {cluster}: {error}"
        ));
        Err(Status::internal(error))
    }

    fn complain(&self, sender: u64, reason: &str) {
        if self.complaints.is_new(&format!("{sender}: {reason}")) {
            tracing::warn!(
                node = self.me.node_id,
                sender,
                reason,
                "raft.refuse: a call is refused"
            );
        }
    }
}

/// Fault for tests: calls to this node get lost.
#[cfg(any(debug_assertions, feature = "faults"))]
fn requests_are_lost(node_id: u64) -> bool {
    fail::eval(&format!("raft.requests.{node_id}"), |_| ()).is_some()
}

#[cfg(not(any(debug_assertions, feature = "faults")))]
fn requests_are_lost(_node_id: u64) -> bool {
    false
}

#[cfg(test)]
mod tests {
    use std::collections::BTreeMap;

    use openraft::RaftMetrics;
    use openraft::type_config::TypeConfigExt;

    use super::*;
    use vesta_journal::Journal;

    use crate::types::{Member, Membership, StoredMembership, TypeConfig};

    fn id(number: u128) -> Uuid {
        Uuid::from_u128(number)
    }

    const CLUSTER: u128 = 100;

    /// The door of node 1, whose directory is 11; node 2 is a member with directory 22.
    fn door(cluster: Option<u128>, form: bool) -> (tempfile::TempDir, Door) {
        let dir = tempfile::tempdir().unwrap();
        let store = Store::real(Journal::open(&dir.path().join("data")).unwrap());
        let mut identity = store.identity();
        identity.directory_uuid = id(11);
        identity.cluster_id = cluster.map(id);
        let member = Member {
            directory: id(22),
            ..Member::default()
        };
        let mut metrics = RaftMetrics::new_initial(1);
        let members = Membership::from(BTreeMap::from([(2, member)]));
        metrics.membership_config = Arc::new(StoredMembership::new(None, members));
        let (_, watched) = TypeConfig::watch_channel(metrics);
        let late = LateMetrics::default();
        late.set(watched).ok().unwrap();
        let peer = |node_id| Peer {
            node_id,
            raft_addr: format!("m{node_id}:7701"),
            client_addr: format!("m{node_id}:7700"),
        };
        let door = Door {
            me: Arc::new(Me::new(1, &identity)),
            store,
            net: Net::default(),
            metrics: late,
            peers: vec![peer(1), peer(2)],
            form,
            speaks: 1,
            lease: Duration::from_secs(1),
            failure: Failure::new(),
            complaints: Complaints::default(),
            closed: AtomicBool::new(false),
        };
        (dir, door)
    }

    fn header(cluster: u128, sender: (u64, u128), receiver: (u64, u128)) -> wire::Header {
        let bytes = |number| id(number).as_bytes().to_vec();
        wire::Header {
            cluster_id: bytes(cluster),
            sender_id: sender.0,
            sender_directory: bytes(sender.1),
            receiver_id: receiver.0,
            receiver_directory: bytes(receiver.1),
        }
    }

    async fn refused(door: &Door, header: &wire::Header) -> String {
        let status = door.admit(Some(header)).await.unwrap_err();
        assert_eq!(status.code(), tonic::Code::FailedPrecondition);
        status.message().to_owned()
    }

    #[tokio::test]
    async fn a_member_is_let_in_when_cluster_and_both_directories_are_right() {
        let (_dir, door) = door(Some(CLUSTER), false);
        door.admit(Some(&header(CLUSTER, (2, 22), (1, 11))))
            .await
            .unwrap();
        // This node may be behind: it has not heard of node 3 yet.
        door.admit(Some(&header(CLUSTER, (3, 33), (1, 11))))
            .await
            .unwrap();
    }

    #[tokio::test]
    async fn whoever_means_somebody_else_or_is_somebody_else_is_refused() {
        let (_dir, door) = door(Some(CLUSTER), false);
        let cases = [
            (header(CLUSTER + 1, (2, 22), (1, 11)), "cluster"),
            (header(CLUSTER, (2, 22), (3, 11)), "is for node 3"),
            (header(CLUSTER, (2, 22), (1, 12)), "was replaced"),
            (
                header(CLUSTER, (2, 23), (1, 11)),
                "is a member with data directory",
            ),
            (header(CLUSTER, (2, 22), (1, 11)), ""),
        ];
        let (good, bad) = cases.split_last().unwrap();
        for (header, reason) in bad {
            let text = refused(&door, header).await;
            assert!(text.contains(reason), "{text}");
        }
        door.admit(Some(&good.0)).await.unwrap();
        assert!(door.admit(None).await.is_err());
        let no_uuid = wire::Header {
            cluster_id: vec![1],
            ..good.0.clone()
        };
        assert!(refused(&door, &no_uuid).await.contains("16"));
    }

    #[tokio::test]
    async fn an_empty_directory_joins_whoever_knows_its_uuid_and_is_a_member_on_disk_then() {
        let (dir, door) = door(None, false);
        refused(&door, &header(CLUSTER, (9, 99), (1, 12))).await;
        assert_eq!(door.me.cluster(), None);
        door.admit(Some(&header(CLUSTER, (9, 99), (1, 11))))
            .await
            .unwrap();
        assert_eq!(door.me.cluster(), Some(id(CLUSTER)));
        drop(door);
        let reopened = Journal::open(&dir.path().join("data")).unwrap().identity();
        assert_eq!(
            (reopened.cluster_id, reopened.node_id),
            (Some(id(CLUSTER)), Some(1))
        );
    }

    #[tokio::test]
    async fn a_node_that_forms_joins_only_a_master_of_its_own_list() {
        let (_dir, door) = door(None, true);
        refused(&door, &header(CLUSTER, (9, 99), (1, 11))).await;
        assert!(door.is_forming());
        door.admit(Some(&header(CLUSTER, (2, 22), (1, 11))))
            .await
            .unwrap();
        assert!(!door.is_forming());
    }

    #[tokio::test]
    async fn a_closed_door_lets_nobody_in() {
        let (_dir, door) = door(Some(CLUSTER), false);
        door.close();
        let status = door
            .admit(Some(&header(CLUSTER, (2, 22), (1, 11))))
            .await
            .unwrap_err();
        assert_eq!(status.code(), tonic::Code::Unavailable);
    }
}
