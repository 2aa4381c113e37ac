use std::fs;
use std::path::Path;

use vesta_proto::worker_convert::RunOrder;
use vesta_types::{Booking, ClusterId, DriverId, Epoch, Exit, InstanceStatus, Launch, Timestamp};

use super::*;
use crate::clock;
use crate::process::Process;
use crate::store::InstanceOrder;
use crate::store::instance::{Outcome, Running, Started, ending};

const GRACE: Duration = Duration::from_millis(200);

fn instance(number: u64) -> InstanceId {
    let cluster = ClusterId(uuid::Uuid::from_u128(u128::from(std::process::id()) << 32));
    InstanceId::driver(cluster, DriverId::mint(Timestamp(0), number), 1)
}

/// A worker's directory with instances that an earlier agent accepted.
struct Earlier {
    root: tempfile::TempDir,
    store: Store,
}

impl Earlier {
    fn new() -> Earlier {
        let root = tempfile::tempdir().unwrap();
        let mut store = Store::open(root.path()).unwrap();
        store.identify("h", 1).unwrap();
        Earlier { root, store }
    }

    fn accept(&self, number: u64) -> InstanceDir {
        let run = RunOrder {
            instance: instance(number),
            launch: Launch {
                program: "true".into(),
                ..Launch::default()
            },
            booking: Booking::plain(1, 1),
            supervise: false,
            conf: Default::default(),
            profile: 0,
            name: "x".into(),
            payload: Vec::new(),
            executor: None,
            lease: None,
            total_executor_cores: None,
        };
        let dir = self.store.instance(&instance(number));
        let order = InstanceOrder {
            run,
            epoch: Epoch(1),
            worker: "worker-1".parse().unwrap(),
            host: "h".into(),
            port: 1,
            masters: Vec::new(),
            order_ttl: Duration::from_secs(15),
            kill_grace: GRACE,
            restart_backoff: 1.0,
            cgroup: None,
            log_max: 1024 * 1024,
            spark_homes: Vec::new(),
            artifact_max: 1024 * 1024,
        };
        dir.accept(&order).unwrap();
        dir
    }

    fn recover(&self, same_boot: bool) -> Vec<(InstanceReport, bool)> {
        recover(&self.store, same_boot, GRACE).unwrap().reports
    }

    fn status(&self, same_boot: bool) -> InstanceStatus {
        self.recover(same_boot).remove(0).0.status
    }
}

fn spawn_sleep() -> (std::process::Child, Running) {
    use std::os::unix::process::CommandExt;
    let child = std::process::Command::new("sleep")
        .arg("60")
        .process_group(0)
        .spawn()
        .unwrap();
    let process = Process::of(child.id()).unwrap();
    (
        child,
        Running {
            process,
            since: clock::wall(),
        },
    )
}

fn exited(code: i32, killed: bool) -> Outcome {
    Outcome::Exited(Exit {
        code: Some(code),
        killed,
        ..Exit::default()
    })
}

#[test]
fn an_instance_that_was_accepted_and_not_started_is_revoked_for_good() {
    let earlier = Earlier::new();
    let dir = earlier.accept(1);
    assert!(matches!(
        earlier.status(true),
        InstanceStatus::NeverRan { .. }
    ));
    assert!(
        !dir.start(0, &Started::Executed).unwrap(),
        "nobody can start it any more"
    );
    assert!(matches!(
        earlier.status(true),
        InstanceStatus::NeverRan { .. }
    ));
}

#[test]
fn a_group_without_an_exit_code_is_ended_by_pid_and_start_time() {
    let earlier = Earlier::new();
    let dir = earlier.accept(1);
    dir.start(0, &Started::Executed).unwrap();
    let (mut child, running) = spawn_sleep();
    dir.write_pid(0, &running).unwrap();
    // A zombie of this test would not go away by itself.
    let reaper = std::thread::spawn(move || child.wait().unwrap());
    let interrupted = earlier.status(true);
    assert!(
        matches!(interrupted, InstanceStatus::Interrupted { .. }),
        "{interrupted:?}"
    );
    reaper.join().unwrap();
    assert_eq!(earlier.status(true), interrupted, "the same at every start");
}

/// A process that has a supervisor's record: what it does does not matter here.
fn supervised(earlier: &Earlier) -> (InstanceDir, std::process::Child, Running) {
    let dir = earlier.accept(1);
    let (child, running) = spawn_sleep();
    dir.write_supervisor(running.process).unwrap();
    dir.start(0, &Started::Executed).unwrap();
    (dir, child, running)
}

#[test]
fn an_instance_whose_supervisor_runs_goes_on_as_it_is() {
    let earlier = Earlier::new();
    let (dir, mut child, running) = supervised(&earlier);
    dir.write_pid(0, &running).unwrap();
    let Recovered { reports, alive } = recover(&earlier.store, true, GRACE).unwrap();
    assert_eq!(alive, [(instance(1), running.process)]);
    let status = &reports[0].0.status;
    assert!(
        matches!(status, InstanceStatus::Running { pid, .. } if *pid == running.process.pid),
        "{status:?}"
    );
    assert!(running.process.is_alive());
    child.kill().unwrap();
    child.wait().unwrap();
    // Its supervisor is gone: now it is as if its agent had been there to see it.
    assert!(matches!(
        earlier.status(true),
        InstanceStatus::Interrupted { .. }
    ));
}

/// Found by a review: that an instance is being interrupted was taken for its end, while its process had its
/// grace; it was reported, and another copy started.
#[test]
fn an_instance_in_the_grace_of_its_interruption_is_not_over() {
    let earlier = Earlier::new();
    let (dir, mut child, running) = supervised(&earlier);
    dir.write_pid(0, &running).unwrap();
    dir.interrupt("its lease is over").unwrap();
    let Recovered { reports, alive } = recover(&earlier.store, true, GRACE).unwrap();
    assert_eq!(alive.len(), 1);
    assert!(!reports[0].0.status.is_final(), "{reports:?}");
    child.kill().unwrap();
    child.wait().unwrap();
    assert_eq!(
        earlier.status(true),
        InstanceStatus::Interrupted {
            reason: "its lease is over".to_owned()
        }
    );
}

/// Found by a review: the second of two agents that were killed in a row found a record of the interruption,
/// and left the process alone.
#[test]
fn what_an_agent_was_about_to_end_when_it_was_killed_itself_is_ended_by_the_next() {
    let earlier = Earlier::new();
    let dir = earlier.accept(1);
    dir.start(0, &Started::Executed).unwrap();
    let (mut child, running) = spawn_sleep();
    dir.write_pid(0, &running).unwrap();
    give_up(&instance(1), &dir, "its agent was restarted");
    let reaper = std::thread::spawn(move || child.wait().unwrap());
    assert!(matches!(
        earlier.status(true),
        InstanceStatus::Interrupted { .. }
    ));
    assert!(!running.process.is_alive());
    reaper.join().unwrap();
}

#[test]
fn a_supervisor_of_another_boot_or_with_another_start_time_is_none() {
    let earlier = Earlier::new();
    let (dir, mut child, running) = supervised(&earlier);
    assert_eq!(recover(&earlier.store, false, GRACE).unwrap().alive, []);
    let earlier = Earlier::new();
    let other = earlier.accept(1);
    let start = running.process.start + 1;
    let process = Process {
        start,
        ..running.process
    };
    other.write_supervisor(process).unwrap();
    other.start(0, &Started::Executed).unwrap();
    assert_eq!(recover(&earlier.store, true, GRACE).unwrap().alive, []);
    assert!(dir.supervisor().unwrap().is_alive());
    child.kill().unwrap();
    child.wait().unwrap();
}

#[test]
fn a_process_that_only_has_the_pid_is_left_alone() {
    let earlier = Earlier::new();
    let dir = earlier.accept(1);
    dir.start(0, &Started::Executed).unwrap();
    let (mut child, running) = spawn_sleep();
    let start = running.process.start + 1;
    let process = Process {
        start,
        ..running.process
    };
    dir.write_pid(
        0,
        &Running {
            process,
            ..running.clone()
        },
    )
    .unwrap();
    assert!(matches!(
        earlier.status(true),
        InstanceStatus::Interrupted { .. }
    ));
    assert!(running.process.is_alive());
    child.kill().unwrap();
    child.wait().unwrap();
}

#[test]
fn after_a_reboot_nothing_is_killed_and_what_ran_is_interrupted() {
    let earlier = Earlier::new();
    let dir = earlier.accept(1);
    dir.start(0, &Started::Executed).unwrap();
    // By chance a process of this boot has the very pid and start time of one of the last.
    let (mut child, running) = spawn_sleep();
    dir.write_pid(0, &running).unwrap();
    let status = earlier.status(false);
    assert!(matches!(&status, InstanceStatus::Interrupted { reason } if reason.contains("reboot")));
    assert!(running.process.is_alive());
    child.kill().unwrap();
    child.wait().unwrap();
}

#[test]
fn an_end_that_is_on_record_is_kept() {
    let earlier = Earlier::new();
    let dir = earlier.accept(1);
    dir.start(0, &Started::Executed).unwrap();
    dir.write_exit(0, &ending(exited(3, false), true)).unwrap();
    assert!(
        matches!(earlier.status(true), InstanceStatus::Ended { exit, .. } if exit.code == Some(3))
    );
    dir.acknowledge().unwrap();
    assert!(
        earlier.recover(true)[0].1,
        "and so is that it is acknowledged"
    );
}

#[test]
fn a_process_that_ended_by_itself_in_the_last_moment_was_not_interrupted() {
    let earlier = Earlier::new();
    let dir = earlier.accept(1);
    dir.start(0, &Started::Executed).unwrap();
    give_up(&instance(1), &dir, "its agent was restarted");
    dir.write_exit(0, &ending(exited(0, false), true)).unwrap();
    assert!(
        matches!(earlier.status(true), InstanceStatus::Ended { exit, .. } if exit.is_success())
    );
    // One that ended because of the interruption was.
    dir.write_exit(0, &ending(exited(0, true), true)).unwrap();
    assert!(matches!(
        earlier.status(true),
        InstanceStatus::Interrupted { .. }
    ));
}

#[test]
fn a_supervised_driver_that_waited_for_its_restart_is_interrupted() {
    let earlier = Earlier::new();
    let dir = earlier.accept(1);
    dir.start(0, &Started::Executed).unwrap();
    dir.write_exit(0, &ending(exited(1, false), false)).unwrap();
    assert!(matches!(
        earlier.status(true),
        InstanceStatus::Interrupted { .. }
    ));
}

#[test]
fn a_damaged_record_is_kept_aside_and_only_its_own_instance_suffers() {
    for name in ["order.json", "started.0", "pid.0", "exit.0"] {
        let earlier = Earlier::new();
        let (bad, good) = (earlier.accept(1), earlier.accept(2));
        good.start(0, &Started::Executed).unwrap();
        good.write_exit(0, &ending(exited(0, false), true)).unwrap();
        if name != "order.json" {
            bad.start(0, &Started::Executed).unwrap();
        }
        fs::write(bad.path().join(name), b"{\"half\":").unwrap();
        let reports = earlier.recover(true);
        let status = |number| {
            let found = reports
                .iter()
                .find(|(report, _)| report.instance == instance(number));
            found.unwrap().0.status.clone()
        };
        assert!(
            matches!(status(1), InstanceStatus::Interrupted { .. }),
            "{name}: {:?}",
            status(1)
        );
        assert!(matches!(status(2), InstanceStatus::Ended { .. }), "{name}");
        assert!(bad.path().join(format!("{name}.bad")).exists(), "{name}");
        assert!(
            !bad.start(0, &Started::Executed).unwrap(),
            "{name}: it can be started"
        );
        assert_eq!(
            earlier.recover(true),
            reports,
            "{name}: the same at the next start"
        );
    }
}

#[test]
fn what_is_not_an_instance_is_left_alone() {
    let earlier = Earlier::new();
    let other: &Path = &earlier.root.path().join("instances/lost+found");
    fs::create_dir(other).unwrap();
    assert_eq!(earlier.recover(true), []);
    assert!(other.exists());
}
