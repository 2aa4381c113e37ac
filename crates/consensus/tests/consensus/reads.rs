//! Reads that see every write answered before them.

use std::time::Duration;

use tokio::time::Instant;
use vesta_consensus::ReadError;

use crate::cluster::{BOUND, Cluster};

#[tokio::test]
async fn a_read_at_any_master_sees_a_write_answered_before() {
    let cluster = Cluster::formed(3).await;
    for number in 0..20 {
        let command = format!("write {number}");
        let written = cluster.write(&command).await;
        for id in cluster.ids() {
            let index = cluster.node(id).read_index(BOUND).await.unwrap();
            assert!(index >= written.index);
            assert!(
                cluster.view(id).has(&command),
                "node {id} read without {command:?}"
            );
        }
    }
}

#[tokio::test]
async fn without_a_quorum_a_read_fails_in_the_time_given() {
    let mut cluster = Cluster::formed(3).await;
    let leader = cluster.leader().await;
    for id in cluster.ids().into_iter().filter(|id| *id != leader) {
        cluster.stop(id).await;
    }
    let (started, deadline) = (Instant::now(), Duration::from_millis(700));
    let failed = cluster.node(leader).read_index(deadline).await;
    assert!(
        matches!(failed, Err(ReadError::NoQuorum { .. })),
        "{failed:?}"
    );
    let took = started.elapsed();
    assert!(took >= deadline && took < deadline * 3, "{took:?}");
}

#[tokio::test]
async fn a_read_waits_out_an_election() {
    let mut cluster = Cluster::formed(3).await;
    let leader = cluster.leader().await;
    let reader = cluster.ids().into_iter().find(|id| *id != leader).unwrap();
    cluster.stop(leader).await;
    cluster.node(reader).read_index(BOUND).await.unwrap();
    assert!(cluster.view(reader).has("first"));
}

#[tokio::test]
async fn a_master_of_no_cluster_can_be_read_by_nobody() {
    let mut cluster = Cluster::new(1);
    let id = cluster.ids()[0];
    cluster.start(id, false).await;
    let failed = cluster
        .node(id)
        .read_index(Duration::from_millis(200))
        .await;
    assert!(
        matches!(failed, Err(ReadError::NoQuorum { .. })),
        "{failed:?}"
    );
}
