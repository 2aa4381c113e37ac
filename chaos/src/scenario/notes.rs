//! What a scenario leaves for the checker: its calls, as any run does.

use std::sync::Arc;
use std::sync::atomic::{AtomicU64, Ordering};
use std::time::{Duration, SystemTime};

use vesta_client::{Client, ClientError, new_key};
use vesta_types::{DriverDescription, DriverId, OnDisconnect, SubmissionKey};

use super::Finding;
use super::finding::must;
use super::stage::with_key;
use crate::check;
use crate::record::{
    Answer, Appender, CallId, CallPart, Clock, Entry, Event, Judgement, Manner, NetMode, Op,
    Options, Outcome, RunDir, Submit, Timings, write_json,
};

/// The checks that need nothing but calls, the ledger and the masters' logs. What else a run is held to (load,
/// coverage, quiet times, leaks) a scenario has not, or asserts itself.
const CHECKS: [&str; 8] = [
    "acknowledged",
    "keys",
    "instances",
    "unsupervised",
    "epochs",
    "kills",
    "entries",
    "durable",
];

/// Writes down calls. Clones write to the same history.
#[derive(Clone)]
pub(super) struct Notes {
    dir: RunDir,
    clock: Clock,
    history: Arc<Appender<Entry>>,
    calls: Arc<AtomicU64>,
}

impl Notes {
    /// Begins the directory of a scenario with such a cluster.
    pub(super) fn begin(dir: RunDir, cluster: &vesta_local::Options) -> Result<Notes, Finding> {
        let clock = Clock::start();
        let wall = SystemTime::now().duration_since(SystemTime::UNIX_EPOCH);
        let wall = wall.unwrap_or_default().as_millis();
        let name = dir.path().file_name().unwrap_or_default().to_string_lossy();
        let apart = cluster.places.is_empty();
        let options = Options {
            seed: 0,
            scenario: Some(name.into_owned()),
            seconds: 0,
            masters: u32::try_from(cluster.masters).unwrap_or(u32::MAX),
            workers: u32::try_from(cluster.workers).unwrap_or(u32::MAX),
            net: if apart {
                NetMode::Loopback
            } else {
                NetMode::Namespaces
            },
            timings: Timings::scaled(
                cluster.time_scale,
                Duration::from_secs(10),
                cluster.election.1,
            ),
            faults: Vec::new(),
            commit: String::new(),
            started_boot_us: clock.started_boot_us(),
            started_wall_ms: u64::try_from(wall).unwrap_or(u64::MAX),
            calls_min: 0,
        };
        write_json(&dir.options(), &options).map_err(unknown)?;
        // A scenario's faults are in its text, not in its directory.
        Appender::<Event>::open(&dir.events()).map_err(unknown)?;
        let history = Appender::open(&dir.history()).map_err(unknown)?;
        Ok(Notes {
            dir,
            clock,
            history: Arc::new(history),
            calls: Arc::default(),
        })
    }

    /// Submits a driver under this key and writes that down. Returns its id, and whether it was there before.
    pub(super) async fn submit(
        &self,
        client: &Client,
        key: SubmissionKey,
        driver: &DriverDescription,
    ) -> Result<(String, bool), ClientError> {
        let submit = Submit {
            key,
            manner: Manner::Forever,
            supervised: driver.supervise,
            on_disconnect: driver.on_disconnect.unwrap_or(OnDisconnect::Keep),
            probe: false,
        };
        let id = self.next();
        self.write(&id, CallPart::Invoked(Op::Submit(submit)));
        let answer = client.submit_driver(key, &with_key(driver, key)).await;
        let outcome = match &answer {
            Ok(reply) => match reply.driver_id.parse() {
                Ok(driver) => Outcome::Ok(Answer::Submitted {
                    driver,
                    duplicate: reply.duplicate,
                }),
                Err(_) => Outcome::Unknown {
                    why: format!("{:?} is no driver's id", reply.driver_id),
                },
            },
            Err(error) => failed(error),
        };
        self.write(&id, CallPart::Returned(outcome));
        answer.map(|reply| (reply.driver_id, reply.duplicate))
    }

    /// Kills a driver and writes that down. Returns whether that is recorded.
    pub(super) async fn kill(
        &self,
        client: &Client,
        driver: &DriverId,
    ) -> Result<bool, ClientError> {
        let (id, key) = (self.next(), new_key());
        let op = Op::Kill {
            key,
            driver: driver.clone(),
        };
        self.write(&id, CallPart::Invoked(op));
        let answer = client.kill_driver(key, driver).await;
        let outcome = match &answer {
            Ok(reply) => Outcome::Ok(Answer::Killed {
                success: reply.success,
                state: reply.state.clone(),
            }),
            Err(error) => failed(error),
        };
        self.write(&id, CallPart::Returned(outcome));
        answer.map(|reply| reply.success)
    }

    /// Every call is a client of its own: a scenario makes many at a time.
    fn next(&self) -> CallId {
        let number = self.calls.fetch_add(1, Ordering::Relaxed);
        CallId {
            client: format!("call-{number}"),
            call: 1,
        }
    }

    fn write(&self, id: &CallId, what: CallPart) {
        let (at, id) = (self.clock.now(), id.clone());
        if let Err(error) = self.history.append(&Entry { at, id, what }) {
            tracing::error!(%error, "a call is not recorded");
        }
    }

    /// Judges the directory, once everything has ended and the ledger is in its place.
    pub(super) fn judge(&self) -> Result<(), Finding> {
        let verdict = check::judge(&self.dir).map_err(unknown)?;
        write_json(&self.dir.verdict(), &verdict).map_err(unknown)?;
        for check in verdict.checks {
            let counts = CHECKS.contains(&check.check.as_str());
            must!(
                !counts || check.judgement != Judgement::Invalid,
                "{} ({}): {:?}",
                check.check,
                check.demands,
                check.findings
            );
        }
        Ok(())
    }
}

fn failed(error: &ClientError) -> Outcome {
    let why = error.to_string();
    match error {
        ClientError::Unknown { .. } => Outcome::Unknown { why },
        _ => Outcome::Failed { why },
    }
}

fn unknown(error: impl std::fmt::Display) -> Finding {
    Finding::Unknown(error.to_string())
}
