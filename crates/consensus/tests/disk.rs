//! A disk that fails, or takes its time. Apart from the other tests, and one after the other, because all
//! nodes of a process share the journal's failpoints.

#![allow(clippy::unwrap_used, clippy::panic)]

#[path = "consensus/cluster.rs"]
#[allow(dead_code)]
mod cluster;
#[path = "consensus/machine.rs"]
#[allow(dead_code)]
mod machine;

use std::time::Duration;

use vesta_consensus::Role;

use crate::cluster::{BOUND, Cluster, until};

#[tokio::test]
async fn a_disk_that_fails_stops_its_node_and_the_others_go_on() {
    let _alone = fail::FailScenario::setup();
    let cluster = Cluster::formed(3).await;
    let leader = cluster.leader().await;
    // One sync fails, of whichever node comes first.
    fail::cfg("journal.flush", "1*return").unwrap();
    let _may_fail = cluster.propose(leader, "during the failure").await;
    let stopped = until("one node has stopped", || {
        cluster
            .ids()
            .into_iter()
            .find(|id| cluster.node(*id).status().role == Role::Stopped)
    })
    .await;
    fail::remove("journal.flush");
    let text = tokio::time::timeout(BOUND, cluster.node(stopped).fatal())
        .await
        .unwrap();
    assert!(text.contains("could not sync the log"), "{text}");

    let rest: Vec<u64> = cluster
        .ids()
        .into_iter()
        .filter(|id| *id != stopped)
        .collect();
    let new = cluster.leader_among(&rest).await;
    until("the others commit", || {
        let node = cluster.node(new);
        let status = node.status();
        (status.role == Role::Leader && status.last_quorum_ack.is_some()).then_some(())
    })
    .await;
    cluster.propose(new, "after the failure").await.unwrap();
    for id in rest {
        cluster.sees(id, "after the failure").await;
    }
}

#[tokio::test]
async fn nothing_is_acknowledged_before_the_disk_has_it() {
    let _alone = fail::FailScenario::setup();
    let cluster = Cluster::formed(1).await;
    let leader = cluster.leader().await;
    cluster.propose(leader, "before").await.unwrap();

    fail::cfg("journal.fdatasync", "pause").unwrap();
    {
        let mut held = std::pin::pin!(cluster.propose(leader, "held"));
        let answer = tokio::time::timeout(Duration::from_millis(500), &mut held).await;
        // Before anything is asserted: a flusher that is held would never let the node end.
        fail::remove("journal.fdatasync");
        assert!(
            answer.is_err(),
            "acknowledged while its sync was under way: {answer:?}"
        );
        tokio::time::timeout(BOUND, held).await.unwrap().unwrap();
    }
    cluster.sees(leader, "held").await;
}
