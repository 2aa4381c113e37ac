//! Commands reach everybody, also those who were away.

use crate::cluster::Cluster;

#[tokio::test]
async fn a_member_that_was_away_catches_up_with_the_same_directory() {
    let mut cluster = Cluster::formed(3).await;
    let leader = cluster.leader().await;
    let away = cluster.ids().into_iter().find(|id| *id != leader).unwrap();
    let directory = cluster.node(away).directory_uuid();
    cluster.stop(away).await;
    for number in 0..20 {
        cluster.write(&format!("missed {number}")).await;
    }
    cluster.start(away, false).await;
    cluster.sees(away, "missed 19").await;
    assert_eq!(cluster.node(away).directory_uuid(), directory);
    assert_eq!(
        cluster.view(away).commands(),
        cluster.view(leader).commands()
    );
}

#[tokio::test]
async fn a_member_far_behind_a_purged_log_is_caught_up_by_a_snapshot() {
    let mut cluster = Cluster::new(3);
    cluster.snapshot_every = 20;
    let mut cluster = cluster.form().await;
    let leader = cluster.leader().await;
    let away = cluster.ids().into_iter().find(|id| *id != leader).unwrap();
    cluster.stop(away).await;
    // More than one part of a snapshot on the wire.
    let large = "x".repeat(32 * 1024);
    for number in 0..200 {
        cluster.write(&format!("{number} {large}")).await;
    }
    cluster
        .wait(leader, "a snapshot of most of it", |status| {
            status.snapshot_index > 150
        })
        .await;
    cluster.write("last").await;
    cluster.start(away, false).await;
    cluster.sees(away, "last").await;
    let view = cluster.view(away);
    assert!(view.restored() > 100, "restored up to {}", view.restored());
    assert_eq!(view.commands(), cluster.view(leader).commands());

    // What came as a snapshot is there after a restart, too.
    let all = view.commands();
    cluster.stop(away).await;
    cluster.start(away, false).await;
    cluster.sees(away, "last").await;
    assert_eq!(cluster.view(away).commands(), all);
}

#[tokio::test]
async fn a_snapshot_asked_for_is_taken_and_survives_a_restart() {
    let mut cluster = Cluster::formed(1).await;
    let id = cluster.ids()[0];
    let index = cluster.write("second").await.index;
    cluster.node(id).snapshot_now().await;
    cluster
        .wait(id, "the snapshot", |status| status.snapshot_index >= index)
        .await;
    cluster.stop(id).await;
    cluster.start(id, false).await;
    assert!(cluster.view(id).restored() >= index);
    cluster.leader().await;
    assert_eq!(cluster.view(id).commands(), ["first", "second"]);
}

#[tokio::test]
async fn many_proposals_at_once_are_all_committed_in_one_order() {
    let cluster = Cluster::steady(3).await;
    let leader = cluster.leader().await;
    let node = cluster.node(leader);
    let all = (0..300).map(|number| node.propose(format!("p{number}").into_bytes()));
    let outcomes = futures::future::join_all(all).await;
    cluster.write("end").await;
    for id in cluster.ids() {
        cluster.sees(id, "end").await;
    }
    let commands = cluster.view(leader).commands();
    for id in cluster.ids() {
        assert_eq!(cluster.view(id).commands(), commands);
    }
    let times = |number| {
        commands
            .iter()
            .filter(|one| **one == format!("p{number}"))
            .count()
    };
    let mut done = std::collections::BTreeSet::new();
    for (number, outcome) in outcomes.iter().enumerate() {
        assert!(
            times(number) <= 1,
            "p{number} is there {} times",
            times(number)
        );
        if let Ok(applied) = outcome {
            assert_eq!(times(number), 1, "p{number} was answered as done");
            assert!(done.insert(applied.index), "one index for two commands");
        }
    }
    assert!(!done.is_empty(), "{:?}", outcomes[0]);
}

#[tokio::test]
async fn commands_up_to_the_limit_reach_everybody_and_larger_ones_are_refused() {
    let cluster = Cluster::steady(3).await;
    let leader = cluster.leader().await;
    let limit = vesta_consensus::COMMAND_BYTES_MAX;
    let refused = cluster.node(leader).propose(vec![b'x'; limit + 1]).await;
    assert!(
        matches!(refused, Err(vesta_consensus::ProposeError::TooLarge { .. })),
        "{refused:?}"
    );
    let node = cluster.node(leader);
    let large = |_| node.propose(vec![b'x'; limit]);
    // Together more than one append carries. On a slow machine they may cost the leader its term.
    let _outcomes = futures::future::join_all((0..5).map(large)).await;
    let largest = "x".repeat(limit);
    cluster.write(&largest).await;
    for id in cluster.ids() {
        cluster.sees(id, &largest).await;
    }
}

#[tokio::test]
async fn whoever_got_a_reply_sees_its_effect_published() {
    let cluster = Cluster::steady(3).await;
    let leader = cluster.leader().await;
    for number in 0..100 {
        let command = format!("command {number}");
        cluster.propose(leader, &command).await.unwrap();
        assert!(cluster.view(leader).has(&command));
    }
}
