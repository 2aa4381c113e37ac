//! The fail-over report.

use vesta_types::limits::FAILOVER_REPORTS_MAX;

use super::support::*;
use crate::failover::Outcome;

#[test]
fn the_report_names_what_became_of_each_object_and_why() {
    let mut cluster = Cluster::with_workers(3);
    let (answered, running) = cluster.running_driver(false, 0);
    let (ended_id, ending) = cluster.running_driver(false, 0);
    let unordered = cluster.submit(false);
    cluster.place_driver(&unordered, 0);
    let app = cluster.register();
    let executor = cluster.running_executor(&app, 0);
    let (relaunched, _) = cluster.running_driver(true, 1);
    let (lost, _) = cluster.running_driver(false, 1);
    cluster.running_executor(&app, 1);
    let (again, old) = cluster.running_driver(true, 2);
    cluster.lose(2);
    cluster.place_driver(&again, 0);

    cluster.lead();
    cluster.wait(2);
    let reports = [runs(&running), exited(&ending, 0), runs(&executor)];
    cluster.attach(0, 0, &reports);
    cluster.attach(2, 0, &[runs(&old)]);
    cluster.confirm(&app).unwrap();
    cluster.wait(3);
    cluster.complete(&[1]).unwrap();

    let report = cluster.state.failovers.back().unwrap();
    let outcome = |id: &dyn ToString| {
        let id = id.to_string();
        let lines: Vec<_> = report.objects.iter().filter(|line| line.id == id).collect();
        assert_eq!(lines.len(), 1, "{id}: {lines:?}");
        assert!(!lines[0].why.is_empty());
        lines[0].outcome
    };
    assert_eq!(outcome(&worker_id(0)), Outcome::Confirmed);
    assert_eq!(outcome(&worker_id(1)), Outcome::Lost);
    assert_eq!(outcome(&answered), Outcome::Confirmed);
    assert_eq!(outcome(&ended_id), Outcome::Ended);
    assert_eq!(outcome(&unordered), Outcome::Started);
    assert_eq!(outcome(&app), Outcome::Confirmed);
    assert_eq!(outcome(&format!("{app}/0")), Outcome::Confirmed);
    assert_eq!(outcome(&format!("{app}/1")), Outcome::Lost);
    assert_eq!(outcome(&relaunched), Outcome::Relaunched);
    assert_eq!(outcome(&lost), Outcome::Lost);
    assert_eq!(outcome(&old), Outcome::Stopped);
    assert_eq!((report.recovery_ms, report.election_ms), (Some(5_000), 900));
    assert_eq!(report.executors_killed, 0);
    let answer = report
        .objects
        .iter()
        .find(|line| line.id == worker_id(0).as_str());
    assert_eq!(answer.unwrap().after_ms, 2_000);
}

#[test]
fn what_happens_after_recovery_is_not_the_fail_over_s_but_late_answers_are() {
    let mut cluster = Cluster::with_workers(2);
    let (_, early) = cluster.running_driver(false, 0);
    let (_, late) = cluster.running_driver(false, 1);
    cluster.lead();
    cluster.attach(0, 0, &[runs(&early)]);
    cluster.complete(&[]).unwrap();
    let noted = |cluster: &Cluster| cluster.state.failovers.back().unwrap().objects.len();
    assert_eq!(noted(&cluster), 2);
    cluster.attach(0, 0, &[exited(&early, 0)]);
    cluster.attach(5, 0, &[]);
    cluster.lose(0);
    assert_eq!(noted(&cluster), 2);
    cluster.attach(1, 0, &[runs(&late)]);
    assert_eq!(noted(&cluster), 4);
}

#[test]
fn ordinary_news_during_recovery_is_not_the_fail_over_s() {
    let mut cluster = Cluster::with_workers(2);
    let (_, instance) = cluster.running_driver(false, 0);
    cluster.running_driver(false, 1);
    cluster.lead();
    cluster.attach(0, 0, &[runs(&instance)]);
    let before = cluster.state.failovers.back().unwrap().clone();
    cluster.report(0, &[exited(&instance, 0)]);
    assert_eq!(cluster.state.failovers.back().unwrap(), &before);
}

#[test]
fn the_last_reports_are_kept() {
    let mut cluster = Cluster::new();
    for _ in 0..FAILOVER_REPORTS_MAX + 5 {
        cluster.lead();
    }
    assert_eq!(cluster.state.failovers.len(), FAILOVER_REPORTS_MAX);
    assert_eq!(
        cluster.state.failovers.back().unwrap().epoch,
        cluster.epoch()
    );
}
