//! The cluster that something is measured on.

use std::future::Future;
use std::path::Path;
use std::sync::atomic::{AtomicBool, Ordering};
use std::time::{Duration, Instant};

use anyhow::Context;
use futures::{StreamExt, TryStreamExt, stream};
use tempfile::TempDir;
use vesta_client::proto::{Driver, ListRequest, SubmitDriverReply};
use vesta_client::{Client, ClientError, ClientOptions, MasterList, new_key};
use vesta_local::{Cluster, Node, Options, Program, wait_for, wait_until};
use vesta_types::{DriverDescription, Launch};

use crate::trial::observer::{Leader, Observer, PATIENCE};

/// Submissions under way at once while a queue is filled.
const FILL_AT_ONCE: usize = 64;

/// A cluster, and whoever looks at it.
pub struct Site {
    /// Its processes.
    pub cluster: Cluster,
    /// Looks at it.
    pub observer: Observer,
    /// Where its masters are.
    pub masters: MasterList,
    // Last: its directory outlives its processes.
    _dir: TempDir,
}

impl Site {
    /// Starts a cluster below `dir` with the default timeouts, and waits until it has a leader and all
    /// its workers. Each worker has `cores`.
    pub async fn start(
        dir: &Path,
        masters: usize,
        workers: usize,
        cores: u32,
    ) -> anyhow::Result<Site> {
        let temporary = tempfile::Builder::new()
            .prefix("vesta-bench-")
            .tempdir_in(dir);
        let temporary = temporary.with_context(|| format!("in {}", dir.display()))?;
        let mut options = Options::new(Program::current()?);
        options.dir = Some(temporary.path().to_owned());
        (options.masters, options.workers, options.cores) = (masters, workers, cores);
        let mut cluster = Cluster::start(options)?;
        cluster.ready(PATIENCE).await?;
        let masters: MasterList = cluster.master_url().parse()?;
        let site = Site {
            observer: Observer::new(&masters),
            cluster,
            masters,
            _dir: temporary,
        };
        let leader = site.observer.leader(0).await?;
        site.observer.recovered(leader.epoch - 1).await?;
        site.observer.workers_alive(workers).await?;
        Ok(site)
    }

    /// A client that tries often rather than long, so that it shows when a master can answer again.
    pub fn client(&self) -> Client {
        let options = ClientOptions {
            deadline: PATIENCE,
            attempt: Duration::from_millis(1_000),
            connect: Duration::from_millis(250),
            pause_first: Duration::from_millis(10),
            pause_longest: Duration::from_millis(50),
        };
        Client::with_options(&self.masters, options)
    }

    /// The node of a master.
    pub fn master(&mut self, leader: Leader) -> anyhow::Result<&mut Node> {
        let mut nodes = self.cluster.masters.iter_mut();
        let node = nodes.find(|node| node.number() == leader.number);
        node.with_context(|| format!("there is no master {}", leader.number))
    }

    /// Submits drivers that all want what no worker has free; returns their ids.
    pub async fn fill(&self, count: u32) -> anyhow::Result<Vec<String>> {
        let client = self.client();
        let submissions = stream::iter(0..count).map(|_| submit(&client, waiting()));
        let ids = submissions
            .buffer_unordered(FILL_AT_ONCE)
            .map_ok(|reply| reply.driver_id);
        Ok(ids.try_collect().await?)
    }

    /// Starts a master again that was killed or ended, and waits until nothing is left to recover from.
    pub async fn heal(&mut self, gone: Leader, workers: usize) -> anyhow::Result<()> {
        self.master(gone)?.start()?;
        self.observer.recovered(gone.epoch).await?;
        self.observer.caught_up(gone.number).await?;
        self.observer.workers_alive(workers).await
    }

    /// Waits until every process has been given rest: each master has applied what the leader has.
    pub async fn at_rest(&self) -> anyhow::Result<()> {
        wait_until(
            "every master to have applied everything",
            PATIENCE,
            async || {
                let masters = self.observer.masters().await;
                let mut applied = masters.iter().map(|master| master.applied_index);
                let first = applied.next();
                first.is_some() && applied.all(|index| Some(index) == first)
            },
        )
        .await?;
        Ok(())
    }
}

/// Submits once, repeated with its key until it is answered.
pub async fn submit(
    client: &Client,
    description: DriverDescription,
) -> Result<SubmitDriverReply, ClientError> {
    client.submit_driver(new_key(), &description).await
}

/// Submits new drivers, one after another, while `act` goes on; returns how long the slowest took.
pub async fn slowest_while<T>(
    client: &Client,
    act: impl Future<Output = T>,
) -> anyhow::Result<(T, Duration)> {
    let over = AtomicBool::new(false);
    let act = async {
        let outcome = act.await;
        over.store(true, Ordering::Relaxed);
        outcome
    };
    let submissions = async {
        let mut slowest = Duration::ZERO;
        while !over.load(Ordering::Relaxed) {
            let begun = Instant::now();
            submit(client, waiting()).await?;
            slowest = slowest.max(begun.elapsed());
        }
        anyhow::Ok(slowest)
    };
    let (outcome, slowest) = tokio::join!(act, submissions);
    Ok((outcome, slowest?))
}

/// Has a driver run for good, so that a new leader has something to hear of.
pub async fn occupy(client: &Client) -> anyhow::Result<Driver> {
    submit(client, driver(1, "/bin/sleep", &["100000"])).await?;
    let running = wait_for("a driver to run", PATIENCE, async || {
        let drivers = client.list_drivers(ListRequest::default()).await;
        drivers.ok()?.drivers.into_iter().find(|it| it.pid != 0)
    });
    Ok(running.await?)
}

/// A driver.
pub fn driver(cores: u32, program: &str, args: &[&str]) -> DriverDescription {
    DriverDescription {
        name: "bench".to_owned(),
        launch: Launch {
            program: program.to_owned(),
            args: args.iter().map(|argument| (*argument).to_owned()).collect(),
            ..Launch::default()
        },
        cores,
        memory_mib: 16,
        supervise: false,
        conf: Default::default(),
        executor: None,
        on_disconnect: None,
        lease: None,
        total_executor_cores: None,
        named: Default::default(),
    }
}

/// A driver that fits no worker of a benchmark.
pub fn waiting() -> DriverDescription {
    driver(64, "/bin/true", &[])
}
