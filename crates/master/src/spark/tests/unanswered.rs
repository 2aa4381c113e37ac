//! Registrations that wait for a leader.

use std::time::Duration;

use tokio::time::Instant;

use crate::spark::unanswered::Unanswered;

fn at(start: Instant, seconds: u64) -> Instant {
    start + Duration::from_secs(seconds)
}

#[test]
fn what_came_in_the_gap_is_answered_once_in_the_order_in_which_it_came() {
    let start = Instant::now();
    let mut unanswered = Unanswered::new();
    unanswered.keep(at(start, 0), 3, 1, "first");
    unanswered.keep(at(start, 1), 1, 1, "second");
    unanswered.keep(at(start, 2), 2, 1, "third");
    unanswered.keep(at(start, 3), 3, 1, "first, again");
    unanswered.forget(&1);
    let answered = unanswered.take(at(start, 3));
    assert_eq!(answered, [(2, "third"), (3, "first, again")]);
    assert!(unanswered.take(at(start, 3)).is_empty());
}

#[test]
fn a_driver_that_has_long_been_answered_by_another_master_is_not_registered_again() {
    let start = Instant::now();
    let mut unanswered = Unanswered::new();
    unanswered.keep(start, 1, 1, "old");
    unanswered.keep(at(start, 6), 2, 1, "new");
    assert_eq!(unanswered.take(at(start, 25)), [(2, "new")]);
}

#[test]
fn what_is_kept_is_bounded_and_what_is_forgotten_makes_room() {
    let start = Instant::now();
    let mut unanswered = Unanswered::new();
    let half = 32 << 20;
    unanswered.keep(start, 1, half, "one");
    unanswered.keep(at(start, 1), 2, half, "two");
    unanswered.keep(at(start, 2), 3, 1, "does not fit");
    unanswered.keep(at(start, 3), 2, half, "two, again");
    unanswered.forget(&1);
    unanswered.keep(at(start, 4), 4, half, "four");
    let answered = unanswered.take(at(start, 5));
    assert_eq!(answered, [(2, "two, again"), (4, "four")]);
    unanswered.keep(at(start, 6), 5, 2 * half, "all of it");
    unanswered.keep(at(start, 31), 6, 2 * half, "the other is too old");
    assert_eq!(
        unanswered.take(at(start, 31)),
        [(6, "the other is too old")]
    );
}
