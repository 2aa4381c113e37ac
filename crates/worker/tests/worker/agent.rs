//! An agent among masters that lead, lose the lead, go away and come back.

use std::fs;
use std::path::Path;
use std::time::{Duration, Instant};

use tokio::runtime::Runtime;
use tokio::sync::oneshot;
use vesta_proto::worker::{LogChunk, ReadLog, to_worker};
use vesta_types::{Containment, Exit, InstanceId, InstanceReport, InstanceStatus};
use vesta_worker::store::InstanceDir;
use vesta_worker::{Config, WorkerError};

use crate::master::{FakeMaster, welcome};
use crate::support::*;

/// An agent with a runtime of its own, so that it can be lost at any moment as by SIGKILL.
pub struct Agent {
    runtime: Option<Runtime>,
    shutdown: Option<oneshot::Sender<()>>,
    result: Option<oneshot::Receiver<Result<(), WorkerError>>>,
}

impl Agent {
    pub fn start(dir: &Path, masters: &[&FakeMaster]) -> Agent {
        Agent::start_with(config(dir, masters))
    }

    pub fn start_with(config: Config) -> Agent {
        let runtime = tokio::runtime::Builder::new_multi_thread()
            .worker_threads(1)
            .enable_all()
            .build()
            .unwrap();
        let (shutdown, told) = oneshot::channel::<()>();
        let (send, result) = oneshot::channel();
        runtime.spawn(async move {
            let told = async {
                let _ = told.await;
            };
            let _ = send.send(vesta_worker::run(config, told).await);
        });
        Agent {
            runtime: Some(runtime),
            shutdown: Some(shutdown),
            result: Some(result),
        }
    }

    /// Shuts it down in order.
    async fn shut_down(&mut self) -> Result<(), WorkerError> {
        let _ = self.shutdown.take().unwrap().send(());
        self.result().await
    }

    pub async fn result(&mut self) -> Result<(), WorkerError> {
        let result = self.result.as_mut().unwrap();
        tokio::time::timeout(BOUND, result)
            .await
            .expect("it ends")
            .expect("it did not panic")
    }

    /// Nothing of the agent goes on; its supervisors do.
    async fn kill(mut self) {
        let runtime = self.runtime.take().unwrap();
        let gone = tokio::task::spawn_blocking(move || runtime.shutdown_timeout(BOUND));
        gone.await.unwrap();
    }
}

impl Drop for Agent {
    fn drop(&mut self) {
        if let Some(runtime) = self.runtime.take() {
            runtime.shutdown_background();
        }
    }
}

fn config(dir: &Path, masters: &[&FakeMaster]) -> Config {
    let masters: Vec<String> = masters
        .iter()
        .map(|master| master.address.to_string())
        .collect();
    crate::support::config(dir, &masters)
}

fn is_running(report: &InstanceReport) -> bool {
    matches!(report.status, InstanceStatus::Running { .. })
}

fn is_final(report: &InstanceReport) -> bool {
    report.status.is_final()
}

#[tokio::test]
async fn an_ordered_driver_runs_and_its_end_is_reported_until_it_is_acknowledged() {
    let (dir, master) = (Dir::new(), FakeMaster::start().await);
    master.lead(1).await;
    let mut agent = Agent::start(dir.path(), &[&master]);
    let id = driver(1);
    master
        .order(1, 10, &[script(id.clone(), "exit 3")], &[])
        .await;
    let report = master.wait_for_report("its end", &id, is_final).await;
    assert!(
        matches!(report.status, InstanceStatus::Ended { ref exit, .. } if exit.code == Some(3))
    );
    let sent = master.heard().reports.len();
    let again = |heard: &crate::master::Heard| (heard.reports.len() > sent + 1).then_some(());
    master.wait_for("it is reported again", again).await;
    master.acknowledge(1, &id).await;
    let gone = |heard: &crate::master::Heard| {
        let beats = heard.heartbeats;
        heard.reports.last()?.instances.is_empty().then_some(beats)
    };
    // Ordering it once more neither runs it nor is it forgotten that it ran.
    let marker = InstanceDir::new(dir.path(), &id);
    wait_async("it is marked", || marker.is_acknowledged()).await;
    agent.shut_down().await.unwrap();

    let mut agent = Agent::start(dir.path(), &[&master]);
    master.wait_for("a report without it", gone).await;
    agent.shut_down().await.unwrap();
}

#[tokio::test]
async fn a_deposed_leader_s_order_is_refused_and_told_to_the_new_leader() {
    let (dir, old, new) = (
        Dir::new(),
        FakeMaster::start().await,
        FakeMaster::start().await,
    );
    old.lead(1).await;
    let _agent = Agent::start(dir.path(), &[&old, &new]);
    old.wait_for("a report", |heard| heard.reports.last().map(drop))
        .await;
    new.lead(2).await;
    new.wait_for("a report", |heard| heard.reports.last().map(drop))
        .await;
    // The old leader wakes up with an order that it had decided on, later in its own log.
    let (stale, good) = (driver(1), driver(2));
    old.order(1, 99, &[lasting(stale.clone())], &[]).await;
    let report = |heard: &crate::master::Heard| {
        heard
            .reports
            .iter()
            .find(|report| report.stale_orders == 1)
            .cloned()
    };
    let report = new.wait_for("the refusal is told", report).await;
    assert!(
        report
            .refused_stale
            .iter()
            .any(|text| text.contains("epoch 1 at index 99"))
    );
    new.order(2, 50, &[script(good.clone(), "exit 0")], &[])
        .await;
    new.wait_for_report("the new leader is obeyed", &good, is_final)
        .await;
    assert!(!InstanceDir::new(dir.path(), &stale).path().exists());
}

#[tokio::test]
async fn the_highest_epoch_is_refused_below_after_a_restart_too() {
    let (dir, master) = (Dir::new(), FakeMaster::start().await);
    master.lead(7).await;
    let agent = Agent::start(dir.path(), &[&master]);
    master
        .wait_for("a report", |heard| heard.reports.last().map(drop))
        .await;
    agent.kill().await;
    let late = FakeMaster::start().await;
    late.lead(6).await;
    let _agent = Agent::start(dir.path(), &[&late]);
    let hello = late
        .wait_for("a hello", |heard| heard.hellos.first().cloned())
        .await;
    assert_eq!((hello.epoch, hello.cluster_id), (7, CLUSTER.to_string()));
    late.order(6, 99, &[lasting(driver(1))], &[]).await;
    // Whoever leads next is told of both refusals.
    late.lead(8).await;
    let told = |heard: &crate::master::Heard| {
        heard
            .reports
            .iter()
            .find(|report| report.stale_orders >= 2)
            .map(drop)
    };
    late.wait_for("the refusals", told).await;
    assert!(!InstanceDir::new(dir.path(), &driver(1)).path().exists());
}

#[tokio::test]
async fn a_driver_outlives_every_master_and_is_reported_to_the_next_leader() {
    let (dir, first) = (Dir::new(), FakeMaster::start().await);
    first.lead(1).await;
    let address = first.address;
    let mut agent = Agent::start(dir.path(), &[&first]);
    let id = driver(1);
    first.order(1, 10, &[lasting(id.clone())], &[]).await;
    let before = first.wait_for_report("it runs", &id, is_running).await;
    drop(first);
    let next = wait_for_address(address).await;
    next.lead(2).await;
    let after = next.wait_for_report("it still runs", &id, is_running).await;
    assert_eq!(before.status, after.status);
    assert_eq!(next.heard().reports[0].epoch, 2);
    assert_eq!(lines(&dir.work(&id, "ran")), ["x"]);
    agent.shut_down().await.unwrap();
}

#[tokio::test]
async fn a_worker_that_starts_before_any_master_waits_for_one() {
    let dir = Dir::new();
    let gone = FakeMaster::start().await;
    let address = gone.address;
    let agent_config = config(dir.path(), &[&gone]);
    drop(gone);
    let _agent = Agent::start_with(agent_config);
    let identity = dir.path().join("identity.json");
    wait_async("the agent is up", || identity.exists()).await;
    let master = wait_for_address(address).await;
    let hello = master
        .wait_for("a hello", |heard| heard.hellos.first().cloned())
        .await;
    assert_eq!(
        (hello.cluster_id.as_str(), hello.epoch, hello.protocol),
        ("", 0, 1)
    );
}

#[tokio::test]
async fn masters_that_a_welcome_names_are_dialled_and_remembered() {
    let (dir, first, second) = (
        Dir::new(),
        FakeMaster::start().await,
        FakeMaster::start().await,
    );
    first.heard().first = vec![welcome(1, false, &[first.address, second.address])];
    let agent = Agent::start(dir.path(), &[&first]);
    second
        .wait_for("a hello", |heard| heard.hellos.first().map(drop))
        .await;
    agent.kill().await;
    drop(first);
    let third = FakeMaster::start().await;
    // The configuration names nobody who is left; the memory does.
    let before = second.heard().hellos.len();
    let nobody = config(dir.path(), &[&third]);
    drop(third);
    let _agent = Agent::start_with(nobody);
    second
        .wait_for("a hello", |heard| {
            (heard.hellos.len() > before).then_some(())
        })
        .await;
}

#[tokio::test]
async fn an_unconfirmed_worker_starts_nothing() {
    let (dir, master) = (Dir::new(), FakeMaster::start().await);
    master.lead(1).await;
    master.heard().confirms = None;
    let _agent = Agent::start(dir.path(), &[&master]);
    let id = driver(1);
    master.order(1, 10, &[lasting(id.clone())], &[]).await;
    let beats = |heard: &crate::master::Heard| (heard.heartbeats > 5).then_some(());
    master.wait_for("heartbeats", beats).await;
    assert!(!InstanceDir::new(dir.path(), &id).path().exists());
    master.heard().confirms = Some(1);
    // A later heartbeat is confirmed: the leader sees that it is missing, and orders it again.
    let sent = master.heard().reports.len();
    let more = |heard: &crate::master::Heard| (heard.reports.len() > sent).then_some(());
    master.wait_for("a report without it", more).await;
    master.order(1, 10, &[lasting(id.clone())], &[]).await;
    master.wait_for_report("it runs", &id, is_running).await;
}

#[tokio::test]
async fn a_stop_ends_a_driver_and_says_how() {
    let (dir, master) = (Dir::new(), FakeMaster::start().await);
    master.lead(1).await;
    let _agent = Agent::start(dir.path(), &[&master]);
    let id = driver(1);
    master.order(1, 10, &[lasting(id.clone())], &[]).await;
    let pid = {
        master.wait_for_report("it runs", &id, is_running).await;
        wait_blocking(dir.work(&id, "pid")).await
    };
    master.order(1, 11, &[], std::slice::from_ref(&id)).await;
    let report = master.wait_for_report("it ended", &id, is_final).await;
    let killed = Exit {
        code: Some(0),
        killed: true,
        ..Exit::default()
    };
    assert!(matches!(report.status, InstanceStatus::Ended { exit, .. } if exit == killed));
    assert!(!is_alive(pid));
}

/// The orphans of SPARK-21821 and its like: deaf to TERM, moved to a session of its own, its supervisor
/// killed. With cgroups not even a cleared environment hides it.
async fn what_a_lost_supervisor_leaves_is_ended(containment: Containment, away: &str) {
    let (dir, master) = (Dir::new(), FakeMaster::start().await);
    master.lead(1).await;
    let config = Config {
        containment: Some(containment),
        ..config(dir.path(), &[&master])
    };
    let mut agent = Agent::start_with(config);
    let id = driver(1);
    let text = format!(
        "trap '' TERM; {away} sh -c 'echo $$ > away.part; mv away.part away; sleep 60' &
        while [ ! -e away ]; do sleep 0.01; done; echo $$ > pid; while :; do sleep 0.1; done"
    );
    master.order(1, 10, &[script(id.clone(), &text)], &[]).await;
    let begun = dir.work(&id, "pid");
    tokio::select! {
        // As on a machine that has no such cgroups, or lets nobody make any.
        result = agent.result() => {
            let error = result.unwrap_err().to_string();
            assert!(error.contains("is not to be had here"), "{error}");
            return eprintln!("skipped: {error}");
        }
        () = wait_async("it runs", || begun.exists()) => {}
    }
    let (pid, away) = (
        wait_blocking(begun).await,
        wait_blocking(dir.work(&id, "away")).await,
    );
    kill_supervisor(&dir, &id);
    let report = master.wait_for_report("it is over", &id, is_final).await;
    assert!(
        matches!(report.status, InstanceStatus::Interrupted { .. }),
        "{report:?}"
    );
    assert!(!is_alive(pid) && !is_alive(away), "{containment}");
    // With the worker goes what it made of cgroups.
    master.acknowledge(1, &id).await;
    agent.shut_down().await.unwrap();
}

#[tokio::test]
async fn nothing_escapes_from_a_process_group_by_forking_away() {
    what_a_lost_supervisor_leaves_is_ended(Containment::ProcessGroups, "setsid").await;
}

#[tokio::test]
async fn nothing_escapes_from_a_cgroup_of_version_1() {
    what_a_lost_supervisor_leaves_is_ended(Containment::Cgroup1, "env -i setsid").await;
}

#[tokio::test]
async fn nothing_escapes_from_a_cgroup_of_version_2() {
    what_a_lost_supervisor_leaves_is_ended(Containment::Cgroup2, "env -i setsid").await;
}

#[tokio::test]
async fn a_restarted_agent_takes_over_what_runs_and_collects_its_exit_code() {
    let (dir, master) = (Dir::new(), FakeMaster::start().await);
    master.lead(1).await;
    let agent = Agent::start(dir.path(), &[&master]);
    let (running, over) = (driver(1), driver(2));
    let text = "echo x >> ran; echo $$ > pid.part; mv pid.part pid
        while [ ! -e gate ]; do sleep 0.01; done; exit 7";
    let runs = [
        script(running.clone(), text),
        script(over.clone(), "exit 5"),
    ];
    master.order(1, 10, &runs, &[]).await;
    master.wait_for_report("one ended", &over, is_final).await;
    let pid = wait_blocking(dir.work(&running, "pid")).await;
    // An order that was accepted, and no more.
    let waiting = driver(3);
    let order = accepted(lasting(waiting.clone()));
    agent.kill().await;
    InstanceDir::new(dir.path(), &waiting)
        .accept(&order)
        .unwrap();
    let heard = master.heard().reports.len();

    let mut agent = Agent::start(dir.path(), &[&master]);
    let next = |heard_now: &crate::master::Heard| heard_now.reports.get(heard).cloned();
    let report = master.wait_for("a report", next).await;
    let report = vesta_proto::worker_convert::reports(report.instances).unwrap();
    let status = |id: &InstanceId| {
        report
            .iter()
            .find(|one| one.instance == *id)
            .map(|one| one.status.clone())
    };
    assert!(
        matches!(status(&running), Some(InstanceStatus::Running { pid: now, .. }) if now == pid),
        "{report:?}"
    );
    assert!(is_alive(pid));
    assert!(
        matches!(status(&waiting), Some(InstanceStatus::NeverRan { .. })),
        "{report:?}"
    );
    let end = status(&over);
    assert!(matches!(end, Some(InstanceStatus::Ended { exit, .. }) if exit.code == Some(5)));
    // None of them is executed again, whatever is ordered.
    let again = [runs[0].clone(), runs[1].clone(), lasting(waiting.clone())];
    master.order(1, 11, &again, &[]).await;
    let good = driver(4);
    master
        .order(1, 12, &[script(good.clone(), "true")], &[])
        .await;
    master
        .wait_for_report("another runs", &good, is_final)
        .await;
    fs::write(dir.work(&running, "gate"), "").unwrap();
    let report = master.wait_for_report("its end", &running, is_final).await;
    assert!(
        matches!(&report.status, InstanceStatus::Ended { exit, ran: Some(ran), .. }
            if exit.code == Some(7) && ran.pid == pid),
        "{report:?}"
    );
    assert_eq!(lines(&dir.work(&running, "ran")), ["x"]);
    assert!(lines(&dir.work(&waiting, "ran")).is_empty());
    for id in [&running, &over, &waiting, &good] {
        master.acknowledge(1, id).await;
    }
    agent.shut_down().await.unwrap();
}

#[tokio::test]
async fn an_agent_told_to_end_ends_its_instances_in_order_and_says_so() {
    let (dir, master) = (Dir::new(), FakeMaster::start().await);
    master.lead(1).await;
    let mut agent = Agent::start(dir.path(), &[&master]);
    let id = driver(1);
    master.order(1, 10, &[lasting(id.clone())], &[]).await;
    let pid = wait_blocking(dir.work(&id, "pid")).await;
    let begun = Instant::now();
    let (ended, ()) = tokio::join!(agent.shut_down(), async {
        let report = master.wait_for_report("its end", &id, is_final).await;
        let killed = Exit {
            code: Some(0),
            killed: true,
            ..Exit::default()
        };
        assert!(matches!(report.status, InstanceStatus::Ended { exit, .. } if exit == killed));
        master.acknowledge(1, &id).await;
    });
    ended.unwrap();
    assert!(!is_alive(pid));
    assert!(
        begun.elapsed() < Duration::from_secs(5),
        "it left as soon as all was acknowledged"
    );
    assert!(InstanceDir::new(dir.path(), &id).is_acknowledged());
}

#[tokio::test]
async fn a_log_is_read_through_any_master() {
    let (dir, leader, standby) = (
        Dir::new(),
        FakeMaster::start().await,
        FakeMaster::start().await,
    );
    leader.lead(1).await;
    let _agent = Agent::start(dir.path(), &[&leader, &standby]);
    let id = driver(1);
    leader
        .order(
            1,
            10,
            &[script(id.clone(), "echo hello; echo bad >&2")],
            &[],
        )
        .await;
    leader.wait_for_report("its end", &id, is_final).await;
    let ask = |request, instance_id: String, stderr| {
        let read = ReadLog {
            request,
            instance_id,
            stderr,
            bytes_max: 100,
            ..ReadLog::default()
        };
        to_worker::Message::ReadLog(read)
    };
    standby.say(ask(1, id.to_string(), false)).await;
    standby.say(ask(2, id.to_string(), true)).await;
    standby
        .say(ask(3, "../../../etc/passwd".into(), false))
        .await;
    standby.say(ask(4, driver(9).to_string(), false)).await;
    let chunks =
        |heard: &crate::master::Heard| (heard.chunks.len() == 4).then(|| heard.chunks.clone());
    let mut chunks: Vec<LogChunk> = standby.wait_for("four answers", chunks).await;
    chunks.sort_by_key(|chunk| chunk.request);
    assert_eq!(
        (chunks[0].data.as_slice(), chunks[0].ended),
        (b"hello\n".as_slice(), true)
    );
    assert_eq!(chunks[1].data, b"bad\n");
    for refused in &chunks[2..] {
        assert!(
            refused.data.is_empty() && refused.error.contains("has nothing of"),
            "{refused:?}"
        );
    }
}

#[tokio::test]
async fn a_second_agent_on_a_directory_or_an_address_is_refused() {
    let (dir, other, master) = (Dir::new(), Dir::new(), FakeMaster::start().await);
    let free = std::net::TcpListener::bind("127.0.0.1:0").unwrap();
    let listen = free.local_addr().unwrap();
    drop(free);
    let _agent = Agent::start_with(Config {
        listen,
        ..config(dir.path(), &[&master])
    });
    master
        .wait_for("a hello", |heard| heard.hellos.first().map(drop))
        .await;
    let mut second = Agent::start(dir.path(), &[&master]);
    let error = second.result().await.unwrap_err();
    assert!(matches!(error, WorkerError::Locked(_)), "{error}");
    let mut third = Agent::start_with(Config {
        listen,
        ..config(other.path(), &[&master])
    });
    let error = third.result().await.unwrap_err();
    assert!(error.to_string().contains(&listen.to_string()), "{error}");
}

/// A master at an address that another one has just left.
async fn wait_for_address(address: std::net::SocketAddr) -> FakeMaster {
    let begun = Instant::now();
    loop {
        if let Ok(listener) = std::net::TcpListener::bind(address) {
            drop(listener);
            return FakeMaster::start_at(address).await;
        }
        assert!(begun.elapsed() < BOUND, "{address} stays in use");
        tokio::time::sleep(Duration::from_millis(20)).await;
    }
}

#[tokio::test]
async fn an_agent_told_to_end_while_nobody_leads_leaves_in_time_and_its_successor_reports() {
    let (dir, master) = (Dir::new(), FakeMaster::start().await);
    master.lead(1).await;
    let mut agent = Agent::start(dir.path(), &[&master]);
    let id = driver(1);
    master.order(1, 10, &[lasting(id.clone())], &[]).await;
    let pid = wait_blocking(dir.work(&id, "pid")).await;
    drop(master);
    agent.shut_down().await.unwrap();
    assert!(!is_alive(pid));
    let master = FakeMaster::start().await;
    master.lead(2).await;
    let _agent = Agent::start(dir.path(), &[&master]);
    let report = master.wait_for_report("its end", &id, is_final).await;
    assert!(matches!(report.status, InstanceStatus::Ended { exit, .. } if exit.killed));
}

/// Found by a reviewer: as NEVER_RAN it would be tried again at once, here, for ever.
#[tokio::test]
async fn what_a_worker_is_unable_to_start_has_failed_and_is_not_as_if_it_never_was_ordered() {
    let (dir, master) = (Dir::new(), FakeMaster::start().await);
    master.lead(1).await;
    let mut config = config(dir.path(), &[&master]);
    config.supervisor = vec!["/no/such/supervisor".into()];
    let mut agent = Agent::start_with(config);
    let id = driver(1);
    master
        .order(1, 10, &[script(id.clone(), "exit 0")], &[])
        .await;
    let report = master.wait_for_report("its end", &id, is_final).await;
    let InstanceStatus::Ended { exit, .. } = report.status else {
        panic!("{report:?}");
    };
    let why = exit.error.unwrap();
    assert!(why.contains("supervisor can't be started"), "{why}");
    master.acknowledge(1, &id).await;
    agent.shut_down().await.unwrap();
}
