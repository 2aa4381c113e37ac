//! Spark's REST gateway: submissions, kills and questions over HTTP. Any master takes them: it sends writes on to the
//! leader and answers when they are in the log.

use std::sync::Arc;

use bytes::Bytes;
use tokio::net::TcpListener;
use tonic::{Code, Request, Status};
use vesta_proto::client::client_server::Client;
use vesta_proto::client::{KillDriverRequest, SubmitDriverReply};
use vesta_proto::{checks, client_convert};
use vesta_spark::rest::{self, Answer, Call, Create, MALFORMED, Masters, Method, STANDBY};
use vesta_types::{DriverId, DriverState, RecoveryState, SubmissionKey};

use super::http::{self, Answers};
use super::{SparkDoor, convert};
use crate::context::Context;
use crate::services::client::ClientService;

/// Serves the gateway until this is dropped.
pub(super) async fn serve(listener: TcpListener, context: Arc<Context>, door: Arc<SparkDoor>) {
    let gateway = Gateway {
        service: ClientService(context),
        masters: Masters {
            own: door.url(),
            port: door.advertise.1,
            rest_port: door.rest_listen.map_or(0, |address| address.port()),
            all: door.masters.clone(),
        },
    };
    http::serve(listener, Arc::new(gateway)).await;
}

struct Gateway {
    service: ClientService,
    masters: Masters,
}

impl Answers for Gateway {
    const CONTENT: &'static str = "application/json;charset=utf-8";

    async fn answer(&self, method: Method, path: &str, body: Bytes) -> Answer {
        let call = match rest::call(method, path, &body) {
            Ok(call) => call,
            Err(answer) => return answer,
        };
        match call {
            Call::Create(create) => self.create(*create).await,
            Call::Kill(driver) => match self.kill(&driver).await {
                Ok(message) => Answer::killed(&driver, true, &message),
                Err(why) => Answer::killed(&driver, false, &why),
            },
            Call::KillAll => Answer::killed_all(self.kill_all().await.err().as_deref()),
            Call::Clear => Answer::not_cleared(),
            Call::Status(driver) => match self.status(&driver).await {
                Ok(status) => Answer::status(&driver, Ok(status)),
                Err(why) => Answer::status(&driver, Err(&why)),
            },
            Call::Ready => Answer::ready(self.context().shown().status != RecoveryState::Standby),
        }
    }
}

impl Gateway {
    fn context(&self) -> &Context {
        &self.service.0
    }

    async fn create(&self, create: Create) -> Answer {
        let (version, unknown) = (create.version.clone(), create.unknown.clone());
        let malformed = |why: &str| Answer::error(400, &format!("{MALFORMED}{why}"));
        let key = match create.key().map(checks::key).transpose() {
            Ok(key) => key.unwrap_or_else(new_key),
            Err(error) => return malformed(&format!("{}: {error}", rest::SUBMISSION_KEY)),
        };
        let driver = create.driver(&self.masters).and_then(convert::driver);
        let driver = match driver {
            Ok(driver) => driver,
            Err(why) => return malformed(&why),
        };
        let request = Request::new(client_convert::submission(key, driver));
        match self.service.submit_driver(request).await {
            Ok(reply) => {
                let SubmitDriverReply { driver_id, .. } = reply.into_inner();
                Answer::submitted(&version, Ok(&driver_id), &unknown)
            }
            Err(status) => Answer::submitted(&version, Err(&refusal(&status)), &unknown),
        }
    }

    /// Has a driver ended: what there is to say once that is in the log, or why it can't be.
    async fn kill(&self, id: &str) -> Result<String, String> {
        let gone = || format!("Driver {id} has already finished or does not exist");
        let Ok(driver) = id.parse::<DriverId>() else {
            return Err(gone());
        };
        self.current().await?;
        let is_live = self
            .state_of(&driver)
            .is_some_and(|state| !state.is_final());
        if !is_live {
            return Err(gone());
        }
        let request = KillDriverRequest {
            key: new_key().to_string(),
            driver_id: driver.to_string(),
        };
        match self.service.kill_driver(Request::new(request)).await {
            Ok(_) => Ok(format!("Kill request for {id} submitted")),
            Err(status) if status.code() == Code::NotFound => Err(gone()),
            Err(status) => Err(refusal(&status)),
        }
    }

    /// Has every driver ended.
    async fn kill_all(&self) -> Result<(), String> {
        self.current().await?;
        let live: Vec<DriverId> = {
            let state = self.context().shared.state();
            let live = state.drivers.iter();
            let live = live.filter(|(_, driver)| !driver.state.is_final());
            live.map(|(id, _)| id.clone()).collect()
        };
        for driver in live {
            let request = KillDriverRequest {
                key: new_key().to_string(),
                driver_id: driver.to_string(),
            };
            match self.service.kill_driver(Request::new(request)).await {
                Ok(_) => {}
                // It has been forgotten meanwhile.
                Err(status) if status.code() == Code::NotFound => {}
                Err(status) => return Err(refusal(&status)),
            }
        }
        Ok(())
    }

    async fn status(&self, id: &str) -> Result<Option<rest::Status>, String> {
        let Ok(driver) = id.parse::<DriverId>() else {
            return Ok(None);
        };
        self.current().await?;
        let state = self.context().shared.state();
        let Some(driver) = state.drivers.get(&driver) else {
            return Ok(None);
        };
        let on = driver.placement.as_ref().map(|placed| &placed.worker);
        let on = on.or(driver
            .last_worker
            .as_ref()
            .filter(|_| driver.state.is_final()));
        let worker = on.map(|id| {
            let known = state.workers.get(id).map(|worker| &worker.description);
            let address = known.map(|it| format!("{}:{}", it.host, it.port));
            (id.to_string(), address.unwrap_or_default())
        });
        let failed = matches!(driver.state, DriverState::Failed | DriverState::Error);
        Ok(Some(rest::Status {
            state: driver.state.to_string(),
            worker,
            message: failed.then(|| driver.message.clone()),
        }))
    }

    /// Waits until what this master has applied is current.
    async fn current(&self) -> Result<(), String> {
        let read = self.context().read_point(true).await;
        read.map(|_| ()).map_err(|status| refusal(&status))
    }

    fn state_of(&self, driver: &DriverId) -> Option<DriverState> {
        let state = self.context().shared.state();
        state.drivers.get(driver).map(|driver| driver.state)
    }
}

fn new_key() -> SubmissionKey {
    super::desk::clients::new_key()
}

/// A refusal, as Spark's clients are told it: at one that another master could lift, they go on to the next.
fn refusal(status: &Status) -> String {
    match status.code() {
        Code::Unavailable => format!("{STANDBY} {}", status.message()),
        _ => status.message().to_owned(),
    }
}
