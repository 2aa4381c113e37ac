//! Waiting for an end, for as long as it takes.

use std::time::Duration;

use tokio::time::sleep;
use vesta_proto::client as proto;
use vesta_types::{AppId, DriverId, WorkerId, WorkerState};

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

impl Client {
    /// Waits until a drained worker has nothing left, or is no longer drained or no longer there, as
    /// [`Client::wait_driver`]. Returns it as it was then.
    ///
    /// # Errors
    /// As there.
    pub async fn wait_drained(
        &self,
        id: &WorkerId,
        on_update: impl FnMut(WaitUpdate<'_, proto::Worker>),
    ) -> Result<proto::Worker, ClientError> {
        let request = proto::GetWorkerRequest {
            worker_id: id.to_string(),
            consistent: true,
        };
        let look = || async {
            let reply = self.get_worker(request.clone()).await?;
            let mut worker = reply.worker.ok_or_else(|| gone(id))?;
            // What differs at every look is no change.
            worker.last_heard_ms = None;
            if let Some(left) = worker.drain.as_mut().and_then(|it| it.left_ms.as_mut()) {
                *left -= *left % 1_000;
            }
            Ok(worker)
        };
        let done = |worker: &proto::Worker| {
            let left = worker.drivers + worker.executors + worker.stopping;
            worker.drain.is_none() || worker.state == WorkerState::Dead.as_str() || left == 0
        };
        wait(look, done, on_update).await
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
