//! How a node ends: because it is told to, or because it can't go on.

use std::time::Duration;

use vesta_consensus::{ProposeError, ReadError, Role};

use crate::cluster::{BOUND, Cluster};
use crate::machine::{PANIC, UNKNOWN};

async fn fatal(cluster: &Cluster, id: u64) -> String {
    tokio::time::timeout(BOUND, cluster.node(id).fatal())
        .await
        .expect("a fatal error")
}

#[tokio::test]
async fn an_entry_that_the_state_machine_does_not_know_stops_the_node_and_is_never_skipped() {
    let mut cluster = Cluster::formed(1).await;
    let id = cluster.ids()[0];
    let outcome = cluster.node(id).propose(UNKNOWN.to_vec()).await;
    assert!(
        matches!(outcome, Err(ProposeError::Fatal(_))),
        "{outcome:?}"
    );
    let text = fatal(&cluster, id).await;
    assert!(text.contains("a command of the future"), "{text}");
    cluster
        .wait(id, "stopped", |status| status.role == Role::Stopped)
        .await;
    let later = cluster.propose(id, "later").await;
    assert!(matches!(later, Err(ProposeError::Fatal(_))), "{later:?}");
    let read = cluster
        .node(id)
        .read_index(Duration::from_millis(100))
        .await;
    assert!(matches!(read, Err(ReadError::Fatal(_))), "{read:?}");
    assert!(
        !cluster
            .node(id)
            .quorum_acked_since(tokio::time::Instant::now())
    );
    cluster.stop(id).await;

    // It is committed, so it stands in the way of every later start, too, until there is a version
    // that knows it.
    let (machine, view) = crate::machine::Machine::new();
    match vesta_consensus::Node::start(cluster.config(id, false), machine).await {
        Err(error) => assert!(
            error.to_string().contains("a command of the future"),
            "{error}"
        ),
        Ok(node) => {
            let text = tokio::time::timeout(BOUND, node.fatal()).await.unwrap();
            assert!(text.contains("a command of the future"), "{text}");
            node.shutdown().await;
        }
    }
    assert!(!view.has("later"));
}

#[tokio::test]
async fn a_state_machine_that_panics_stops_the_node() {
    let cluster = Cluster::formed(1).await;
    let id = cluster.ids()[0];
    let outcome = cluster.node(id).propose(PANIC.to_vec()).await;
    assert!(
        matches!(outcome, Err(ProposeError::Fatal(_))),
        "{outcome:?}"
    );
    let text = fatal(&cluster, id).await;
    assert!(text.contains("asked to panic"), "{text}");
}

#[tokio::test]
async fn after_a_shutdown_directory_and_port_are_free_at_once() {
    let mut cluster = Cluster::formed(1).await;
    let id = cluster.ids()[0];
    for number in 0..5 {
        let handle = cluster.node(id).clone();
        cluster.stop(id).await;
        assert_eq!(handle.status().role, Role::Stopped);
        assert!(matches!(
            handle.propose(b"late".to_vec()).await,
            Err(ProposeError::Fatal(_))
        ));
        drop(std::net::TcpListener::bind(cluster.config(id, false).raft_listen).unwrap());
        cluster.start(id, false).await;
        cluster.write(&format!("round {number}")).await;
    }
}

#[tokio::test]
async fn a_shutdown_is_no_fatal_error() {
    let mut cluster = Cluster::formed(1).await;
    let id = cluster.ids()[0];
    let handle = cluster.node(id).clone();
    cluster.stop(id).await;
    let waited = tokio::time::timeout(Duration::from_millis(300), handle.fatal()).await;
    assert!(waited.is_err(), "{waited:?}");
}
