//! An agent that is killed at the worst moments, and its successor.

use std::path::Path;
use std::process::{Child, Command, Stdio};

use vesta_types::{InstanceId, InstanceReport, InstanceStatus};
use vesta_worker::store::InstanceDir;

use crate::master::{FakeMaster, Heard};
use crate::support::*;

/// Names the directory of an agent in a process of its own.
pub const DIR: &str = "VESTA_TEST_DIR";

/// Names its master.
pub const MASTER: &str = "VESTA_TEST_MASTER";

/// An agent in a process of its own.
struct Agent(Child);

impl Agent {
    fn start(dir: &Path, master: &FakeMaster, failpoints: &str) -> Agent {
        let child = Command::new(std::env::current_exe().unwrap())
            .args(["agent_entry", "--exact", "--nocapture", "--test-threads=1"])
            .env(DIR, dir)
            .env(MASTER, master.address.to_string())
            .env("FAILPOINTS", failpoints)
            .stdout(Stdio::null())
            .spawn()
            .unwrap();
        Agent(child)
    }
}

impl Drop for Agent {
    /// By SIGKILL.
    fn drop(&mut self) {
        self.0.kill().unwrap();
        self.0.wait().unwrap();
    }
}

fn is_final(report: &InstanceReport) -> bool {
    report.status.is_final()
}

/// What the successor of a killed agent reports of `id`; then it is ordered again, and another after it.
async fn successor_reports(dir: &Dir, master: &FakeMaster, id: &InstanceId) -> InstanceReport {
    let before = master.heard().reports.len();
    let _agent = Agent::start(dir.path(), master, "");
    let next = |heard: &Heard| (heard.reports.len() > before).then_some(());
    master.wait_for("the successor's report", next).await;
    let report = master.wait_for_report("the outcome", id, is_final).await;
    let (again, other) = (lasting(id.clone()), driver(999));
    master
        .order(1, 20, &[again, script(other.clone(), "true")], &[])
        .await;
    master
        .wait_for_report("another runs", &other, is_final)
        .await;
    report
}

#[tokio::test]
async fn an_agent_killed_between_accepting_and_starting_leaves_what_never_runs() {
    let (dir, master) = (Dir::new(), FakeMaster::start().await);
    master.lead(1).await;
    let agent = Agent::start(dir.path(), &master, "worker.before_start=return");
    let id = driver(1);
    master.order(1, 10, &[lasting(id.clone())], &[]).await;
    let order = InstanceDir::new(dir.path(), &id).path().join("order.json");
    wait_async("it is accepted", || order.exists()).await;
    drop(agent);
    let report = successor_reports(&dir, &master, &id).await;
    assert!(
        matches!(report.status, InstanceStatus::NeverRan { .. }),
        "{report:?}"
    );
    assert!(lines(&dir.work(&id, "ran")).is_empty());
}

#[tokio::test]
async fn an_agent_killed_between_the_start_and_its_report_is_followed_by_one_that_reports() {
    let (dir, master) = (Dir::new(), FakeMaster::start().await);
    master.lead(1).await;
    let agent = Agent::start(dir.path(), &master, "worker.hold_report=return");
    let (lasts, over) = (driver(1), driver(2));
    let ends = script(over.clone(), "echo x >> ran; exit 6");
    master
        .order(1, 10, &[lasting(lasts.clone()), ends], &[])
        .await;
    let pid = wait_blocking(dir.work(&lasts, "pid")).await;
    let end = InstanceDir::new(dir.path(), &over).path().join("exit.0");
    wait_async("one has ended", || end.exists()).await;
    assert!(master.heard().reports.is_empty());
    drop(agent);
    let _agent = Agent::start(dir.path(), &master, "");
    let running = |report: &InstanceReport| matches!(report.status, InstanceStatus::Running { pid: now, .. } if now == pid);
    master.wait_for_report("it goes on", &lasts, running).await;
    let report = master.wait_for_report("its end", &over, is_final).await;
    assert!(matches!(report.status, InstanceStatus::Ended { exit, .. } if exit.code == Some(6)));
    // Ordered again it is not started again, and it can be ended.
    master.order(1, 20, &[lasting(lasts.clone())], &[]).await;
    master.order(1, 21, &[], std::slice::from_ref(&lasts)).await;
    let report = master.wait_for_report("it is over", &lasts, is_final).await;
    assert!(
        matches!(&report.status, InstanceStatus::Ended { exit, .. } if exit.killed),
        "{report:?}"
    );
    assert!(!is_alive(pid));
    for id in [&lasts, &over] {
        assert_eq!(lines(&dir.work(id, "ran")), ["x"]);
    }
}

#[tokio::test]
async fn a_supervisor_killed_after_the_started_record_leaves_what_is_never_executed_again() {
    let (dir, master) = (Dir::new(), FakeMaster::start().await);
    master.lead(1).await;
    let agent = Agent::start(dir.path(), &master, "worker.after_started_record=pause");
    let id = driver(1);
    master.order(1, 10, &[lasting(id.clone())], &[]).await;
    let started = InstanceDir::new(dir.path(), &id).path().join("started.0");
    wait_async("it is about to be executed", || started.exists()).await;
    drop(agent);
    kill_supervisor(&dir, &id);
    let report = successor_reports(&dir, &master, &id).await;
    assert!(
        matches!(report.status, InstanceStatus::Interrupted { .. }),
        "{report:?}"
    );
    assert!(lines(&dir.work(&id, "ran")).is_empty());
}
