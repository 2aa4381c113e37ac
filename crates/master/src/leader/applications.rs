//! Applications' sessions: their lease, their answer to a new leader.

use std::collections::{BTreeMap, BTreeSet};
use std::time::Duration;

use vesta_core::{ClusterState, Command};
use vesta_proto::application::{Executors, MasterChanged, to_application};
use vesta_types::{AppId, Epoch};

use super::{Leader, Output, Pending, SessionId};

/// An application's stream.
#[derive(Debug)]
pub(super) struct AppSession {
    pub(super) app: AppId,
    /// The table that was sent last, without its index: sent again only when it differs.
    pub(super) sent: Option<Executors>,
    pub(super) ended: bool,
    /// Monotonic time when it opened.
    pub(super) opened: Duration,
}

/// What this leader knows of an application, beside the state.
#[derive(Debug)]
pub(super) struct AppLine {
    pub(super) sessions: BTreeSet<SessionId>,
    /// Led time when its client was last heard.
    pub(super) last_heard: Duration,
    /// Whether its client has answered this epoch and the entry for it is not proposed yet.
    acknowledged: bool,
    /// Whether that entry is in flight.
    pub(super) confirming: bool,
    /// Whether it is about to be ended.
    pub(super) expiring: bool,
    /// What its profiles wait for, as found out last.
    pub(super) waits: BTreeMap<u32, String>,
}

impl AppLine {
    pub(super) fn new(led: Duration) -> AppLine {
        AppLine {
            sessions: BTreeSet::new(),
            last_heard: led,
            acknowledged: false,
            confirming: false,
            expiring: false,
            waits: BTreeMap::new(),
        }
    }

    pub(super) fn has_session(&self) -> bool {
        !self.sessions.is_empty()
    }
}

impl Leader {
    pub(super) fn app_opened(&mut self, session: SessionId, app: AppId) {
        let (led, opened) = (self.clock.led(), self.clock.mono());
        let line = self
            .apps
            .entry(app.clone())
            .or_insert_with(|| AppLine::new(led));
        line.sessions.insert(session);
        line.last_heard = led;
        self.attention.apps.insert(app.clone());
        self.attention.strays.insert(session);
        self.app_sessions.insert(
            session,
            AppSession {
                app,
                sent: None,
                ended: false,
                opened,
            },
        );
        self.tell_master_changed(session);
    }

    fn tell_master_changed(&mut self, session: SessionId) {
        let message = MasterChanged {
            epoch: self.epoch.0,
            cluster_id: self.cluster.to_string(),
        };
        self.outputs.push(Output::ToApp(
            session,
            to_application::Message::MasterChanged(message),
        ));
    }

    pub(super) fn app_closed(&mut self, session: SessionId) {
        if let Some(gone) = self.app_sessions.remove(&session)
            && let Some(line) = self.apps.get_mut(&gone.app)
        {
            line.sessions.remove(&session);
            // Whether its line is still needed.
            self.attention.apps.insert(gone.app);
        }
    }

    pub(super) fn app_heartbeat(&mut self, session: SessionId, state: &ClusterState) {
        let led = self.clock.led();
        let Some(AppSession { app, .. }) = self.app_sessions.get(&session) else {
            return;
        };
        let Some(line) = self.apps.get_mut(app) else {
            return;
        };
        line.last_heard = led;
        let unconfirmed = state
            .applications
            .get(app)
            .is_some_and(|app| !app.state.is_final() && !state.is_app_confirmed(app));
        // It sends, and has not answered: it is asked again.
        if unconfirmed && !line.acknowledged {
            self.tell_master_changed(session);
        }
    }

    pub(super) fn app_acknowledged(&mut self, session: SessionId, epoch: Epoch) {
        let (led, own) = (self.clock.led(), self.epoch);
        let Some(AppSession { app, .. }) = self.app_sessions.get(&session) else {
            return;
        };
        if let Some(line) = self.apps.get_mut(app) {
            line.last_heard = led;
            if epoch == own {
                line.acknowledged = true;
                self.attention.acknowledged.insert(app.clone());
            }
        }
    }

    /// Proposes the answers of applications.
    pub(super) fn confirm_applications(&mut self, state: &ClusterState) {
        let mut answered = Vec::new();
        self.attention.acknowledged.retain(|id| {
            let unconfirmed = state
                .applications
                .get(id)
                .is_some_and(|app| !app.state.is_final() && !state.is_app_confirmed(app));
            let line = self.apps.get_mut(id).filter(|_| unconfirmed);
            let Some(line) = line else {
                return false;
            };
            if !line.confirming {
                line.confirming = true;
                answered.push(id.clone());
            }
            true
        });
        for app in answered {
            let command = Command::ConfirmApplication {
                epoch: self.epoch,
                app: app.clone(),
            };
            self.propose(Pending::Confirm(app), command);
        }
    }
}
