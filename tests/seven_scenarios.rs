//! The seven scenarios of Spark's own `FaultToleranceTest` (failure D42), which needs Docker and thirty
//! seconds of waiting for each step, and is not run automatically.
//!
//! The judge is an application of this process, with as many executors as there are workers: after each
//! fault its client must have executors that do work when they are asked to. As in the original one
//! master leads and all others stand by, and the workers that are ALIVE are those that run. Beyond it:
//! a fault of masters alone leaves every executor its process.

use std::collections::{BTreeMap, BTreeSet};
use std::path::PathBuf;

use tokio::sync::mpsc;
use vesta_client::proto::{Application, ListRequest, Master};
use vesta_client::{ApplicationClient, ApplicationEvent};
use vesta_local::{Cluster, Process, wait_for, wait_until};

use crate::support::{BOUND, Running, Submitted, options, start};

#[tokio::test(flavor = "multi_thread")]
async fn sanity() {
    let mut judge = Judge::of(1, 1).await;
    judge.holds().await;
    judge.acquits().await;
}

#[tokio::test(flavor = "multi_thread")]
async fn many_masters() {
    let mut judge = Judge::of(3, 3).await;
    judge.holds().await;
    judge.acquits().await;
}

#[tokio::test(flavor = "multi_thread")]
async fn leader_halt() {
    let mut judge = Judge::of(3, 2).await;
    let before = judge.holds().await;
    judge.cluster.kill_leader().await;
    assert_eq!(
        judge.holds().await,
        before,
        "every executor kept its process"
    );
    // A new client is served as the old one is.
    let (second, _events) = judge
        .cluster
        .app_of("second", 1, "")
        .register()
        .await
        .unwrap();
    let ran = |app: &Application| app.executors.iter().any(|it| it.exit_code == Some(0));
    judge
        .cluster
        .application_that(second.app_id(), "run by an executor", ran)
        .await;
    second.unregister(false, "it ran").await.unwrap();
    assert_eq!(judge.holds().await, before);
    judge.acquits().await;
}

#[tokio::test(flavor = "multi_thread")]
async fn master_restart() {
    // The only one, twice: its directory is all that is left.
    let mut judge = Judge::of(1, 2).await;
    let before = judge.holds().await;
    for _ in 0..2 {
        judge.cluster.masters[0].kill().unwrap();
        judge.cluster.masters[0].start().unwrap();
        assert_eq!(
            judge.holds().await,
            before,
            "every executor kept its process"
        );
    }
    judge.acquits().await;
}

#[tokio::test(flavor = "multi_thread")]
async fn cluster_failure() {
    let mut judge = Judge::of(3, 2).await;
    let before = judge.holds().await;
    let Cluster {
        masters, workers, ..
    } = &mut *judge.cluster;
    for node in masters.iter_mut().chain(workers) {
        node.kill().unwrap();
    }
    judge.cluster.start_all().await;
    let after = judge.holds().await;
    assert_eq!(
        after, before,
        "the new agents took over the executors of the old"
    );
    judge.acquits().await;
}

#[tokio::test(flavor = "multi_thread")]
async fn all_but_standby_failure() {
    let mut judge = Judge::of(3, 2).await;
    let before = judge.holds().await;
    let leader = judge.cluster.leader().await;
    judge.cluster.masters[leader].kill().unwrap();
    for worker in &mut judge.cluster.workers {
        worker.kill().unwrap();
    }
    judge.cluster.leader_after(leader).await;
    for worker in &mut judge.cluster.workers {
        worker.start().unwrap();
    }
    let after = judge.holds().await;
    judge.ended(&before);
    assert!(
        before.keys().all(|number| !after.contains_key(number)),
        "{before:?} {after:?}"
    );
    judge.acquits().await;
}

#[tokio::test(flavor = "multi_thread")]
async fn rolling_outage() {
    let mut judge = Judge::of(3, 2).await;
    let before = judge.holds().await;
    let mut submitted = Vec::new();
    for round in 0..3 {
        let (killed, _) = judge.cluster.kill_leader().await;
        assert_eq!(
            judge.holds().await,
            before,
            "every executor kept its process"
        );
        let driver = judge.cluster.driver_of(&format!("round-{round}"), 1, "");
        submitted.push(judge.cluster.submit(&driver).await);
        judge.cluster.restart_master(killed).await;
        assert_eq!(
            judge.holds().await,
            before,
            "every executor kept its process"
        );
    }
    for driver in &submitted {
        judge.cluster.driver_in(&driver.id, "FINISHED").await;
    }
    judge.submitted = submitted;
    judge.acquits().await;
}

/// A cluster, and an application that holds it to its word.
struct Judge {
    cluster: Running,
    app: ApplicationClient,
    _events: mpsc::Receiver<ApplicationEvent>,
    submitted: Vec<Submitted>,
    rounds: u32,
}

impl Judge {
    async fn of(masters: usize, workers: usize) -> Judge {
        let cluster = start(vesta_local::Options {
            masters,
            workers,
            ..options()
        })
        .await;
        let dir = cluster.dir().join("rounds");
        std::fs::create_dir(&dir).unwrap();
        // Each round of work is a file that every executor writes its process id to.
        let work = format!(
            "cd {}\nwhile :; do\n  for round in round-*; do\n    if ! grep -qx $$ $round; then echo $$ \
             >> $round; fi\n  done\n  sleep 0.1\ndone",
            dir.display()
        );
        let target = u32::try_from(workers).unwrap();
        let (app, events) = cluster
            .app_of("judge", target, &work)
            .register()
            .await
            .unwrap();
        Judge {
            cluster,
            app,
            _events: events,
            submitted: Vec::new(),
            rounds: 0,
        }
    }

    /// Waits until the cluster is as it should be with what runs of it, and its executors do a round
    /// of work. Returns their processes by number.
    async fn holds(&mut self) -> BTreeMap<u32, Process> {
        self.masters_hold().await;
        self.workers_hold().await;
        let wanted = self.cluster.workers.len();
        let id = self.app.app_id().clone();
        let what = format!("running {wanted} executors");
        let running = |app: &Application| {
            let executors = live(app);
            app.state == "RUNNING"
                && executors.len() == wanted
                && executors.iter().all(|(_, executor)| executor.pid != 0)
        };
        let app = self.cluster.application_that(&id, &what, running).await;
        let known: BTreeMap<u32, u32> = live(&app)
            .into_iter()
            .map(|(number, executor)| (number, executor.pid))
            .collect();
        let told = wait_until("the client to have the same executors", BOUND, async || {
            let table = self.app.table();
            table
                .live()
                .map(|executor| executor.number)
                .eq(known.keys().copied())
        });
        told.await.unwrap();
        self.work(known.values().copied().collect()).await;
        let process = |(number, pid)| (number, Process::of(pid).expect("it has just worked"));
        known.into_iter().map(process).collect()
    }

    /// One leader, ALIVE; every other master that runs stands by.
    async fn masters_hold(&self) {
        let client = self.cluster.client();
        let running: BTreeSet<u64> = self
            .cluster
            .masters
            .iter()
            .filter(|master| master.is_running())
            .map(|master| master.number() as u64)
            .collect();
        let hold = wait_for(
            "one master to lead and the others to stand by",
            BOUND,
            async || {
                let masters = client
                    .list_masters(ListRequest::default())
                    .await
                    .ok()?
                    .masters;
                let with = |status: &str| {
                    let of = masters
                        .iter()
                        .filter(|master: &&Master| master.status == status);
                    of.map(|master| master.node_id).collect::<BTreeSet<_>>()
                };
                let (alive, standby) = (with("ALIVE"), with("STANDBY"));
                let all: BTreeSet<u64> = alive.union(&standby).copied().collect();
                (alive.len() == 1 && all == running).then_some(())
            },
        );
        hold.await.unwrap();
    }

    /// The workers that are ALIVE are those that run, and no other was ever there.
    async fn workers_hold(&self) {
        self.cluster.workers_alive(self.cluster.workers.len()).await;
        let ports: BTreeSet<u32> = self
            .cluster
            .workers_now()
            .await
            .iter()
            .map(|worker| worker.port)
            .collect();
        let nodes = self.cluster.workers.iter();
        let expected: BTreeSet<u32> = nodes.map(|node| node.address().port().into()).collect();
        assert_eq!(ports, expected);
    }

    /// Has each of the processes do a piece of work.
    async fn work(&mut self, pids: BTreeSet<u32>) {
        self.rounds += 1;
        let round: PathBuf = self
            .cluster
            .dir()
            .join(format!("rounds/round-{}", self.rounds));
        std::fs::write(&round, "").unwrap();
        let done = wait_until(
            format!("work of the processes {pids:?}"),
            BOUND,
            async || {
                let text = std::fs::read_to_string(&round).unwrap();
                let done: BTreeSet<u32> =
                    text.lines().filter_map(|line| line.parse().ok()).collect();
                done.is_superset(&pids)
            },
        );
        done.await.unwrap();
        std::fs::remove_file(&round).unwrap();
    }

    /// None of these processes is left.
    fn ended(&self, processes: &BTreeMap<u32, Process>) {
        let left: Vec<_> = processes
            .values()
            .filter(|process| process.is_alive())
            .collect();
        assert!(
            left.is_empty(),
            "they run beside those in their place: {left:?}"
        );
    }

    /// The application ends as its client says, nothing ran twice, and nothing is left.
    async fn acquits(self) {
        self.app.unregister(false, "judged").await.unwrap();
        let app = self.cluster.application(self.app.app_id()).await;
        assert_eq!(app.state, "FINISHED", "{app:?}");
        self.cluster.assert_ran_once(&self.submitted);
        drop(self.app);
        self.cluster.finish().await;
    }
}

fn live(app: &Application) -> BTreeMap<u32, &vesta_client::proto::Executor> {
    let live = app.executors.iter().filter(|executor| !executor.ended);
    live.map(|executor| (executor.number, executor)).collect()
}
