//! The driver's job while it goes on: what is counted, and the conversation with each executor.

use std::collections::BTreeMap;
use std::io;
use std::sync::{Mutex, MutexGuard, PoisonError};
use std::time::Duration;

use tokio::io::{AsyncBufReadExt, BufReader};
use tokio::net::TcpStream;
use tokio::net::tcp::{OwnedReadHalf, OwnedWriteHalf};
use tokio::sync::watch;
use tokio::time::timeout;
use vesta_local::ledger::Record;

use super::files::{ExecutorShare, JobResult, Progress};
use super::parts::{Link, Next, Parts};
use super::wire::{FromDriver, FromExecutor, receive, send};
use super::words::{self, Counts};

/// How long an executor may take to say who it is, or to answer beyond the time it is to hold a part.
/// After it the part goes to another.
const PATIENCE: Duration = Duration::from_secs(10);

/// A connection to an executor that is done; closing it lets the executor exit.
pub type Connection = (BufReader<OwnedReadHalf>, OwnedWriteHalf);

/// The job.
#[derive(Debug)]
pub struct Job {
    texts: Vec<String>,
    hold: Duration,
    state: Mutex<State>,
    /// Raised at each change of `state`.
    changed: watch::Sender<()>,
}

#[derive(Debug)]
struct State {
    parts: Parts,
    counts: Counts,
    links: BTreeMap<Link, Executor>,
    connected: usize,
}

#[derive(Debug)]
struct Executor {
    instance: String,
    worker: String,
}

impl Job {
    /// Counting the words of `text` in about `parts` parts, the last `kept_percent` of which wait for
    /// [`Job::release`]. Until then executors keep each part for `hold_ms` at least.
    pub fn new(text: &str, parts: usize, kept_percent: usize, hold_ms: u64) -> Job {
        let texts = words::split(text, text.len().div_ceil(parts.max(1)));
        let texts: Vec<String> = texts.into_iter().map(str::to_owned).collect();
        let kept = (texts.len() * kept_percent).div_ceil(100);
        let state = State {
            parts: Parts::new(texts.len(), kept),
            counts: Counts::new(),
            links: BTreeMap::new(),
            connected: 0,
        };
        Job {
            texts,
            hold: Duration::from_millis(hold_ms),
            state: Mutex::new(state),
            changed: watch::Sender::default(),
        }
    }

    /// Tells of each change.
    pub fn changes(&self) -> watch::Receiver<()> {
        self.changed.subscribe()
    }

    /// Lets the last parts go.
    pub fn release(&self) {
        self.change(|state| state.parts.release());
    }

    /// Whether every part is counted.
    pub fn is_finished(&self) -> bool {
        self.state().parts.is_finished()
    }

    /// How far it is.
    pub fn progress(&self) -> Progress {
        let state = self.state();
        Progress {
            parts: self.texts.len(),
            counted: state.parts.counted_so_far(),
            executors: state.connected,
        }
    }

    /// What was found, by this run of the driver.
    pub fn result(&self, driver: &Record) -> JobResult {
        let state = self.state();
        let mut executors: BTreeMap<String, ExecutorShare> = BTreeMap::new();
        for (link, executor) in &state.links {
            let share = executors.entry(executor.instance.clone()).or_default();
            share.worker.clone_from(&executor.worker);
            share.parts += state.parts.returned_by(*link);
        }
        JobResult {
            counts: state.counts.clone(),
            parts: self.texts.len(),
            parts_taken_back: state.parts.taken_back(),
            executors,
            attempt: driver.attempt,
            restart: driver.restart,
        }
    }

    /// Serves one executor until nothing is left to do, or it is lost. Returns its connection once it
    /// has said goodbye.
    pub async fn serve(self: std::sync::Arc<Job>, stream: TcpStream) -> Option<Connection> {
        let (link, mut connection) = match self.welcome(stream).await {
            Ok(welcomed) => welcomed,
            Err(error) => {
                println!("a connection that is no executor's: {error}");
                return None;
            }
        };
        let outcome = self.converse(link, &mut connection).await;
        self.change(|state| {
            state.connected -= 1;
            state.parts.lost(link);
        });
        match outcome {
            Ok(()) => Some(connection),
            Err(error) => {
                println!("link {link} is lost, what it had goes to another: {error}");
                None
            }
        }
    }

    async fn welcome(&self, stream: TcpStream) -> io::Result<(Link, Connection)> {
        stream.set_nodelay(true)?;
        let (from, to) = stream.into_split();
        let mut from = BufReader::new(from);
        let hello = timeout(PATIENCE, receive(&mut from)).await??;
        let Some(FromExecutor::Hello { instance, worker }) = hello else {
            return Err(io::Error::other(format!("{hello:?} instead of a hello")));
        };
        let link = self.change(|state| {
            let link = state.links.len() as Link;
            println!("link {link} is {instance} on {worker}");
            state.links.insert(link, Executor { instance, worker });
            state.connected += 1;
            link
        });
        Ok((link, (from, to)))
    }

    async fn converse(&self, link: Link, (from, to): &mut Connection) -> io::Result<()> {
        let mut changes = self.changes();
        loop {
            changes.borrow_and_update();
            let next = self.state().parts.next(link);
            match next {
                Next::Count(part) => {
                    let text = self.texts[part].clone();
                    let hold = if self.state().parts.is_released() {
                        Duration::ZERO
                    } else {
                        self.hold
                    };
                    let hold_ms = super::timeline::millis(hold);
                    send(
                        to,
                        &FromDriver::Part {
                            part,
                            hold_ms,
                            text,
                        },
                    )
                    .await?;
                    let answer = timeout(PATIENCE + hold, receive(from)).await??;
                    let Some(FromExecutor::Counted { part, counts }) = answer else {
                        return Err(io::Error::other(format!("{answer:?} instead of counts")));
                    };
                    self.change(|state| {
                        if state.parts.counted(link, part) {
                            words::add(&mut state.counts, counts);
                        }
                    });
                }
                Next::Wait => tokio::select! {
                    _ = changes.changed() => {}
                    // An executor that waits says nothing: either it is gone, or it is mad.
                    _ = from.fill_buf() => return Err(io::ErrorKind::ConnectionAborted.into()),
                },
                Next::Finished => {
                    send(to, &FromDriver::Finished).await?;
                    let answer = timeout(PATIENCE, receive(from)).await??;
                    return match answer {
                        Some(FromExecutor::Goodbye) => Ok(()),
                        answer => Err(io::Error::other(format!("{answer:?} instead of a goodbye"))),
                    };
                }
            }
        }
    }

    fn change<T>(&self, change: impl FnOnce(&mut State) -> T) -> T {
        let result = change(&mut self.state());
        self.changed.send_replace(());
        result
    }

    fn state(&self) -> MutexGuard<'_, State> {
        // Nothing panics while it holds the lock.
        self.state.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

#[cfg(test)]
mod tests {
    use std::sync::Arc;

    use tokio::net::TcpListener;

    use super::*;

    const TEXT: &str = "a b\nb c\nc d\nd e\n";

    /// An executor's side of a connection that `job` serves.
    async fn executor(job: &Arc<Job>, instance: &str) -> BufReader<TcpStream> {
        let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
        let address = listener.local_addr().unwrap();
        let mut stream = BufReader::new(TcpStream::connect(address).await.unwrap());
        tokio::spawn(Arc::clone(job).serve(listener.accept().await.unwrap().0));
        let hello = FromExecutor::Hello {
            instance: instance.into(),
            worker: "w".into(),
        };
        send(&mut stream, &hello).await.unwrap();
        stream
    }

    async fn part(stream: &mut BufReader<TcpStream>) -> (usize, Counts) {
        match receive(stream).await.unwrap() {
            Some(FromDriver::Part { part, text, .. }) => (part, words::count(&text)),
            other => panic!("a part: {other:?}"),
        }
    }

    fn driver() -> Record {
        let instance = "driver-20261121110000-0000.1.67e5504410b1426f9247bb680e5fe0c8";
        Record {
            event: vesta_local::ledger::Event::Ended,
            instance: instance.parse().unwrap(),
            attempt: 1,
            restart: 0,
            pid: 1,
            at: vesta_types::Timestamp(0),
            key: None,
            boot_us: 0,
            epoch: 1,
            note: String::new(),
        }
    }

    #[tokio::test]
    async fn what_a_lost_executor_had_is_counted_by_another() {
        let job = Arc::new(Job::new(TEXT, 2, 0, 0));
        let mut lost = executor(&job, "first").await;
        let (taken, _) = part(&mut lost).await;
        drop(lost);
        let mut other = executor(&job, "second").await;
        let mut numbers = Vec::new();
        for _ in 0..2 {
            let (number, counts) = part(&mut other).await;
            numbers.push(number);
            let counted = FromExecutor::Counted {
                part: number,
                counts,
            };
            send(&mut other, &counted).await.unwrap();
        }
        assert!(numbers.contains(&taken), "{numbers:?}");
        assert_eq!(
            receive(&mut other).await.unwrap(),
            Some(FromDriver::Finished)
        );
        let result = job.result(&driver());
        assert_eq!((result.attempt, result.restart), (1, 0));
        assert_eq!(result.counts, words::count(TEXT));
        assert_eq!(result.parts_taken_back, 1);
        assert_eq!(
            (
                result.executors["first"].parts,
                result.executors["second"].parts
            ),
            (0, 2)
        );
    }

    #[tokio::test]
    async fn the_last_parts_are_handed_out_when_they_are_released() {
        let job = Arc::new(Job::new(TEXT, 4, 50, 0));
        let mut executor = executor(&job, "only").await;
        for _ in 0..2 {
            let (part, counts) = part(&mut executor).await;
            send(&mut executor, &FromExecutor::Counted { part, counts })
                .await
                .unwrap();
        }
        let mut changes = job.changes();
        while job.progress().counted < 2 {
            changes.changed().await.unwrap();
        }
        assert!(!job.is_finished());
        job.release();
        assert_eq!(part(&mut executor).await.0, 2);
    }

    #[tokio::test]
    async fn an_executor_that_answers_nonsense_is_lost_and_nothing_else_is() {
        let job = Arc::new(Job::new(TEXT, 1, 0, 0));
        let mut mad = executor(&job, "mad").await;
        let _ = part(&mut mad).await;
        send(&mut mad, &FromExecutor::Goodbye).await.unwrap();
        let mut sane = executor(&job, "sane").await;
        assert_eq!(part(&mut sane).await.0, 0);
    }
}
