//! What happens to applications, whoever caused it.

use vesta_types::{AppId, ApplicationState};

use super::{Applying, clip};
use crate::failover::Outcome;
use crate::reply::{Answer, RejectCode, Rejection, Reply};

impl Applying<'_> {
    /// Its client has answered the leader of this epoch.
    pub(super) fn confirm_application(&mut self, id: &AppId) -> Reply {
        let epoch = self.state.epoch;
        let Some(app) = self.state.applications.get_mut(id) else {
            return Err(unknown_application(id));
        };
        if !app.is_live() {
            return Err(over(app));
        }
        let first = app.confirmed_epoch != epoch;
        app.confirmed_epoch = epoch;
        self.noting = first && (!self.state.recovered || !app.executors.is_empty());
        self.note(id, Outcome::Confirmed, "its client answered");
        Ok(Answer::Done)
    }

    /// The leader's verdicts on applications whose clients were silent for too long.
    pub(super) fn expire_applications(&mut self, apps: &[AppId]) -> Reply {
        self.noting = !self.state.recovered;
        for id in apps {
            self.end_application(id, ApplicationState::Finished, "its lease was over");
        }
        Ok(Answer::Done)
    }

    /// Ends an application. Its executors are asked to end and stay booked until their workers report
    /// that they have. Nothing if it has ended.
    pub(super) fn end_application(&mut self, id: &AppId, to: ApplicationState, message: &str) {
        let ages_from = self.ages_from();
        let Some(app) = self.state.applications.get_mut(id) else {
            return;
        };
        let Ok(to) = app.state.to(to) else { return };
        app.state = to;
        app.ended = Some(self.now);
        app.ages_from = ages_from;
        app.message = clip(message);
        self.state.app_queue.remove(&app.ticket);
        for executor in app.executors.values_mut() {
            if !executor.kill_requested {
                executor.kill_requested = true;
                "its application is over".clone_into(&mut executor.message);
                self.state.workers.touch(&executor.worker);
            }
        }
        if app.executors.is_empty() {
            self.state.ended_applications.push_back(id.clone());
        }
        self.note(id, Outcome::Ended, &clip(message));
    }
}

pub(super) fn unknown_application(id: &AppId) -> Rejection {
    let message = format!("there is no application {id}: it was never here, or ended long ago");
    Rejection::new(RejectCode::NotFound, message)
}

pub(super) fn over(app: &crate::Application) -> Rejection {
    let message = format!("application {} is {}: {}", app.id, app.state, app.message);
    Rejection::new(RejectCode::State, message)
}
