//! Spark's applications: their seats, and whose drivers are gone or mute. A file per subject: how they come, what
//! their drivers ask for and hear, how they end.

mod asks;
mod ending;
mod registration;
mod telling;

use std::collections::BTreeSet;

use tokio::time::Instant;
use vesta_spark::message::WorkerRemoved;
use vesta_spark::profile::Profile;
use vesta_spark::transport::ConnectionId;
use vesta_types::{AppId, SparkPeer, WorkerId, WorkerState};

use super::{Desk, Who};
use crate::leader::{Input, SessionId};
use crate::spark::application::SparkApplication;
use crate::spark::redial::Redial;

/// How often an open connection renews an application's lease, within its time.
const BEATS: u32 = 10;

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
    /// Its driver has its id: it was told, or has said it.
    has_id: bool,
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
            has_id: false,
            ending: false,
        }
    }

    /// It has no connection any more; its session, if it had one.
    pub(super) fn unseat(&mut self) -> Option<SessionId> {
        self.connection = None;
        self.told = None;
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
