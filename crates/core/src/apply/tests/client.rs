//! Submission keys.

use std::time::Duration;

use vesta_types::Timestamp;
use vesta_types::limits::{DESCRIBED_BYTES_MAX, KEY_AGE};

use super::support::*;
use crate::command::Request;
use crate::reply::{Answer, RejectCode};

fn submit(supervise: bool) -> Request {
    Request::SubmitDriver {
        description: driver(supervise),
    }
}

/// Failures D13 and D14: Spark registers twice, and may run a submission twice.
#[test]
fn d14_the_same_key_gets_the_same_answer_under_every_leader_and_runs_once() {
    let mut cluster = Cluster::new();
    let key = cluster.new_key();
    let first = cluster.with_key(key, submit(true)).unwrap();
    for _ in 0..10 {
        cluster.lead();
        let again = cluster.with_key(key, submit(true));
        assert_eq!(again, Ok(Answer::Repeated(Box::new(first.clone()))));
    }
    assert_eq!(cluster.state.drivers.len(), 1);
}

#[test]
fn d13_the_same_registration_ten_times_is_one_application() {
    let mut cluster = Cluster::new();
    let key = cluster.new_key();
    let register = Request::RegisterApplication {
        description: application(None),
    };
    let first = cluster.with_key(key, register.clone()).unwrap();
    for _ in 0..10 {
        cluster.wait(30);
        let again = cluster.with_key(key, register.clone());
        assert_eq!(again, Ok(Answer::Repeated(Box::new(first.clone()))));
    }
    assert_eq!(cluster.state.applications.len(), 1);
    assert_eq!(cluster.state.app_queue.len(), 1);
}

#[test]
fn d14_the_same_key_with_another_body_is_a_conflict_that_names_what_it_was_used_for() {
    let mut cluster = Cluster::new();
    let key = cluster.new_key();
    let Ok(Answer::Submitted { driver }) = cluster.with_key(key, submit(true)) else {
        panic!()
    };
    let reply = cluster.with_key(key, submit(false));
    let message = reply.clone().unwrap_err().message;
    assert!(message.contains(driver.as_str()), "{message}");
    assert_rejected(reply, RejectCode::KeyConflict);
    assert_eq!(cluster.state.drivers.len(), 1);
}

#[test]
fn a_refusal_is_remembered_as_any_answer_is() {
    let mut cluster = Cluster::new();
    let key = cluster.new_key();
    let unknown = vesta_types::DriverId::mint(START, 0);
    let kill = Request::KillDriver { driver: unknown };
    let first = cluster.with_key(key, kill.clone());
    assert_rejected(first.clone(), RejectCode::NotFound);
    cluster.submit(false);
    assert_eq!(
        cluster.with_key(key, kill),
        first,
        "though there is such a driver by now"
    );
}

#[test]
fn a_key_is_new_only_near_the_leader_s_clock() {
    let mut cluster = Cluster::new();
    cluster.wait(48 * 3600);
    let now = cluster.at;
    let minutes = |n: u64| Duration::from_secs(60 * n);
    let second = Duration::from_secs(1);
    let table = [
        (now.minus(KEY_AGE).minus(second), false),
        (now.minus(KEY_AGE), true),
        (now.plus(minutes(10)), true),
        (now.plus(minutes(10)).plus(second), false),
    ];
    for (n, (time, good)) in table.into_iter().enumerate() {
        let key = key_at(time, 1_000 + n as u64);
        let reply = cluster.with_key(key, submit(false));
        if good {
            reply.unwrap();
        } else {
            let message = reply.clone().unwrap_err().message;
            assert_rejected(reply, RejectCode::KeyTime);
            assert!(message.contains(&time.to_string()), "{message}");
            assert!(message.contains(&now.to_string()), "{message}");
        }
    }
}

#[test]
fn a_forgotten_key_is_refused_and_never_run_as_new() {
    let mut cluster = Cluster::new();
    let key = cluster.new_key();
    cluster.with_key(key, submit(false)).unwrap();
    cluster.wait(24 * 3600 + 1);
    cluster.submit(false);
    assert!(
        !cluster.state.keys.answered.contains_key(&key),
        "it is a day old"
    );
    assert_eq!(cluster.state.keys.floor, key.time());
    // A leader whose clock is behind by a day would take it for new by the window alone.
    cluster.at = START;
    assert_rejected(cluster.with_key(key, submit(false)), RejectCode::KeyTime);
    assert_eq!(cluster.state.drivers.len(), 2);
}

#[test]
fn a_full_table_forgets_the_oldest_keys_and_stops_nobody() {
    let mut cluster = Cluster::new();
    let limit = vesta_types::limits::KEYS_MAX as u64;
    let record = crate::state::KeyRecord {
        fingerprint: 0,
        answer: Ok(Answer::Done),
    };
    for n in 0..limit {
        let key = key_at(Timestamp(START.0 + n), n);
        cluster.state.keys.answered.insert(key, record.clone());
    }
    cluster.at = Timestamp(START.0 + limit);
    cluster.submit(false);
    assert_eq!(cluster.state.keys.answered.len() as u64, limit);
    assert_eq!(cluster.state.keys.floor, START);
    let oldest = key_at(START, 0);
    assert_rejected(cluster.with_key(oldest, submit(false)), RejectCode::KeyTime);
}

#[test]
fn a_leader_s_clock_that_runs_far_ahead_does_not_lock_clients_out_afterwards() {
    let mut cluster = Cluster::new();
    cluster.submit(false);
    let right = cluster.at;
    cluster.wait(365 * 24 * 3600);
    let key = cluster.new_key();
    cluster.at = right;
    cluster.wait(365 * 24 * 3600);
    cluster.with_key(key, submit(false)).unwrap();
    cluster.at = Timestamp(right.0 + 1_000);
    cluster.lead();
    let fresh = cluster.new_key();
    cluster.with_key(fresh, submit(false)).unwrap();
    let again = cluster.with_key(fresh, submit(false));
    assert!(matches!(again, Ok(Answer::Repeated(_))), "{again:?}");
}

#[test]
fn what_is_described_takes_no_more_memory_than_it_may_and_history_makes_way_first() {
    let mut cluster = Cluster::new();
    let large = || {
        let Request::SubmitDriver { mut description } = submit(false) else {
            unreachable!("it submits")
        };
        description.launch.args = vec!["a".repeat(DESCRIBED_BYTES_MAX as usize / 8)];
        Request::SubmitDriver { description }
    };
    let mut send = |request| {
        let key = cluster.new_key();
        cluster.with_key(key, request)
    };
    let mut ids = Vec::new();
    for _ in 0..7 {
        match send(large()) {
            Ok(Answer::Submitted { driver }) => ids.push(driver),
            other => panic!("{other:?}"),
        }
    }
    let refused = send(large()).unwrap_err();
    assert_eq!(refused.code, RejectCode::Limit);
    let said = refused.to_string();
    assert!(
        said.contains("no more than 268435456 may (256 MiB)"),
        "{said}"
    );
    // A small one still fits; and so does a large one when one has ended, however young it is.
    send(submit(false)).unwrap();
    for driver in &ids[..2] {
        let driver = driver.clone();
        send(Request::KillDriver { driver }).unwrap();
    }
    send(large()).unwrap();
    assert!(
        !cluster.state.drivers.contains_key(&ids[0]),
        "the oldest went"
    );
    assert!(cluster.state.drivers.contains_key(&ids[1]));
}

#[test]
fn beyond_the_limit_a_submission_is_refused_and_may_be_repeated_later() {
    let mut cluster = Cluster::new();
    let limit = vesta_types::limits::LIVE_OBJECTS_MAX;
    let first = cluster.submit(false);
    let template = cluster.driver(&first).clone();
    for n in 1..limit as u64 {
        let id = vesta_types::DriverId::mint(START, n);
        let key = key_at(START, 1_000_000 + n);
        let copy = crate::Driver {
            id: id.clone(),
            ticket: n,
            key,
            ..template.clone()
        };
        cluster.state.driver_queue.insert(n, id.clone());
        cluster.state.drivers.insert(id, copy);
    }
    cluster.state.described_bytes *= limit as u64;
    (cluster.state.next_driver, cluster.state.next_ticket) = (limit as u64, limit as u64);
    let mut state = std::mem::take(&mut cluster.state);
    let mut apply = |index, request| {
        let key = key_at(START, 9_000_000 + index);
        let command = crate::Command::Client { key, request };
        state.apply(index, &crate::Entry { at: START, command })
    };
    assert_rejected(apply(1, submit(false)), RejectCode::Limit);
    apply(2, Request::KillDriver { driver: first }).unwrap();
    apply(1, submit(false)).unwrap();
}
