//! Spark's applications: their seats, what their drivers say and hear.

use std::collections::BTreeSet;
use std::time::Duration;

use tokio::time::Instant;
use vesta_core::{Answer as Written, Command, Request, SparkAsk};
use vesta_proto::application::{Executors, to_application};
use vesta_spark::message::RpcAddress;
use vesta_spark::message::{
    Answer, ApplicationRemoved, ExecutorAdded, ExecutorState, ExecutorUpdated, KillExecutors,
    RegisterApplication, RegisteredApplication, RequestExecutors, ToPeer, UnregisterApplication,
    WorkerRemoved,
};
use vesta_spark::profile::Profile;
use vesta_spark::transport::{Ask, ConnectionId};
use vesta_types::{AppId, Epoch, ProfileRequest, SparkPeer, WorkerId, WorkerState};

use super::{Desk, Note, Who};
use crate::leader::{Input, SessionId};
use crate::spark::application::{Say, SparkApplication};
use crate::spark::convert;
use crate::spark::redial::Redial;

/// How often an open connection renews an application's lease, within its time.
const BEATS: u32 = 10;

/// How often, and after which pauses, it is tried to write that an application is over.
const END_TRIES: u32 = 5;
const END_PAUSE: Duration = Duration::from_secs(1);

/// An application of Spark's, and the connection to its driver.
pub(super) struct AppSeat {
    told_of: SparkApplication,
    pub(super) peer: SparkPeer,
    profile: Profile,
    pub(super) connection: Option<ConnectionId>,
    session: Option<SessionId>,
    pub(super) redial: Redial,
    /// Until when its driver has to answer that it was told who leads.
    pub(super) told: Option<Instant>,
    beaten: Instant,
    /// Its driver has said that it is over, or is gone: that is being written.
    ending: bool,
}

impl AppSeat {
    /// A seat for an application whose driver is `peer`.
    pub(super) fn of(peer: SparkPeer) -> AppSeat {
        AppSeat {
            told_of: SparkApplication::default(),
            profile: Profile::of(peer.release),
            peer,
            connection: None,
            session: None,
            redial: Redial::due(Instant::now()),
            told: None,
            beaten: Instant::now(),
            ending: false,
        }
    }

    /// It has no connection any more; its session, if it had one.
    pub(super) fn unseat(&mut self) -> Option<SessionId> {
        self.connection = None;
        self.told = None;
        self.redial = Redial::due(Instant::now());
        self.told_of = SparkApplication::default();
        self.session.take()
    }

    /// Where its driver is to be dialled now, if it is.
    pub(super) fn wants_dial(&mut self, now: Instant) -> Option<SparkPeer> {
        let free = self.connection.is_none() && !self.ending;
        (free && self.redial.begins(now)).then(|| self.peer.clone())
    }
}

impl Desk {
    /// A driver registers its application. A standby says nothing, as Spark's: the driver asks every master.
    pub(super) fn register_application(
        &mut self,
        connection: ConnectionId,
        said: RegisterApplication,
    ) {
        if !self.leads {
            return;
        }
        let driver = said.driver;
        let retries = self.context.config.max_executor_retries;
        let description = match convert::application(said.description, driver.clone(), retries) {
            Ok(description) => description,
            Err(why) => {
                tracing::warn!(%driver, why, "an application of Spark's is refused");
                let profile = Profile::of(driver.release);
                let removed = ApplicationRemoved { message: &why };
                self.send(connection, &driver, &profile, &removed);
                return;
            }
        };
        let (context, notes) = (self.context.clone(), self.notes.clone());
        tokio::spawn(async move {
            let request = Request::RegisterApplication { description };
            let result = match context.write(super::clients::new_key(), request).await {
                Ok((Written::Registered { app }, _)) => Ok(app),
                Ok((answer, _)) => Err(format!("an answer that makes no sense: {answer:?}")),
                Err(error) => Err(error.message().to_owned()),
            };
            let _ = notes
                .send(Note::Registered(connection, driver, result))
                .await;
        });
    }

    /// The registration is in the log, and now the driver hears of it; or it is not, and the driver tries again.
    pub(super) async fn registered(
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
        if let Some(line) = self.connections.get_mut(&connection) {
            line.who = Some(Who::App(app.clone()));
        }
        let registered = RegisteredApplication {
            app_id: app.as_str(),
            master: &self.own,
        };
        self.send(connection, &driver, &profile, &registered);
        self.open_app(&app).await;
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
        }
        self.say(Input::AppOpened(session, id.clone())).await;
    }

    /// A driver has answered that it follows.
    pub(super) async fn app_acknowledged(&mut self, connection: ConnectionId, id: &str) {
        let Some(app) = self.app_on(connection) else {
            return;
        };
        if app.as_str() != id {
            tracing::warn!(%app, said = id, "a driver answers for another application");
            return self
                .transport
                .close(connection, "it answers for another application");
        }
        self.open_app(&app).await;
    }

    /// The leader says something to an application.
    pub(super) async fn app_told(
        &mut self,
        id: &AppId,
        session: SessionId,
        message: to_application::Message,
    ) {
        let Some(seat) = self.app(id).filter(|seat| seat.session == Some(session)) else {
            return;
        };
        match message {
            // Its driver has answered this leadership, else there were no session.
            to_application::Message::MasterChanged(changed) => {
                let epoch = Epoch(changed.epoch);
                self.say(Input::AppAcknowledged(session, epoch)).await;
            }
            to_application::Message::Executors(table) => self.tell_executors(id, &table),
            to_application::Message::Ended(ended) => {
                let unasked = !seat.ending;
                let to = (seat.connection, seat.peer.clone(), seat.profile.clone());
                if let Some(session) = seat.unseat() {
                    self.context.sessions.close_app(session);
                    self.say(Input::AppClosed(session)).await;
                }
                if let Some(led) = &mut self.led {
                    led.apps.remove(id);
                }
                if let (Some(connection), peer, profile) = to
                    && unasked
                {
                    let message = format!("{}: {}", ended.state, ended.message);
                    let removed = ApplicationRemoved { message: &message };
                    self.send(connection, &peer, &profile, &removed);
                }
            }
            to_application::Message::Welcome(_) => {}
        }
    }

    fn tell_executors(&mut self, id: &AppId, table: &Executors) {
        let context = self.context.clone();
        let Some(seat) = self.app(id) else { return };
        let Some(connection) = seat.connection else {
            return;
        };
        let (peer, profile) = (seat.peer.clone(), seat.profile.clone());
        let news = seat.told_of.news(table);
        for say in news {
            match say {
                Say::Added(executor) => {
                    let port = executor.worker_id.parse::<WorkerId>().ok().and_then(|id| {
                        let state = context.shared.state();
                        Some(state.workers.get(&id)?.description.port)
                    });
                    let worker = RpcAddress::new(executor.host.clone(), port.unwrap_or_default());
                    let added = ExecutorAdded {
                        id: executor.number,
                        worker_id: &executor.worker_id,
                        worker: &worker,
                        cores: executor.cores,
                        memory_mib: executor.memory_mib,
                    };
                    self.send(connection, &peer, &profile, &added);
                }
                Say::Updated(executor, state) => {
                    let host = (state == ExecutorState::Lost).then_some(executor.host.as_str());
                    let message = Some(executor.message.as_str()).filter(|it| !it.is_empty());
                    let updated = ExecutorUpdated {
                        id: executor.number,
                        state,
                        message,
                        exit_status: executor.exit_code,
                        worker_host: host,
                    };
                    self.send(connection, &peer, &profile, &updated);
                }
            }
        }
    }

    /// A driver wants so many executors.
    pub(super) fn request_executors(
        &mut self,
        connection: ConnectionId,
        said: &RequestExecutors,
        ask: Option<Ask>,
    ) {
        let wanted = said.totals.iter().map(|total| ProfileRequest {
            profile: convert::profile(&total.profile),
            target: Some(total.total),
        });
        let wanted = wanted.collect();
        self.driver_asks(
            connection,
            &said.app_id,
            SparkAsk::SetTargets { wanted },
            ask,
        );
    }

    /// A driver ends some of its executors.
    pub(super) fn kill_executors(
        &mut self,
        connection: ConnectionId,
        said: &KillExecutors,
        ask: Option<Ask>,
    ) {
        // Others were never given: the driver means none of ours.
        let executors = said.executor_ids.iter().filter_map(|id| id.parse().ok());
        let executors = executors.collect();
        self.driver_asks(
            connection,
            &said.app_id,
            SparkAsk::KillExecutors { executors },
            ask,
        );
    }

    /// What a driver asks for is answered once it is in the log.
    fn driver_asks(&self, connection: ConnectionId, app: &str, what: SparkAsk, ask: Option<Ask>) {
        let Some(ask) = ask else { return };
        let own = self.app_on(connection).filter(|own| own.as_str() == app);
        let (Some(app), Some(led), true) = (own, &self.led, self.leads) else {
            return ask
                .fail("this master does not lead this application: it will be told who does");
        };
        let Some(profile) = led.apps.get(&app).map(|seat| seat.profile.clone()) else {
            return ask.fail("the application is over");
        };
        let (epoch, proposer) = (led.epoch, self.context.proposer.clone());
        tokio::spawn(async move {
            let command = Command::FromSparkDriver {
                epoch,
                app: app.clone(),
                ask: what,
            };
            let done = match proposer.own(command).await {
                Ok(Ok(_)) => true,
                Ok(Err(rejection)) => {
                    tracing::warn!(%app, %rejection, "what a driver of Spark's asks for is refused");
                    false
                }
                Err(error) => return ask.fail(error.to_string()),
            };
            match Answer(done).write(&profile) {
                Ok(body) => ask.reply(body),
                Err(error) => ask.fail(error.to_string()),
            }
        });
    }

    /// A driver says that its application is over.
    pub(super) fn unregister(&mut self, connection: ConnectionId, said: &UnregisterApplication) {
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
            for _ in 0..END_TRIES {
                let command = Command::FromSparkDriver {
                    epoch,
                    app: app.clone(),
                    ask: SparkAsk::Unregister,
                };
                if proposer.own(command).await.is_ok() {
                    return;
                }
                tokio::time::sleep(END_PAUSE).await;
            }
        });
    }

    /// Its driver is gone without a word: its connection closed, and its port refuses.
    fn end_gone(&mut self, app: AppId) {
        tracing::warn!(%app, "the driver of an application of Spark's is gone: its connection closed, and its port refuses");
        let context = self.context.clone();
        tokio::spawn(async move {
            for _ in 0..END_TRIES {
                let request = Request::UnregisterApplication {
                    app: app.clone(),
                    failed: true,
                    message: "its driver is gone: the connection closed, and its port refuses"
                        .to_owned(),
                };
                match context.write(super::clients::new_key(), request).await {
                    Ok(_) => return,
                    Err(error) => {
                        tracing::warn!(%app, error = error.message(), "the end of an application is not written")
                    }
                }
                tokio::time::sleep(END_PAUSE).await;
            }
        });
    }

    /// The connection to a driver is gone. That is no verdict: it is dialled.
    pub(super) async fn app_closed(&mut self, id: &AppId, connection: ConnectionId) {
        let Some(seat) = self
            .app(id)
            .filter(|seat| seat.connection == Some(connection))
        else {
            return;
        };
        if let Some(session) = seat.unseat() {
            self.context.sessions.close_app(session);
            self.say(Input::AppClosed(session)).await;
        }
    }

    /// The application that a connection is of, if it is its current one.
    fn app_on(&self, connection: ConnectionId) -> Option<AppId> {
        let Some(Who::App(id)) = &self.connections.get(&connection)?.who else {
            return None;
        };
        let seat = self.led.as_ref()?.apps.get(id)?;
        (seat.connection == Some(connection)).then(|| id.clone())
    }

    /// Renews leases, ends what is gone, and tells drivers of workers that are lost.
    pub(super) async fn look_at_applications(&mut self) {
        let context = self.context.clone();
        let beat = context.config.timing.app_lease / BEATS;
        let Some(led) = &mut self.led else { return };
        let now = Instant::now();
        let (mut beats, mut gone, mut mute) = (Vec::new(), Vec::new(), Vec::new());
        let mut lost = Vec::new();
        {
            let state = context.shared.state();
            led.apps.retain(|id, seat| {
                let app = state.applications.get(id);
                let over = app.is_none_or(|app| app.state.is_final());
                // With a session the leadership tells it that it is over.
                !over || seat.session.is_some()
            });
            let dead: BTreeSet<WorkerId> = state.dead_workers.iter().cloned().collect();
            for id in dead.difference(&led.dead) {
                if let Some(worker) = state.workers.get(id)
                    && worker.state == WorkerState::Dead
                {
                    lost.push((id.clone(), worker.description.host.clone()));
                }
            }
            led.dead = dead;
        }
        for (id, seat) in &mut led.apps {
            if let Some(session) = seat.session
                && seat.connection.is_some()
                && now >= seat.beaten + beat
            {
                seat.beaten = now;
                beats.push(session);
            }
            if seat.redial.is_gone(now) && !seat.ending {
                seat.ending = true;
                gone.push(id.clone());
            }
            if let Some(connection) = seat.connection
                && seat.told.is_some_and(|until| until <= now)
            {
                mute.push(connection);
            }
        }
        let seats: Vec<_> = led
            .apps
            .values()
            .filter_map(|seat| Some((seat.connection?, seat.peer.clone(), seat.profile.clone())))
            .collect();
        for session in beats {
            self.say(Input::AppHeartbeat(session)).await;
        }
        for app in gone {
            self.end_gone(app);
        }
        for connection in mute {
            self.transport
                .close(connection, "it has not answered that it was told who leads");
        }
        for (id, host) in lost {
            for (connection, peer, profile) in &seats {
                let removed = WorkerRemoved {
                    id: id.as_str(),
                    host: &host,
                    message: "the worker is lost",
                };
                self.send(*connection, peer, profile, &removed);
            }
        }
    }
}
