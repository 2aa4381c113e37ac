//! Clusters of stand-ins: this test binary, started again, plays masters and workers. So what is
//! tested here is only that processes are started, found and ended.

#![allow(clippy::unwrap_used, clippy::panic)]

mod cluster;
mod stand_in;

use std::time::Duration;

use vesta_local::{Cluster, Options, Process, Program, wait_until};

const LONG: Duration = Duration::from_secs(30);

/// Options whose processes are stand-ins, which behave as `mode` says.
fn stand_ins(mode: &str) -> Options {
    let mut program = Program::current().unwrap();
    // The test harness takes `master --config FILE`, which follows, for names of other tests.
    let args = [
        "--exact",
        "--ignored",
        "--nocapture",
        "stand_in::play",
        "--",
    ];
    program.args = args.map(Into::into).to_vec();
    let mut options = Options::new(program);
    options
        .env
        .insert(stand_in::MODE.to_owned(), mode.to_owned());
    options
}

async fn ready(mode: &str) -> Cluster {
    let mut cluster = Cluster::start(stand_ins(mode)).unwrap();
    cluster.ready(LONG).await.unwrap();
    cluster
}

/// Every process of the cluster: masters, workers, and what the workers launched.
async fn processes(cluster: &Cluster) -> Vec<Process> {
    let mut all = Vec::new();
    for node in cluster.masters.iter().chain(&cluster.workers) {
        all.extend(node.process());
    }
    for worker in &cluster.workers {
        let file = worker.dir().join("launched");
        let launched = vesta_local::wait_for("a launch", LONG, async || {
            let text = std::fs::read_to_string(&file).ok()?;
            Some(text.strip_suffix('\n')?.parse().unwrap())
        });
        all.push(launched.await.unwrap());
    }
    all
}

async fn all_gone(processes: &[Process]) {
    wait_until("every process to be gone", LONG, async || {
        !processes.iter().any(|process| process.is_alive())
    })
    .await
    .unwrap();
}
