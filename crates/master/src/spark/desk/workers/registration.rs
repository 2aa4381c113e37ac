//! How workers of Spark's own come: they register, and say what they run.

use std::collections::BTreeSet;

use tokio::time::Instant;
use uuid::Uuid;
use vesta_spark::message::{
    MasterInStandby, ReconnectWorker, RegisterWorker, RegisterWorkerFailed, RegisteredWorker,
};
use vesta_spark::profile::Profile;
use vesta_spark::transport::ConnectionId;
use vesta_types::{AppId, DriverId, SparkRelease, WorkerId};

use super::WorkerSeat;
use crate::leader::Input;
use crate::spark::convert;
use crate::spark::desk::{Desk, Who};
use crate::spark::redial::Redial;

impl Desk {
    pub(in crate::spark::desk) async fn register_worker(
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
        self.is_of(connection, Who::Worker(id)).await;
        let registered = RegisteredWorker {
            master: &self.own,
            master_web_ui_url: &self.web_ui,
            master_address: &said.master_address,
            duplicate: known,
        };
        self.send(connection, &peer, &profile, &registered);
    }

    /// A worker has said what it runs: from now on it has a session.
    pub(in crate::spark::desk) async fn worker_runs(
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
            seat.redial = Redial::due(Instant::now());
        }
        self.say(Input::WorkerOpened(session, description)).await;
    }

    /// A worker that this leadership does not know over this connection is to register.
    pub(super) fn register_again(&self, connection: ConnectionId, worker: &str) {
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
}
