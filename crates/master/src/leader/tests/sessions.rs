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

/// How often a worker was asked to answer since it was looked at last.
fn asked(play: &mut Play) -> usize {
    let said = std::mem::take(&mut play.said);
    let asks =
        |(_, message): &(SessionId, _)| matches!(message, to_worker::Message::MasterChanged(_));
    said.iter().filter(|said| asks(said)).count()
}

#[test]
fn a_worker_whose_reports_get_lost_is_asked_at_once_and_then_at_a_pace() {
    let mut play = Play::new();
    play.attach(1, "a");
    play.fail_over(2);
    play.said.clear();
    play.take(Input::WorkerOpened(1, worker("a")));
    play.act();
    assert_eq!(asked(&mut play), 1, "at once");
    // It answers each question with a heartbeat at once, and its reports get lost.
    let mut turns = 0;
    for _ in 0..100 {
        play.take(Input::WorkerHeartbeat(1, play.ms + 1));
        play.pass_ms(100);
        turns += asked(&mut play);
    }
    assert!((4..=5).contains(&turns), "asked {turns} times in 10 s");
}

#[test]
fn a_worker_that_sends_one_heartbeat_and_loses_its_report_is_asked_again_within_a_pace() {
    let mut play = Play::new();
    play.attach(1, "a");
    play.fail_over(2);
    play.take(Input::WorkerOpened(1, worker("a")));
    play.take(Input::WorkerHeartbeat(1, 1));
    play.act();
    play.said.clear();
    play.pass(2);
    assert_eq!(asked(&mut play), 1, "though its next heartbeat is far");
    play.report(1, "a", Vec::new());
    play.pass(10);
    assert_eq!(asked(&mut play), 0, "it has answered");
}

#[test]
fn a_worker_whose_reports_are_refused_is_asked_again_at_a_pace_and_not_in_a_circle() {
    let mut play = Play::new();
    play.attach(1, "a");
    play.said.clear();
    // The outcome of whatever it says is never known.
    let mut proposed = 0;
    let mut turns = 0;
    for turn in 0..100 {
        if turn == 0 || asked(&mut play) > 0 {
            turns += 1;
            play.take(Input::WorkerReport(1, of_more_cores()));
            let now = play.now();
            for output in play.leader.act(now, &play.state) {
                let Output::Propose(ticket, _) = output else {
                    continue;
                };
                proposed += 1;
                play.take(Input::Proposed(ticket, None));
            }
        }
        play.pass_ms(100);
    }
    assert_eq!(turns, proposed);
    assert!((4..=6).contains(&turns), "{turns} turns in 10 s");
}

#[test]
fn a_report_of_another_epoch_is_asked_for_anew_at_a_pace() {
    let mut play = Play::new();
    play.attach(1, "a");
    play.said.clear();
    for _ in 0..100 {
        let mut report = of_more_cores();
        report.epoch = Epoch(9);
        play.take(Input::WorkerReport(1, report));
        play.pass_ms(100);
    }
    let turns = asked(&mut play);
    assert!((4..=6).contains(&turns), "asked {turns} times in 10 s");
}

/// A report of worker a that has always news: of another size than the state has it.
fn of_more_cores() -> WorkerReport {
    let mut description = worker("a");
    description.capacity.cores += 1;
    WorkerReport {
        epoch: Epoch(1),
        description,
        reports: Vec::new(),
        stale_orders: 0,
        leaving: false,
    }
}
