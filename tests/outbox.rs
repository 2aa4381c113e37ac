//! What a worker has to tell and can't: it tells until it is heard, and nothing is given away before.

use std::path::PathBuf;

use vesta_client::proto;
use vesta_local::{Process, wait_for, wait_until};

use crate::support::{self, BOUND, FOR_EVER, Running, Submitted, options, until};

/// More than Spark sends one: its worker exits after the fifth that failed.
const REPORTS: usize = 12;

/// D6, D24 and D45. An executor and a driver end, and for long no report of that comes through, though
/// heartbeats do; the second time the agent dies and comes back meanwhile.
#[tokio::test(flavor = "multi_thread")]
async fn ends_that_can_t_be_told_for_long_are_told_in_the_end_and_nothing_is_booked_twice() {
    let mut options = vesta_local::Options {
        cores: 2,
        ..options()
    };
    // By the scale of a tenth ten a second; what is to be told is told again with every second one.
    options
        .worker_settings
        .insert("heartbeat".to_owned(), "1s".into());
    options
        .master_settings
        .insert("worker_heartbeat".to_owned(), "1s".into());
    let mut cluster = support::prepare(options).await;
    let hold = cluster.dir().join("hold");
    let setting = format!("worker.hold_report=return({})", hold.display());
    cluster.workers[0].set_env("FAILPOINTS", setting);
    cluster.start_all().await;
    let (app, _events) = cluster
        .app_of("loses one", 1, FOR_EVER)
        .register()
        .await
        .unwrap();

    let mut all = Vec::new();
    for round in 0..2 {
        let gate = cluster.dir().join(format!("gate-{round}"));
        let body = format!("{}\nsay ended\nexit 7", until(&gate));
        let ends = cluster.driver_of(&format!("ends-{round}"), 1, &body);
        let ends = cluster.submit(&ends).await;
        process_of(&cluster, &ends).await;
        let what = "running one executor";
        let before = cluster
            .application_that(app.app_id(), what, |it| {
                live(it).is_some_and(|it| it.pid != 0)
            })
            .await;
        let lost = live(&before).unwrap().clone();
        let executor = Process::of(lost.pid).expect("it runs");
        let waits = cluster.driver_of(&format!("waits-{round}"), 1, "");
        let waits = cluster.submit(&waits).await;
        let agent = cluster.workers[0].pid();

        std::fs::write(&hold, "").unwrap();
        let dropped = dropped_reports(&cluster);
        let recorded = ends_on_disk(&cluster);
        std::fs::write(&gate, "").unwrap();
        executor.signal(rustix::process::Signal::KILL).unwrap();
        let over = wait_until("their worker to know of their ends", BOUND, async || {
            ends_on_disk(&cluster) == recorded + 2
        });
        over.await.unwrap();
        if round == 1 {
            cluster.workers[0].kill().unwrap();
            cluster.workers[0].start().unwrap();
        }
        let tried = wait_until("it to try again and again", BOUND, async || {
            dropped_reports(&cluster) >= dropped + REPORTS
        });
        tried.await.unwrap();
        // For the masters both run: what they hold is nobody else's.
        let known = cluster.application(app.app_id()).await;
        assert_eq!(live(&known), Some(&lost), "round {round}");
        assert_eq!(cluster.driver(&ends.id).await.state, "RUNNING");
        assert_eq!(cluster.driver(&waits.id).await.state, "SUBMITTED");
        let worker = cluster.workers_now().await.remove(0);
        assert_eq!((worker.state.as_str(), worker.cores_used), ("ALIVE", 2));
        if round == 0 {
            assert_eq!(cluster.workers[0].pid(), agent, "it does not give up");
        }

        std::fs::remove_file(&hold).unwrap();
        let ended = cluster
            .driver_that(&ends.id, "over", |driver| driver.ended)
            .await;
        assert_eq!(
            (ended.state.as_str(), ended.exit_code, ended.attempt),
            ("FAILED", Some(7), 1)
        );
        cluster.driver_in(&waits.id, "FINISHED").await;
        let replaced = |it: &proto::Application| {
            live(it).is_some_and(|it| it.number == lost.number + 1 && it.pid != 0)
        };
        let what = "running a replacement";
        let after = cluster.application_that(app.app_id(), what, replaced).await;
        assert_eq!(after.ended_executors, round + 1, "{after:?}");
        all.extend([ends, waits]);
    }
    cluster.assert_ran_once(&all);
    cluster.finish().await;
}

/// Its only live executor, if it has just one.
fn live(app: &proto::Application) -> Option<&proto::Executor> {
    let mut live = app.executors.iter().filter(|it| it.state == "RUNNING");
    live.next().filter(|_| live.next().is_none())
}

fn dropped_reports(cluster: &Running) -> usize {
    let log = cluster.workers[0].log_text();
    log.matches("a failpoint drops a report").count()
}

/// How many records of ends the worker has.
fn ends_on_disk(cluster: &Running) -> usize {
    let instances = std::fs::read_dir(cluster.workers[0].dir().join("instances")).unwrap();
    let exits = instances.map(|instance| instance.unwrap().path().join("exit.0"));
    exits.filter(|exit: &PathBuf| exit.exists()).count()
}

async fn process_of(cluster: &Running, driver: &Submitted) -> Process {
    let pid = cluster.running(&driver.id).await.pid;
    let said = wait_for("the driver to begin", BOUND, async || {
        let said = cluster.started().iter().any(|record| record.pid == pid);
        if said { Process::of(pid) } else { None }
    });
    said.await.unwrap()
}
