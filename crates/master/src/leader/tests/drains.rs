//! When the deadline of a drain is over.

use super::*;

/// Seconds.
const DEADLINE: u64 = 300;

/// A supervised driver runs on "a", which is drained; "b" could take it.
fn drained() -> Play {
    let mut play = Play::new();
    play.attach(1, "a");
    play.submit_with(true, None);
    play.act();
    play.attach(2, "b");
    drain(&mut play, DEADLINE);
    play
}

fn drain(play: &mut Play, seconds: u64) {
    let key = play.key();
    let request = Request::DrainWorker {
        worker: worker("a").id,
        deadline_ms: seconds * 1_000,
    };
    play.commit(Command::Client { key, request }).unwrap();
    play.act();
}

fn is_over(play: &Play) -> bool {
    play.state.drains[&worker("a").id].over
}

fn left(play: &Play) -> Option<Duration> {
    let mut glances = play.leader.glance();
    glances.find(|(id, _)| **id == worker("a").id)?.1.drain_left
}

#[test]
fn it_is_over_after_its_deadline_and_then_the_worker_is_told_to_stop() {
    let mut play = drained();
    assert_eq!(left(&play), Some(Duration::from_secs(DEADLINE)));
    play.pass_with(DEADLINE - 1, &[1, 2]);
    assert!(!is_over(&play));
    assert_eq!(left(&play), Some(Duration::from_secs(1)));
    play.orders();
    play.pass_with(2, &[1, 2]);
    assert!(is_over(&play));
    assert_eq!(left(&play), None);
    let told = play.orders();
    assert!(
        told.iter()
            .any(|(to, orders)| *to == 1 && orders.stop.len() == 1)
    );
}

#[test]
fn a_new_leader_counts_from_its_own_beginning() {
    let mut play = drained();
    play.pass_with(DEADLINE - 10, &[1, 2]);
    play.fail_over(2);
    play.attach(1, "a");
    play.attach(2, "b");
    play.pass_with(DEADLINE - 1, &[1, 2]);
    assert!(!is_over(&play));
    play.pass_with(2, &[1, 2]);
    assert!(is_over(&play));
}

#[test]
fn time_in_which_nobody_led_does_not_count() {
    let mut play = drained();
    play.quorum = false;
    play.pass(2 * DEADLINE);
    play.quorum = true;
    play.pass_with(DEADLINE - 10, &[1, 2]);
    assert!(!is_over(&play));
    play.pass_with(20, &[1, 2]);
    assert!(is_over(&play));
}

#[test]
fn another_deadline_counts_from_when_it_was_asked_for() {
    let mut play = drained();
    play.pass_with(100, &[1, 2]);
    drain(&mut play, 60);
    play.pass_with(50, &[1, 2]);
    assert!(!is_over(&play));
    play.pass_with(11, &[1, 2]);
    assert!(is_over(&play));
}
