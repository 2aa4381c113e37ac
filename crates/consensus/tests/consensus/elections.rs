//! Who leads, and who comes next.

use std::time::Duration;

use tokio::time::Instant;
use vesta_consensus::{ProposeError, Role};

use crate::cluster::{BOUND, Cluster, ELECTION_MAX, Fault};

#[tokio::test]
async fn when_the_leader_goes_another_takes_over_and_the_old_one_comes_back_as_follower() {
    let mut cluster = Cluster::formed(3).await;
    let old = cluster.leader().await;
    let term = cluster.node(old).status().term;
    cluster.stop(old).await;
    cluster.write("without the old leader").await;
    let new = cluster.leader().await;
    assert!(cluster.node(new).status().term > term);

    cluster.start(old, false).await;
    cluster.sees(old, "without the old leader").await;
    cluster
        .wait(old, "follows", |status| status.leader == Some(new))
        .await;
    assert_eq!(
        cluster.view(old).commands(),
        ["first", "without the old leader"]
    );
}

#[tokio::test]
async fn a_leader_that_restarts_at_once_does_not_resume_in_the_same_term() {
    let mut cluster = Cluster::formed(3).await;
    let old = cluster.leader().await;
    let term = cluster.node(old).status().term;
    cluster.stop(old).await;
    cluster.start(old, false).await;
    let mut changes = cluster.node(old).watch();
    // Until somebody leads a later term, it may never call itself leader, nor name itself as one.
    loop {
        let status = changes.borrow_and_update().clone();
        if status.term > term {
            break;
        }
        assert_ne!(status.role, Role::Leader, "{status:?}");
        assert_ne!(status.leader, Some(old), "{status:?}");
        tokio::time::timeout(BOUND, changes.changed())
            .await
            .unwrap()
            .unwrap();
    }
}

#[tokio::test]
async fn a_leader_takes_proposals_from_the_moment_it_is_elected() {
    let mut cluster = Cluster::formed(3).await;
    for round in 0..3 {
        let old = cluster.leader().await;
        cluster.stop(old).await;
        let rest: Vec<u64> = cluster.up.keys().copied().collect();
        let mut changes: Vec<_> = rest.iter().map(|id| cluster.node(*id).watch()).collect();
        let elected = changes
            .iter_mut()
            .map(|changes| Box::pin(changes.wait_for(|status| status.role == Role::Leader)));
        let (status, _, _) = tokio::time::timeout(BOUND, futures::future::select_all(elected))
            .await
            .unwrap();
        let new = status.unwrap().node_id;
        // No heartbeat of it has been answered yet.
        let (term, begun) = (cluster.node(new).status().term, Instant::now());
        if let Err(error) = cluster.propose(new, &format!("at once {round}")).await {
            let status = cluster.node(new).status();
            // On a busy machine it may lose its term again, or wait for an answer in vain.
            let still = status.role == Role::Leader && status.term == term;
            let waited = begun.elapsed() > ELECTION_MAX / 2;
            assert!(waited || !still, "it leads and refuses: {error}");
            cluster.write(&format!("at once {round}")).await;
        }
        cluster.start(old, false).await;
        cluster.sees(old, &format!("at once {round}")).await;
    }
}

#[tokio::test]
async fn a_proposal_to_a_follower_names_the_leader() {
    let cluster = Cluster::steady(3).await;
    let leader = cluster.leader().await;
    let follower = cluster.ids().into_iter().find(|id| *id != leader).unwrap();
    match cluster.propose(follower, "at the wrong door").await {
        Err(ProposeError::NotLeader { leader: Some(hint) }) => {
            assert!(cluster.peers.contains(&hint), "{hint:?}");
            assert_eq!(hint.node_id, leader);
        }
        other => panic!("{other:?}"),
    }
}

#[tokio::test]
async fn a_leader_without_a_quorum_refuses_proposals_and_knows_that_nobody_follows() {
    let mut cluster = Cluster::formed(3).await;
    let leader = cluster.leader().await;
    assert!(
        cluster
            .node(leader)
            .status()
            .last_quorum_ack
            .is_some_and(|at| at <= Instant::now()),
        "a leader knows when it was acknowledged"
    );
    for id in cluster.ids().into_iter().filter(|id| *id != leader) {
        cluster.stop(id).await;
    }
    let gone = Instant::now();
    crate::cluster::until("its lease is over", || {
        let acked = cluster.node(leader).status().last_quorum_ack;
        acked
            .is_none_or(|acked| acked.elapsed() > ELECTION_MAX)
            .then_some(())
    })
    .await;
    assert!(!cluster.node(leader).quorum_acked_since(gone));
    let refused = cluster.propose(leader, "alone").await;
    assert!(
        matches!(refused, Err(ProposeError::NotLeader { .. })),
        "{refused:?}"
    );
}

#[tokio::test]
async fn a_quorum_acknowledges_what_was_sent_after_an_instant() {
    let cluster = Cluster::steady(3).await;
    let leader = cluster.leader().await;
    let now = Instant::now();
    let node = cluster.node(leader).clone();
    cluster
        .wait(leader, "a later acknowledgement", |_| {
            node.quorum_acked_since(now)
        })
        .await;
    let acked = cluster.node(leader).status().last_quorum_ack.unwrap();
    assert!(acked > now && acked <= Instant::now());
    let follower = cluster.ids().into_iter().find(|id| *id != leader).unwrap();
    assert!(
        !cluster.node(follower).quorum_acked_since(now),
        "only a leader can know"
    );
}

#[tokio::test]
async fn leadership_is_handed_over_to_a_voter_that_has_everything() {
    let cluster = Cluster::steady(3).await;
    let old = cluster.leader().await;
    let term = cluster.node(old).status().term;
    let next = cluster
        .node(old)
        .hand_over(BOUND)
        .await
        .expect("there is a successor");
    assert_ne!(next, old);
    cluster
        .wait(next, "leads", |status| {
            status.role == Role::Leader && status.term > term
        })
        .await;
    cluster
        .wait(old, "follows", |status| status.leader == Some(next))
        .await;
    cluster.write("after the hand-over").await;
    assert_eq!(
        cluster.node(old).hand_over(BOUND).await,
        None,
        "a follower has nothing to hand over"
    );
}

#[tokio::test]
async fn leadership_is_not_handed_to_a_voter_that_was_not_heard() {
    let mut cluster = Cluster::formed(3).await;
    let leader = cluster.leader().await;
    let gone = cluster.ids().into_iter().find(|id| *id != leader).unwrap();
    cluster.stop(gone).await;
    tokio::time::sleep(ELECTION_MAX).await;
    let deadline = Instant::now() + BOUND;
    // On a busy machine the leader may change meanwhile, and a hand-over may fail.
    loop {
        let leader = cluster.leader().await;
        if let Some(next) = cluster.node(leader).hand_over(ELECTION_MAX * 2).await {
            assert_ne!(next, gone, "it was not heard for long");
            return;
        }
        assert!(
            Instant::now() < deadline,
            "no hand-over to the one that is there"
        );
    }
}

/// What the leader sends arrives, and nothing comes back to it, nor can it be called.
async fn deaf(leader: u64) -> (Fault, Fault) {
    (Fault::answers_of(leader), Fault::requests_to(leader))
}

#[tokio::test]
async fn an_idle_leader_whose_answers_are_lost_does_not_keep_the_others_from_electing() {
    let cluster = Cluster::formed(3).await;
    let old = cluster.leader().await;
    let rest: Vec<u64> = cluster.ids().into_iter().filter(|id| *id != old).collect();
    let faults = deaf(old).await;
    elected(&cluster, &rest, old).await;
    cluster.write_among(&rest, "by the new leader").await;
    drop(faults);
    cluster.sees(old, "by the new leader").await;
    cluster
        .wait(old, "follows", |status| {
            status.leader.is_some_and(|leader| leader != old)
        })
        .await;
}

#[tokio::test]
async fn a_leader_with_an_entry_under_way_whose_answers_are_lost_does_not_either() {
    let cluster = Cluster::formed(3).await;
    let old = cluster.leader().await;
    let rest: Vec<u64> = cluster.ids().into_iter().filter(|id| *id != old).collect();
    let faults = deaf(old).await;
    // Its lease is still good: the entry is taken, is sent again and again, and never acknowledged.
    let node = cluster.node(old).clone();
    let pending = tokio::spawn(async move { node.propose(b"under way".to_vec()).await });
    let new = elected(&cluster, &rest, old).await;
    cluster.write_among(&rest, "by the new leader").await;
    drop(faults);
    cluster.sees(old, "by the new leader").await;
    // It had reached the others before: the new leader committed it.
    let outcome = pending.await.unwrap();
    match outcome {
        Ok(_) | Err(ProposeError::Unknown(_)) => {}
        other => panic!(
            "it was taken, so its outcome is known or unknown, but never 'not done': {other:?}"
        ),
    }
    let commands = cluster.view(new).commands();
    let times = commands
        .iter()
        .filter(|command| *command == "under way")
        .count();
    assert!(times <= 1, "{commands:?}");
    assert!(
        times == 1 || outcome.is_err(),
        "answered as done, and gone: {commands:?}"
    );
}

async fn elected(cluster: &Cluster, rest: &[u64], old: u64) -> u64 {
    let begun = Instant::now();
    let new = crate::cluster::until("one of the others leads", || {
        rest.iter()
            .copied()
            .find(|id| cluster.node(*id).status().role == Role::Leader)
    })
    .await;
    assert_ne!(new, old);
    // Lease, quiet period and election: without the quiet period it takes for ever.
    assert!(
        begun.elapsed() < Duration::from_secs(15),
        "{:?}",
        begun.elapsed()
    );
    new
}

#[tokio::test]
async fn a_cut_off_member_does_not_raise_its_term_and_disturbs_nobody_when_it_returns() {
    let cluster = Cluster::formed(3).await;
    let leader = cluster.leader().await;
    let away = cluster.ids().into_iter().find(|id| *id != leader).unwrap();
    let faults = (Fault::answers_of(away), Fault::requests_to(away));
    let term = cluster.node(away).status().term;
    // Time for several campaigns.
    tokio::time::sleep(ELECTION_MAX * 5).await;
    let status = cluster.node(away).status();
    assert_eq!(
        status.term, term,
        "it voted for itself again and again: {status:?}"
    );
    cluster.write("while it was cut off").await;
    drop(faults);
    cluster.sees(away, "while it was cut off").await;
}
