//! Workers of Spark's own: their seats, what they say, what they are ordered.

use std::collections::BTreeSet;

use tokio::time::Instant;
use uuid::Uuid;
use vesta_core::Request;
use vesta_proto::worker::to_worker;
use vesta_proto::worker_convert::{self, RunOrder};
use vesta_spark::message::{
    Answer, ApplicationFinished, DriverStateChanged, ExecutorStateChanged, Heartbeat, KillDriver,
    KillExecutor, LaunchDriver, LaunchExecutor, MasterInStandby, ReconnectWorker, RegisterWorker,
    RegisterWorkerFailed, RegisteredWorker, ToPeer, WorkerDecommissioning,
};
use vesta_spark::profile::Profile;
use vesta_spark::transport::{Ask, ConnectionId};
use vesta_types::limits::DRAIN_DEADLINE_MAX;
use vesta_types::{
    AppId, ClusterId, DriverId, Epoch, InstanceId, SparkPeer, SparkRelease, Work,
    WorkerDescription, WorkerId, WorkerState,
};

use super::{Desk, Who};
use crate::leader::{Input, SessionId};
use crate::spark::convert;
use crate::spark::redial::Redial;
use crate::spark::worker::{Act, SparkWorker};

/// A worker of Spark's own, and its connection.
pub(super) struct WorkerSeat {
    worker: SparkWorker<Ask>,
    peer: SparkPeer,
    profile: Profile,
    pub(super) connection: Option<ConnectionId>,
    session: Option<SessionId>,
    sequence: u64,
    pub(super) redial: Redial,
    /// Until when it has to answer that it was told who leads.
    pub(super) told: Option<Instant>,
    /// Applications that it has had executors of, until it is told of their ends.
    apps: BTreeSet<AppId>,
}

impl WorkerSeat {
    /// A seat for a worker that is described so; nothing for one that is not of Spark's own.
    pub(super) fn of(
        description: WorkerDescription,
        cluster: ClusterId,
        epoch: Epoch,
        placed: BTreeSet<InstanceId>,
    ) -> Option<WorkerSeat> {
        let peer = description.spark.as_ref()?.peer.clone();
        Some(WorkerSeat {
            profile: Profile::of(peer.release),
            worker: SparkWorker::new(description, cluster, epoch, placed),
            peer,
            connection: None,
            session: None,
            sequence: 0,
            redial: Redial::due(Instant::now()),
            told: None,
            apps: BTreeSet::new(),
        })
    }

    pub(super) fn peer(&self) -> &SparkPeer {
        &self.peer
    }

    /// It has no connection any more; its session, if it had one.
    pub(super) fn unseat(&mut self) -> Option<SessionId> {
        self.connection = None;
        self.told = None;
        self.redial = Redial::due(Instant::now());
        self.worker.disconnected();
        self.session.take()
    }

    /// Where it is to be dialled now, if it is.
    pub(super) fn wants_dial(&mut self, now: Instant) -> Option<SparkPeer> {
        let wanted = self.connection.is_none() && self.redial.begins(now);
        wanted.then(|| self.peer.clone())
    }
}

fn millis(time: std::time::Duration) -> u64 {
    u64::try_from(time.as_millis()).unwrap_or(u64::MAX)
}

impl Desk {
    pub(super) async fn register_worker(
        &mut self,
        connection: ConnectionId,
        said: RegisterWorker,
        release: SparkRelease,
    ) {
        let (peer, profile) = (said.worker.clone(), Profile::of(release));
        if !self.leads {
            self.send(connection, &peer, &profile, &MasterInStandby);
            return;
        }
        let version = self.state().version;
        if version < vesta_core::version::SPARK {
            // It asks again in some seconds.
            tracing::info!(
                worker = said.id,
                version,
                "a worker of Spark's waits until every master speaks the rules for it"
            );
            return;
        }
        let description = match convert::worker(&said) {
            Ok(description) => description,
            Err(why) => {
                tracing::warn!(worker = %peer, why, "a worker of Spark's is refused");
                let failed = RegisterWorkerFailed { message: &why };
                self.send(connection, &peer, &profile, &failed);
                return;
            }
        };
        let id = description.id.clone();
        let known = self.state().workers.contains_key(&id);
        let (Some(cluster), Some(led)) = (self.context.cluster(), &mut self.led) else {
            return;
        };
        let seat = match led.workers.get_mut(&id) {
            Some(seat) => seat,
            None => {
                let epoch = led.epoch;
                let Some(seat) =
                    WorkerSeat::of(description.clone(), cluster, epoch, BTreeSet::new())
                else {
                    return;
                };
                led.workers.entry(id.clone()).or_insert(seat)
            }
        };
        let older = seat.connection.filter(|older| *older != connection);
        let session = seat.unseat();
        seat.worker.described(description);
        seat.peer = peer.clone();
        seat.profile = profile.clone();
        seat.connection = Some(connection);
        if let Some(older) = older {
            self.connections.remove(&older);
            self.transport
                .close(older, "the worker has made a newer connection");
        }
        if let Some(session) = session {
            self.context.sessions.close_worker(session);
            self.say(Input::WorkerClosed(session)).await;
        }
        if let Some(line) = self.connections.get_mut(&connection) {
            line.who = Some(Who::Worker(id));
        }
        let registered = RegisteredWorker {
            master: &self.own,
            master_web_ui_url: &self.web_ui,
            master_address: &said.master_address,
            duplicate: known,
        };
        self.send(connection, &peer, &profile, &registered);
    }

    /// A worker has said what it runs: from now on it has a session.
    pub(super) async fn worker_runs(
        &mut self,
        connection: ConnectionId,
        id: &str,
        executors: Vec<(String, u32)>,
        drivers: Vec<String>,
    ) {
        let Some(worker) = self.worker_on(connection).filter(|it| it.as_str() == id) else {
            return self.register_again(connection, id);
        };
        self.open_worker(&worker).await;
        let read = |(app, number): (String, u32)| Some((app.parse::<AppId>().ok()?, number));
        let executors: Vec<_> = executors.into_iter().filter_map(read).collect();
        let drivers: Vec<DriverId> = drivers
            .into_iter()
            .filter_map(|id| id.parse().ok())
            .collect();
        let now = self.now();
        let context = self.context.clone();
        let Some(seat) = self.worker(&worker) else {
            return;
        };
        seat.told = None;
        seat.apps
            .extend(executors.iter().map(|(app, _)| app.clone()));
        let acts = {
            let state = context.shared.state();
            seat.worker.runs(&executors, &drivers, &state, now)
        };
        self.carry_out(&worker, acts).await;
    }

    async fn open_worker(&mut self, id: &WorkerId) {
        let Some(seat) = self.worker(id) else { return };
        if seat.session.is_some() {
            return;
        }
        let description = seat.worker.description().clone();
        let (sender, carry) = self.worker_stream(id);
        let name = Uuid::new_v4().to_string();
        let sessions = &self.context.sessions;
        let (session, older) = sessions.open_worker(description.clone(), name, sender);
        carry(session);
        if let Some(older) = older {
            self.say(Input::WorkerClosed(older)).await;
        }
        if let Some(seat) = self.worker(id) {
            seat.session = Some(session);
            seat.sequence = 0;
        }
        self.say(Input::WorkerOpened(session, description)).await;
    }

    pub(super) async fn worker_beats(&mut self, connection: ConnectionId, said: Heartbeat) {
        if !self.leads {
            return;
        }
        let worker = self.worker_on(connection);
        let Some(worker) = worker.filter(|it| it.as_str() == said.worker_id) else {
            return self.register_again(connection, &said.worker_id);
        };
        let Some(seat) = self.worker(&worker) else {
            return;
        };
        let Some(session) = seat.session else { return };
        seat.sequence += 1;
        let sequence = seat.sequence;
        self.say(Input::WorkerHeartbeat(session, sequence)).await;
    }

    /// A worker that this leadership does not know over this connection is to register.
    fn register_again(&self, connection: ConnectionId, worker: &str) {
        if !self.leads {
            return;
        }
        let peer = worker.parse::<WorkerId>().ok().and_then(|id| {
            let state = self.state();
            Some(
                state
                    .workers
                    .get(&id)?
                    .description
                    .spark
                    .as_ref()?
                    .peer
                    .clone(),
            )
        });
        let (Some(peer), Some(release)) = (peer, self.release_of(connection)) else {
            tracing::info!(
                worker,
                "a worker of Spark's that is not known says something: its connection is closed, and it registers again"
            );
            return self
                .transport
                .close(connection, "it is not registered here");
        };
        let again = ReconnectWorker {
            master_url: &self.url,
        };
        self.send(connection, &peer, &Profile::of(release), &again);
    }

    pub(super) async fn executor_changed(
        &mut self,
        connection: ConnectionId,
        said: ExecutorStateChanged,
        ask: Option<Ask>,
    ) {
        let Some(ask) = ask else { return };
        let Some(worker) = self.worker_on(connection).filter(|_| self.leads) else {
            return ask.fail("this master does not lead the worker: it is to register again");
        };
        let Ok(app) = said.app_id.parse::<AppId>() else {
            // Of a cluster that was never this one: nobody here waits for its end.
            return self.answer(&worker, ask);
        };
        let (now, context) = (self.now(), self.context.clone());
        let Some(cluster) = context.cluster() else {
            return;
        };
        let instance = {
            let state = context.shared.state();
            let known = state.applications.get(&app);
            let known = known.and_then(|app| state.executor_instance(app, said.exec_id));
            known.unwrap_or_else(|| InstanceId::executor(cluster, app, said.exec_id))
        };
        let Some(seat) = self.worker(&worker) else {
            return;
        };
        let how = (said.state, said.message.as_deref(), said.exit_status);
        let acts = seat.worker.executor_changed(instance, how, ask, now);
        self.carry_out(&worker, acts).await;
    }

    pub(super) async fn driver_changed(
        &mut self,
        connection: ConnectionId,
        said: DriverStateChanged,
    ) {
        let (now, context) = (self.now(), self.context.clone());
        let (Some(worker), Ok(driver)) = (self.worker_on(connection), said.driver_id.parse())
        else {
            return;
        };
        let Some(seat) = self.worker(&worker) else {
            return;
        };
        let acts = {
            let state = context.shared.state();
            let how = (said.state, said.exception.as_deref());
            seat.worker.driver_ended(&driver, how, &state, now)
        };
        self.carry_out(&worker, acts).await;
    }

    /// A worker says that it is going: it gets nothing new.
    pub(super) fn worker_goes(&mut self, said: WorkerDecommissioning) {
        let Ok(worker) = said.id.parse::<WorkerId>() else {
            return;
        };
        let context = self.context.clone();
        tokio::spawn(async move {
            let drain = Request::DrainWorker {
                worker: worker.clone(),
                // What runs there its worker decommissions by itself.
                deadline_ms: millis(DRAIN_DEADLINE_MAX),
            };
            match context.write(super::clients::new_key(), drain).await {
                Ok(_) => {
                    tracing::info!(%worker, "a worker of Spark's is going: it gets nothing new")
                }
                Err(error) => {
                    tracing::warn!(%worker, error = error.message(), "a worker of Spark's is going, and that could not be written")
                }
            }
        });
    }

    /// The leader says something to a worker.
    pub(super) async fn worker_told(
        &mut self,
        id: &WorkerId,
        session: SessionId,
        message: to_worker::Message,
    ) {
        let now = self.now();
        let leads = self.leads;
        let Some(seat) = self.worker(id).filter(|seat| seat.session == Some(session)) else {
            return;
        };
        let acts = match message {
            to_worker::Message::MasterChanged(_) => seat.worker.asked(),
            to_worker::Message::Orders(orders) if leads => {
                match worker_convert::order_set(orders) {
                    Ok((set, unread)) => {
                        for error in unread {
                            tracing::error!(worker = %id, %error, "an order could not be read");
                        }
                        seat.worker.ordered(set, now)
                    }
                    Err(error) => {
                        tracing::error!(worker = %id, %error, "orders could not be read");
                        return;
                    }
                }
            }
            to_worker::Message::Acknowledged(ended) => {
                let ended = ended.instances.iter();
                let ended = ended.filter_map(|id| id.parse().ok()).collect();
                seat.worker.acknowledged(&ended)
            }
            to_worker::Message::Refused(refused) => {
                tracing::warn!(worker = %id, code = refused.code, message = refused.message, "a worker of Spark's is refused");
                if let Some(connection) = seat.connection {
                    self.transport.close(connection, &refused.message);
                }
                return;
            }
            // Nothing is confirmed to it, and its logs are on its own pages.
            _ => return,
        };
        self.carry_out(id, acts).await;
    }

    async fn carry_out(&mut self, id: &WorkerId, acts: Vec<Act<Ask>>) {
        for act in acts {
            match act {
                Act::Launch(run) => self.launch(id, *run),
                Act::Kill(instance) => self.kill(id, &instance),
                Act::Answer(ask) => self.answer(id, ask),
                Act::Report(report) => {
                    if let Some(session) = self.worker(id).and_then(|seat| seat.session) {
                        self.say(Input::WorkerReport(session, *report)).await;
                    }
                }
            }
        }
    }

    fn answer(&mut self, id: &WorkerId, ask: Ask) {
        let Some(seat) = self.worker(id) else { return };
        match Answer(true).write(&seat.profile) {
            Ok(body) => ask.reply(body),
            Err(error) => ask.fail(error.to_string()),
        }
    }

    fn launch(&mut self, id: &WorkerId, run: RunOrder) {
        let Some(seat) = self.worker(id) else { return };
        let Some(connection) = seat.connection else {
            return;
        };
        if let Work::Executor { app, .. } = &run.instance.work {
            seat.apps.insert(app.clone());
        }
        let (peer, profile) = (seat.peer.clone(), seat.profile.clone());
        let resources = convert::lists(&run.booking.named);
        match run.instance.work.clone() {
            Work::Executor { app, number } => {
                let order = LaunchExecutor {
                    master_url: &self.url,
                    app_id: app.as_str(),
                    exec_id: number,
                    rp_id: run.profile,
                    description: &run.payload,
                    cores: run.booking.cores,
                    memory_mib: run.booking.memory_mib,
                    resources: &resources,
                };
                self.send(connection, &peer, &profile, &order);
            }
            Work::Driver { driver, .. } => match convert::driver_order(run) {
                Ok(description) => {
                    let order = LaunchDriver {
                        driver_id: driver.as_str(),
                        description: &description,
                        resources: &resources,
                    };
                    self.send(connection, &peer, &profile, &order);
                }
                Err(why) => tracing::error!(worker = %id, why, "a driver can't be launched"),
            },
        }
    }

    fn kill(&mut self, id: &WorkerId, instance: &InstanceId) {
        let Some(seat) = self.worker(id) else { return };
        let Some(connection) = seat.connection else {
            return;
        };
        let (peer, profile) = (seat.peer.clone(), seat.profile.clone());
        match &instance.work {
            Work::Executor { app, number } => {
                let order = KillExecutor {
                    master_url: &self.url,
                    app_id: app.as_str(),
                    exec_id: *number,
                };
                self.send(connection, &peer, &profile, &order);
            }
            Work::Driver { driver, .. } => {
                let order = KillDriver {
                    driver_id: driver.as_str(),
                };
                self.send(connection, &peer, &profile, &order);
            }
        }
    }

    /// A worker's connection is gone. That is no verdict: it is dialled, and judged by time.
    pub(super) async fn worker_closed(&mut self, id: &WorkerId, connection: ConnectionId) {
        let Some(seat) = self
            .worker(id)
            .filter(|seat| seat.connection == Some(connection))
        else {
            return;
        };
        if let Some(session) = seat.unseat() {
            self.context.sessions.close_worker(session);
            self.say(Input::WorkerClosed(session)).await;
        }
    }

    /// The worker that a connection is of, if it is its current one.
    fn worker_on(&self, connection: ConnectionId) -> Option<WorkerId> {
        let Some(Who::Worker(id)) = &self.connections.get(&connection)?.who else {
            return None;
        };
        let seat = self.led.as_ref()?.workers.get(id)?;
        (seat.connection == Some(connection)).then(|| id.clone())
    }

    /// Tells workers of applications that are over, and forgets workers that are lost and silent.
    pub(super) async fn look_at_workers(&mut self) {
        let now = Instant::now();
        let context = self.context.clone();
        let Some(led) = &mut self.led else { return };
        let (mut finished, mut mute) = (Vec::new(), Vec::new());
        {
            let state = context.shared.state();
            led.workers.retain(|id, seat| {
                let lost = state
                    .workers
                    .get(id)
                    .is_none_or(|it| it.state == WorkerState::Dead);
                !lost || seat.connection.is_some()
            });
            for seat in led.workers.values_mut() {
                let Some(connection) = seat.connection else {
                    continue;
                };
                if seat.told.is_some_and(|until| until <= now) {
                    mute.push(connection);
                }
                let live = |app: &AppId| {
                    let app = state.applications.get(app);
                    app.is_some_and(|app| !app.state.is_final())
                };
                let (live, over): (BTreeSet<AppId>, BTreeSet<AppId>) =
                    std::mem::take(&mut seat.apps).into_iter().partition(live);
                seat.apps = live;
                let to = (connection, seat.peer.clone(), seat.profile.clone());
                finished.extend(over.into_iter().map(|app| (to.clone(), app)));
            }
        }
        for ((connection, peer, profile), app) in finished {
            let message = ApplicationFinished { id: app.as_str() };
            self.send(connection, &peer, &profile, &message);
        }
        for connection in mute {
            self.transport
                .close(connection, "it has not answered that it was told who leads");
        }
    }
}
