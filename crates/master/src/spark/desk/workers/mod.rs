//! Workers of Spark's own: their seats, and who of them is gone or mute. A file per subject: how they come, what
//! they say, what they are ordered.

mod news;
mod orders;
mod registration;

use std::collections::BTreeSet;

use tokio::time::Instant;
use vesta_spark::message::ApplicationFinished;
use vesta_spark::profile::Profile;
use vesta_spark::transport::{Ask, ConnectionId};
use vesta_types::{
    AppId, ClusterId, Epoch, InstanceId, SparkPeer, WorkerDescription, WorkerId, WorkerState,
};

use super::{Desk, Who};
use crate::leader::{Input, SessionId};
use crate::spark::redial::Redial;
use crate::spark::worker::SparkWorker;

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
        self.worker.disconnected();
        self.session.take()
    }

    /// Where it is to be dialled now, if it is.
    pub(super) fn wants_dial(&mut self, now: Instant) -> Option<SparkPeer> {
        let wanted = self.connection.is_none() && self.redial.begins(now);
        wanted.then(|| self.peer.clone())
    }
}

impl Desk {
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
