//! `spark-submit` and its like: submissions, kills and questions, each an ask of its own.

use vesta_core::{Answer as Written, Request};
use vesta_spark::message::{
    DriverDescription, DriverState, DriverStatusResponse, KillAllDriversResponse,
    KillDriverResponse, SubmitDriverResponse, ToPeer,
};
use vesta_spark::profile::Profile;
use vesta_spark::transport::Ask;
use vesta_types::{DriverId, SparkRelease, SubmissionKey};

use super::Desk;
use crate::context::Context;
use crate::spark::convert;

/// A client knows by the first words that this master is not the one, and goes on to the others.
const NOT_ALIVE: &str = "Current state is not alive: STANDBY. Another master leads.";

/// A key for a write whose asker has none: asked twice, it is done twice.
pub(in crate::spark) fn new_key() -> SubmissionKey {
    SubmissionKey::new(uuid::Uuid::now_v7()).expect("a UUID of version 7 was just made")
}

fn answer(ask: Ask, profile: &Profile, message: &dyn ToPeer) {
    match message.write(profile) {
        Ok(body) => ask.reply(body),
        Err(error) => {
            tracing::error!(%error, "an answer could not be written");
            ask.fail(error.to_string());
        }
    }
}

/// Commits a driver.
async fn submit(context: &Context, said: DriverDescription) -> Result<DriverId, String> {
    let description = context.accepted(convert::driver(said)?);
    let request = Request::SubmitDriver { description };
    match context.write(new_key(), request).await {
        Ok((Written::Submitted { driver }, _)) => Ok(driver),
        Ok((other, _)) => Err(format!("an answer that makes no sense: {other:?}")),
        Err(error) => Err(error.message().to_owned()),
    }
}

impl Desk {
    pub(super) fn submit_driver(
        &self,
        release: SparkRelease,
        said: DriverDescription,
        ask: Option<Ask>,
    ) {
        let Some(ask) = ask else { return };
        let profile = Profile::of(release);
        let own = self.own.clone();
        if !self.leads {
            let response = SubmitDriverResponse {
                master: Some(&own),
                success: false,
                driver_id: None,
                message: NOT_ALIVE,
            };
            return answer(ask, &profile, &response);
        }
        let context = self.context.clone();
        tokio::spawn(async move {
            let (driver, message) = match submit(&context, said).await {
                Ok(driver) => {
                    let message = format!("Driver successfully submitted as {driver}");
                    (Some(driver), message)
                }
                Err(why) => (None, why),
            };
            let response = SubmitDriverResponse {
                master: Some(&own),
                success: driver.is_some(),
                driver_id: driver.as_ref().map(DriverId::as_str),
                message: &message,
            };
            answer(ask, &profile, &response);
        });
    }

    pub(super) fn kill_driver(&self, release: SparkRelease, id: String, ask: Option<Ask>) {
        let Some(ask) = ask else { return };
        let profile = Profile::of(release);
        let own = self.own.clone();
        let (leads, context) = (self.leads, self.context.clone());
        tokio::spawn(async move {
            let (success, message) = match id.parse::<DriverId>() {
                _ if !leads => (false, NOT_ALIVE.to_owned()),
                Err(error) => (false, error.to_string()),
                Ok(driver) => {
                    let request = Request::KillDriver { driver };
                    match context.write(new_key(), request).await {
                        Ok((Written::Killed { message, .. }, _)) => (true, message),
                        Ok((other, _)) => (false, format!("{other:?}")),
                        Err(error) => (false, error.message().to_owned()),
                    }
                }
            };
            let response = KillDriverResponse {
                master: Some(&own),
                driver_id: &id,
                success,
                message: &message,
            };
            answer(ask, &profile, &response);
        });
    }

    pub(super) fn driver_status(&self, release: SparkRelease, id: &str, ask: Option<Ask>) {
        let Some(ask) = ask else { return };
        let profile = Profile::of(release);
        if !self.leads {
            let response = DriverStatusResponse {
                exception: Some(NOT_ALIVE),
                ..DriverStatusResponse::default()
            };
            return answer(ask, &profile, &response);
        }
        let state = self.state();
        let id = id.parse::<DriverId>().ok();
        let Some(driver) = id.and_then(|id| state.drivers.get(&id)) else {
            return answer(ask, &profile, &DriverStatusResponse::default());
        };
        let worker = driver.placement.as_ref();
        let worker = worker.and_then(|placed| state.workers.get(&placed.worker));
        let at = worker.map(|worker| {
            let description = &worker.description;
            format!("{}:{}", description.host, description.port)
        });
        let shown = driver.state.to_string();
        let failed = matches!(
            driver.state,
            vesta_types::DriverState::Failed | vesta_types::DriverState::Error
        );
        let response = DriverStatusResponse {
            found: true,
            state: DriverState::ALL
                .into_iter()
                .find(|state| state.as_str() == shown),
            worker_id: worker.map(|worker| worker.description.id.as_str()),
            worker_host_port: at.as_deref(),
            exception: Some(driver.message.as_str()).filter(|_| failed),
        };
        answer(ask, &profile, &response);
    }

    pub(super) fn kill_all_drivers(&self, release: SparkRelease, ask: Option<Ask>) {
        let Some(ask) = ask else { return };
        let profile = Profile::of(release);
        let own = self.own.clone();
        let live: Vec<DriverId> = {
            let state = self.state();
            let live = state.drivers.iter();
            let live = live.filter(|(_, driver)| !driver.state.is_final());
            live.map(|(id, _)| id.clone()).collect()
        };
        let (leads, context) = (self.leads, self.context.clone());
        tokio::spawn(async move {
            let mut failed = None;
            if !leads {
                failed = Some(NOT_ALIVE.to_owned());
            }
            let wanted = if leads { live } else { Vec::new() };
            let count = wanted.len();
            for driver in wanted {
                let request = Request::KillDriver { driver };
                if let Err(error) = context.write(new_key(), request).await {
                    failed = Some(error.message().to_owned());
                    break;
                }
            }
            let message = failed
                .clone()
                .unwrap_or_else(|| format!("Kill request for all drivers submitted ({count})"));
            let response = KillAllDriversResponse {
                master: Some(&own),
                success: failed.is_none(),
                message: &message,
            };
            answer(ask, &profile, &response);
        });
    }
}
