//! One thread that makes things durable in the order in which they were asked for.
//!
//! Appends return to openraft at once and are durable later; whatever was appended while one sync
//! ran shares the next. Everything else that writes goes through the same queue, because to
//! openraft a vote that is durable means that every append before it is durable too.

use std::io;
use std::sync::Arc;
use std::thread::JoinHandle;
use std::time::{Duration, Instant};

use openraft::storage::IOFlushed;
use prometheus::Histogram;
use tokio::sync::mpsc::{UnboundedReceiver, UnboundedSender, unbounded_channel};
use tokio::sync::oneshot;
use tokio::time::sleep;
use vesta_journal::{JournalError, Vote};

use crate::disk::Store;
use crate::failure::Failure;
use crate::types::TypeConfig;

type Done = oneshot::Sender<Result<(), String>>;

enum Job {
    /// Entries were put into the journal; call back when they are durable.
    Appended(IOFlushed<TypeConfig>),
    Vote(Vote, Done),
    Committed(u64),
    TruncateFrom(u64, Done),
    PurgeTo {
        index: u64,
        marker: Vec<u8>,
        done: Done,
    },
}

/// The queue of the flusher. When the last clone is dropped the flusher ends.
#[derive(Clone)]
pub(crate) struct Flusher {
    jobs: UnboundedSender<Job>,
}

impl Flusher {
    /// Starts the thread; joining it waits until it has let go of the journal.
    pub(crate) fn start(
        store: Store,
        failure: Failure,
        syncs: Histogram,
    ) -> io::Result<(Flusher, JoinHandle<()>)> {
        let (jobs, queue) = unbounded_channel();
        let worker = Worker::new(store, failure, syncs);
        let thread = std::thread::Builder::new()
            .name("raft-flusher".into())
            .spawn(move || worker.run(queue))?;
        Ok((Flusher { jobs }, thread))
    }

    /// The same as a task, for a simulation: threads don't live by its clock. Each sync takes as long as
    /// `sync_time` says.
    pub(crate) fn simulate(
        store: Store,
        failure: Failure,
        syncs: Histogram,
        sync_time: Arc<dyn Fn() -> Duration + Send + Sync>,
    ) -> Flusher {
        let (jobs, queue) = unbounded_channel();
        let worker = Worker::new(store, failure, syncs);
        tokio::spawn(worker.run_simulated(queue, sync_time));
        Flusher { jobs }
    }

    pub(crate) fn appended(&self, callback: IOFlushed<TypeConfig>) {
        if let Err(lost) = self.jobs.send(Job::Appended(callback))
            && let Job::Appended(callback) = lost.0
        {
            callback.io_completed(Err(ended()));
        }
    }

    /// Only a hint, written when there is time for it.
    pub(crate) fn committed(&self, index: u64) {
        // A flusher that has ended has told the node why.
        let _ = self.jobs.send(Job::Committed(index));
    }

    pub(crate) async fn save_vote(&self, vote: Vote) -> io::Result<()> {
        self.ask(|done| Job::Vote(vote, done)).await
    }

    pub(crate) async fn truncate_from(&self, index: u64) -> io::Result<()> {
        self.ask(|done| Job::TruncateFrom(index, done)).await
    }

    pub(crate) async fn purge_to(&self, index: u64, marker: Vec<u8>) -> io::Result<()> {
        self.ask(|done| Job::PurgeTo {
            index,
            marker,
            done,
        })
        .await
    }

    async fn ask(&self, job: impl FnOnce(Done) -> Job) -> io::Result<()> {
        let (done, answer) = oneshot::channel();
        self.jobs.send(job(done)).map_err(|_| ended())?;
        answer.await.map_err(|_| ended())?.map_err(io::Error::other)
    }
}

fn ended() -> io::Error {
    io::Error::other("the journal's flusher has ended")
}

struct Worker {
    store: Store,
    failure: Failure,
    /// How long each sync took.
    syncs: Histogram,
    /// Callbacks of appends that no sync has covered yet, oldest first.
    waiting: Vec<IOFlushed<TypeConfig>>,
    /// The highest committed index not handed to the journal yet.
    committed: Option<u64>,
}

impl Worker {
    fn new(store: Store, failure: Failure, syncs: Histogram) -> Worker {
        Worker {
            store,
            failure,
            syncs,
            waiting: Vec::new(),
            committed: None,
        }
    }

    fn run(mut self, mut queue: UnboundedReceiver<Job>) {
        while let Some(first) = queue.blocking_recv() {
            self.take_all(first, &mut queue);
            self.finish();
        }
    }

    async fn run_simulated(
        mut self,
        mut queue: UnboundedReceiver<Job>,
        sync_time: Arc<dyn Fn() -> Duration + Send + Sync>,
    ) {
        while let Some(first) = queue.recv().await {
            // Half before and half after: a crash finds jobs not begun, and syncs not ended.
            let half = sync_time() / 2;
            sleep(half).await;
            self.take_all(first, &mut queue);
            sleep(half).await;
            self.finish();
        }
    }

    fn take_all(&mut self, first: Job, queue: &mut UnboundedReceiver<Job>) {
        self.take(first);
        while let Ok(next) = queue.try_recv() {
            self.take(next);
        }
    }

    fn finish(&mut self) {
        self.flush();
        if let Some(index) = self.committed.take() {
            // Only after the sync: an index must not be noted above what is durable here.
            let noted = self.store.note_committed(index);
            self.watch("note the committed index", noted).ok();
        }
    }

    fn take(&mut self, job: Job) {
        match job {
            Job::Appended(callback) => self.waiting.push(callback),
            Job::Committed(index) => self.committed = self.committed.max(Some(index)),
            Job::Vote(vote, done) => {
                self.flush();
                let saved = self.store.save_vote(vote);
                done.send(self.watch("save the vote", saved)).ok();
            }
            Job::TruncateFrom(index, done) => {
                self.flush();
                let cut = self.store.truncate_from(index);
                done.send(self.watch("cut the end of the log", cut)).ok();
            }
            Job::PurgeTo {
                index,
                marker,
                done,
            } => {
                self.flush();
                let purged = self.store.purge_to(index, marker);
                done.send(self.watch("cut the beginning of the log", purged))
                    .ok();
            }
        }
    }

    /// One sync for everything appended so far, then the callbacks in order.
    fn flush(&mut self) {
        if self.waiting.is_empty() {
            return;
        }
        // Breaks I1: what is acknowledged is on disk.
        if vesta_types::canary::is_on("acknowledge-before-flush") {
            let callbacks = self.waiting.drain(..);
            callbacks.for_each(|callback| callback.io_completed(Ok(())));
        }
        let begun = Instant::now();
        let synced = self.store.sync();
        self.syncs.observe(begun.elapsed().as_secs_f64());
        let synced = self.watch("sync the log", synced);
        for callback in self.waiting.drain(..) {
            callback.io_completed(synced.clone().map_err(io::Error::other));
        }
    }

    /// After a failed write nothing may be retried: the node stops.
    fn watch(&self, what: &str, result: Result<(), JournalError>) -> Result<(), String> {
        result.map_err(|error| {
            let text = format!("could not {what}: {error}");
            self.failure.report(text.clone());
            text
        })
    }
}
