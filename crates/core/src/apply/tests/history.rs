//! What has ended stays visible for a while.

use std::time::Duration;

use vesta_types::DriverState;
use vesta_types::limits::{AGEING_STEP_MAX, DEAD_WORKER_AGE, HISTORY_AGE, HISTORY_MIN};

use super::support::*;
use crate::command::Command;
use crate::version;

fn finish(cluster: &mut Cluster) -> vesta_types::DriverId {
    let id = cluster.submit(false);
    cluster.kill(&id).unwrap();
    id
}

/// Failure D23: what had finished vanishes with its master.
#[test]
fn d23_what_has_finished_answers_after_a_fail_over_too() {
    let mut cluster = Cluster::with_workers(1);
    let mut finished = Vec::new();
    for _ in 0..50 {
        let (id, instance) = cluster.running_driver(false, 0);
        cluster.report(0, &[exited(&instance, 0)]);
        finished.push(id);
    }
    cluster.lead();
    for id in finished {
        assert_eq!(cluster.driver(&id).state, DriverState::Finished);
    }
}

#[test]
fn the_last_two_hundred_are_kept_and_older_ones_for_ten_minutes() {
    let mut cluster = Cluster::new();
    let all: Vec<_> = (0..HISTORY_MIN + 10)
        .map(|_| finish(&mut cluster))
        .collect();
    assert_eq!(
        cluster.state.drivers.len(),
        all.len(),
        "ten minutes at least"
    );
    cluster.at = cluster.at.plus(HISTORY_AGE);
    cluster.lead();
    assert_eq!(cluster.state.drivers.len(), all.len());
    cluster.wait(1);
    cluster.lead();
    assert_eq!(cluster.state.drivers.len(), HISTORY_MIN);
    assert!(
        !cluster.state.drivers.contains_key(&all[9]),
        "the oldest went"
    );
    assert!(cluster.state.drivers.contains_key(&all[10]));
}

#[test]
fn ended_applications_are_kept_alike_and_live_ones_for_ever() {
    let mut cluster = Cluster::new();
    let live = cluster.register();
    for _ in 0..HISTORY_MIN + 5 {
        let app = cluster.register();
        cluster.expire(&app).unwrap();
    }
    cluster.wait(3600);
    cluster.lead();
    assert_eq!(cluster.state.applications.len(), HISTORY_MIN + 1);
    assert!(cluster.state.applications.contains_key(&live));
}

const HOUR: Duration = Duration::from_secs(3600);

/// A cluster whose rules are the latest, with more that has ended than is kept beyond its time.
fn with_history() -> Cluster {
    let mut cluster = Cluster::with_workers(1);
    cluster.lose(0);
    cluster
        .apply(Command::RaiseVersion {
            epoch: cluster.epoch(),
            version: version::AGEING,
        })
        .unwrap();
    for _ in 0..HISTORY_MIN + 10 {
        finish(&mut cluster);
        let app = cluster.register();
        cluster.expire(&app).unwrap();
    }
    cluster
}

/// What is kept of drivers, applications and workers.
fn kept(cluster: &Cluster) -> (usize, usize, usize) {
    let state = &cluster.state;
    (
        state.drivers.len(),
        state.applications.len(),
        state.workers.len(),
    )
}

/// Time passes in steps, with an entry at each.
fn pass(cluster: &mut Cluster, time: Duration, step: Duration) {
    for _ in 0..time.as_millis() / step.as_millis() {
        cluster.at = cluster.at.plus(step);
        let epoch = cluster.epoch();
        let nobody = Vec::new();
        cluster
            .apply(Command::ExpireApplications {
                epoch,
                apps: nobody,
            })
            .unwrap();
    }
}

#[test]
fn a_leaders_clock_that_jumps_an_hour_ahead_and_back_forgets_nothing_that_ended() {
    let mut cluster = with_history();
    let all = kept(&cluster);
    assert_eq!(all, (HISTORY_MIN + 10, HISTORY_MIN + 10, 1));
    let second = Duration::from_secs(1);
    cluster.at = cluster.at.plus(HOUR);
    pass(&mut cluster, 60 * second, second);
    assert_eq!(kept(&cluster), all, "an hour ahead");
    cluster.at = cluster.at.minus(2 * HOUR);
    pass(&mut cluster, 60 * second, second);
    cluster.lead();
    assert_eq!(kept(&cluster), all, "an hour behind");
    cluster.at = cluster.at.plus(24 * HOUR);
    cluster.lead();
    assert_eq!(kept(&cluster), all, "a leader that is a day ahead");
}

#[test]
fn after_a_clock_was_put_back_what_has_ended_ages_on_at_once() {
    let mut cluster = with_history();
    cluster.at = cluster.at.plus(HOUR);
    cluster.lead();
    cluster.at = cluster.at.minus(HOUR);
    let second = Duration::from_secs(1);
    pass(&mut cluster, HISTORY_AGE - 10 * second, second);
    assert_eq!(cluster.state.drivers.len(), HISTORY_MIN + 10);
    pass(&mut cluster, 20 * second, second);
    assert_eq!(kept(&cluster), (HISTORY_MIN, HISTORY_MIN, 1));
    pass(&mut cluster, DEAD_WORKER_AGE - HISTORY_AGE, second);
    assert_eq!(kept(&cluster), (HISTORY_MIN, HISTORY_MIN, 0));
}

#[test]
fn where_entries_are_rare_what_has_ended_is_kept_the_longer_and_not_for_ever() {
    let mut cluster = with_history();
    let all = cluster.state.drivers.len();
    let minute = Duration::from_secs(60);
    pass(&mut cluster, 2 * HISTORY_AGE, minute);
    assert_eq!(cluster.state.drivers.len(), all);
    let entries = HISTORY_AGE.as_millis() / AGEING_STEP_MAX.as_millis();
    let entries = u32::try_from(entries).unwrap();
    pass(&mut cluster, entries * minute, minute);
    assert_eq!(cluster.state.drivers.len(), HISTORY_MIN);
}

#[test]
fn until_all_speak_the_new_rules_history_ages_as_the_old_ones_say() {
    let mut cluster = Cluster::new();
    for _ in 0..HISTORY_MIN + 10 {
        finish(&mut cluster);
    }
    cluster.at = cluster.at.plus(HOUR);
    cluster.lead();
    assert_eq!(cluster.state.drivers.len(), HISTORY_MIN);
    assert_eq!(cluster.state.ageing, None);
}
