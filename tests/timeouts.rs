//! Masters that are away, whole hosts that stand still, a client that says nothing: time alone costs
//! nothing that it should not.

use std::collections::BTreeSet;
use std::path::PathBuf;

use rustix::process::Signal;
use vesta_client::proto::{self, Application, ListRequest};
use vesta_local::{Process, wait_for, wait_until};

use crate::support::{self, BOUND, FOR_EVER, Running, Submitted, options, state_and_parent};

/// D10 and D4. A Spark worker exits when masters are away for long, and takes its executors with it; and
/// its masters, back, count the time in which they heard of nobody.
#[tokio::test(flavor = "multi_thread")]
async fn an_hour_without_any_master_costs_no_worker_no_executor_and_no_driver() {
    // An hour is 9 s: three times every timeout that there is.
    let mut options = vesta_local::Options {
        time_scale: 1.0 / 400.0,
        ..options()
    };
    let settings = [
        ("worker_timeout", "1200s"),
        ("recovery_timeout", "1200s"),
        ("app_lease", "1200s"),
        ("worker_heartbeat", "80s"),
        ("order_ttl", "300s"),
        ("stop_lease", "1200s"),
    ];
    for (name, value) in settings {
        options
            .master_settings
            .insert(name.to_owned(), value.into());
    }
    for (name, value) in [("heartbeat", "80s"), ("order_ttl", "300s")] {
        options
            .worker_settings
            .insert(name.to_owned(), value.into());
    }
    let mut cluster = support::start(options).await;
    let ticks = Ticks::new(&cluster);
    let (app, _events) = cluster
        .app_of("goes on", 2, FOR_EVER)
        .register()
        .await
        .unwrap();
    let two = |app: &Application| running(app).len() == 2;
    let before = cluster
        .application_that(app.app_id(), "running two executors", two)
        .await;
    let mut drivers = Vec::new();
    for supervise in [true, false] {
        let mut driver = cluster.driver_of("goes on", 1, &ticks.body());
        driver.supervise = supervise;
        drivers.push((cluster.submit(&driver).await, 0));
    }
    for (driver, pid) in &mut drivers {
        *pid = cluster.running(&driver.id).await.pid;
    }
    let (agent, worker) = (cluster.workers[0].pid(), cluster.workers_now().await);

    for master in &mut cluster.masters {
        master.kill().unwrap();
    }
    // Two drivers, ten ticks a second.
    ticks.pass(180).await;
    // The leader begins without having heard of the worker, and hears nothing of it for a while.
    cluster.workers[0].pause().unwrap();
    for master in &mut cluster.masters {
        master.start().unwrap();
    }
    cluster.leader_that("a leader", |_| true).await;
    silent_for(&cluster, 0, 500).await;
    cluster.workers[0].resume().unwrap();
    cluster.start_all().await;

    let after = cluster
        .application_that(app.app_id(), "RUNNING again", |it| it.state == "RUNNING")
        .await;
    assert_eq!(running(&after), running(&before));
    assert_eq!(after.ended_executors, 0);
    for (driver, pid) in &drivers {
        let now = cluster.driver(&driver.id).await;
        assert_eq!(
            (now.state.as_str(), now.attempt, now.pid),
            ("RUNNING", 1, *pid)
        );
    }
    assert_eq!(cluster.workers[0].pid(), agent, "the same agent");
    assert_eq!(ids(&every_worker(&cluster).await), ids(&worker));
    // And it is served as before.
    let client = cluster.client();
    client
        .kill_driver(vesta_client::new_key(), &drivers[0].0.id)
        .await
        .unwrap();
    cluster.driver_in(&drivers[0].0.id, "KILLED").await;
    assert_eq!(cluster.started().len(), 4);
    let drivers: Vec<Submitted> = drivers.into_iter().map(|(driver, _)| driver).collect();
    cluster.assert_ran_once(&drivers);
    cluster.finish().await;
}

/// All masters stand still for longer than anybody may be silent, with writes under way, and go on.
#[tokio::test(flavor = "multi_thread")]
async fn masters_that_are_all_paused_at_once_lose_nothing_and_run_nothing_twice() {
    // A silent worker is lost after 3 s.
    let mut cluster = support::start(vesta_local::Options {
        time_scale: 0.05,
        ..options()
    })
    .await;
    let ticks = Ticks::new(&cluster);
    let lasts = cluster
        .submit(&cluster.driver_of("lasts", 1, &ticks.body()))
        .await;
    let pid = cluster.running(&lasts.id).await.pid;
    let masters: Vec<Option<u32>> = cluster.masters.iter().map(|it| it.pid()).collect();
    let worker = cluster.workers_now().await;
    let mut submitted = vec![lasts];
    for supervise in [true, false] {
        let mut driver = cluster.driver_of("just before", 1, "");
        driver.supervise = supervise;
        submitted.push(cluster.submit(&driver).await);
    }
    for master in &mut cluster.masters {
        master.pause().unwrap();
    }
    let meanwhile = cluster.driver_of("meanwhile", 1, "");
    let (meanwhile, ()) = tokio::join!(cluster.submit(&meanwhile), async {
        ticks.pass(45).await;
        for master in &cluster.masters {
            master.process().unwrap().signal(Signal::CONT).unwrap();
        }
    });
    submitted.push(meanwhile);
    cluster.leader().await;
    for driver in &submitted[1..] {
        let over = cluster.driver_in(&driver.id, "FINISHED").await;
        assert_eq!(over.attempt, 1, "{over:?}");
    }
    let now = cluster.driver(&submitted[0].id).await;
    assert_eq!(
        (now.state.as_str(), now.attempt, now.pid),
        ("RUNNING", 1, pid)
    );
    let now: Vec<Option<u32>> = cluster.masters.iter().map(|it| it.pid()).collect();
    assert_eq!(now, masters);
    assert_eq!(ids(&every_worker(&cluster).await), ids(&worker));
    assert_eq!(cluster.started().len(), 4);
    cluster.assert_ran_once(&submitted);
    cluster.finish().await;
}

/// A machine that stands still for less than the timeout, but for longer than orders are good for: nothing
/// is lost, and what was ordered meanwhile runs once.
#[tokio::test(flavor = "multi_thread")]
async fn a_host_that_stands_still_for_less_than_the_timeout_goes_on_as_it_was() {
    // Orders are obeyed for 1.5 s, a silent worker is lost after 6 s.
    let cluster = support::start(options()).await;
    let lasts = cluster
        .submit(&cluster.driver_of("lasts", 1, FOR_EVER))
        .await;
    let pid = cluster.running(&lasts.id).await.pid;
    let host = Host::pause(&cluster, 0).await;
    let late = cluster.submit(&cluster.driver_of("late", 1, "")).await;
    silent_for(&cluster, 0, 2_500).await;
    let placed = cluster.driver(&late.id).await;
    assert_ne!(placed.worker_id, "", "its order is on its way: {placed:?}");
    host.resume();
    let over = cluster.driver_in(&late.id, "FINISHED").await;
    assert_eq!(over.attempt, 1);
    let now = cluster.driver(&lasts.id).await;
    assert_eq!(
        (now.state.as_str(), now.attempt, now.pid),
        ("RUNNING", 1, pid)
    );
    assert_eq!(cluster.started().len(), 2);
    cluster.assert_ran_once(&[lasts, late]);
    cluster.finish().await;
}

/// A machine that stands still for longer than the timeout, with orders on their way: its work is done
/// elsewhere, and when it goes on it starts nothing of that and ends what it had.
#[tokio::test(flavor = "multi_thread")]
async fn a_host_that_stands_still_for_longer_than_the_timeout_starts_nothing_when_it_goes_on() {
    let mut options = vesta_local::Options {
        workers: 2,
        time_scale: 0.05,
        ..options()
    };
    options
        .worker_settings
        .insert("kill_grace".to_owned(), "1s".into());
    let cluster = support::start(options).await;
    let mut lasts = cluster.driver_of("lasts", 1, FOR_EVER);
    lasts.supervise = true;
    let lasts = cluster.submit(&lasts).await;
    let first = cluster.running(&lasts.id).await;
    let old = Process::of(first.pid).expect("it runs");
    let port = format!("-{}", cluster.workers[0].address().port());
    let away = usize::from(!first.worker_id.ends_with(&port));
    let host = Host::pause(&cluster, away).await;
    // Round robin: every second one is placed there, and its order waits in the machine's buffers.
    let mut late = Vec::new();
    for number in 0..4 {
        let mut driver = cluster.driver_of(&format!("late-{number}"), 1, "");
        driver.supervise = number < 2;
        late.push(cluster.submit(&driver).await);
    }
    let mut there = BTreeSet::new();
    for driver in &mut late {
        let placed = |it: &proto::Driver| !it.worker_id.is_empty();
        let now = cluster.driver_that(&driver.id, "placed", placed).await;
        if now.worker_id == first.worker_id {
            there.insert(driver.id.clone());
        }
    }
    assert_eq!(there.len(), 2, "two orders are on their way");
    let lost = wait_until("the host to be lost", BOUND, async || {
        let workers = every_worker(&cluster).await;
        workers
            .iter()
            .any(|it| it.id == first.worker_id && it.state == "DEAD")
    });
    lost.await.unwrap();
    for driver in &mut late {
        let (lost, supervised) = (there.contains(&driver.id), driver.submission.supervised);
        let over = cluster
            .driver_that(&driver.id, "over", |driver| driver.ended)
            .await;
        let expected = match (lost, supervised) {
            (false, _) => ("FINISHED", 1),
            (true, true) => ("FINISHED", 2),
            (true, false) => ("ERROR", 1),
        };
        assert_eq!((over.state.as_str(), over.attempt), expected, "{over:?}");
        driver.submission.must_run = expected.0 == "FINISHED";
    }
    let second = |it: &proto::Driver| it.attempt == 2 && it.pid != 0;
    cluster
        .driver_that(&lasts.id, "running in its second attempt", second)
        .await;

    host.resume();
    cluster.workers_alive(2).await;
    let stopped = wait_until("what it had to be stopped", BOUND, async || !old.is_alive());
    stopped.await.unwrap();
    // Three cores are free on the other, so this one needs the machine that is back: it has read
    // everything that was sent to it.
    let mut next = cluster.driver_of("next", 4, "");
    next.supervise = true;
    let next = cluster.submit(&next).await;
    let over = cluster.driver_in(&next.id, "FINISHED").await;
    assert_eq!(over.worker_id, first.worker_id);
    let ran: Vec<String> = cluster
        .started()
        .iter()
        .map(|record| record.instance.to_string())
        .collect();
    // It has not even taken those orders up.
    let taken = std::fs::read_dir(cluster.workers[away].dir().join("instances")).unwrap();
    let taken: Vec<String> = taken
        .map(|entry| entry.unwrap().file_name().into_string().unwrap())
        .collect();
    for id in &there {
        let late = |instance: &String| instance.starts_with(&format!("{id}.1."));
        assert!(!taken.iter().chain(&ran).any(late), "{taken:?} {ran:?}");
    }
    // Twice what lasts, two that were never lost, one supervised that was, and the last.
    assert_eq!(ran.len(), 6, "{ran:?}");
    late.extend([lasts, next]);
    cluster.assert_ran_once(&late);
    cluster.finish().await;
}

/// D8. Spark forgets the targets of dynamic applications in a fail-over, and replaces no executor until
/// the driver asks anew.
#[tokio::test(flavor = "multi_thread")]
async fn an_executor_that_is_lost_after_a_fail_over_is_replaced_without_a_word_of_its_driver() {
    // Sixty seconds until anybody is lost by silence: longer than this test waits for anything.
    let mut cluster = support::start(vesta_local::Options {
        time_scale: 1.0,
        ..options()
    })
    .await;
    let (app, events) = cluster
        .app_of("dynamic", 0, FOR_EVER)
        .register()
        .await
        .unwrap();
    app.set_target(4).await.unwrap();
    let id = app.app_id().clone();
    let four = |app: &Application| app.state == "RUNNING" && running(app).len() == 4;
    let before = cluster
        .application_that(&id, "running four executors", four)
        .await;
    cluster.kill_leader().await;
    let again = cluster
        .application_that(&id, "running four executors again", four)
        .await;
    assert_eq!(running(&again), running(&before));
    // From here on nobody says anything.
    drop((app, events));
    let (number, pid) = running(&before)[1];
    let lost = Process::of(pid).expect("it runs");
    lost.signal(Signal::KILL).unwrap();
    let replaced = |app: &Application| four(app) && running(app).iter().any(|(it, _)| *it == 4);
    let after = cluster
        .application_that(&id, "running four with a replacement", replaced)
        .await;
    let mut others = running(&before);
    others.retain(|(it, _)| *it != number);
    assert_eq!(running(&after)[..3], others[..], "nothing else was touched");
    assert_eq!(after.ended_executors, 1);
    cluster.finish().await;
}

/// A file that drivers write a line to ten times a second: proof that they go on, and a clock.
struct Ticks(PathBuf);

impl Ticks {
    fn new(cluster: &Running) -> Ticks {
        Ticks(cluster.dir().join("ticks"))
    }

    fn body(&self) -> String {
        let path = self.0.display();
        format!("while :; do echo tick >> {path}; sleep 0.1; done")
    }

    /// Until so many more lines were written.
    async fn pass(&self, more: usize) {
        let text = || std::fs::read_to_string(&self.0).unwrap_or_default();
        let wanted = text().lines().count() + more;
        let went_on = wait_until("what runs to go on", BOUND, async || {
            text().lines().count() >= wanted
        });
        went_on.await.unwrap();
    }
}

/// Everything of a worker's machine: its agent, supervisors and what they run.
struct Host(Vec<Process>);

impl Host {
    /// Stops it all.
    async fn pause(cluster: &Running, worker: usize) -> Host {
        let agent = cluster.workers[worker].process().unwrap();
        let mut paused: BTreeSet<Process> = BTreeSet::new();
        let still = wait_until("the host to stand still", BOUND, async || {
            // Whatever is stopped makes no more of them.
            let all = with_descendants(agent);
            for process in &all {
                process.signal(Signal::STOP).unwrap();
            }
            paused.extend(&all);
            all.iter().all(|process| stands_still(*process))
        });
        still.await.unwrap();
        Host(paused.into_iter().collect())
    }

    /// Lets it all go on.
    fn resume(self) {
        for process in self.0 {
            process.signal(Signal::CONT).unwrap();
        }
    }
}

/// Whether a process that was told to stop runs no more: it is stopped, or will be before it leaves the
/// kernel. A shell that waits for the child of a `vfork` which was stopped does not leave it.
fn stands_still(process: Process) -> bool {
    state_and_parent(process.pid).is_none_or(|(state, _)| matches!(state, 'T' | 'D' | 'Z'))
}

/// A process and all below it.
fn with_descendants(root: Process) -> Vec<Process> {
    let mut parents = Vec::new();
    for entry in std::fs::read_dir("/proc").unwrap().flatten() {
        let name = entry.file_name();
        if let Some(pid) = name.to_str().and_then(|name| name.parse::<u32>().ok()) {
            parents.extend(state_and_parent(pid).map(|(_, parent)| (parent, pid)));
        }
    }
    let mut all = vec![root];
    let mut next = 0;
    while let Some(process) = all.get(next).copied() {
        let children = parents.iter().filter(|(parent, _)| *parent == process.pid);
        let children = children.filter_map(|(_, pid)| Process::of(*pid));
        all.extend(children.filter(|child| child.is_alive()));
        next += 1;
    }
    all
}

/// Waits until the leader has not heard of a worker for so many milliseconds.
async fn silent_for(cluster: &Running, worker: usize, ms: u64) {
    let port = u32::from(cluster.workers[worker].address().port());
    let silent = wait_for("a worker to be silent for long", BOUND, async || {
        let workers = cluster.workers_now().await.into_iter();
        let mut silent = workers.filter(|it| it.port == port && it.last_heard_ms >= Some(ms));
        silent.next()
    });
    let seen = silent.await.unwrap();
    assert!(
        ["ALIVE", "UNKNOWN"].contains(&seen.state.as_str()),
        "{seen:?}"
    );
}

/// Every worker that the masters know of, DEAD ones too.
async fn every_worker(cluster: &Running) -> Vec<proto::Worker> {
    let request = ListRequest {
        ended: true,
        consistent: true,
        limit: 0,
        state_hash: false,
    };
    cluster
        .client()
        .list_workers(request)
        .await
        .unwrap()
        .workers
}

/// Who they are, and how.
fn ids(workers: &[proto::Worker]) -> Vec<(&str, &str)> {
    workers
        .iter()
        .map(|it| (it.id.as_str(), it.state.as_str()))
        .collect()
}

/// Numbers and processes of the executors that run.
fn running(app: &Application) -> Vec<(u32, u32)> {
    let live = app.executors.iter().filter(|it| it.state == "RUNNING");
    live.map(|it| (it.number, it.pid))
        .filter(|(_, pid)| *pid != 0)
        .collect()
}
