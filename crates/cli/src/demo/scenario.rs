//! The schedule: what happens in the demo, in order.

use std::sync::Arc;
use std::sync::atomic::{AtomicUsize, Ordering};
use std::time::Duration;

use anyhow::Context;
use tokio::task::AbortHandle;
use vesta_client::MasterList;
use vesta_local::ledger::{self, Event, Record};
use vesta_local::{Cluster, Node, wait_until};
use vesta_types::ExecutorSize;

use super::faults::{Kind, fault};
use super::files::{self, JobResult};
use super::input::Text;
use super::report::Fault;
use super::sabotage::{self, Sabotage};
use super::submissions::Submitter;
use super::tally::{application, driver};
use super::timeline::Timeline;
use super::waiting::Waiting;
use crate::trial::observer::{Leader, Observer, PATIENCE};

/// Executors that count words, one per worker.
const EXECUTORS: u32 = 2;

/// Cores of each: with the driver's one, three of the eight are left for all else.
const EXECUTOR: ExecutorSize = ExecutorSize {
    cores: 2,
    memory_mib: 128,
};

/// Cores of a worker.
pub const WORKER_CORES: u32 = 4;

/// Workers.
pub const WORKERS: usize = 2;

/// Parts of the text, about, and how long an executor keeps each while faults last, so that executors
/// count through all of them.
const PARTS: &str = "240";
const HOLD_MS: &str = "150";

/// Drivers that need a whole worker and so wait through every fault.
const WIDE: usize = 2;

/// Short drivers to begin with, more than fit at once.
const SHORT_AT_ONCE: usize = 6;

/// How long a short driver runs.
const SHORT_MS: u64 = 600;

/// Pause between two submissions, whoever leads or not.
const SUBMIT_EVERY: Duration = Duration::from_millis(300);

/// The faults, in order.
pub const FAULTS: [Kind; 3] = [Kind::Kill, Kind::Kill, Kind::Pause];

/// How long nothing may live, and yet something be expected, until it is given up.
const GIVE_UP: Duration = Duration::from_secs(3);

/// Everything that the schedule acts on.
#[derive(Debug)]
pub struct Demo<'a> {
    /// The processes.
    pub cluster: &'a mut Cluster,
    /// The clock.
    pub timeline: Arc<Timeline>,
    /// Submits.
    pub submitter: Submitter,
    /// Looks.
    pub observer: Observer,
    masters: MasterList,
    names: Arc<AtomicUsize>,
}

/// What the schedule found so far. What ran is in the ledger.
#[derive(Debug, Default)]
pub struct Found {
    /// The faults that were come through.
    pub faults: Vec<Fault>,
    /// The driver's result.
    pub job: Option<JobResult>,
    /// Whether the application that had to wait got its executor.
    pub waiting_application_ran: bool,
    /// Orders that workers refused as stale.
    pub orders_refused_as_stale: u64,
    /// Elections beside the first, by the masters' reports.
    pub elections: usize,
}

/// Ends a task when it is dropped.
struct Background(AbortHandle);

impl Drop for Background {
    fn drop(&mut self) {
        self.0.abort();
    }
}

impl<'a> Demo<'a> {
    /// A demo on a cluster that has been started.
    ///
    /// # Errors
    /// When this program has no path, or the cluster no masters.
    pub fn new(cluster: &'a mut Cluster, timeline: Arc<Timeline>) -> anyhow::Result<Demo<'a>> {
        let masters: MasterList = cluster.master_url().parse()?;
        let program = std::env::current_exe()?;
        let ledger = cluster.ledger();
        let submitter = Submitter::new(&masters, program, ledger, Arc::clone(&timeline));
        let observer = Observer::new(&masters);
        Ok(Demo {
            cluster,
            timeline,
            submitter,
            observer,
            masters,
            names: Arc::default(),
        })
    }

    /// The master with this number.
    ///
    /// # Errors
    /// When there is none.
    pub fn master(&mut self, number: usize) -> anyhow::Result<&mut Node> {
        let nodes = &mut self.cluster.masters;
        let node = nodes.iter_mut().find(|node| node.number() == number);
        node.with_context(|| format!("there is no master {number}"))
    }

    /// Submits one more short driver.
    pub fn submit_short(&self) {
        short(&self.submitter, &self.names);
    }

    /// Runs the schedule, and puts what it finds into `found` as it goes.
    ///
    /// # Errors
    /// When the cluster does not get into a state that it must get into, in time.
    pub async fn run(
        &mut self,
        text: &Text,
        spoil: Option<Sabotage>,
        found: &mut Found,
    ) -> anyhow::Result<()> {
        std::fs::write(files::text(self.cluster.dir()), &text.text)?;
        let first = self.establish().await?;
        let words = self.begin_counting().await?;
        let waiting = self.fill_the_queue(spoil).await?;
        let pace = self.keep_submitting();
        let mut leader = first;
        for kind in FAULTS {
            found.faults.push(fault(self, kind, leader).await?);
            leader = self.observer.leader(leader.epoch).await?;
        }
        drop(pace);
        if spoil == Some(Sabotage::DoubleLaunch) {
            let done = sabotage::launch_again(&self.submitter, &self.cluster.ledger()).await?;
            self.timeline.say("sabotage", done);
        }
        std::fs::write(files::release(self.cluster.dir()), "")?;
        self.timeline.say(
            "demo",
            "no more faults: the last parts may go, the queue may empty",
        );
        self.settle(words).await;
        found.job = files::read(&files::result(self.cluster.dir())).ok();
        found.waiting_application_ran = waiting.finish().await?;
        let workers = self.observer.workers().await;
        found.orders_refused_as_stale = workers.iter().map(|it| it.stale_orders_refused).sum();
        found.elections = self
            .observer
            .failovers()
            .await
            .range(first.epoch + 1..)
            .count();
        Ok(())
    }

    async fn establish(&mut self) -> anyhow::Result<Leader> {
        self.cluster.ready(PATIENCE).await?;
        let leader = self.observer.leader(0).await?;
        self.observer.workers_alive(WORKERS).await?;
        let masters = self.cluster.masters.len();
        let told = format!("leads {masters} masters; {WORKERS} workers of {WORKER_CORES} cores");
        self.timeline.say(format!("master {}", leader.number), told);
        Ok(leader)
    }

    /// Submits the driver that has words counted, and waits until its executors run on both workers.
    async fn begin_counting(&mut self) -> anyhow::Result<usize> {
        let dir = self.cluster.dir().display().to_string();
        let executors = EXECUTORS.to_string();
        let args = [
            ["--dir", &dir],
            ["--executors", &executors],
            ["--parts", PARTS],
            ["--hold-ms", HOLD_MS],
        ];
        let words = self
            .submitter
            .words(args.as_flattened(), EXECUTOR, EXECUTORS);
        let words = self.submitter.submit(words);
        wait_until("the executors to run", PATIENCE, async || {
            let started = self
                .records()
                .into_iter()
                .filter(|record| record.event == Event::Started);
            started
                .filter(|record| application(&record.instance).is_some())
                .count()
                >= 2
        })
        .await?;
        self.timeline.say(
            "driver",
            "words runs, and has an executor on each worker to count",
        );
        Ok(words)
    }

    /// Submits more than fits, so that some must wait.
    async fn fill_the_queue(&mut self, spoil: Option<Sabotage>) -> anyhow::Result<Waiting> {
        for number in 0..WIDE {
            let name = format!("wide-{number}");
            self.submitter
                .submit(self.submitter.short(&name, WORKER_CORES, SHORT_MS));
        }
        if spoil == Some(Sabotage::LoseSubmission) {
            let lost = self.submitter.short("lost", WORKER_CORES, SHORT_MS);
            let lost = self.submitter.submit(lost);
            let done = sabotage::lose(&self.submitter, lost).await?;
            self.timeline.say("sabotage", done);
        }
        let program = std::env::current_exe()?;
        let ledger = self.cluster.ledger();
        let waiting = Waiting::register(&self.masters, &program, ledger, WORKER_CORES).await?;
        for _ in 0..SHORT_AT_ONCE {
            self.submit_short();
        }
        self.tell_queue(&waiting).await;
        Ok(waiting)
    }

    async fn tell_queue(&self, waiting: &Waiting) {
        let drivers = self.observer.live_drivers().await.unwrap_or_default();
        let waits: Vec<_> = drivers
            .iter()
            .filter(|driver| !driver.waiting_because.is_empty())
            .collect();
        let told = format!("{} drivers and an application wait", waits.len());
        self.timeline.say("queue", told);
        let first = waits.first();
        let first = first.map(|driver| (driver.name.clone(), driver.waiting_because.clone()));
        let application = Some((waiting.id().to_owned(), waiting.because()));
        for (what, because) in [first, application].into_iter().flatten() {
            if !because.is_empty() {
                self.timeline.say("queue", format!("{what}: {because}"));
            }
        }
    }

    /// Goes on submitting short drivers until what it returns is dropped.
    fn keep_submitting(&self) -> Background {
        let (submitter, names) = (self.submitter.clone(), Arc::clone(&self.names));
        let task = tokio::spawn(async move {
            let mut ticks = tokio::time::interval(SUBMIT_EVERY);
            loop {
                ticks.tick().await;
                short(&submitter, &names);
            }
        });
        Background(task.abort_handle())
    }

    /// Waits until every driver that was acknowledged has come to its end, by the ledger; or until it
    /// is clear that one never will. Which of the two, the ledger tells.
    async fn settle(&self, words: usize) {
        let mut nothing_lives_since = None;
        let settled = wait_until(
            "everything that was submitted to run",
            PATIENCE,
            async || {
                let entries = self.submitter.entries();
                if !entries.iter().all(|entry| entry.is_settled()) {
                    return false;
                }
                let records = self.records();
                let ended = |entry: &super::submissions::Entry| {
                    records.iter().any(|record| {
                        record.event == Event::Ended && driver(&record.instance) == entry.driver()
                    })
                };
                if entries
                    .iter()
                    .filter(|entry| entry.driver().is_some())
                    .all(ended)
                {
                    return true;
                }
                match self.observer.live_drivers().await {
                    Some(live) if live.is_empty() => {
                        let now = tokio::time::Instant::now();
                        nothing_lives_since.get_or_insert(now).elapsed() > GIVE_UP
                    }
                    _ => {
                        nothing_lives_since = None;
                        false
                    }
                }
            },
        );
        let outcome = settled.await;
        let entries = self.submitter.entries();
        let acknowledged = entries
            .iter()
            .filter(|entry| entry.driver().is_some())
            .count();
        let counted = files::read::<JobResult>(&files::result(self.cluster.dir()));
        let words = &entries[words].name;
        self.timeline.say(
            "driver",
            match counted {
                Ok(job) => format!(
                    "{words} has all {} parts back from its executors",
                    job.parts
                ),
                Err(error) => format!("{words} has no result: {error:#}"),
            },
        );
        self.timeline.say(
            "demo",
            match outcome {
                Ok(()) => format!("nothing waits and nothing runs of {acknowledged} drivers"),
                Err(error) => error.to_string(),
            },
        );
    }

    fn records(&self) -> Vec<Record> {
        // A line that is being written is whole at the next look.
        ledger::read(&self.cluster.ledger()).unwrap_or_default()
    }
}

fn short(submitter: &Submitter, names: &AtomicUsize) {
    let name = format!("short-{:03}", names.fetch_add(1, Ordering::Relaxed));
    submitter.submit(submitter.short(&name, 1, SHORT_MS));
}
