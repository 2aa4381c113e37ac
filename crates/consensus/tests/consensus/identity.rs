//! A data directory is one member, for good.

use std::time::Duration;

use vesta_consensus::{Role, StartError};

use crate::cluster::{Cluster, ELECTION_MAX};

#[tokio::test]
async fn a_wiped_member_is_refused_and_never_silently_let_in_again() {
    let mut cluster = Cluster::formed(3).await;
    let leader = cluster.leader().await;
    let wiped = cluster.ids().into_iter().find(|id| *id != leader).unwrap();
    let before = cluster.node(wiped).directory_uuid();
    cluster.stop(wiped).await;
    std::fs::remove_dir_all(cluster.data_dir(wiped)).unwrap();

    // Told to form or not: the cluster exists.
    for form in [false, true] {
        cluster.start(wiped, form).await;
        assert_ne!(cluster.node(wiped).directory_uuid(), before);
        cluster.write(&format!("without it, form {form}")).await;
        tokio::time::sleep(ELECTION_MAX * 3).await;
        let status = cluster.node(wiped).status();
        assert_eq!(status.role, Role::Unformed);
        assert_eq!(
            (status.last_log_index, status.term),
            (0, 0),
            "it was given nothing"
        );
        assert_eq!(cluster.node(wiped).cluster_id(), None);
        cluster.stop(wiped).await;
    }
}

#[tokio::test]
async fn a_wiped_member_cannot_help_a_minority_to_a_quorum() {
    let mut cluster = Cluster::formed(3).await;
    let ids = cluster.ids();
    let leader = cluster.leader().await;
    let rest: Vec<u64> = ids.into_iter().filter(|id| *id != leader).collect();
    for id in &rest {
        cluster.stop(*id).await;
    }
    std::fs::remove_dir_all(cluster.data_dir(rest[0])).unwrap();
    cluster.start(rest[0], true).await;
    let node = cluster.node(leader).clone();
    crate::cluster::until("it has lost its quorum", || {
        let acked = node.status().last_quorum_ack;
        acked
            .is_none_or(|acked| acked.elapsed() > ELECTION_MAX)
            .then_some(())
    })
    .await;
    let refused = node.propose(b"must not be committed".to_vec()).await;
    assert!(refused.is_err(), "{refused:?}");
}

#[tokio::test]
async fn a_data_directory_of_another_node_is_refused() {
    let mut cluster = Cluster::formed(1).await;
    let id = cluster.ids()[0];
    cluster.stop(id).await;
    let mut config = cluster.config(id, false);
    config.node_id = 4711;
    match cluster.start_with(config).await {
        Err(StartError::OtherNode { found, expected }) => assert_eq!((found, expected), (id, 4711)),
        other => panic!("{other:?}"),
    }
}

#[tokio::test]
async fn a_data_directory_in_use_is_refused() {
    let mut cluster = Cluster::formed(1).await;
    let id = cluster.ids()[0];
    let mut config = cluster.config(id, false);
    config.raft_listen = "127.0.0.1:0".parse().unwrap();
    assert!(matches!(
        cluster.start_with(config).await,
        Err(StartError::Journal(_))
    ));
    cluster.write("the first one goes on").await;
}

#[tokio::test]
async fn a_port_in_use_is_refused() {
    let mut cluster = Cluster::new(1);
    let id = cluster.ids()[0];
    let mut config = cluster.config(id, true);
    let taken = std::net::TcpListener::bind(config.raft_listen).unwrap();
    config.raft_listen = taken.local_addr().unwrap();
    assert!(matches!(
        cluster.start_with(config).await,
        Err(StartError::Bind { .. })
    ));
}

#[tokio::test]
async fn calls_of_another_cluster_at_the_same_address_are_refused() {
    let mut one = Cluster::formed(3).await;
    let leader = one.leader().await;
    let gone = one.ids().into_iter().find(|id| *id != leader).unwrap();
    one.stop(gone).await;

    // A cluster of one takes over node id and address of a member of the first.
    let mut two = Cluster::new(1);
    two.peers = vec![
        one.peers
            .iter()
            .find(|peer| peer.node_id == gone)
            .unwrap()
            .clone(),
    ];
    let two = two.form().await;
    two.write("mine").await;
    one.write("theirs").await;
    tokio::time::sleep(Duration::from_millis(500)).await;
    assert_eq!(two.view(gone).commands(), ["first", "mine"]);
    assert_eq!(two.leader().await, gone);
    let matched = one
        .node(leader)
        .status()
        .members
        .into_iter()
        .find(|one| one.node_id == gone);
    assert!(matched.unwrap().matched < Some(one.node(leader).status().committed));
}
