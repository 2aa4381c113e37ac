//! What workers of Spark's own say of themselves and of what they run.

use std::time::Duration;

use vesta_core::Request;
use vesta_spark::message::{
    DriverStateChanged, ExecutorStateChanged, Heartbeat, WorkerDecommissioning,
};
use vesta_spark::transport::{Ask, ConnectionId};
use vesta_types::limits::DRAIN_DEADLINE_MAX;
use vesta_types::{AppId, InstanceId, WorkerId};

use crate::leader::Input;
use crate::spark::desk::{Desk, writing};

impl Desk {
    pub(in crate::spark::desk) async fn worker_beats(
        &mut self,
        connection: ConnectionId,
        said: Heartbeat,
    ) {
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

    pub(in crate::spark::desk) async fn executor_changed(
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

    pub(in crate::spark::desk) async fn driver_changed(
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

    /// A worker says that it is going. It says so once, and drops what it is told to start from then on
    /// without a word: so it is given nothing more, and asked what it has.
    pub(in crate::spark::desk) fn worker_goes(
        &mut self,
        connection: ConnectionId,
        said: &WorkerDecommissioning,
    ) {
        let Ok(id) = said.id.parse::<WorkerId>() else {
            return;
        };
        if !self.leads {
            return;
        }
        if self.worker_on(connection).as_ref() == Some(&id)
            && let Some(seat) = self.worker(&id)
        {
            seat.worker.goes();
            let (peer, profile) = (seat.peer.clone(), seat.profile.clone());
            self.tell_who_leads(connection, &peer, &profile);
        }
        let is_news = {
            let state = self.state();
            let known = state.workers.get(&id);
            known.is_some_and(|worker| worker.description.spark.is_some())
                && !state.drains.contains_key(&id)
        };
        if is_news {
            self.drain(id);
        }
    }

    /// A worker that goes is drained: drivers of Spark's are told to leave it.
    pub(super) fn drain(&self, worker: WorkerId) {
        let context = self.context.clone();
        tokio::spawn(async move {
            let drain = Request::DrainWorker {
                worker: worker.clone(),
                // How long what runs there may go on, it and its drivers decide by themselves.
                deadline_ms: millis(DRAIN_DEADLINE_MAX),
            };
            match writing::surely(&context, drain).await {
                Ok(_) => {
                    tracing::info!(%worker, "a worker of Spark's is going: it gets nothing new");
                }
                Err(error) => {
                    tracing::warn!(%worker, error, "a worker of Spark's is going, and that could not be written");
                }
            }
        });
    }
}

fn millis(time: Duration) -> u64 {
    u64::try_from(time.as_millis()).unwrap_or(u64::MAX)
}
