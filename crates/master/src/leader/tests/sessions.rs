//! Streams, heartbeats and their confirmation.

use super::*;

#[test]
fn a_suspended_leader_orders_confirms_and_judges_nothing() {
    let mut play = Play::new();
    play.attach(1, "a");
    play.orders();
    play.quorum = false;
    play.pass(1);
    play.submit();
    play.take(Input::WorkerHeartbeat(1, 9));
    let before = play.proposed.len();
    play.pass(200);
    assert!(play.said.is_empty(), "{:?}", play.said);
    assert_eq!(play.proposed.len(), before);
    play.quorum = true;
    play.pass(1);
    assert!(
        !play.proposed[before..]
            .iter()
            .any(|it| matches!(it, Command::LoseWorkers { .. }))
    );
    assert_eq!(play.state.workers.len(), 1);
}

#[test]
fn a_heartbeat_is_confirmed_only_after_a_quorum_acknowledged_something_sent_after_it() {
    let mut play = Play::new();
    play.attach(1, "a");
    play.confirmed();
    let arrived = play.now();
    play.take(Input::WorkerHeartbeat(1, 5));
    let early = Now {
        quorum_ack: Some(arrived.mono),
        ..arrived
    };
    for output in play.leader.act(early, &play.state) {
        assert!(!matches!(
            output,
            Output::ToWorker(_, to_worker::Message::Confirmed(_))
        ));
    }
    play.pass(1);
    assert_eq!(play.confirmed(), [5]);
}

#[test]
fn a_heartbeat_of_a_superseded_session_counts_for_nothing() {
    let mut play = Play::new();
    play.attach(1, "a");
    play.attach(2, "a");
    play.confirmed();
    play.take(Input::WorkerHeartbeat(1, 5));
    play.pass(1);
    assert!(play.confirmed().is_empty());
}

#[test]
fn an_opening_that_arrives_after_that_of_a_newer_session_changes_nothing() {
    let mut play = Play::new();
    play.take(Input::WorkerOpened(3, worker("a")));
    play.take(Input::WorkerOpened(2, worker("a")));
    play.take(Input::WorkerClosed(2));
    play.report(3, "a", Vec::new());
    assert!(
        play.state
            .workers
            .values()
            .all(vesta_core::Worker::is_alive)
    );
    assert_eq!(play.state.workers.len(), 1);
}
