//! Applications and what they are told.

use super::*;

#[test]
fn an_application_that_sends_but_has_not_answered_is_asked_again_until_it_does() {
    let mut play = Play::new();
    let app = play.register();
    play.fail_over(2);
    play.take(Input::AppOpened(1, app.clone()));
    for _ in 0..3 {
        play.told.clear();
        play.take(Input::AppHeartbeat(1));
        play.act();
        let asked = play
            .told
            .iter()
            .any(|(_, message)| matches!(message, to_application::Message::MasterChanged(_)));
        assert!(asked, "{:?}", play.told);
    }
    play.take(Input::AppAcknowledged(1, Epoch(2)));
    play.act();
    assert!(play.state.is_app_confirmed(&play.state.applications[&app]));
    play.told.clear();
    play.take(Input::AppHeartbeat(1));
    play.act();
    assert_eq!(play.told, []);
}

#[test]
fn a_leader_without_a_quorum_says_nothing_of_an_application_that_it_does_not_know() {
    let mut play = Play::new();
    play.quorum = false;
    play.pass(2);
    let app: AppId = "app-20261121110000-0007".parse().unwrap();
    play.take(Input::AppOpened(1, app));
    play.pass(2);
    let ended = |told: &(SessionId, _)| matches!(told.1, to_application::Message::Ended(_));
    assert!(!play.told.iter().any(ended), "{:?}", play.told);
    play.quorum = true;
    play.pass(1);
    assert_eq!(play.told.iter().filter(|told| ended(told)).count(), 1);
}

#[test]
fn an_application_is_told_why_it_waits_as_the_cluster_changes_around_it() {
    let mut play = Play::new();
    let app = play.register_with(Some(2), Vec::new());
    play.take(Input::AppOpened(1, app));
    play.act();
    let why = |play: &mut Play| {
        let tables = std::mem::take(&mut play.told).into_iter();
        let mut tables = tables.filter_map(|(_, message)| match message {
            to_application::Message::Executors(table) => Some(table),
            _ => None,
        });
        tables.next_back().map(|table| {
            assert_eq!(table.profiles[0].waiting_because, table.waiting_because);
            table.waiting_because
        })
    };
    assert_eq!(why(&mut play).unwrap(), "no worker is registered");
    // Nothing of the application's own changes.
    let mut small = worker("a");
    small.capacity.memory_mib = 32;
    play.take(Input::WorkerOpened(2, small.clone()));
    let report = WorkerReport {
        epoch: play.state.epoch,
        description: small,
        reports: Vec::new(),
        stale_orders: 0,
        leaving: false,
    };
    play.take(Input::WorkerReport(2, report));
    play.pass(2);
    let said = why(&mut play).unwrap();
    assert!(
        said.contains("needs 64m of memory, the largest has 32m"),
        "{said}"
    );
    play.pass_with(5, &[2]);
    assert_eq!(why(&mut play), None, "the same is not said again");
    // Served, and told at once that it waits no longer.
    play.attach(3, "b");
    assert_eq!(why(&mut play).unwrap(), "");
}

#[test]
fn of_many_that_begin_to_wait_at_once_each_is_told_why() {
    let mut play = Play::new();
    for session in 1..=3 {
        let app = play.register_with(Some(1), Vec::new());
        play.take(Input::AppOpened(session, app));
        play.act();
    }
    play.pass(1);
    let mut told = BTreeMap::new();
    for (session, message) in std::mem::take(&mut play.told) {
        if let to_application::Message::Executors(table) = message {
            told.insert(session, table.waiting_because);
        }
    }
    assert_eq!(told.len(), 3);
    assert!(
        told.values().all(|why| why == "no worker is registered"),
        "{told:?}"
    );
}
