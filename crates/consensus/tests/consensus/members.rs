//! Masters come and go.

use tokio::time::Instant;
use vesta_consensus::{MembershipError, Peer};

use crate::cluster::{BOUND, Cluster, free_address, fresh_ids, peer};

/// Asks whoever leads, again until it is done: a busy machine may change the leader in between.
async fn add(cluster: &Cluster, ids: &[u64], peer: &Peer) {
    let deadline = Instant::now() + BOUND;
    loop {
        let leader = cluster.leader_among(ids).await;
        match cluster.node(leader).add_member(peer.clone(), BOUND).await {
            Ok(()) => return,
            Err(MembershipError::NotLeader { .. } | MembershipError::Unknown(_))
                if Instant::now() < deadline => {}
            Err(error) => panic!("{error}"),
        }
    }
}

/// The same, for taking one out.
async fn remove(cluster: &Cluster, ids: &[u64], gone: u64) {
    let deadline = Instant::now() + BOUND;
    loop {
        let leader = cluster.leader_among(ids).await;
        let node = cluster.node(leader);
        let done = node.remove_member(gone, BOUND).await;
        if node
            .status()
            .members
            .iter()
            .all(|member| member.node_id != gone)
        {
            return;
        }
        assert!(Instant::now() < deadline, "{done:?}");
    }
}

/// A cluster, and one more master that waits to be joined.
async fn with_newcomer(size: u64) -> (Cluster, Peer) {
    let mut cluster = Cluster::formed(size).await;
    let newcomer = peer(fresh_ids(1)[0], free_address());
    cluster.peers.push(newcomer.clone());
    cluster.start(newcomer.node_id, false).await;
    (cluster, newcomer)
}

#[tokio::test]
async fn an_empty_master_is_joined_becomes_a_voter_and_replaces_another() {
    let (mut cluster, newcomer) = with_newcomer(3).await;
    let id = newcomer.node_id;
    let old: Vec<u64> = cluster.ids().into_iter().filter(|one| *one != id).collect();
    add(&cluster, &old, &newcomer).await;
    cluster.sees(id, "first").await;
    assert_eq!(
        cluster.node(id).cluster_id(),
        cluster.node(old[0]).cluster_id()
    );
    cluster
        .wait(id, "votes", |status| {
            status
                .members
                .iter()
                .any(|member| member.node_id == id && member.voter)
        })
        .await;
    // Again changes nothing.
    add(&cluster, &cluster.ids(), &newcomer).await;

    let gone = old[0];
    remove(&cluster, &cluster.ids(), gone).await;
    let rest = [old[1], old[2], id];
    let leader = cluster.leader_among(&rest).await;
    let status = cluster.node(leader).status();
    assert_eq!(
        status.members.iter().filter(|member| member.voter).count(),
        3
    );
    cluster.stop(gone).await;
    cluster.peers.retain(|peer| peer.node_id != gone);

    cluster.stop(old[1]).await;
    cluster.write("with the newcomer's vote").await;
    cluster.sees(id, "with the newcomer's vote").await;
}

#[tokio::test]
async fn a_sole_master_grows_to_two() {
    let (cluster, newcomer) = with_newcomer(1).await;
    let leader = cluster.ids()[0];
    assert!(cluster.node(leader).status().sole_voter);
    add(&cluster, &[leader], &newcomer).await;
    cluster.write("to both").await;
    cluster.sees(newcomer.node_id, "to both").await;
    assert!(!cluster.node(leader).status().sole_voter);
}

#[tokio::test]
async fn who_is_not_what_was_said_is_not_added() {
    let (cluster, newcomer) = with_newcomer(1).await;
    let leader = cluster.ids()[0];
    let node = cluster.node(leader);
    let wrong_id = Peer {
        node_id: newcomer.node_id + 1000,
        ..newcomer.clone()
    };
    let nobody = Peer {
        raft_addr: free_address().to_string(),
        ..newcomer.clone()
    };
    let nonsense = Peer {
        raft_addr: "not an address".into(),
        ..newcomer
    };
    for peer in [wrong_id, nobody, nonsense] {
        let refused = node.add_member(peer.clone(), BOUND).await;
        assert!(
            matches!(
                refused,
                Err(MembershipError::Refused(_) | MembershipError::Unreachable(_))
            ),
            "{peer:?}: {refused:?}"
        );
    }
    assert_eq!(node.status().members.len(), 1);
}

#[tokio::test]
async fn a_master_that_waits_to_form_its_own_cluster_is_not_taken_over() {
    let mut cluster = Cluster::formed(1).await;
    let leader = cluster.ids()[0];
    let mut other = Cluster::new(2);
    let forming = other.ids()[0];
    other.start(forming, true).await;
    let target = other.peers[0].clone();
    let refused = cluster.node(leader).add_member(target, BOUND).await;
    assert!(
        matches!(refused, Err(MembershipError::Refused(_))),
        "{refused:?}"
    );
    cluster.stop(leader).await;
}

#[tokio::test]
async fn the_last_voter_cannot_be_removed() {
    let cluster = Cluster::formed(1).await;
    let id = cluster.ids()[0];
    let refused = cluster.node(id).remove_member(id, BOUND).await;
    assert!(
        matches!(refused, Err(MembershipError::Refused(_))),
        "{refused:?}"
    );
    cluster.write("goes on").await;
}

#[tokio::test]
async fn only_the_leader_changes_the_members() {
    let cluster = Cluster::steady(3).await;
    let leader = cluster.leader().await;
    let follower = cluster.ids().into_iter().find(|id| *id != leader).unwrap();
    let refused = cluster.node(follower).remove_member(leader, BOUND).await;
    match refused {
        Err(MembershipError::NotLeader { leader: Some(hint) }) => assert_eq!(hint.node_id, leader),
        other => panic!("{other:?}"),
    }
}

#[tokio::test]
async fn a_removed_master_learns_it_from_the_leader_and_one_that_is_only_cut_off_does_not() {
    let mut cluster = Cluster::formed(3).await;
    let leader = cluster.leader().await;
    let mut others = cluster.ids().into_iter().filter(|id| *id != leader);
    let (gone, stays) = (others.next().unwrap(), others.next().unwrap());
    // It is down while it is removed, so nobody can tell it then.
    cluster.stop(gone).await;
    remove(&cluster, &[leader, stays], gone).await;
    cluster.start(gone, false).await;
    let removed = cluster.node(gone).removed();
    let text = tokio::time::timeout(BOUND, removed).await.unwrap();
    assert!(text.contains("no longer"), "{text}");
    cluster.stop(gone).await;

    // Without a quorum nobody can say of anybody that he is no member.
    let now = cluster.leader_among(&[leader, stays]).await;
    let alone = if now == stays { leader } else { stays };
    cluster.stop(now).await;
    let removed = cluster.node(alone).removed();
    let patience = crate::cluster::ELECTION_MAX * 4;
    assert!(tokio::time::timeout(patience, removed).await.is_err());
}

#[tokio::test]
async fn a_member_that_moved_is_added_again_under_its_new_address_and_follows() {
    let mut cluster = Cluster::formed(3).await;
    let leader = cluster.leader().await;
    let moves = cluster.ids().into_iter().find(|id| *id != leader).unwrap();
    cluster.stop(moves).await;
    let at = cluster
        .peers
        .iter()
        .position(|peer| peer.node_id == moves)
        .unwrap();
    cluster.peers[at] = peer(moves, free_address());
    cluster.write("while it was away").await;
    cluster.start(moves, false).await;
    let rest: Vec<u64> = cluster
        .ids()
        .into_iter()
        .filter(|id| *id != moves)
        .collect();
    let moved = cluster.peers[at].clone();
    add(&cluster, &rest, &moved).await;
    cluster.sees(moves, "while it was away").await;
    let leader = cluster.leader_among(&rest).await;
    let status = cluster.node(leader).status();
    let known = status
        .members
        .iter()
        .find(|it| it.node_id == moves)
        .unwrap();
    assert_eq!(
        (known.raft_addr.as_str(), known.voter),
        (moved.raft_addr.as_str(), true)
    );

    // It can be heard of there as well as anybody: with its vote the others can do without one.
    let gone = rest.into_iter().find(|id| *id != leader).unwrap();
    cluster.stop(gone).await;
    cluster.write("with its vote").await;
    cluster.sees(moves, "with its vote").await;
}

#[tokio::test]
async fn addresses_of_another_member_are_refused() {
    let (cluster, newcomer) = with_newcomer(1).await;
    let leader = cluster.ids()[0];
    let taken = Peer {
        client_addr: cluster.peers[0].client_addr.clone(),
        ..newcomer
    };
    let refused = cluster
        .node(leader)
        .add_member(taken, BOUND)
        .await
        .unwrap_err();
    let text = refused.to_string();
    assert!(
        text.contains(&format!("is an address of node {leader}")),
        "{text}"
    );
}

#[tokio::test]
async fn a_removal_that_would_leave_no_quorum_is_refused_and_that_of_the_silent_one_is_done() {
    let mut cluster = Cluster::formed(3).await;
    let first = cluster.leader().await;
    let mut others = cluster.ids().into_iter().filter(|id| *id != first);
    let (down, up) = (others.next().unwrap(), others.next().unwrap());
    cluster.stop(down).await;
    // Long enough for its silence to be one: nothing may be begun that can't be completed.
    tokio::time::sleep(crate::cluster::ELECTION_MAX * 2).await;
    let leader = cluster.leader_among(&[first, up]).await;
    let other = if leader == up { first } else { up };
    let refused = cluster.node(leader).remove_member(other, BOUND).await;
    let text = refused.unwrap_err().to_string();
    assert!(
        text.contains(&format!("nothing is heard of {down}")),
        "{text}"
    );
    remove(&cluster, &[first, up], down).await;
    cluster.write("two are left").await;
}

#[tokio::test]
async fn a_leader_that_is_to_remove_itself_hands_over_first() {
    let cluster = Cluster::steady(3).await;
    let leader = cluster.leader().await;
    let handed = cluster.node(leader).remove_member(leader, BOUND).await;
    let Err(MembershipError::HandedOver { to }) = handed else {
        panic!("{handed:?}");
    };
    let next = cluster.leader().await;
    assert_eq!(next, to);
    cluster
        .node(next)
        .remove_member(leader, BOUND)
        .await
        .unwrap();
    let rest: Vec<u64> = cluster
        .ids()
        .into_iter()
        .filter(|id| *id != leader)
        .collect();
    cluster.write_among(&rest, "without it").await;
}

#[tokio::test]
async fn members_speak_what_the_least_of_them_does_and_nothing_is_said_while_one_is_away() {
    let mut cluster = Cluster::new(3);
    cluster.speaks = 2;
    let mut cluster = cluster.form().await;
    let leader = cluster.leader().await;
    assert_eq!(cluster.node(leader).members_speak().await, Some(2));
    let other = cluster.ids().into_iter().find(|id| *id != leader).unwrap();
    cluster.stop(other).await;
    assert_eq!(cluster.node(leader).members_speak().await, None);
    cluster.speaks = 1;
    cluster.start(other, false).await;
    assert_eq!(cluster.node(leader).members_speak().await, Some(1));
}
