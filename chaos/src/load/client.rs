//! A client: one step after the other, every call written down.

use std::sync::Arc;
use std::time::Duration;

use rand::rngs::StdRng;
use rand::{Rng, SeedableRng};
use tokio::time::{Instant, sleep, sleep_until, timeout};
use vesta_client::proto::{Driver, GetDriverRequest, ListRequest};
use vesta_client::{Client, ClientError, MasterList, Refusal, new_key};
use vesta_types::{DriverDescription, DriverId, OnDisconnect};

use super::Shared;
use super::mix::{Step, Wish};
use super::recorder::Name;
use crate::record::{Answer, Op, Outcome, Submit};
use crate::work;

/// Memory of each driver, in MiB.
const MEMORY_MIB: u64 = 32;

/// How often a submission whose outcome is not known is sent again: then its client gives up.
const REPEATS: u32 = 3;

/// Steps until the load is drained.
pub(super) async fn run(shared: Arc<Shared>, number: u32) {
    let seed = shared.options.seed ^ u64::from(number + 1).wrapping_mul(0x9e37_79b9_7f4a_7c15);
    let mut random = StdRng::seed_from_u64(seed);
    let mut life = 0;
    let mut one = One::born(&shared, number, life);
    let pace = f64::from(shared.options.clients) / shared.options.calls_per_second;
    let mut next = Instant::now();
    while !shared.drained() {
        next += Duration::from_secs_f64(pace * random.random_range(0.2..1.8));
        // What could not be done while nobody answered is not made up for.
        next = next.max(Instant::now());
        sleep_until(next).await;
        let step = match shared.options.mix.step(&mut random) {
            Step::Submit(wish) if !wish.manner.ends() && shared.own.is_full() => Step::Kill,
            step => step,
        };
        let submits = matches!(
            step,
            Step::Submit(_) | Step::SubmitTwice(_) | Step::SubmitAndDie(_)
        );
        if submits && shared.stopped() {
            continue;
        }
        match step {
            Step::Submit(wish) => one.submit(&wish).await,
            Step::SubmitTwice(wish) => one.submit_twice(&wish, &mut random).await,
            Step::SubmitAndDie(wish) => {
                let within = Duration::from_micros(random.random_range(0..20_000));
                // Dropped in the midst: its connection breaks, its call stays open.
                let _ = timeout(within, one.submit(&wish)).await;
                life += 1;
                one = One::born(&shared, number, life);
            }
            Step::Kill => {
                if let Some(driver) = shared.own.to_kill(&mut random) {
                    one.kill(driver).await;
                }
            }
            Step::Status => {
                if let Some(driver) = shared.own.to_read(&mut random) {
                    one.status(&driver).await;
                }
            }
            Step::List => one.list().await,
        }
    }
}

/// One life of a client.
pub(super) struct One {
    shared: Arc<Shared>,
    client: Client,
    name: Name,
    number: u32,
    life: u32,
}

impl One {
    fn born(shared: &Arc<Shared>, number: u32, life: u32) -> One {
        One {
            shared: Arc::clone(shared),
            client: shared.client(),
            name: Name::new(format!("client-{number}.{life}")),
            number,
            life,
        }
    }

    /// The one that drains the load.
    pub(super) fn last(shared: &Arc<Shared>, name: &str) -> One {
        One {
            name: Name::new(name.to_owned()),
            ..One::born(shared, 0, 0)
        }
    }

    fn wanted(&self, wish: &Wish) -> (Submit, DriverDescription) {
        let submit = Submit {
            key: new_key(),
            manner: wish.manner,
            supervised: wish.supervised,
            on_disconnect: wish.on_disconnect,
            probe: false,
        };
        let driver = describe(&self.shared, &submit);
        (submit, driver)
    }

    /// As a real client does: sends it again with the same key as long as the outcome is not known.
    async fn submit(&mut self, wish: &Wish) {
        let (submit, driver) = self.wanted(wish);
        self.shared.own.sent(&submit);
        for _ in 0..=REPEATS {
            let outcome =
                submit_once(&self.shared, &self.client, &mut self.name, &submit, &driver).await;
            if !matches!(outcome, Outcome::Unknown { .. }) {
                return;
            }
        }
    }

    async fn submit_twice(&mut self, wish: &Wish, random: &mut StdRng) {
        let (submit, driver) = self.wanted(wish);
        self.shared.own.sent(&submit);
        let masters = self.shared.options.masters.addresses().to_vec();
        let first = random.random_range(0..masters.len());
        let other = (first + 1) % masters.len();
        let through = |at: usize| {
            let one = format!("vesta://{}", masters[at]).parse::<MasterList>();
            let one = one.unwrap_or_else(|_| self.shared.options.masters.clone());
            Client::with_options(&one, self.shared.patience())
        };
        let (left, right) = (through(first), through(other));
        let mut beside = Name::new(format!(
            "client-{}.{}-beside-{}",
            self.number, self.life, submit.key
        ));
        tokio::join!(
            submit_once(&self.shared, &left, &mut self.name, &submit, &driver),
            submit_once(&self.shared, &right, &mut beside, &submit, &driver),
        );
    }

    pub(super) async fn kill(&mut self, driver: DriverId) -> bool {
        let key = new_key();
        let op = Op::Kill {
            key,
            driver: driver.clone(),
        };
        let call = async {
            match self.client.kill_driver(key, &driver).await {
                Ok(reply) => Outcome::Ok(Answer::Killed {
                    success: reply.success,
                    state: reply.state,
                }),
                Err(error) => outcome(&error),
            }
        };
        let outcome = self.shared.recorder.call(&mut self.name, op, call).await;
        let done = matches!(
            outcome,
            Outcome::Ok(Answer::Killed { success: true, .. } | Answer::NotFound { .. })
        );
        if !done {
            self.shared.own.not_killed(driver);
        }
        done
    }

    /// Reads a status; whether the driver is known to have ended.
    pub(super) async fn status(&mut self, driver: &DriverId) -> bool {
        let op = Op::Status {
            driver: driver.clone(),
            consistent: false,
        };
        let request = GetDriverRequest {
            driver_id: driver.to_string(),
            consistent: false,
        };
        let call = async {
            match self.client.get_driver(request).await {
                Ok(reply) => {
                    let (stale, index) = reply.read.map_or((false, 0), |it| (it.stale, it.index));
                    Outcome::Ok(status(reply.driver.unwrap_or_default(), stale, index))
                }
                Err(error) => outcome(&error),
            }
        };
        let outcome = self.shared.recorder.call(&mut self.name, op, call).await;
        let ended = match outcome {
            Outcome::Ok(Answer::Status { ended, stale, .. }) => ended && !stale,
            Outcome::Ok(Answer::NotFound { stale }) => !stale,
            _ => false,
        };
        if ended {
            self.shared.own.ended(driver);
        }
        ended
    }

    async fn list(&mut self) {
        let call = async {
            match self.client.list_drivers(ListRequest::default()).await {
                Ok(reply) => {
                    let read = reply.read.unwrap_or_default();
                    Outcome::Ok(Answer::Listed {
                        total: reply.total,
                        stale: read.stale,
                        index: read.index,
                    })
                }
                Err(error) => outcome(&error),
            }
        };
        self.shared
            .recorder
            .call(&mut self.name, Op::List, call)
            .await;
    }

    /// Asks what became of a submission; whether there was an answer.
    pub(super) async fn find(&mut self, submit: &Submit) -> bool {
        let key = submit.key;
        let request = vesta_client::proto::FindKeyRequest {
            key: key.to_string(),
            consistent: true,
        };
        let call = async {
            match self.client.find_key(request).await {
                Ok(reply) => {
                    let stale = reply.read.is_some_and(|it| it.stale);
                    Outcome::Ok(if reply.found {
                        let id = reply.id;
                        Answer::Found { id, stale }
                    } else {
                        Answer::NotFound { stale }
                    })
                }
                Err(error) => outcome(&error),
            }
        };
        let op = Op::FindKey { key };
        let outcome = self.shared.recorder.call(&mut self.name, op, call).await;
        if let Outcome::Ok(Answer::Found { id, .. }) = &outcome
            && let Ok(driver) = id.parse()
        {
            self.shared.own.acknowledged(submit, &driver);
        }
        matches!(outcome, Outcome::Ok(_))
    }

    /// A moment between two attempts.
    pub(super) async fn pause(&self) {
        sleep(Duration::from_millis(200)).await;
    }
}

pub(super) async fn submit_once(
    shared: &Shared,
    client: &Client,
    name: &mut Name,
    submit: &Submit,
    driver: &DriverDescription,
) -> Outcome {
    let call = async {
        match client.submit_driver(submit.key, driver).await {
            Ok(reply) => match reply.driver_id.parse() {
                Ok(driver) => {
                    shared.own.acknowledged(submit, &driver);
                    Outcome::Ok(Answer::Submitted {
                        driver,
                        duplicate: reply.duplicate,
                    })
                }
                Err(error) => Outcome::Unknown {
                    why: error.to_string(),
                },
            },
            Err(error) => outcome(&error),
        }
    };
    shared
        .recorder
        .call(name, Op::Submit(submit.clone()), call)
        .await
}

pub(super) fn describe(shared: &Shared, submit: &Submit) -> DriverDescription {
    let Submit {
        key,
        manner,
        supervised,
        on_disconnect,
        ..
    } = *submit;
    let ledger = shared.options.dir.ledger();
    DriverDescription {
        name: "load".to_owned(),
        launch: work::launch(&shared.options.program, &ledger, manner, key),
        cores: 1,
        memory_mib: MEMORY_MIB,
        supervise: supervised,
        conf: Default::default(),
        executor: None,
        total_executor_cores: None,
        named: Default::default(),
        on_disconnect: (on_disconnect != OnDisconnect::Keep).then_some(on_disconnect),
        lease: None,
    }
}

/// What a call came to that did not get what it asked for.
pub(super) fn outcome(error: &ClientError) -> Outcome {
    let why = error.to_string();
    match error {
        ClientError::Refused {
            reason: Refusal::NotFound,
            ..
        } => Outcome::Ok(Answer::NotFound { stale: false }),
        ClientError::Unknown { .. } => Outcome::Unknown { why },
        _ => Outcome::Failed { why },
    }
}

fn status(driver: Driver, stale: bool, index: u64) -> Answer {
    Answer::Status {
        state: driver.state,
        ended: driver.ended,
        attempt: driver.attempt,
        restart: driver.restart,
        kill_requested: driver.kill_requested,
        stale,
        index,
    }
}
