//! How Spark's applications come: their drivers register, or answer a new leader.

use tokio::time::Instant;
use vesta_core::{Answer as Written, Request};
use vesta_spark::message::{ApplicationRemoved, RegisterApplication, RegisteredApplication};
use vesta_spark::profile::Profile;
use vesta_spark::transport::ConnectionId;
use vesta_types::{AppId, ApplicationDescription, SparkPeer};

use super::AppSeat;
use super::ending::write_gone;
use crate::context::Context;
use crate::leader::Input;
use crate::spark::convert;
use crate::spark::desk::{Desk, Note, Who, clients};
use crate::spark::redial::Redial;

impl Desk {
    /// A driver registers its application. A standby says nothing, as Spark's: the driver asks every master.
    pub(in crate::spark::desk) async fn register_application(
        &mut self,
        connection: ConnectionId,
        said: RegisterApplication,
    ) {
        if !self.leads {
            return;
        }
        let driver = said.driver.clone();
        match self.described(said) {
            Ok(description) => {
                self.register_described(connection, driver, description)
                    .await
            }
            Err(why) => {
                tracing::warn!(%driver, why, "an application of Spark's is refused");
                let profile = Profile::of(driver.release);
                let removed = ApplicationRemoved { message: &why };
                self.send(connection, &driver, &profile, &removed);
            }
        }
    }

    /// What an application is, if it can be taken; else why not.
    pub(in crate::spark::desk) fn described(
        &self,
        said: RegisterApplication,
    ) -> Result<ApplicationDescription, String> {
        let retries = self.context.config.max_executor_retries;
        convert::application(said.description, said.driver, retries)
    }

    /// Registers an application: one that is registered already gets the id that it has.
    pub(in crate::spark::desk) async fn register_described(
        &mut self,
        connection: ConnectionId,
        driver: SparkPeer,
        description: ApplicationDescription,
    ) {
        let user = description.spark.as_ref().map(|spark| spark.user.clone());
        let named = (description.name.as_str(), user.as_deref().unwrap_or(""));
        let gone = self.those_before(connection, &driver, named).await;
        let (context, notes) = (self.context.clone(), self.notes.clone());
        tokio::spawn(async move {
            let result = register(&context, gone, description).await;
            let _ = notes
                .send(Note::Registered(connection, driver, result))
                .await;
        });
    }

    /// The registration is in the log, and now the driver hears of it; or it is not, and the driver tries again.
    pub(in crate::spark::desk) async fn registered(
        &mut self,
        connection: ConnectionId,
        driver: SparkPeer,
        result: Result<AppId, String>,
    ) {
        let app = match result {
            Ok(app) => app,
            Err(why) => {
                return tracing::warn!(%driver, why, "an application of Spark's is not registered");
            }
        };
        if !self.leads || !self.connections.contains_key(&connection) {
            // Whoever leads now dials the driver; if it is still this master, so does this one.
            if let Some(led) = &mut self.led {
                led.apps.entry(app).or_insert_with(|| AppSeat::of(driver));
            }
            return;
        }
        let Some(led) = &mut self.led else { return };
        let known = led.apps.contains_key(&app);
        let seat = led
            .apps
            .entry(app.clone())
            .or_insert_with(|| AppSeat::of(driver.clone()));
        let older = seat.connection.filter(|older| *older != connection);
        let session = seat.unseat();
        seat.connection = Some(connection);
        seat.profile = Profile::of(driver.release);
        let profile = seat.profile.clone();
        if let Some(older) = older {
            self.connections.remove(&older);
            self.transport
                .close(older, "the driver has made a newer connection");
        }
        if let Some(session) = session {
            self.context.sessions.close_app(session);
            self.say(Input::AppClosed(session)).await;
        }
        self.is_of(connection, Who::App(app.clone())).await;
        let registered = RegisteredApplication {
            app_id: app.as_str(),
            master: &self.own,
        };
        let told = self.send(connection, &driver, &profile, &registered);
        if let Some(seat) = self.app(&app) {
            seat.has_id |= told;
        }
        self.open_app(&app).await;
        if known {
            // If it has had its id from another leader, only this tells it that it is not cut off any more.
            self.tell_who_leads(connection, &driver, &profile);
        }
    }

    /// The driver listens to this leadership: from now on its application has a session.
    async fn open_app(&mut self, id: &AppId) {
        let Some(seat) = self.app(id) else { return };
        seat.told = None;
        if seat.session.is_some() {
            return;
        }
        let (sender, carry) = self.app_stream(id);
        let session = self.context.sessions.open_app(id.clone(), sender);
        carry(session);
        if let Some(seat) = self.app(id) {
            seat.session = Some(session);
            seat.redial = Redial::due(Instant::now());
        }
        self.say(Input::AppOpened(session, id.clone())).await;
    }

    /// A driver has answered that it follows.
    pub(in crate::spark::desk) async fn app_acknowledged(
        &mut self,
        connection: ConnectionId,
        id: &str,
    ) {
        let Some(app) = self.app_on(connection) else {
            return;
        };
        if app.as_str() != id {
            tracing::warn!(%app, said = id, "a driver answers for another application");
            return self
                .transport
                .close(connection, "it answers for another application");
        }
        if let Some(seat) = self.app(&app) {
            seat.has_id = true;
        }
        self.open_app(&app).await;
    }
}

/// Writes that these applications are over, and then that one registers. What is not written the driver asks
/// for again.
async fn register(
    context: &Context,
    gone: Vec<AppId>,
    description: ApplicationDescription,
) -> Result<AppId, String> {
    for app in gone {
        tracing::warn!(%app, "the driver of an application of Spark's is gone: another one has its address");
        write_gone(
            context,
            &app,
            "its driver is gone: another one has its address",
        )
        .await?;
    }
    let request = Request::RegisterApplication { description };
    match context.write(clients::new_key(), request).await {
        Ok((Written::Registered { app }, _)) => Ok(app),
        Ok((answer, _)) => Err(format!("an answer that makes no sense: {answer:?}")),
        Err(error) => Err(error.message().to_owned()),
    }
}
