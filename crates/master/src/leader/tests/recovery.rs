//! Recovery after an election.

use super::*;

#[test]
fn recovery_waits_for_no_longer_than_its_timeout_and_condemns_only_the_silent() {
    let mut play = Play::new();
    play.attach(1, "a");
    play.attach(2, "b");
    play.submit();
    play.submit();
    play.act();
    play.fail_over(2);
    assert!(!play.state.recovered);
    play.take(Input::WorkerOpened(2, worker("b")));
    play.report(2, "b", Vec::new());
    assert!(
        !play.state.recovered,
        "worker a holds a driver and has not answered"
    );
    play.pass_with(58, &[2]);
    assert!(!play.state.recovered);
    play.pass_with(5, &[2]);
    assert!(play.state.recovered);
    let dead: Vec<bool> = play
        .state
        .workers
        .values()
        .map(|it| !it.is_alive())
        .collect();
    assert_eq!(dead, [true, false]);
}

#[test]
fn a_worker_that_sends_but_has_not_answered_is_asked_again_and_not_condemned() {
    let mut play = Play::new();
    play.attach(1, "a");
    play.submit();
    play.act();
    play.fail_over(2);
    play.take(Input::WorkerOpened(1, worker("a")));
    play.said.clear();
    play.pass_with(65, &[1]);
    assert!(play.state.recovered);
    assert!(
        play.state
            .workers
            .values()
            .all(vesta_core::Worker::is_alive)
    );
    let asked = play
        .said
        .iter()
        .filter(|(_, message)| matches!(message, to_worker::Message::MasterChanged(_)));
    assert!(asked.count() > 10);
}

#[test]
fn work_goes_to_those_who_answered_while_one_silent_worker_holds_recovery_up() {
    let mut play = Play::new();
    play.attach(1, "a");
    play.attach(2, "b");
    play.submit();
    play.act();
    play.fail_over(2);
    let holder = play
        .state
        .drivers
        .values()
        .next()
        .unwrap()
        .last_worker
        .clone()
        .unwrap();
    let (session, other) = if holder.as_str().ends_with('a') {
        (2, "b")
    } else {
        (1, "a")
    };
    play.take(Input::WorkerOpened(session, worker(other)));
    play.report(session, other, Vec::new());
    play.orders();
    play.submit();
    play.act();
    let orders = play.orders();
    assert!(!play.state.recovered);
    assert_eq!(
        orders.last().map(|(_, orders)| orders.run.len()),
        Some(1),
        "D36"
    );
}

#[test]
fn a_worker_that_recovery_condemned_is_taken_in_when_it_comes_back() {
    let mut play = Play::new();
    play.attach(1, "a");
    play.submit();
    play.act();
    play.fail_over(2);
    play.pass(61);
    assert!(play.state.recovered);
    let alive = |play: &Play| {
        play.state
            .workers
            .values()
            .all(vesta_core::Worker::is_alive)
    };
    assert!(!alive(&play));
    play.attach(1, "a");
    assert!(alive(&play), "{:?}", play.proposed.last());
}

#[test]
fn recovery_completes_on_time_though_a_confirmed_worker_never_stops_reporting() {
    let mut play = Play::new();
    play.attach(1, "a");
    play.attach(2, "b");
    for _ in 0..2 {
        play.submit();
    }
    play.act();
    play.fail_over(2);
    play.take(Input::WorkerOpened(2, worker("b")));
    play.report(2, "b", Vec::new());
    // Something that `b` says is in flight at every step: it is never answered.
    let instance = play
        .state
        .placed_on(&worker("b").id)
        .into_iter()
        .map(|(instance, _)| instance)
        .next()
        .unwrap();
    let running = InstanceReport {
        instance,
        status: InstanceStatus::Running {
            pid: 7,
            since: Timestamp(START),
        },
        restart: 0,
    };
    let report = WorkerReport {
        epoch: play.state.epoch,
        description: worker("b"),
        reports: vec![running],
        stale_orders: 0,
        leaving: false,
    };
    play.take(Input::WorkerReport(2, report));
    for _ in 0..700 {
        play.ms += 100;
        let now = play.now();
        for output in play.leader.act(now, &play.state) {
            if let Output::Propose(_, command) = output
                && matches!(command, Command::CompleteRecovery { .. })
            {
                return;
            }
        }
    }
    panic!("recovery was never completed");
}
