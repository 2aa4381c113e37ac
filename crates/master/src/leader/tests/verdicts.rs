//! Who is declared lost, and when.

use super::*;

#[test]
fn a_silent_worker_is_lost_after_its_timeout_and_one_whose_stream_broke_is_not_lost_at_once() {
    let mut play = Play::new();
    play.attach(1, "a");
    play.attach(2, "b");
    play.take(Input::WorkerClosed(1));
    play.pass_with(59, &[2]);
    assert!(
        play.state
            .workers
            .values()
            .all(vesta_core::Worker::is_alive)
    );
    play.pass_with(3, &[2]);
    let dead = play
        .state
        .workers
        .values()
        .filter(|worker| !worker.is_alive());
    let dead: Vec<&str> = dead
        .map(|worker| worker.description.host.as_str())
        .collect();
    assert_eq!(dead, ["a"]);
}

#[test]
fn a_broken_stream_of_a_worker_that_was_heard_a_moment_ago_is_no_verdict() {
    let mut play = Play::new();
    play.attach(1, "a");
    play.pass_with(100, &[1]);
    play.take(Input::WorkerClosed(1));
    let is_alive = |play: &Play| {
        let mut workers = play.state.workers.values();
        workers.all(vesta_core::Worker::is_alive)
    };
    play.pass(58);
    assert!(is_alive(&play));
    play.pass(4);
    assert!(!is_alive(&play));
}

#[test]
fn a_new_leader_does_not_mark_the_fleet_down_that_it_never_heard() {
    let mut play = Play::new();
    for (session, name) in ["a", "b", "c", "d", "e", "f"].iter().enumerate() {
        play.attach(session as u64, name);
    }
    // Nobody led for much longer than the worker timeout.
    play.ms += 600_000;
    play.fail_over(2);
    play.pass(59);
    assert!(
        play.state
            .workers
            .values()
            .all(vesta_core::Worker::is_alive),
        "spur #624"
    );
}

#[test]
fn losing_many_workers_at_once_waits_for_one_more_timeout() {
    let mut play = Play::new();
    for (session, name) in ["a", "b", "c", "d", "e", "f"].iter().enumerate() {
        play.attach(session as u64, name);
    }
    play.pass(100);
    assert!(
        play.state
            .workers
            .values()
            .all(vesta_core::Worker::is_alive)
    );
    play.pass(30);
    assert!(
        !play
            .state
            .workers
            .values()
            .any(vesta_core::Worker::is_alive)
    );
}

#[test]
fn a_worker_that_was_declared_lost_and_heartbeats_on_the_same_stream_is_asked_again() {
    let mut play = Play::new();
    play.attach(1, "a");
    play.pass(61);
    assert!(
        !play
            .state
            .workers
            .values()
            .all(vesta_core::Worker::is_alive)
    );
    play.said.clear();
    play.pass_with(1, &[1]);
    let asked = |said: &(SessionId, _)| matches!(said.1, to_worker::Message::MasterChanged(_));
    assert!(play.said.iter().any(asked), "{:?}", play.said);
    assert!(play.orders().is_empty(), "a DEAD worker is ordered nothing");
    play.report(1, "a", Vec::new());
    assert!(
        play.state
            .workers
            .values()
            .all(vesta_core::Worker::is_alive)
    );
}

#[test]
fn a_fleet_that_falls_silent_one_by_one_is_not_lost_before_two_timeouts() {
    let mut play = Play::new();
    let names: Vec<String> = (0..20).map(|number| format!("w{number:02}")).collect();
    for (session, name) in (1..).zip(&names) {
        play.attach(session, name);
    }
    // Their last heartbeats are 200 ms apart.
    for session in 1..=20 {
        play.take(Input::WorkerHeartbeat(session, 1));
        play.ms += 200;
        play.act();
    }
    play.pass(110);
    assert!(
        play.state
            .workers
            .values()
            .all(vesta_core::Worker::is_alive)
    );
    play.pass(20);
    assert!(
        !play
            .state
            .workers
            .values()
            .any(vesta_core::Worker::is_alive)
    );
}

#[test]
fn while_the_fate_of_a_verdict_is_unknown_its_worker_is_neither_confirmed_nor_ordered() {
    let mut play = Play::new();
    play.attach(1, "a");
    play.submit();
    play.act();
    play.orders();
    // The verdict is proposed; nothing says what became of it.
    let verdict = loop {
        play.ms += 100;
        let now = play.now();
        let outputs = play.leader.act(now, &play.state);
        let proposed = outputs.into_iter().find_map(|output| match output {
            Output::Propose(ticket, command) => Some((ticket, command)),
            _ => None,
        });
        if let Some(proposed) = proposed {
            break proposed;
        }
    };
    assert!(matches!(verdict.1, Command::LoseWorkers { .. }));
    play.take(Input::Proposed(verdict.0, None));
    // The worker is back, and is told nothing.
    play.take(Input::WorkerHeartbeat(1, 7));
    play.said.clear();
    let now = play.now();
    let outputs = play.leader.act(now, &play.state);
    let again: Vec<&Command> = outputs
        .iter()
        .filter_map(|output| match output {
            Output::Propose(_, command) => Some(command),
            Output::ToWorker(_, message) => panic!("{message:?}"),
            Output::ToApp(..) => None,
        })
        .collect();
    assert_eq!(again, [&verdict.1], "the same verdict, to learn its fate");
    play.commit(verdict.1).unwrap();
    assert!(
        !play
            .state
            .workers
            .values()
            .all(vesta_core::Worker::is_alive)
    );
}

#[test]
fn a_worker_that_leaves_in_order_gets_nothing_new_and_is_not_waited_for() {
    let mut play = Play::new();
    play.attach(1, "a");
    let leaves = WorkerReport {
        epoch: play.state.epoch,
        description: worker("a"),
        reports: Vec::new(),
        stale_orders: 0,
        leaving: true,
    };
    play.take(Input::WorkerReport(1, leaves));
    play.submit();
    play.pass(1);
    assert!(
        play.orders()
            .iter()
            .all(|(_, orders)| orders.run.is_empty())
    );
    assert!(
        play.state
            .workers
            .values()
            .all(vesta_core::Worker::is_alive)
    );
    play.take(Input::WorkerClosed(1));
    play.pass(1);
    assert!(
        !play
            .state
            .workers
            .values()
            .all(vesta_core::Worker::is_alive)
    );
    // It comes back as it was.
    play.attach(2, "a");
    play.act();
    assert!(
        play.orders()
            .iter()
            .any(|(_, orders)| !orders.run.is_empty())
    );
}
