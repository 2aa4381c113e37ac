//! Submitting drivers, whoever leads or not, and keeping account of every call.

use std::collections::{BTreeMap, BTreeSet};
use std::path::PathBuf;
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};
use std::time::Duration;

use tokio::time::Instant;
use vesta_client::{Client, ClientError, ClientOptions, MasterList, new_key};
use vesta_local::ledger::{self, KEY_VARIABLE, LEDGER_VARIABLE};
use vesta_local::{PARENT_VARIABLE, Process};
use vesta_types::{DriverDescription, DriverId, ExecutorSize, Launch, SubmissionKey};

use super::timeline::Timeline;

/// How long one submission is sent again and again, with its key, until there is an answer.
const PATIENCE: Duration = Duration::from_secs(60);

/// What became of one call.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub enum Outcome {
    /// Acknowledged.
    Ok,
    /// Surely nothing was done.
    Failed,
    /// Nobody knows whether something was done: it is asked again with the same key.
    Unknown,
}

/// One submission, over all its calls.
#[derive(Clone, Debug)]
pub struct Entry {
    /// The driver's name.
    pub name: String,
    /// Its key, the same in each call.
    pub key: SubmissionKey,
    /// What was submitted.
    pub description: DriverDescription,
    /// When the first call was made, in Unix milliseconds.
    pub begun_ms: u64,
    /// When it was acknowledged first.
    pub acknowledged_ms: Option<u64>,
    /// Every id that it was acknowledged with: one, or something is wrong.
    pub drivers: BTreeSet<DriverId>,
    /// What became of its calls.
    pub calls: Vec<Outcome>,
    /// Why it was refused, if it was.
    pub refused: Option<String>,
}

/// Submits drivers. Cloning is cheap and shares the account.
#[derive(Clone, Debug)]
pub struct Submitter {
    client: Client,
    program: PathBuf,
    ledger: PathBuf,
    timeline: Arc<Timeline>,
    entries: Arc<Mutex<Vec<Entry>>>,
}

impl Submitter {
    /// A submitter to these masters of drivers that run `program` and append to `ledger`.
    pub fn new(
        masters: &MasterList,
        program: PathBuf,
        ledger: PathBuf,
        timeline: Arc<Timeline>,
    ) -> Submitter {
        // A person would be as patient as the default. Here each call is to show when a master could
        // answer again, so none waits for long at one that can't.
        let options = ClientOptions {
            deadline: Duration::from_secs(5),
            attempt: Duration::from_millis(1_000),
            connect: Duration::from_millis(250),
            pause_first: Duration::from_millis(20),
            pause_longest: Duration::from_millis(100),
        };
        let client = Client::with_options(masters, options);
        Submitter {
            client,
            program,
            ledger,
            timeline,
            entries: Arc::default(),
        }
    }

    /// The client that it submits with.
    pub fn client(&self) -> &Client {
        &self.client
    }

    /// A driver that takes `cores` for `run_ms`.
    pub fn short(&self, name: &str, cores: u32, run_ms: u64) -> DriverDescription {
        let args = ["demo-driver", "short", "--run-ms", &run_ms.to_string()];
        self.description(name, cores, &args)
    }

    /// The supervised driver that has words counted, with its arguments and executors.
    pub fn words(
        &self,
        args: &[&str],
        executor: ExecutorSize,
        executors: u32,
    ) -> DriverDescription {
        let args = [&["demo-driver", "words"], args].concat();
        DriverDescription {
            supervise: true,
            total_executor_cores: Some(executor.cores * executors),
            executor: Some(executor),
            ..self.description("words", 1, &args)
        }
    }

    fn description(&self, name: &str, cores: u32, args: &[&str]) -> DriverDescription {
        let launch = Launch {
            program: self.program.display().to_string(),
            args: args.iter().map(|argument| (*argument).to_owned()).collect(),
            env: BTreeMap::from([(
                LEDGER_VARIABLE.to_owned(),
                self.ledger.display().to_string(),
            )]),
            artifacts: Vec::new(),
            spark: None,
        };
        DriverDescription {
            name: name.to_owned(),
            launch,
            cores,
            memory_mib: 64,
            supervise: false,
            conf: BTreeMap::new(),
            executor: None,
            on_disconnect: None,
            lease: None,
            total_executor_cores: None,
            named: Default::default(),
        }
    }

    /// Begins a submission; it goes on by itself until it is answered. Returns its number.
    pub fn submit(&self, mut description: DriverDescription) -> usize {
        let key = new_key();
        let env = &mut description.launch.env;
        env.insert(KEY_VARIABLE.to_owned(), key.to_string());
        if let Ok(own) = Process::own() {
            env.insert(PARENT_VARIABLE.to_owned(), own.to_string());
        }
        let entry = Entry {
            name: description.name.clone(),
            key,
            description,
            begun_ms: self.timeline.unix_ms(),
            acknowledged_ms: None,
            drivers: BTreeSet::new(),
            calls: Vec::new(),
            refused: None,
        };
        let number = {
            let mut entries = self.lock();
            entries.push(entry);
            entries.len() - 1
        };
        tokio::spawn(self.clone().carry_out(number));
        number
    }

    /// Sends a submission once more, as it was, with its key: as a client does that lost the answer.
    pub fn repeat(&self, number: usize) {
        tokio::spawn(self.clone().carry_out(number));
    }

    async fn carry_out(self, number: usize) {
        let Entry {
            key, description, ..
        } = self.entry(number);
        let end = Instant::now() + PATIENCE;
        while Instant::now() < end {
            let answer = self.client.submit_driver(key, &description).await;
            let now_ms = self.timeline.unix_ms();
            let entry = &mut self.lock()[number];
            match answer {
                Ok(reply) => {
                    entry.calls.push(Outcome::Ok);
                    entry.acknowledged_ms.get_or_insert(now_ms);
                    match reply.driver_id.parse() {
                        Ok(driver) => drop(entry.drivers.insert(driver)),
                        Err(error) => entry.refused = Some(error.to_string()),
                    }
                    return;
                }
                Err(ClientError::Unavailable { .. }) => entry.calls.push(Outcome::Failed),
                Err(ClientError::Unknown { .. }) => entry.calls.push(Outcome::Unknown),
                Err(refusal) => {
                    entry.calls.push(Outcome::Failed);
                    entry.refused = Some(refusal.to_string());
                    return;
                }
            }
        }
    }

    /// One submission as it stands.
    pub fn entry(&self, number: usize) -> Entry {
        self.lock()[number].clone()
    }

    /// All submissions as they stand.
    pub fn entries(&self) -> Vec<Entry> {
        self.lock().clone()
    }

    /// The first acknowledgement of a submission that was begun at or after `since_ms`: when, and of
    /// which driver.
    pub fn first_since(&self, since_ms: u64) -> Option<(u64, Entry)> {
        let entries = self.lock();
        let later = entries.iter().filter(|entry| entry.begun_ms >= since_ms);
        let answered = later.filter_map(|entry| Some((entry.acknowledged_ms?, entry)));
        answered
            .min_by_key(|(at_ms, _)| *at_ms)
            .map(|(at_ms, entry)| (at_ms, entry.clone()))
    }

    /// The last submission that was acknowledged before `before_ms`.
    pub fn last_before(&self, before_ms: u64) -> Option<usize> {
        let entries = self.lock();
        let acknowledged = |entry: &Entry| entry.acknowledged_ms.is_some_and(|at| at < before_ms);
        entries.iter().rposition(acknowledged)
    }

    fn lock(&self) -> MutexGuard<'_, Vec<Entry>> {
        // Nothing panics while it holds the lock.
        self.entries.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

impl Entry {
    /// Whether it is settled: acknowledged or refused.
    pub fn is_settled(&self) -> bool {
        self.acknowledged_ms.is_some() || self.refused.is_some()
    }

    /// The driver that it became.
    pub fn driver(&self) -> Option<&DriverId> {
        self.drivers.first()
    }

    /// As the ledger is judged by: nobody asked for the end of any of them, so each must run.
    pub fn expected(&self) -> ledger::Submission {
        ledger::Submission {
            key: self.key,
            driver: self.driver().cloned(),
            supervised: self.description.supervise,
            must_run: true,
        }
    }
}
