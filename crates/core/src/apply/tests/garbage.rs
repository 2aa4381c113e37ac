//! Values from outside that make no sense: refused or left out, never a panic.

use vesta_types::{InstanceId, InstanceReport, InstanceStatus, Timestamp};

use super::support::*;
use crate::command::{Command, Request};

#[test]
fn the_largest_time_there_is_does_not_panic_and_later_entries_go_on() {
    let mut cluster = Cluster::with_workers(1);
    let (_, instance) = cluster.running_driver(true, 0);
    cluster.at = Timestamp(u64::MAX);
    let epoch = cluster.lead();
    cluster.attach(0, 0, &[runs(&instance)]);
    let key = key_at(Timestamp(START.0 + 1), 99);
    assert!(
        cluster
            .with_key(
                key,
                Request::SubmitDriver {
                    description: driver(true)
                }
            )
            .is_err()
    );
    cluster.at = START;
    cluster.submit(true);
    cluster
        .apply(Command::CompleteRecovery {
            epoch,
            condemned: vec![worker_id(0)],
        })
        .unwrap();
    cluster.lose(0);
}

#[test]
fn the_highest_numbers_do_not_wrap() {
    let mut cluster = Cluster::with_workers(1);
    let (id, instance) = cluster.running_driver(true, 0);
    let since = Timestamp(u64::MAX);
    let status = InstanceStatus::Running {
        pid: u32::MAX,
        since,
    };
    cluster.report(
        0,
        &[InstanceReport {
            restart: u32::MAX,
            ..report(&instance, status)
        }],
    );
    let app = cluster.register_of(&id);
    let last = cluster.state.applications.get_mut(&app).unwrap();
    last.next_executor = u32::MAX;
    let placement = cluster.executor_placement(&app, 0);
    assert_eq!(cluster.place(vec![placement]), (0, 1), "no number is left");
    let next = InstanceId::executor(cluster_id(), app, u32::MAX);
    cluster.report(0, &[runs(&next)]);
    assert!(cluster.worker(0).quarantined.contains_key(&next));
}

#[test]
fn a_worker_can_not_fill_the_state_with_instances_that_nobody_knows() {
    let mut cluster = Cluster::with_workers(1);
    let limit = vesta_types::limits::REPORTS_MAX as u64;
    let unknown = |n| InstanceId::driver(cluster_id(), vesta_types::DriverId::mint(START, n), 1);
    let reports: Vec<_> = (0..limit + 50).map(|n| runs(&unknown(n + 10))).collect();
    cluster.report(0, &reports);
    assert_eq!(cluster.worker(0).quarantined.len() as u64, limit);
}

#[test]
fn long_words_of_a_worker_are_cut() {
    let mut cluster = Cluster::with_workers(1);
    let (id, instance) = cluster.running_driver(false, 0);
    let error = Some("é".repeat(100_000));
    cluster.report(
        0,
        &[ended(
            &instance,
            vesta_types::Exit {
                error,
                ..Default::default()
            },
        )],
    );
    let driver = cluster.driver(&id);
    assert!(driver.message.len() <= 1_024);
    assert!(driver.exit.as_ref().unwrap().error.as_ref().unwrap().len() <= 1_024);
}
