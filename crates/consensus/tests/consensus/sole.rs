//! One master alone is a whole cluster.

use std::time::Duration;

use tokio::time::Instant;
use vesta_consensus::Role;

use crate::cluster::Cluster;

#[tokio::test]
async fn a_sole_master_forms_commits_and_comes_back_with_everything() {
    let mut cluster = Cluster::formed(1).await;
    let id = cluster.ids()[0];
    let reply = cluster.write("second").await.reply;
    assert_eq!(reply, b"2");
    let before = (
        cluster.node(id).cluster_id(),
        cluster.node(id).directory_uuid(),
    );
    assert!(before.0.is_some());
    cluster.stop(id).await;

    cluster.start(id, false).await;
    assert_eq!(
        (
            cluster.node(id).cluster_id(),
            cluster.node(id).directory_uuid()
        ),
        before
    );
    cluster.leader().await;
    cluster.write("third").await;
    assert_eq!(cluster.view(id).commands(), ["first", "second", "third"]);
}

#[tokio::test]
async fn a_sole_voter_needs_no_acknowledgement_while_it_leads() {
    let cluster = Cluster::formed(1).await;
    let id = cluster.ids()[0];
    let status = cluster.node(id).status();
    assert!(status.sole_voter);
    assert_eq!((status.role, status.leader), (Role::Leader, Some(id)));
    assert!(cluster.node(id).quorum_acked_since(Instant::now()));
    assert!(
        cluster
            .node(id)
            .read_index(Duration::from_secs(5))
            .await
            .unwrap()
            > 0
    );
}

#[tokio::test]
async fn a_sole_voter_that_has_just_restarted_is_no_leader_before_it_elects_itself() {
    let mut cluster = Cluster::formed(1).await;
    let id = cluster.ids()[0];
    let term = cluster.node(id).status().term;
    cluster.stop(id).await;
    cluster.start(id, false).await;
    let status = cluster
        .wait(id, "leads again", |status| status.role == Role::Leader)
        .await;
    assert!(status.term > term, "the same term {term} was resumed");
}

#[tokio::test]
async fn a_sole_voter_has_nobody_to_hand_over_to() {
    let cluster = Cluster::formed(1).await;
    let id = cluster.ids()[0];
    assert_eq!(
        cluster.node(id).hand_over(Duration::from_secs(1)).await,
        None
    );
    cluster.write("still here").await;
}
