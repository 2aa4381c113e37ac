//! A client: submits, repeats, kills and reads, one call after the other, and writes down what it was told.

use std::cell::Cell;
use std::rc::Rc;
use std::time::Duration;

use rand::rngs::StdRng;
use rand::{Rng, SeedableRng};
use uuid::Uuid;
use vesta_client::{Client, ClientError, ClientOptions, MasterList, Refusal};
use vesta_proto::client::GetDriverRequest;
use vesta_types::{DriverDescription, DriverId, Launch, SubmissionKey};

use crate::history::History;
use crate::machine::{EPOCH_MS, client_address};
use crate::net;
use crate::options::{Options, pick};
use crate::story::Story;

/// Of how many of the newest drivers one is read.
const READ_OF: usize = 5;

/// One client.
pub struct Submitter {
    name: String,
    client: Client,
    random: StdRng,
    history: History,
    story: Story,
    keys: Vec<SubmissionKey>,
    drivers: Vec<DriverId>,
}

fn now() -> Duration {
    turmoil::sim_elapsed().unwrap_or_default()
}

impl Submitter {
    /// Client number `number` of a run.
    pub fn new(number: u64, options: &Options, history: &History, story: &Story) -> Submitter {
        let mut random = StdRng::seed_from_u64(options.seed ^ (number << 48));
        let mut addresses: Vec<String> = (1..=options.masters).map(client_address).collect();
        let first = random.random_range(0..addresses.len());
        addresses.rotate_left(first);
        let masters: MasterList = format!("vesta://{}", addresses.join(","))
            .parse()
            .expect("host names and ports make a list");
        let patience = ClientOptions {
            deadline: Duration::from_secs(*pick(&mut random, &[2, 4, 8])),
            attempt: Duration::from_millis(1_000),
            ..ClientOptions::default()
        };
        Submitter {
            name: format!("c{number}"),
            client: Client::on(net::simulated(), &masters, patience),
            random,
            history: history.clone(),
            story: story.clone(),
            keys: Vec::new(),
            drivers: Vec::new(),
        }
    }

    /// Goes on until `stop`.
    pub async fn work(mut self, stop: Rc<Cell<bool>>) -> turmoil::Result {
        while !stop.get() {
            match self.random.random_range(0..100) {
                0..65 => {
                    let key = self.new_key();
                    self.keys.push(key);
                    self.submit(key).await;
                }
                65..75 => self.repeat().await,
                75..85 => self.kill().await,
                _ => self.read().await,
            }
            let pause = self.random.random_range(10..150);
            tokio::time::sleep(Duration::from_millis(pause)).await;
        }
        Ok(())
    }

    fn new_key(&mut self) -> SubmissionKey {
        let millis = EPOCH_MS + u64::try_from(now().as_millis()).unwrap_or(u64::MAX);
        let uuid = uuid::Builder::from_unix_timestamp_millis(millis, &self.random.random());
        SubmissionKey::new(uuid.into_uuid()).expect("it was just made of version 7")
    }

    async fn repeat(&mut self) {
        if self.keys.is_empty() {
            return;
        }
        let key = *pick(&mut self.random, &self.keys);
        self.submit(key).await;
    }

    async fn submit(&mut self, key: SubmissionKey) {
        let begun = now();
        self.history.lock().submissions.entry(key).or_default();
        let answer = self.client.submit_driver(key, &description(key)).await;
        let short = short(key);
        match answer {
            Ok(reply) => {
                let driver: DriverId = reply
                    .driver_id
                    .parse()
                    .expect("a master's answer names a driver");
                self.story
                    .say(&self.name, format!("submit ok {short} {driver}"));
                {
                    let mut history = self.history.lock();
                    history.answers += 1;
                    history.served.push((begun, now(), driver.clone()));
                    let submission = history.submissions.entry(key).or_default();
                    submission.acknowledged.insert(driver.clone());
                    if submission.acknowledged.len() > 1 {
                        let ids = format!("{:?}", submission.acknowledged);
                        let text = format!("key {short} was answered with several drivers: {ids}");
                        self.story.violation(now(), &self.name, text);
                    }
                }
                if !self.drivers.contains(&driver) {
                    self.drivers.push(driver);
                }
            }
            Err(error) => self.failed("submit", &short, Some(key), &error),
        }
    }

    async fn kill(&mut self) {
        if self.drivers.is_empty() {
            return;
        }
        let driver = pick(&mut self.random, &self.drivers).clone();
        let key = self.new_key();
        match self.client.kill_driver(key, &driver).await {
            Ok(reply) => {
                self.story
                    .say(&self.name, format!("kill ok {driver} {}", reply.state));
                let mut history = self.history.lock();
                history.answers += 1;
                if reply.success {
                    history.killed.insert(driver);
                }
            }
            Err(error) => self.failed("kill", &driver.to_string(), None, &error),
        }
    }

    /// A consistent read must see every driver that was acknowledged, to whomever, before it began. One of the
    /// newest: what a leader that was replaced and has not heard of it does not know.
    async fn read(&mut self) {
        let newest: Vec<DriverId> = {
            let history = self.history.lock();
            let served = history.served.iter().rev().take(READ_OF);
            served.map(|(_, _, driver)| driver.clone()).collect()
        };
        if newest.is_empty() {
            return;
        }
        let driver = pick(&mut self.random, &newest).clone();
        let killed = self.history.lock().killed.contains(&driver);
        let request = GetDriverRequest {
            driver_id: driver.to_string(),
            consistent: true,
        };
        match self.client.get_driver(request).await {
            Ok(reply) => {
                self.history.lock().answers += 1;
                let dying =
                    |driver: vesta_proto::client::Driver| driver.ended || driver.kill_requested;
                if killed && !reply.driver.is_some_and(dying) {
                    let text = format!("{driver} was killed, and a later read shows nothing of it");
                    self.story.violation(now(), &self.name, text);
                }
            }
            Err(ClientError::Refused {
                reason: Refusal::NotFound,
                message,
            }) => {
                let text = format!("{driver} was acknowledged, and a later read: {message}");
                self.story.violation(now(), &self.name, text);
            }
            Err(error) => self.failed("read", &driver.to_string(), None, &error),
        }
    }

    fn failed(&self, what: &str, whom: &str, key: Option<SubmissionKey>, error: &ClientError) {
        match error {
            ClientError::Unknown { .. } => {
                self.story.say(&self.name, format!("{what} lost {whom}"));
                if let Some(key) = key {
                    let mut history = self.history.lock();
                    history.submissions.entry(key).or_default().unknown = true;
                }
            }
            ClientError::Unavailable { .. } | ClientError::WorkerAway { .. } => {
                self.story.say(&self.name, format!("{what} away {whom}"));
            }
            ClientError::Refused { .. } | ClientError::NotAllowed { .. } => {
                let text = format!("{what} {whom} was refused: {error}");
                self.story.violation(now(), &self.name, text);
            }
        }
    }
}

/// A driver; every third is started again when its worker is lost.
fn description(key: SubmissionKey) -> DriverDescription {
    DriverDescription {
        name: short(key),
        launch: Launch {
            program: "/bin/true".to_owned(),
            ..Launch::default()
        },
        cores: 1,
        memory_mib: 64,
        supervise: is_supervised(key),
        conf: std::collections::BTreeMap::new(),
        executor: None,
        total_executor_cores: None,
        named: std::collections::BTreeMap::new(),
        on_disconnect: None,
        lease: None,
    }
}

/// Whether the driver of this key is supervised.
pub fn is_supervised(key: SubmissionKey) -> bool {
    let uuid = Uuid::parse_str(&key.to_string()).unwrap_or_default();
    uuid.as_u128().is_multiple_of(3)
}

/// The random end of a key: what tells it from the others of a run.
pub fn short(key: SubmissionKey) -> String {
    let text = key.to_string();
    let uuid = Uuid::parse_str(&text).unwrap_or_default();
    format!("{:08x}", uuid.as_u128() & 0xffff_ffff)
}
