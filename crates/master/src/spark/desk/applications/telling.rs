//! What drivers of Spark's are told.

use vesta_proto::application::{Executors, to_application};
use vesta_spark::message::{ApplicationRemoved, ExecutorAdded, ExecutorUpdated, RpcAddress};
use vesta_types::{AppId, Epoch, WorkerId};

use crate::leader::{Input, SessionId};
use crate::spark::application::{Say, host_said};
use crate::spark::desk::Desk;

impl Desk {
    /// The leader says something to an application.
    pub(in crate::spark::desk) async fn app_told(
        &mut self,
        id: &AppId,
        session: SessionId,
        message: to_application::Message,
    ) {
        let Some(seat) = self.app(id).filter(|seat| seat.session == Some(session)) else {
            return;
        };
        match message {
            // Its driver has answered this leadership, else there were no session.
            to_application::Message::MasterChanged(changed) => {
                let epoch = Epoch(changed.epoch);
                self.say(Input::AppAcknowledged(session, epoch)).await;
            }
            to_application::Message::Executors(table) => self.tell_executors(id, &table),
            to_application::Message::Ended(ended) => {
                let unasked = !seat.ending;
                let to = (seat.connection, seat.peer.clone(), seat.profile.clone());
                if let Some(session) = seat.unseat() {
                    self.context.sessions.close_app(session);
                    self.say(Input::AppClosed(session)).await;
                }
                if let Some(led) = &mut self.led {
                    led.apps.remove(id);
                }
                if let (Some(connection), peer, profile) = to
                    && unasked
                {
                    let message = format!("{}: {}", ended.state, ended.message);
                    let removed = ApplicationRemoved { message: &message };
                    self.send(connection, &peer, &profile, &removed);
                }
            }
            to_application::Message::Welcome(_) => {}
        }
    }

    fn tell_executors(&mut self, id: &AppId, table: &Executors) {
        let context = self.context.clone();
        let Some(seat) = self.app(id) else { return };
        let Some(connection) = seat.connection else {
            return;
        };
        let (peer, profile) = (seat.peer.clone(), seat.profile.clone());
        let news = seat.told_of.news(table);
        for say in news {
            match say {
                Say::Added(executor) => {
                    let port = executor.worker_id.parse::<WorkerId>().ok().and_then(|id| {
                        let state = context.shared.state();
                        Some(state.workers.get(&id)?.description.port)
                    });
                    let worker = RpcAddress::new(executor.host.clone(), port.unwrap_or_default());
                    let added = ExecutorAdded {
                        id: executor.number,
                        worker_id: &executor.worker_id,
                        worker: &worker,
                        cores: executor.cores,
                        memory_mib: executor.memory_mib,
                    };
                    self.send(connection, &peer, &profile, &added);
                }
                Say::Updated(executor, state) => {
                    let message = Some(executor.message.as_str()).filter(|it| !it.is_empty());
                    let updated = ExecutorUpdated {
                        id: executor.number,
                        state,
                        message,
                        exit_status: executor.exit_code,
                        worker_host: host_said(executor, state),
                    };
                    self.send(connection, &peer, &profile, &updated);
                }
            }
        }
    }
}
