//! How a cluster begins, and when it does not.

use std::time::Duration;

use vesta_consensus::{Role, StartError};

use crate::cluster::{Cluster, Fault, free_address, peer, until};

/// Long enough for several attempts to form a cluster; only for showing that none succeeds.
const SEVERAL_ATTEMPTS: Duration = Duration::from_millis(1500);

#[tokio::test]
async fn three_masters_that_agree_form_one_cluster() {
    let cluster = Cluster::formed(3).await;
    let formed: Vec<_> = cluster
        .ids()
        .iter()
        .map(|id| cluster.node(*id).cluster_id())
        .collect();
    assert!(formed[0].is_some());
    assert!(formed.iter().all(|id| *id == formed[0]), "{formed:?}");
    let leader = cluster.leader().await;
    let status = cluster.node(leader).status();
    assert_eq!(status.members.len(), 3);
    assert!(status.members.iter().all(|member| member.voter));
    assert!(!status.sole_voter);
}

#[tokio::test]
async fn no_cluster_is_formed_before_every_configured_master_is_there() {
    let mut cluster = Cluster::new(3);
    let ids = cluster.ids();
    cluster.start(ids[0], true).await;
    cluster.start(ids[1], true).await;
    tokio::time::sleep(SEVERAL_ATTEMPTS).await;
    for id in &ids[..2] {
        assert_eq!(cluster.node(*id).cluster_id(), None);
        assert_eq!(cluster.node(*id).status().role, Role::Unformed);
    }
    cluster.start(ids[2], true).await;
    cluster.leader().await;
}

#[tokio::test]
async fn masters_that_name_different_lists_do_not_form_a_cluster() {
    let mut cluster = Cluster::new(3);
    let ids = cluster.ids();
    for id in &ids[..2] {
        cluster.start(*id, true).await;
    }
    let mut other = cluster.config(ids[2], true);
    other.peers[0].client_addr = "elsewhere:7700".into();
    cluster.start_with(other).await.unwrap();
    tokio::time::sleep(SEVERAL_ATTEMPTS).await;
    for id in ids {
        assert_eq!(cluster.node(id).cluster_id(), None);
    }
}

#[tokio::test]
async fn a_master_that_was_not_told_to_form_never_does() {
    let mut cluster = Cluster::new(3);
    let ids = cluster.ids();
    cluster.start(ids[0], true).await;
    cluster.start(ids[1], true).await;
    cluster.start(ids[2], false).await;
    tokio::time::sleep(SEVERAL_ATTEMPTS).await;
    for id in ids {
        assert_eq!(cluster.node(id).cluster_id(), None);
    }

    let mut alone = Cluster::new(1);
    let id = alone.ids()[0];
    alone.start(id, false).await;
    tokio::time::sleep(SEVERAL_ATTEMPTS).await;
    assert_eq!(alone.node(id).status().role, Role::Unformed);
}

#[tokio::test]
async fn a_founder_that_dies_before_it_initialises_goes_on_when_it_comes_back() {
    let mut cluster = Cluster::new(3);
    let ids = cluster.ids();
    let fault = Fault::named(format!("raft.founding.{}", ids[0]));
    for id in &ids {
        cluster.start(*id, true).await;
    }
    let died = tokio::time::timeout(crate::cluster::BOUND, cluster.node(ids[0]).fatal()).await;
    assert!(died.unwrap().contains("form"));
    let founded = cluster.node(ids[0]).cluster_id().unwrap();
    cluster.stop(ids[0]).await;
    drop(fault);
    // Not even told to form: it has begun, and finishes.
    cluster.start(ids[0], false).await;
    cluster.leader().await;
    for id in ids {
        let node = cluster.node(id).clone();
        let joined = until("every master is a member", || node.cluster_id()).await;
        assert_eq!(joined, founded);
    }
}

#[tokio::test]
async fn an_existing_cluster_does_not_care_for_form() {
    let mut cluster = Cluster::formed(1).await;
    let id = cluster.ids()[0];
    let formed = cluster.node(id).cluster_id();
    cluster.stop(id).await;
    cluster.start(id, true).await;
    cluster.leader().await;
    assert_eq!(cluster.node(id).cluster_id(), formed);
    assert_eq!(cluster.write("second").await.reply, b"2");
}

#[tokio::test]
async fn a_configuration_that_cannot_work_is_refused() {
    let mut cluster = Cluster::new(1);
    let id = cluster.ids()[0];
    let good = cluster.config(id, true);
    let bad = |change: &dyn Fn(&mut vesta_consensus::Config)| {
        let mut config = good.clone();
        change(&mut config);
        config
    };
    let cases = [
        bad(&|config| config.peers.clear()),
        bad(&|config| config.raft_addr = "other:1".into()),
        bad(&|config| config.peers.push(peer(id, free_address()))),
        bad(&|config| config.election_min = config.heartbeat * 2),
        bad(&|config| config.election_max = config.election_min),
        bad(&|config| config.snapshot_every = 0),
        bad(&|config| config.heartbeat = Duration::ZERO),
    ];
    for case in cases {
        let text = format!("{case:?}");
        let refused = cluster.start_with(case).await;
        assert!(
            matches!(refused, Err(StartError::Config(_))),
            "{text}: {refused:?}"
        );
    }
    assert!(
        !cluster.data_dir(id).exists(),
        "a refused start leaves no directory behind"
    );
}
