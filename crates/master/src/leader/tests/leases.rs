//! When the lost attempt of a driver that is to stop is taken for ended.

use vesta_types::{InstanceId, InstanceStatus, Lease, Timestamp};

use super::*;

/// Over 142 s after its worker was last heard: 120 s and a tenth, and the grace.
const LEASE: Lease = Lease {
    time_ms: 120_000,
    grace_ms: 10_000,
};

/// A driver that is to stop runs on "a"; "b" could take it.
fn placed() -> Play {
    let mut play = Play::new();
    play.attach(1, "a");
    play.submit_with(true, Some(LEASE));
    play.act();
    play.attach(2, "b");
    play
}

fn attempt(play: &Play) -> u32 {
    play.state.drivers.values().next().unwrap().attempt
}

fn is_lost(play: &Play) -> bool {
    !play.state.leased_drivers.is_empty()
}

#[test]
fn it_is_started_elsewhere_only_when_its_lease_is_over() {
    let mut play = placed();
    play.pass_with(61, &[2]);
    assert!(is_lost(&play));
    play.pass_with(80, &[2]);
    assert_eq!(attempt(&play), 1, "141 s after the last heartbeat");
    play.pass_with(3, &[2]);
    assert_eq!(attempt(&play), 2);
    assert!(!is_lost(&play));
}

#[test]
fn a_new_leader_counts_from_its_own_beginning() {
    let mut play = placed();
    play.pass_with(130, &[2]);
    // An older leader may have confirmed a heartbeat until this one began.
    play.fail_over(2);
    play.attach(2, "b");
    play.pass_with(141, &[2]);
    assert_eq!(attempt(&play), 1);
    play.pass_with(3, &[2]);
    assert_eq!(attempt(&play), 2);
}

#[test]
fn what_its_worker_says_after_it_was_lost_begins_the_lease_anew() {
    let mut play = placed();
    play.pass_with(100, &[2]);
    assert!(is_lost(&play));
    let id = play.state.drivers.keys().next().unwrap().clone();
    let running = InstanceReport {
        instance: InstanceId::driver(cluster(), id, 1),
        status: InstanceStatus::Running {
            pid: 7,
            since: Timestamp(START),
        },
        restart: 0,
    };
    // It is back, has its heartbeats confirmed, and is gone again before it could stop the driver.
    play.take(Input::WorkerOpened(3, worker("a")));
    play.report(3, "a", vec![running]);
    play.take(Input::WorkerHeartbeat(3, 1));
    play.take(Input::WorkerClosed(3));
    play.pass_with(141, &[2]);
    assert_eq!(attempt(&play), 1);
    play.pass_with(3, &[2]);
    assert_eq!(attempt(&play), 2);
}

#[test]
fn time_in_which_nobody_led_does_not_count() {
    let mut play = placed();
    play.pass_with(61, &[2]);
    play.quorum = false;
    play.pass(300);
    assert_eq!(attempt(&play), 1);
    play.quorum = true;
    play.pass_with(60, &[2]);
    assert_eq!(attempt(&play), 1);
    play.pass_with(30, &[2]);
    assert_eq!(attempt(&play), 2);
}
