//! Waiting for an end, for as long as it takes.

use std::time::Duration;

use tokio::time::sleep;
use vesta_proto::client as proto;
use vesta_types::{AppId, DriverId};

use crate::{Client, ClientError};

/// Shortest pause between two looks: after something changed.
const PAUSE_FIRST: Duration = Duration::from_millis(250);

/// Longest pause: while nothing changes.
const PAUSE_LONGEST: Duration = Duration::from_secs(1);

/// What whoever waits is told.
#[derive(Debug)]
pub enum WaitUpdate<'a, T> {
    /// The first look, and each time something about it changed.
    Now(&'a T),
    /// No master could answer; the waiting goes on.
    Unanswered(&'a ClientError),
}

impl Client {
    /// Waits until a driver has ended, through leader changes and times without a quorum.
    /// Returns it as it ended.
    ///
    /// # Errors
    /// `Refused` when there is no such driver (any more), `NotAllowed`; never one that may pass.
    pub async fn wait_driver(
        &self,
        id: &DriverId,
        on_update: impl FnMut(WaitUpdate<'_, proto::Driver>),
    ) -> Result<proto::Driver, ClientError> {
        // A lagging master may not know the driver yet, so a stale "not found" must not count.
        let request = proto::GetDriverRequest {
            driver_id: id.to_string(),
            consistent: true,
        };
        let look = || async {
            let reply = self.get_driver(request.clone()).await?;
            reply.driver.ok_or_else(|| gone(id))
        };
        wait(look, |driver| driver.ended, on_update).await
    }

    /// Waits until an application has ended, as [`Client::wait_driver`].
    ///
    /// # Errors
    /// As there.
    pub async fn wait_application(
        &self,
        id: &AppId,
        on_update: impl FnMut(WaitUpdate<'_, proto::Application>),
    ) -> Result<proto::Application, ClientError> {
        let request = proto::GetApplicationRequest {
            app_id: id.to_string(),
            consistent: true,
        };
        let look = || async {
            let reply = self.get_application(request.clone()).await?;
            reply.application.ok_or_else(|| gone(id))
        };
        wait(look, |application| application.ended, on_update).await
    }
}

fn gone(id: impl std::fmt::Display) -> ClientError {
    ClientError::Refused {
        reason: crate::Refusal::NotFound,
        message: format!("there is no {id} (any more)"),
    }
}

async fn wait<T: PartialEq, F: Future<Output = Result<T, ClientError>>>(
    look: impl Fn() -> F,
    ended: impl Fn(&T) -> bool,
    mut on_update: impl FnMut(WaitUpdate<'_, T>),
) -> Result<T, ClientError> {
    let mut last: Option<T> = None;
    let mut pause = PAUSE_FIRST;
    loop {
        match look().await {
            Ok(now) => {
                if last.as_ref() == Some(&now) {
                    pause = (pause * 2).min(PAUSE_LONGEST);
                } else {
                    on_update(WaitUpdate::Now(&now));
                    pause = PAUSE_FIRST;
                }
                if ended(&now) {
                    return Ok(now);
                }
                last = Some(now);
            }
            Err(error) if error.is_passing() => on_update(WaitUpdate::Unanswered(&error)),
            Err(error) => return Err(error),
        }
        sleep(pause).await;
    }
}
