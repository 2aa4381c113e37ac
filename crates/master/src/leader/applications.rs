//! Applications' sessions: their lease, their answer to a new leader, their executor table.

use std::collections::{BTreeMap, BTreeSet, HashMap};
use std::time::Duration;

use vesta_core::{Application, ClusterState, Command, plan};
use vesta_proto::application::{
    Addresses, Ended, Executor, Executors, MasterChanged, ProfileState, to_application,
};
use vesta_types::{AppId, Epoch};

use super::{Leader, Output, Pending, SessionId};

/// An application's stream.
#[derive(Debug)]
pub(super) struct AppSession {
    app: AppId,
    /// The table that was sent last, without its index: sent again only when it differs.
    sent: Option<Executors>,
    ended: bool,
    /// Monotonic time when it opened.
    opened: Duration,
}

/// What this leader knows of an application, beside the state.
#[derive(Debug)]
pub(super) struct AppLine {
    sessions: BTreeSet<SessionId>,
    /// Led time when its client was last heard.
    pub(super) last_heard: Duration,
    /// Whether its client has answered this epoch and the entry for it is not proposed yet.
    acknowledged: bool,
    /// Whether that entry is in flight.
    pub(super) confirming: bool,
    /// Whether it is about to be ended.
    pub(super) expiring: bool,
}

impl AppLine {
    pub(super) fn new(led: Duration) -> AppLine {
        AppLine {
            sessions: BTreeSet::new(),
            last_heard: led,
            acknowledged: false,
            confirming: false,
            expiring: false,
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
        if let Some(line) = self.app_line(session) {
            line.last_heard = led;
            line.acknowledged |= epoch == own;
        }
    }

    fn app_line(&mut self, session: SessionId) -> Option<&mut AppLine> {
        let app = &self.app_sessions.get(&session)?.app;
        self.apps.get_mut(app)
    }

    /// Proposes the answers of applications.
    pub(super) fn confirm_applications(&mut self, state: &ClusterState) {
        let mut answered = Vec::new();
        for (id, line) in &mut self.apps {
            if !line.acknowledged || line.confirming {
                continue;
            }
            let unconfirmed = state
                .applications
                .get(id)
                .is_some_and(|app| !app.state.is_final() && !state.is_app_confirmed(app));
            if unconfirmed {
                line.confirming = true;
                answered.push(id.clone());
            }
        }
        for app in answered {
            let command = Command::ConfirmApplication {
                epoch: self.epoch,
                app: app.clone(),
            };
            self.propose(Pending::Confirm(app), command);
        }
    }

    /// Sends each application its whole executor table when that has changed.
    pub(super) fn send_tables(&mut self, state: &ClusterState) {
        for (session, line) in &mut self.app_sessions {
            let Some(app) = state.applications.get(&line.app) else {
                // Only who still leads, after it was asked, knows that there is no such application.
                if !line.ended && self.clock.acked_since(line.opened) {
                    line.ended = true;
                    let message = "no such application: it ended and its record was trimmed";
                    let ended = Ended {
                        epoch: self.epoch.0,
                        state: "UNKNOWN".to_owned(),
                        message: message.to_owned(),
                    };
                    let message = to_application::Message::Ended(ended);
                    self.outputs.push(Output::ToApp(*session, message));
                }
                continue;
            };
            let table = table(app, state, self.epoch, &self.policy);
            if line.sent.as_ref() != Some(&table) {
                line.sent = Some(table.clone());
                let message = Executors {
                    index: state.applied,
                    ..table
                };
                let message = to_application::Message::Executors(message);
                self.outputs.push(Output::ToApp(*session, message));
            }
            if app.state.is_final() && !line.ended {
                line.ended = true;
                let ended = Ended {
                    epoch: self.epoch.0,
                    state: app.state.to_string(),
                    message: app.message.clone(),
                };
                let message = to_application::Message::Ended(ended);
                self.outputs.push(Output::ToApp(*session, message));
            }
        }
    }
}

fn table(
    app: &Application,
    state: &ClusterState,
    epoch: Epoch,
    policy: &vesta_core::Policy,
) -> Executors {
    let all = app.executors.values().chain(app.ended_executors.values());
    let executors = all.map(|executor| Executor {
        number: executor.number,
        state: executor.state.to_string(),
        worker_id: executor.worker.to_string(),
        host: state
            .workers
            .get(&executor.worker)
            .map(|worker| worker.description.host.clone())
            .unwrap_or_default(),
        cores: executor.booking.cores,
        memory_mib: executor.booking.memory_mib,
        profile: executor.profile,
        message: executor.message.clone(),
        exit_code: executor.exit.as_ref().and_then(|exit| exit.code),
        ended: executor.state.is_final(),
        instance_id: state
            .cluster
            .map(|cluster| {
                vesta_types::InstanceId::executor(cluster, app.id.clone(), executor.number)
                    .to_string()
            })
            .unwrap_or_default(),
        named: addresses(&executor.booking.named),
    });
    let reasons = plan::Reasons::of(state, policy);
    let profiles = app.description.profiles.iter();
    Executors {
        epoch: epoch.0,
        index: 0,
        executors: executors.collect(),
        state: app.state.to_string(),
        waiting_because: reasons.application(app).unwrap_or_default(),
        retries: app.retries,
        profiles: profiles
            .map(|(number, request)| ProfileState {
                id: *number,
                target: request.target,
                live: app.live_of(*number),
                waiting_because: reasons.profile(app, *number).unwrap_or_default(),
            })
            .collect(),
    }
}

fn addresses(named: &BTreeMap<String, BTreeSet<String>>) -> HashMap<String, Addresses> {
    let of = |addresses: &BTreeSet<String>| Addresses {
        addresses: addresses.iter().cloned().collect(),
    };
    named
        .iter()
        .map(|(name, addresses)| (name.clone(), of(addresses)))
        .collect()
}
