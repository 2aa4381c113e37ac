//! What applications are told: their executor table, and why they wait.

use std::collections::{BTreeMap, BTreeSet, HashMap};
use std::time::Duration;

use vesta_core::{Application, ClusterState, plan};
use vesta_proto::application::{
    Addresses, Ended, Executor, Executors, ProfileState, to_application,
};
use vesta_types::Epoch;

use super::{Leader, Output};

/// The least time between two looks at the whole cluster for why applications wait.
const EXPLAIN_PAUSE: Duration = Duration::from_millis(100);

impl Leader {
    /// Sends each application its whole executor table when that has changed.
    pub(super) fn send_tables(&mut self, state: &ClusterState) {
        self.explain(state);
        for id in std::mem::take(&mut self.attention.apps) {
            let (Some(line), Some(app)) = (self.apps.get(&id), state.applications.get(&id)) else {
                continue;
            };
            if !line.has_session() {
                continue;
            }
            let table = table(app, state, self.epoch, &line.waits);
            for session in &line.sessions {
                self.attention.strays.remove(session);
                let Some(line) = self.app_sessions.get_mut(session) else {
                    continue;
                };
                if line.sent.as_ref() != Some(&table) {
                    line.sent = Some(table.clone());
                    let message = Executors {
                        index: state.applied,
                        ..table.clone()
                    };
                    let message = to_application::Message::Executors(message);
                    self.outputs.push(Output::ToApp(*session, message));
                }
                if app.state.is_final() && !line.ended {
                    line.ended = true;
                    let (state, message) = (app.state.to_string(), app.message.clone());
                    let epoch = self.epoch.0;
                    let ended = Ended {
                        state,
                        message,
                        epoch,
                    };
                    let message = to_application::Message::Ended(ended);
                    self.outputs.push(Output::ToApp(*session, message));
                }
            }
        }
        self.turn_away(state);
    }

    /// Tells streams of which nobody knows the application. Only who still leads, after it was asked,
    /// knows that there is none.
    fn turn_away(&mut self, state: &ClusterState) {
        let clock = &self.clock;
        self.attention.strays.retain(|session| {
            let Some(line) = self.app_sessions.get_mut(session) else {
                return false;
            };
            if line.ended || state.applications.contains_key(&line.app) {
                return false;
            }
            if !clock.acked_since(line.opened) {
                return true;
            }
            line.ended = true;
            let message = "no such application: it ended and its record was trimmed";
            let ended = Ended {
                epoch: self.epoch.0,
                state: "UNKNOWN".to_owned(),
                message: message.to_owned(),
            };
            let message = to_application::Message::Ended(ended);
            self.outputs.push(Output::ToApp(*session, message));
            false
        });
    }

    /// Finds out why applications wait. That depends on the whole cluster, so it is asked for many at
    /// once and at a pace: for those that begin to wait soon, for those that go on waiting now and then.
    fn explain(&mut self, state: &ClusterState) {
        let led = self.clock.led();
        let mut asked = std::mem::take(&mut self.attention.puzzled);
        for id in &self.attention.apps {
            let (Some(line), Some(app)) = (self.apps.get_mut(id), state.applications.get(id))
            else {
                continue;
            };
            line.waits.retain(|number, _| plan::waits(app, *number));
            let mut profiles = app.description.profiles.keys();
            let unsaid =
                |number: &u32| plan::waits(app, *number) && !line.waits.contains_key(number);
            if line.has_session() && profiles.any(unsaid) {
                asked.insert(id.clone());
            }
        }
        if led.saturating_sub(self.attention.refreshed) >= self.timing.repeat / 2 {
            self.attention.refreshed = led;
            let waiting = self.apps.iter();
            let waiting = waiting.filter(|(_, line)| line.has_session() && !line.waits.is_empty());
            asked.extend(waiting.map(|(id, _)| id.clone()));
        }
        let explained = self.attention.explained;
        let soon = explained.is_some_and(|at| led.saturating_sub(at) < EXPLAIN_PAUSE);
        if soon || asked.is_empty() {
            self.attention.puzzled = asked;
            return;
        }
        self.attention.explained = Some(led);
        let reasons = plan::Reasons::of(state, &self.policy);
        for id in asked {
            if let (Some(line), Some(app)) = (self.apps.get_mut(&id), state.applications.get(&id)) {
                line.waits = reasons.profiles(app);
                self.attention.apps.insert(id);
            }
        }
    }
}

fn table(
    app: &Application,
    state: &ClusterState,
    epoch: Epoch,
    waits: &BTreeMap<u32, String>,
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
            .executor_instance(app, executor.number)
            .map(|instance| instance.to_string())
            .unwrap_or_default(),
        named: addresses(&executor.booking.named),
    });
    let profiles = app.description.profiles.iter();
    Executors {
        epoch: epoch.0,
        index: 0,
        executors: executors.collect(),
        state: app.state.to_string(),
        waiting_because: plan::together(app, waits).unwrap_or_default(),
        retries: app.retries,
        profiles: profiles
            .map(|(number, request)| ProfileState {
                id: *number,
                target: request.target,
                live: app.live_of(*number),
                waiting_because: waits.get(number).cloned().unwrap_or_default(),
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
