//! What a worker does not lose: a driver's one run, its end, its processes, its own life.

use std::process::Stdio;
use std::time::{Duration, UNIX_EPOCH};

use rustix::process::{Pid, Signal, kill_process_group};
use serde_json::Value;
use vesta_client::proto::{self, ListRequest};
use vesta_local::{Process, wait_for, wait_until};
use vesta_types::{DriverDescription, Timestamp};

use crate::support::{self, BOUND, FOR_EVER, Running, Submitted, options, start, until};

/// D26. A killed agent under load. Its successor takes over what runs, as it runs.
#[tokio::test(flavor = "multi_thread")]
async fn a_killed_agent_s_successor_takes_over_every_process_and_collects_its_exit_code() {
    let mut cluster = start(options()).await;
    let gate = cluster.dir().join("gate");
    let mut submitted = Vec::new();
    for (supervise, code) in [(true, 0), (false, 0), (false, 3)] {
        let body = format!("{}\nsay ended\nexit {code}", until(&gate));
        let description = supervised(&cluster, &format!("ends-{code}"), supervise, &body);
        submitted.push((cluster.submit(&description).await, code));
    }
    let mut before = Vec::new();
    for (driver, _) in &submitted {
        before.push(running_process(&cluster, driver).await);
    }
    for round in 0..2 {
        cluster.workers[0].kill().unwrap();
        // What came meanwhile waits, and what ran goes on.
        let next = cluster.submit(&cluster.driver_of("next", 1, "")).await;
        cluster.workers[0].start().unwrap();
        cluster.driver_in(&next.id, "FINISHED").await;
        for ((driver, _), process) in submitted.iter().zip(&before) {
            let now = cluster.driver(&driver.id).await;
            assert_eq!(
                (now.state.as_str(), now.attempt, now.pid),
                ("RUNNING", 1, process.pid),
                "round {round}"
            );
            assert!(process.is_alive());
        }
    }
    std::fs::write(&gate, "").unwrap();
    for (driver, code) in &submitted {
        let ended = cluster
            .driver_that(&driver.id, "over", |driver| driver.ended)
            .await;
        let state = if *code == 0 { "FINISHED" } else { "FAILED" };
        assert_eq!(
            (ended.state.as_str(), ended.exit_code, ended.attempt),
            (state, Some(*code), 1),
            "{ended:?}"
        );
    }
    let drivers: Vec<Submitted> = submitted.into_iter().map(|(driver, _)| driver).collect();
    cluster.assert_ran_once(&drivers);
    assert_eq!(cluster.started().len(), 5);
    cluster.finish().await;
}

/// An upgrade of the agent.
#[tokio::test(flavor = "multi_thread")]
async fn an_agent_that_keeps_its_work_when_it_is_asked_to_end_leaves_it_to_its_successor() {
    let mut options = options();
    options
        .worker_settings
        .insert("on_terminate".to_owned(), "keep".into());
    let mut cluster = start(options).await;
    let driver = cluster
        .submit(&supervised(&cluster, "stays", true, FOR_EVER))
        .await;
    let process = running_process(&cluster, &driver).await;
    let (reports, agent) = (cluster.workers_now().await, cluster.workers[0].pid());
    cluster.workers[0].terminate().unwrap();
    let status = cluster.workers[0].wait(BOUND).await.unwrap().unwrap();
    assert!(status.success() && process.is_alive(), "{status}");

    cluster.workers[0].start().unwrap();
    assert_ne!(cluster.workers[0].pid(), agent);
    let next = cluster.submit(&cluster.driver_of("next", 1, "")).await;
    cluster.driver_in(&next.id, "FINISHED").await;
    let now = cluster.driver(&driver.id).await;
    assert_eq!((now.attempt, now.pid), (1, process.pid), "{now:?}");
    assert_eq!(cluster.workers_now().await[0].id, reports[0].id);
    // It is as much its own as if it had started it.
    let killed = cluster.vesta(&["kill", "--wait", driver.id.as_str()]).await;
    assert_eq!(
        killed.status.code(),
        Some(0),
        "{}",
        support::stderr(&killed)
    );
    assert!(!process.is_alive());
    cluster.finish().await;
}

/// The machine's boot id tells that nothing of before can run, whatever pids there are now; ends that
/// were recorded before count.
#[tokio::test(flavor = "multi_thread")]
async fn after_a_reboot_recorded_ends_count_and_the_rest_was_interrupted() {
    let mut cluster = start(options()).await;
    let gate = cluster.dir().join("gate");
    let ends = format!("{}\nsay ended", until(&gate));
    let over = cluster
        .submit(&supervised(&cluster, "over", true, &ends))
        .await;
    let again = cluster
        .submit(&supervised(&cluster, "again", true, FOR_EVER))
        .await;
    let once = cluster
        .submit(&cluster.driver_of("once", 1, FOR_EVER))
        .await;
    let mut processes = Vec::new();
    for driver in [&over, &again, &once] {
        processes.push(running_process(&cluster, driver).await);
    }
    cluster.workers[0].kill().unwrap();
    std::fs::write(&gate, "").unwrap();
    let recorded = wait_until("its end to be recorded", BOUND, async || {
        records_of_ends(&cluster) == 1
    });
    recorded.await.unwrap();
    for process in &processes[1..] {
        supervisor_of(*process).signal(Signal::KILL).unwrap();
        // What it has started too, as a reboot would.
        let group = Pid::from_raw(i32::try_from(process.pid).unwrap()).unwrap();
        kill_process_group(group, Signal::KILL).unwrap();
    }
    let boot = "worker.boot_id=return(0b007000-0000-4000-8000-000000000001)";
    cluster.workers[0].set_env("FAILPOINTS", boot);
    cluster.workers[0].start().unwrap();

    let second = |it: &proto::Driver| it.attempt == 2 && it.pid != 0;
    cluster
        .driver_that(&again.id, "running in its second attempt", second)
        .await;
    let over_now = cluster.driver_in(&over.id, "FINISHED").await;
    assert_eq!(over_now.attempt, 1, "{over_now:?}");
    let once_now = cluster
        .driver_that(&once.id, "over", |driver| driver.ended)
        .await;
    assert_eq!(
        (once_now.state.as_str(), once_now.attempt),
        ("FAILED", 1),
        "{once_now:?}"
    );
    assert!(once_now.message.contains("reboot"), "{once_now:?}");
    cluster.starts(4).await;
    cluster.assert_ran_once(&[over, again, once]);
    cluster.finish().await;
}

/// A machine short of memory that killed the agent and its supervisors. What they left can't be collected:
/// it is ended and told, and nothing runs twice.
#[tokio::test(flavor = "multi_thread")]
async fn what_runs_without_a_supervisor_is_ended_by_the_next_agent_and_runs_nothing_twice() {
    let mut cluster = start(options()).await;
    let mut submitted = Vec::new();
    for (name, supervise) in [("again", true), ("once", false), ("again-too", true)] {
        submitted.push(
            cluster
                .submit(&supervised(&cluster, name, supervise, FOR_EVER))
                .await,
        );
    }
    let mut before = Vec::new();
    for driver in &submitted {
        before.push(running_process(&cluster, driver).await);
    }
    let over = cluster.submit(&cluster.driver_of("over", 1, "")).await;
    cluster.driver_in(&over.id, "FINISHED").await;
    submitted.push(over);

    cluster.workers[0].kill().unwrap();
    for process in &before {
        supervisor_of(*process).signal(Signal::KILL).unwrap();
    }
    assert!(
        before.iter().all(|process| process.is_alive()),
        "a driver outlives its supervisor"
    );
    // One driver's record names a process that only has the same number: it is not that driver's.
    let mut stranger = std::process::Command::new("sleep")
        .arg("600")
        .spawn()
        .unwrap();
    mistake_for(&cluster, before[1], stranger.id());
    before[1].signal(Signal::KILL).unwrap();

    cluster.workers[0].start().unwrap();
    for driver in [&submitted[0], &submitted[2]] {
        let what = "running in its second attempt";
        let again = |it: &proto::Driver| it.attempt == 2 && it.pid != 0;
        let now = cluster.driver_that(&driver.id, what, again).await;
        assert_eq!(now.state, "RUNNING");
    }
    assert!(
        !before.iter().any(|process| process.is_alive()),
        "ended before anything else runs"
    );
    let once = cluster
        .driver_that(&submitted[1].id, "over", |driver| driver.ended)
        .await;
    assert_eq!(
        (once.state.as_str(), once.attempt),
        ("FAILED", 1),
        "{once:?}"
    );
    let left_alone = stranger.try_wait().unwrap().is_none();
    stranger.kill().unwrap();
    stranger.wait().unwrap();
    assert!(left_alone, "a process with another start time was ended");

    // Two of them twice, by their worker's leave.
    cluster.starts(6).await;
    cluster.assert_ran_once(&submitted);
    cluster.finish().await;
}

/// Makes the record of the driver that runs as `process` name another process id, with the old start.
fn mistake_for(cluster: &Running, process: Process, pid: u32) {
    let instances = cluster.workers[0].dir().join("instances");
    let mut changed = 0;
    for instance in std::fs::read_dir(instances).unwrap() {
        let path = instance.unwrap().path().join("pid.0");
        let Ok(text) = std::fs::read_to_string(&path) else {
            continue;
        };
        let mut record: Value = serde_json::from_str(&text).unwrap();
        let place = record
            .pointer_mut("/process/pid")
            .expect("a record names its process");
        if *place == process.pid {
            *place = pid.into();
            std::fs::write(&path, record.to_string()).unwrap();
            changed += 1;
        }
    }
    assert_eq!(changed, 1, "one record names {process}");
}

#[tokio::test(flavor = "multi_thread")]
async fn an_agent_that_is_asked_to_end_ends_its_drivers_in_order_and_tells() {
    // Sixty seconds until a silent worker is lost: longer than this test waits for anything.
    let mut cluster = start(vesta_local::Options {
        time_scale: 1.0,
        ..options()
    })
    .await;
    let told = cluster.dir().join("told");
    let body = format!(
        "trap 'echo told >> {path}; say ended; exit 0' TERM\n{FOR_EVER}",
        path = told.display()
    );
    let supervised = cluster
        .submit(&supervised(&cluster, "again", true, &body))
        .await;
    let once = cluster.submit(&cluster.driver_of("once", 1, &body)).await;
    let before = [
        running_process(&cluster, &supervised).await,
        running_process(&cluster, &once).await,
    ];

    cluster.workers[0].terminate().unwrap();
    let status = cluster.workers[0].wait(BOUND).await.unwrap().unwrap();
    assert!(status.success(), "{status}");
    assert!(
        !before.iter().any(|process| process.is_alive()),
        "the agent ended them first"
    );
    assert_eq!(
        std::fs::read_to_string(&told).unwrap(),
        "told\ntold\n",
        "each was asked to end"
    );
    let over = cluster
        .driver_that(&once.id, "over", |driver| driver.ended)
        .await;
    assert_eq!(over.state, "ERROR", "{over:?}");

    cluster.workers[0].start().unwrap();
    let again = |it: &proto::Driver| it.attempt == 2 && it.pid != 0;
    cluster
        .driver_that(&supervised.id, "running in its second attempt", again)
        .await;
    cluster.starts(3).await;
    cluster.assert_ran_once(&[supervised, once]);
    cluster.finish().await;
}

/// D5. Spark drops the end of a driver that nobody was there to hear of: it becomes ERROR, and a
/// supervised one runs again although it succeeded.
#[tokio::test(flavor = "multi_thread")]
async fn a_driver_that_ends_while_no_master_is_there_keeps_its_end_and_ran_once() {
    let mut cluster = start(options()).await;
    let gate = cluster.dir().join("gate");
    let mut ends = Vec::new();
    for (supervise, code) in [(true, 0), (false, 0), (false, 3)] {
        let body = format!("{}\nsay ended\nexit {code}", until(&gate));
        let description = supervised(&cluster, &format!("ends-{code}"), supervise, &body);
        ends.push((cluster.submit(&description).await, code));
    }
    let mut processes = Vec::new();
    for (driver, _) in &ends {
        processes.push(running_process(&cluster, driver).await);
    }
    for master in &mut cluster.masters {
        master.kill().unwrap();
    }
    std::fs::write(&gate, "").unwrap();
    let over = wait_until("the drivers to end", BOUND, async || {
        !processes.iter().any(|process| process.is_alive())
    });
    over.await.unwrap();
    // Their worker holds their ends, over its own death too.
    let recorded = wait_until("their ends to be recorded", BOUND, async || {
        records_of_ends(&cluster) == ends.len()
    });
    recorded.await.unwrap();
    cluster.workers[0].kill().unwrap();

    cluster.start_all().await;
    for (driver, code) in &ends {
        let driver = cluster
            .driver_that(&driver.id, "over", |driver| driver.ended)
            .await;
        let state = if *code == 0 { "FINISHED" } else { "FAILED" };
        assert_eq!(
            (driver.state.as_str(), driver.exit_code),
            (state, Some(*code)),
            "{driver:?}"
        );
        assert_eq!(driver.attempt, 1);
    }
    let drivers: Vec<Submitted> = ends.into_iter().map(|(driver, _)| driver).collect();
    cluster.assert_ran_once(&drivers);
    assert_eq!(cluster.started().len(), 3);
    cluster.finish().await;
}

fn records_of_ends(cluster: &Running) -> usize {
    let instances = std::fs::read_dir(cluster.workers[0].dir().join("instances")).unwrap();
    instances
        .filter(|instance| instance.as_ref().unwrap().path().join("exit.0").exists())
        .count()
}

/// A machine that was installed anew: nobody waits for the silence of the one that was there before.
#[tokio::test(flavor = "multi_thread")]
async fn a_wiped_worker_takes_its_address_over_at_once() {
    // Sixty seconds until a silent worker is lost: longer than this test waits for anything.
    let mut cluster = start(vesta_local::Options {
        time_scale: 1.0,
        ..options()
    })
    .await;
    let driver = cluster
        .submit(&supervised(&cluster, "moves", true, FOR_EVER))
        .await;
    let process = running_process(&cluster, &driver).await;
    let old = cluster.workers_now().await.remove(0).id;

    cluster.workers[0].kill().unwrap();
    let supervisor = supervisor_of(process);
    for process in [supervisor, process] {
        process.signal(Signal::KILL).unwrap();
    }
    std::fs::remove_dir_all(cluster.workers[0].dir()).unwrap();
    // An id has the second in which it was made; within it the incarnation alone tells lives apart.
    wait_until("the next second", BOUND, async || {
        let since = UNIX_EPOCH.elapsed().unwrap_or_default();
        let now = Timestamp(u64::try_from(since.as_millis()).unwrap());
        !old.contains(&now.compact())
    })
    .await
    .unwrap();
    cluster.workers[0].start().unwrap();

    let again = |it: &proto::Driver| it.attempt == 2 && it.pid != 0;
    let moved = cluster
        .driver_that(&driver.id, "running in its second attempt", again)
        .await;
    assert_ne!(moved.worker_id, old);
    let workers = cluster.workers_now().await;
    let alive: Vec<&str> = workers
        .iter()
        .filter(|worker| worker.state == "ALIVE")
        .map(|worker| worker.id.as_str())
        .collect();
    assert_eq!(alive, [moved.worker_id.as_str()], "{workers:?}");
    assert!(
        !workers
            .iter()
            .any(|worker| worker.id == old && worker.state != "DEAD")
    );
    cluster.starts(2).await;
    cluster.assert_ran_once(&[driver]);
    cluster.finish().await;
}

/// The supervisor that executes `process`: its parent.
fn supervisor_of(process: Process) -> Process {
    let (_, parent) = support::state_and_parent(process.pid).expect("it runs");
    Process::of(parent).expect("a driver's supervisor lives as long as it")
}

#[tokio::test(flavor = "multi_thread")]
async fn a_supervised_driver_that_fails_is_restarted_after_longer_and_longer_pauses() {
    // Pauses of 0.3, 0.6 and 1.2 s.
    let cluster = start(vesta_local::Options {
        time_scale: 0.3,
        ..options()
    })
    .await;
    let times = cluster.dir().join("times");
    let body = format!(
        "date +%s%N >> {path}\nif [ $(wc -l < {path}) -lt 4 ]; then exit 1; fi",
        path = times.display()
    );
    let driver = cluster
        .submit(&supervised(&cluster, "fails", true, &body))
        .await;
    let ended = cluster.driver_in(&driver.id, "FINISHED").await;
    assert_eq!((ended.attempt, ended.exit_code), (1, Some(0)), "{ended:?}");
    let restarts: Vec<u32> = cluster
        .started()
        .iter()
        .map(|record| record.restart)
        .collect();
    assert_eq!(restarts, [0, 1, 2, 3]);
    let times: Vec<u64> = std::fs::read_to_string(&times)
        .unwrap()
        .lines()
        .map(|line| line.parse().unwrap())
        .collect();
    for (pair, least) in times.windows(2).zip([300, 600, 1200]) {
        let pause = Duration::from_nanos(pair[1] - pair[0]);
        assert!(
            pause >= Duration::from_millis(least),
            "{pause:?} is less than {least} ms"
        );
    }
    cluster.assert_ran_once(&[driver]);
    cluster.finish().await;
}

#[tokio::test(flavor = "multi_thread")]
async fn a_second_agent_on_a_directory_is_refused_and_the_first_goes_on() {
    let cluster = start(options()).await;
    let config = cluster.workers[0].config();
    let mut second = tokio::process::Command::new(support::program());
    second
        .args(["worker", "--listen", "127.0.0.1:0", "--config"])
        .arg(&config);
    second
        .env_remove("VESTA_MASTER")
        .stdin(Stdio::null())
        .kill_on_drop(true);
    let ended = tokio::time::timeout(BOUND, second.output()).await;
    let output = ended
        .expect("a second agent on one directory runs on")
        .unwrap();
    assert_eq!(output.status.code(), Some(1));
    let said = support::stderr(&output);
    let dir = cluster.workers[0].dir().display().to_string();
    assert!(
        said.contains("another worker agent holds") && said.contains(&dir),
        "{said}"
    );

    let driver = cluster.submit(&cluster.driver_of("first", 1, "")).await;
    cluster.driver_in(&driver.id, "FINISHED").await;
    let every = ListRequest {
        ended: true,
        consistent: true,
        limit: 0,
        ..ListRequest::default()
    };
    assert_eq!(
        cluster
            .client()
            .list_workers(every)
            .await
            .unwrap()
            .workers
            .len(),
        1
    );
    cluster.finish().await;
}

#[tokio::test(flavor = "multi_thread")]
async fn a_killed_driver_that_ignores_being_asked_leaves_no_process() {
    let mut options = options();
    options
        .worker_settings
        .insert("kill_grace".to_owned(), "1s".into());
    let cluster = start(options).await;
    let child = cluster.dir().join("child");
    let body = format!(
        "trap '' TERM\n(trap '' TERM; {FOR_EVER}) &\necho $! > {path}.new; mv {path}.new {path}\n\
         {FOR_EVER}",
        path = child.display()
    );
    let mut driver = cluster.submit(&cluster.driver_of("deaf", 1, &body)).await;
    driver.submission.must_run = false;
    let process = running_process(&cluster, &driver).await;
    let child = wait_for("the driver's child", BOUND, async || {
        let pid = std::fs::read_to_string(&child).ok()?;
        Process::of(pid.trim().parse().ok()?)
    });
    let child = child.await.unwrap();

    let killed = cluster.vesta(&["kill", "--wait", driver.id.as_str()]).await;
    assert_eq!(
        killed.status.code(),
        Some(0),
        "{}",
        support::stderr(&killed)
    );
    assert!(
        support::stdout(&killed).ends_with("ended as KILLED"),
        "{killed:?}"
    );
    assert!(!process.is_alive(), "the driver itself");
    let gone = wait_until("its child to be gone", BOUND, async || !child.is_alive());
    gone.await.unwrap();
    cluster.assert_ran_once(&[driver]);
    cluster.finish().await;
}

/// D35. An executor that ignores TERM and forks away, whose agent is dead when its application ends: the
/// next agent leaves nothing of it.
#[tokio::test(flavor = "multi_thread")]
async fn no_orphan_of_an_application_outlives_it_though_its_agent_was_killed() {
    let mut options = options();
    options
        .worker_settings
        .insert("kill_grace".to_owned(), "1s".into());
    let mut cluster = start(options).await;
    let children = cluster.dir().join("children");
    let body = format!(
        "trap '' TERM\nsetsid sh -c 'trap \"\" TERM; echo $$ >> {}; while :; do sleep 0.2; done' &\n\
         {FOR_EVER}",
        children.display()
    );
    let (app, _events) = cluster.app_of("deaf", 2, &body).register().await.unwrap();
    let begun = wait_for("both executors and their children", BOUND, async || {
        let text = std::fs::read_to_string(&children).unwrap_or_default();
        let mut pids: Vec<u32> = text.lines().filter_map(|pid| pid.parse().ok()).collect();
        pids.extend(cluster.started().iter().map(|record| record.pid));
        (pids.len() == 4).then_some(pids)
    });
    let processes: Vec<Process> = begun
        .await
        .unwrap()
        .into_iter()
        .filter_map(Process::of)
        .collect();
    assert_eq!(processes.len(), 4);

    cluster.workers[0].kill().unwrap();
    app.unregister(false, "done").await.unwrap();
    cluster.workers[0].start().unwrap();
    // The grace, what a supervisor may take on top, and some.
    let gone = wait_until(
        "nothing of it to run",
        Duration::from_secs(15),
        async || !processes.iter().any(|process| process.is_alive()),
    );
    gone.await.unwrap();
    cluster.finish().await;
}

/// A worker that is left alone for a year: what is over goes, what runs stays.
#[tokio::test(flavor = "multi_thread")]
async fn the_directory_of_a_driver_that_is_long_over_is_removed_and_no_other() {
    let mut options = options();
    for (name, value) in [("clean_every", "100ms"), ("work_dir_ttl", "1s")] {
        options
            .worker_settings
            .insert(name.to_owned(), value.into());
    }
    let cluster = start(options).await;
    let runs = cluster
        .submit(&cluster.driver_of("runs", 1, FOR_EVER))
        .await;
    let process = running_process(&cluster, &runs).await;
    let over = cluster
        .submit(&cluster.driver_of("over", 1, "echo x"))
        .await;
    cluster.driver_in(&over.id, "FINISHED").await;
    let instances = cluster.workers[0].dir().join("instances");
    let left = || {
        let entries = std::fs::read_dir(&instances).unwrap().map(Result::unwrap);
        let mut names: Vec<_> = entries.map(|it| it.file_name()).collect();
        names.sort();
        names
    };
    let removed = wait_until("the one that is over to be removed", BOUND, async || {
        left().len() == 1
    });
    removed.await.unwrap();
    assert!(left()[0].to_string_lossy().starts_with(runs.id.as_str()));
    assert!(process.is_alive());
    let logs = cluster.vesta(&["logs", over.id.as_str()]).await;
    assert!(
        support::stderr(&logs).contains("its directory was removed"),
        "{logs:?}"
    );
    assert_eq!(cluster.driver(&over.id).await.state, "FINISHED");
    cluster.finish().await;
}

/// A driver of one core that runs `body`.
fn supervised(cluster: &Running, name: &str, supervise: bool, body: &str) -> DriverDescription {
    DriverDescription {
        supervise,
        ..cluster.driver_of(name, 1, body)
    }
}

/// The process of a driver, once it has said itself that it runs and the masters know of it.
async fn running_process(cluster: &Running, driver: &Submitted) -> Process {
    let known = cluster
        .driver_that(&driver.id, "running", |driver| driver.pid != 0)
        .await;
    let said = wait_until("the driver to begin", BOUND, async || {
        cluster
            .started()
            .iter()
            .any(|record| record.pid == known.pid)
    });
    said.await.unwrap();
    Process::of(known.pid).expect("it runs")
}

/// Found by a user: a worker that was asked to end got its own driver back, and nobody else did until
/// it was declared lost.
#[tokio::test(flavor = "multi_thread")]
async fn the_drivers_of_a_worker_that_leaves_in_order_move_at_once() {
    // Sixty seconds until a silent worker is lost: longer than this test waits for anything.
    let mut cluster = start(vesta_local::Options {
        workers: 2,
        time_scale: 1.0,
        ..options()
    })
    .await;
    let driver = cluster
        .submit(&supervised(&cluster, "moves", true, FOR_EVER))
        .await;
    running_process(&cluster, &driver).await;
    let left = cluster.driver(&driver.id).await.worker_id;
    let at = usize::from(!left.ends_with(&port_of(&cluster, 0)));
    cluster.workers[at].terminate().unwrap();

    let again = |it: &proto::Driver| it.attempt == 2 && it.pid != 0;
    let moved = cluster
        .driver_that(&driver.id, "running in its second attempt", again)
        .await;
    assert_ne!(moved.worker_id, left);
    cluster.workers[at].wait(BOUND).await.unwrap();
    let gone = wait_until("the worker that left to be DEAD", BOUND, async || {
        let workers = cluster.workers_now().await;
        workers
            .iter()
            .any(|worker| worker.id == left && worker.state == "DEAD")
    });
    gone.await.unwrap();
    cluster.finish().await;
}

/// The end of the id of the worker at `at`.
fn port_of(cluster: &Running, at: usize) -> String {
    let address = cluster.workers[at].address().to_string();
    let port = address.rsplit(':').next().unwrap_or_default();
    format!("-{port}")
}

/// Found by a test: the signal came before anything listened for it, and what the predecessor left ran on.
#[tokio::test(flavor = "multi_thread")]
async fn an_agent_that_is_asked_to_end_while_it_starts_ends_what_its_predecessor_left() {
    let mut cluster = start(options()).await;
    let driver = cluster
        .submit(&supervised(&cluster, "left", true, FOR_EVER))
        .await;
    let process = running_process(&cluster, &driver).await;
    cluster.workers[0].kill().unwrap();
    cluster.workers[0].start().unwrap();
    // By its first line in the log it listens for signals; what was left is looked at after that.
    let begun = wait_until("the agent to begin", BOUND, async || {
        cluster.workers[0]
            .log_text()
            .matches("worker starts")
            .count()
            == 2
    });
    begun.await.unwrap();
    cluster.workers[0].terminate().unwrap();
    cluster.workers[0].wait(BOUND).await.unwrap();
    assert!(!process.is_alive());
    cluster.finish().await;
}
