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
