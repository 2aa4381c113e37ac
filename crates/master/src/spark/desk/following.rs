//! Following the leadership: whom it serves, who is to be dialled, and when everything is to be closed.

use std::collections::{BTreeMap, BTreeSet};

use tokio::time::Instant;
use vesta_consensus::Role;
use vesta_spark::message::MasterChanged;
use vesta_spark::message::RpcAddress;
use vesta_spark::profile::Profile;
use vesta_spark::transport::{ConnectionId, DialError};
use vesta_types::{AppId, Epoch, RecoveryState, SparkPeer, WorkerId, WorkerState};

use super::applications::AppSeat;
use super::workers::WorkerSeat;
use super::{Desk, Line, Note, Who};
use crate::leader::Input;

/// How long a peer has to answer a `MasterChanged` before it is dialled anew.
const ANSWER_WITHIN: std::time::Duration = std::time::Duration::from_secs(10);

/// Those whom a leadership serves.
pub(super) struct Led {
    pub(super) epoch: Epoch,
    pub(super) workers: BTreeMap<WorkerId, WorkerSeat>,
    pub(super) apps: BTreeMap<AppId, AppSeat>,
    /// Workers whose loss applications have heard of.
    pub(super) dead: BTreeSet<WorkerId>,
}

impl Desk {
    /// The epoch of this master's leadership, if it leads at this moment: its lease is not over.
    fn stands(&self) -> Option<Epoch> {
        let status = self.context.node.status();
        let open = self.context.shown().status != RecoveryState::Standby;
        let lease = self.context.config.timing.lease;
        let held = status.sole_voter
            || status
                .last_quorum_ack
                .is_some_and(|acked| acked.elapsed() < lease);
        (status.role == Role::Leader && open && held).then(|| self.state().epoch)
    }

    /// Looks whether this master leads. One that does not, or not in the epoch in which these connections
    /// were made, closes them all before anything else is done.
    pub(super) async fn follow(&mut self) {
        let stands = self.stands();
        let served = self.led.as_ref().map(|led| led.epoch);
        if self.leads && stands != served {
            self.step_down().await;
        }
        if !self.leads
            && let Some(epoch) = stands
        {
            self.stand_up(epoch);
            self.answer_the_unanswered().await;
        }
    }

    /// Nothing more is said to anybody.
    async fn step_down(&mut self) {
        self.leads = false;
        self.transport.close_all("this master does not lead now");
        self.connections.clear();
        let Some(mut led) = self.led.take() else {
            return;
        };
        tracing::info!(epoch = %led.epoch, "suspended or deposed: every connection of Spark's is closed");
        for seat in led.workers.values_mut() {
            if let Some(session) = seat.unseat() {
                self.context.sessions.close_worker(session);
                self.say(Input::WorkerClosed(session)).await;
            }
        }
        for seat in led.apps.values_mut() {
            if let Some(session) = seat.unseat() {
                self.context.sessions.close_app(session);
                self.say(Input::AppClosed(session)).await;
            }
        }
        self.led = Some(led);
    }

    /// Everybody whom the state knows is dialled and told.
    fn stand_up(&mut self, epoch: Epoch) {
        self.leads = true;
        if self.led.as_ref().is_some_and(|led| led.epoch == epoch) {
            return;
        }
        let Some(cluster) = self.context.cluster() else {
            return;
        };
        let led = {
            let state = self.state();
            let mut led = Led {
                epoch,
                workers: BTreeMap::new(),
                apps: BTreeMap::new(),
                dead: BTreeSet::new(),
            };
            for (id, worker) in state.workers.iter() {
                if worker.state == WorkerState::Dead {
                    led.dead.insert(id.clone());
                    continue;
                }
                let placed = state.placed_on(id).into_iter();
                let placed = placed.map(|(instance, _)| instance).collect();
                if let Some(seat) =
                    WorkerSeat::of(worker.description.clone(), cluster, epoch, placed)
                {
                    led.workers.insert(id.clone(), seat);
                }
            }
            for (id, app) in state.applications.iter() {
                if let Some(spark) = &app.description.spark
                    && !app.state.is_final()
                {
                    led.apps.insert(id.clone(), AppSeat::of(spark.peer.clone()));
                }
            }
            led
        };
        if !led.workers.is_empty() || !led.apps.is_empty() {
            tracing::info!(%epoch, workers = led.workers.len(), applications = led.apps.len(), "Spark's workers and drivers are told who leads");
        }
        self.led = Some(led);
    }

    /// What nobody announces.
    pub(super) async fn look_around(&mut self) {
        if !self.leads {
            self.unanswered.forget_old(Instant::now());
            return;
        }
        self.dial_the_absent();
        self.look_at_workers().await;
        self.look_at_applications().await;
    }

    fn dial_the_absent(&mut self) {
        let now = Instant::now();
        let Some(led) = &mut self.led else { return };
        let mut due = Vec::new();
        for (id, seat) in &mut led.workers {
            if let Some(peer) = seat.wants_dial(now) {
                due.push((Who::Worker(id.clone()), peer));
            }
        }
        for (id, seat) in &mut led.apps {
            if let Some(peer) = seat.wants_dial(now) {
                due.push((Who::App(id.clone()), peer));
            }
        }
        for (who, peer) in due {
            let (transport, notes) = (self.transport.clone(), self.notes.clone());
            let address = RpcAddress::new(peer.host, peer.port);
            tokio::spawn(async move {
                let result = transport.dial(&address).await;
                let _ = notes.send(Note::Dialled(who, result)).await;
            });
        }
    }

    /// A dial has ended: the peer is told who leads, over the connection that is to stay.
    pub(super) async fn dialled(&mut self, who: Who, result: Result<ConnectionId, DialError>) {
        let mut seated = self.led.as_mut().and_then(|led| match &who {
            Who::Worker(id) => {
                let seat = led.workers.get_mut(id)?;
                Some((
                    seat.peer().clone(),
                    &mut seat.redial,
                    &mut seat.connection,
                    &mut seat.told,
                ))
            }
            Who::App(id) => {
                let seat = led.apps.get_mut(id)?;
                Some((
                    seat.peer.clone(),
                    &mut seat.redial,
                    &mut seat.connection,
                    &mut seat.told,
                ))
            }
        });
        if let (Ok(_), Some((_, redial, ..))) = (&result, &mut seated) {
            redial.reached(Instant::now());
        }
        let connection = match (&result, self.leads) {
            (Ok(connection), true) => *connection,
            (Ok(connection), false) => {
                return self
                    .transport
                    .close(*connection, "this master does not lead now");
            }
            (Err(error), _) => {
                if let Some((_, redial, ..)) = seated {
                    let refused = matches!(error, DialError::Refused(_));
                    redial.failed(Instant::now(), refused);
                    tracing::debug!(%error, "a process of Spark's is not reached");
                }
                return;
            }
        };
        let Some((peer, _, held, told)) = seated.filter(|(_, _, held, _)| held.is_none()) else {
            // It has come by itself meanwhile, or is over.
            return self.transport.close(connection, "it is connected already");
        };
        *held = Some(connection);
        *told = Some(Instant::now() + ANSWER_WITHIN);
        let line = Line {
            release: Some(peer.release),
            who: Some(who.clone()),
        };
        self.connections.insert(connection, line);
        if !self.tell_who_leads(connection, &peer, &Profile::of(peer.release)) {
            // It was closed before this note of it came, most likely, so nothing else will say so.
            self.transport
                .close(connection, "it can't be told who leads");
            self.gone(who, connection).await;
        }
    }

    /// Tells a peer that this master leads, which it answers with what it has; whether that is on its way.
    pub(super) fn tell_who_leads(
        &self,
        connection: ConnectionId,
        peer: &SparkPeer,
        profile: &Profile,
    ) -> bool {
        let changed = MasterChanged {
            master: &self.own,
            master_web_ui_url: &self.web_ui,
        };
        self.send(connection, peer, profile, &changed)
    }

    /// A connection is of a worker or application from now on, and of no other.
    pub(super) async fn is_of(&mut self, connection: ConnectionId, who: Who) {
        let Some(line) = self.connections.get_mut(&connection) else {
            return;
        };
        let before = line.who.replace(who.clone());
        self.transport.keep(connection);
        if let Some(other) = before.filter(|other| *other != who) {
            self.left(other, connection).await;
        }
    }

    /// A connection is no more.
    pub(super) async fn gone(&mut self, who: Who, connection: ConnectionId) {
        self.connections.remove(&connection);
        self.left(who, connection).await;
    }

    /// A connection is no longer that of a worker or application.
    async fn left(&mut self, who: Who, connection: ConnectionId) {
        match who {
            Who::Worker(id) => self.worker_closed(&id, connection).await,
            Who::App(id) => self.app_closed(&id, connection).await,
        }
    }
}
