//! Dialling those who have no connection.

use std::time::Duration;

use tokio::time::Instant;

use crate::spark::redial::Redial;

fn seconds(count: u64) -> Duration {
    Duration::from_secs(count)
}

#[test]
fn a_process_is_gone_once_its_port_has_refused_five_dials_over_ten_seconds() {
    let start = Instant::now();
    let mut quick = Redial::due(start);
    for _ in 0..9 {
        quick.failed(start + seconds(1), true);
    }
    assert!(!quick.is_gone(start + seconds(10)), "all within moments");
    assert!(quick.is_gone(start + seconds(11)));
    let mut few = Redial::due(start);
    for at in [0, 5, 10, 15] {
        few.failed(start + seconds(at), true);
    }
    assert!(!few.is_gone(start + seconds(60)), "four only");
    few.failed(start + seconds(20), true);
    assert!(few.is_gone(start + seconds(20)));
}

#[test]
fn a_dial_that_fails_otherwise_shows_nothing_of_the_process() {
    let start = Instant::now();
    let mut redial = Redial::due(start);
    for _ in 0..9 {
        redial.failed(start, true);
    }
    redial.failed(start + seconds(5), false);
    assert!(!redial.is_gone(start + seconds(60)));
}

#[test]
fn one_is_dialled_once_at_a_time_and_ever_more_slowly() {
    let start = Instant::now();
    let mut redial = Redial::due(start);
    assert!(redial.begins(start));
    assert!(!redial.begins(start + seconds(60)), "it is under way");
    redial.failed(start, true);
    assert!(!redial.begins(start));
    assert!(redial.begins(start + Duration::from_millis(500)));
    for _ in 0..20 {
        redial.failed(start, true);
    }
    assert!(!redial.begins(start + Duration::from_millis(4_999)));
    assert!(redial.begins(start + seconds(5)));
}

#[test]
fn one_whose_connections_end_before_it_answers_is_dialled_ever_more_slowly_and_is_not_gone() {
    let start = Instant::now();
    let mut redial = Redial::due(start);
    for _ in 0..20 {
        redial.reached(start);
    }
    assert!(!redial.begins(start + Duration::from_millis(4_999)));
    assert!(redial.begins(start + seconds(5)));
    assert!(!redial.is_gone(start + seconds(60)));
}
