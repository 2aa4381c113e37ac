//! The probe: one small write after the other, so that the time in which none is answered can be told.

use std::sync::Arc;
use std::time::Duration;

use tokio::time::{Instant, sleep_until};
use vesta_client::{Client, ClientOptions, new_key};
use vesta_types::{DriverId, OnDisconnect};

use super::Shared;
use super::client::{describe, outcome, submit_once};
use super::recorder::Name;
use crate::record::{Answer, Manner, Op, Outcome, Submit};

/// The probe's client, as the history names it.
pub(crate) const PROBE: &str = "probe";

/// Submits one driver, and then kills that over and over: each is a write of its own, with its own key,
/// that a quorum has to take in, and starts no process.
pub(super) async fn run(shared: Arc<Shared>) {
    let client = Client::with_options(
        &shared.options.masters,
        ClientOptions {
            deadline: Duration::from_secs(1),
            attempt: Duration::from_millis(400),
            connect: Duration::from_millis(200),
            pause_first: Duration::from_millis(10),
            pause_longest: Duration::from_millis(40),
        },
    );
    let mut name = Name::new(PROBE.to_owned());
    let mut target = None;
    let mut next = Instant::now();
    while !shared.drained() {
        next = (next + shared.options.probe_every).max(Instant::now());
        sleep_until(next).await;
        target = match target {
            Some(driver) => kill(&shared, &client, &mut name, driver).await,
            None => submit(&shared, &client, &mut name).await,
        };
    }
}

async fn submit(shared: &Shared, client: &Client, name: &mut Name) -> Option<DriverId> {
    let submit = Submit {
        key: new_key(),
        manner: Manner::Exits {
            after_ms: 0,
            code: 0,
        },
        supervised: false,
        on_disconnect: OnDisconnect::Keep,
        probe: true,
    };
    let driver = describe(shared, &submit);
    shared.own.sent(&submit);
    match submit_once(shared, client, name, &submit, &driver).await {
        Outcome::Ok(Answer::Submitted { driver, .. }) => Some(driver),
        _ => None,
    }
}

/// The driver to kill next: none when this one is forgotten.
async fn kill(
    shared: &Shared,
    client: &Client,
    name: &mut Name,
    driver: DriverId,
) -> Option<DriverId> {
    let key = new_key();
    let op = Op::Kill {
        key,
        driver: driver.clone(),
    };
    let call = async {
        match client.kill_driver(key, &driver).await {
            Ok(reply) => Outcome::Ok(Answer::Killed {
                success: reply.success,
                state: reply.state,
            }),
            Err(error) => outcome(&error),
        }
    };
    match shared.recorder.call(name, op, call).await {
        Outcome::Ok(Answer::NotFound { .. }) => None,
        _ => Some(driver),
    }
}
