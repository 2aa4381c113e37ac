//! How Spark's applications end: their drivers say so, or are gone.

use vesta_core::{Command, Request, SparkAsk};
use vesta_spark::message::UnregisterApplication;
use vesta_spark::transport::ConnectionId;
use vesta_types::{AppId, SparkPeer};

use crate::context::Context;
use crate::leader::Input;
use crate::spark::application::Held;
use crate::spark::desk::{Desk, writing};

impl Desk {
    /// A driver says that its application is over.
    pub(in crate::spark::desk) fn unregister(
        &mut self,
        connection: ConnectionId,
        said: &UnregisterApplication,
    ) {
        let Some(app) = self.app_on(connection) else {
            return;
        };
        if app.as_str() != said.app_id {
            return;
        }
        if let Some(seat) = self.app(&app) {
            seat.ending = true;
        }
        let Some(led) = &self.led else { return };
        let (epoch, proposer) = (led.epoch, self.context.proposer.clone());
        tokio::spawn(async move {
            for _ in 0..writing::TRIES {
                let command = Command::FromSparkDriver {
                    epoch,
                    app: app.clone(),
                    ask: SparkAsk::Unregister,
                };
                if proposer.own(command).await.is_ok() {
                    return;
                }
                tokio::time::sleep(writing::PAUSE).await;
            }
        });
    }

    /// Its driver is gone without a word: its connection closed, and its port refuses.
    pub(super) fn end_gone(&mut self, app: AppId) {
        tracing::warn!(%app, "the driver of an application of Spark's is gone: its connection closed, and its port refuses");
        let context = self.context.clone();
        tokio::spawn(async move {
            let why = "its driver is gone: the connection closed, and its port refuses";
            if let Err(error) = write_gone(&context, &app, why).await {
                tracing::warn!(%app, error, "the end of an application is not written");
            }
        });
    }

    /// The applications whose drivers are gone if this one registers over this connection, since they had its
    /// address. Nothing is said to them any more; that they are over is to be written.
    pub(super) async fn those_before(
        &mut self,
        connection: ConnectionId,
        driver: &SparkPeer,
        (name, user): (&str, &str),
    ) -> Vec<AppId> {
        let context = self.context.clone();
        let Some(led) = &mut self.led else {
            return Vec::new();
        };
        let (mut gone, mut sessions, mut lines) = (Vec::new(), Vec::new(), Vec::new());
        {
            let state = context.shared.state();
            for (id, seat) in &mut led.apps {
                if (seat.peer.host.as_str(), seat.peer.port) != (driver.host.as_str(), driver.port)
                {
                    continue;
                }
                let known = state.applications.get(id).map(|app| &app.description);
                let held = Held {
                    same_connection: seat.connection == Some(connection),
                    same_name: known.is_some_and(|app| {
                        let of = app.spark.as_ref();
                        app.name == name
                            && of.is_some_and(|of| of.user == user && of.peer == *driver)
                    }),
                    has_id: seat.has_id,
                    ending: seat.ending,
                };
                if held.is_of_another_driver() {
                    lines.extend(seat.connection);
                    sessions.extend(seat.unseat());
                    seat.ending = true;
                    gone.push(id.clone());
                }
            }
        }
        for line in lines {
            self.connections.remove(&line);
            let why = "another driver has registered from its address";
            self.transport.close(line, why);
        }
        for session in sessions {
            self.context.sessions.close_app(session);
            self.say(Input::AppClosed(session)).await;
        }
        gone
    }
}

/// Writes that an application is over because its driver is gone.
pub(super) async fn write_gone(context: &Context, app: &AppId, why: &str) -> Result<(), String> {
    let request = Request::UnregisterApplication {
        app: app.clone(),
        failed: true,
        message: why.to_owned(),
    };
    writing::surely(context, request).await.map(|_| ())
}
