//! What workers of Spark's own are ordered.

use std::collections::VecDeque;

use vesta_proto::worker::to_worker;
use vesta_proto::worker_convert::{self, RunOrder};
use vesta_spark::message::{
    Answer, KillDriver, KillExecutor, LaunchDriver, LaunchExecutor, ToPeer,
};
use vesta_spark::transport::Ask;
use vesta_types::{InstanceId, Work, WorkerId};

use crate::leader::{Input, SessionId};
use crate::spark::convert;
use crate::spark::desk::Desk;
use crate::spark::worker::Act;

impl Desk {
    /// The leader says something to a worker.
    pub(in crate::spark::desk) async fn worker_told(
        &mut self,
        id: &WorkerId,
        session: SessionId,
        message: to_worker::Message,
    ) {
        let now = self.now();
        let leads = self.leads;
        let Some(seat) = self.worker(id).filter(|seat| seat.session == Some(session)) else {
            return;
        };
        let acts = match message {
            to_worker::Message::MasterChanged(_) => seat.worker.asked(),
            to_worker::Message::Orders(orders) if leads => {
                match worker_convert::order_set(orders) {
                    Ok((set, unread)) => {
                        for error in unread {
                            tracing::error!(worker = %id, %error, "an order could not be read");
                        }
                        seat.worker.ordered(set, now)
                    }
                    Err(error) => {
                        tracing::error!(worker = %id, %error, "orders could not be read");
                        return;
                    }
                }
            }
            to_worker::Message::Acknowledged(ended) => {
                let ended = ended.instances.iter();
                let ended = ended.filter_map(|id| id.parse().ok()).collect();
                seat.worker.acknowledged(&ended)
            }
            to_worker::Message::Refused(refused) => {
                tracing::warn!(worker = %id, code = refused.code, message = refused.message, "a worker of Spark's is refused");
                if let Some(connection) = seat.connection {
                    self.transport.close(connection, &refused.message);
                }
                return;
            }
            // Nothing is confirmed to it, and its logs are on its own pages.
            _ => return,
        };
        self.carry_out(id, acts).await;
    }

    pub(super) async fn carry_out(&mut self, id: &WorkerId, acts: Vec<Act<Ask>>) {
        let mut acts = VecDeque::from(acts);
        while let Some(act) = acts.pop_front() {
            match act {
                Act::Launch(run) => {
                    let instance = run.instance.clone();
                    let Err(why) = self.launch(id, *run) else {
                        continue;
                    };
                    tracing::error!(worker = %id, %instance, why, "an order can't be told to a worker of Spark's");
                    let now = self.now();
                    if let Some(seat) = self.worker(id) {
                        acts.extend(seat.worker.not_told(instance, why, now));
                    }
                }
                Act::Kill(instance) => self.kill(id, &instance),
                Act::Answer(ask) => self.answer(id, ask),
                Act::Drain => self.drain(id.clone()),
                Act::Report(report) => {
                    if let Some(session) = self.worker(id).and_then(|seat| seat.session) {
                        self.say(Input::WorkerReport(session, *report)).await;
                    }
                }
            }
        }
    }

    pub(super) fn answer(&mut self, id: &WorkerId, ask: Ask) {
        let Some(seat) = self.worker(id) else { return };
        match Answer(true).write(&seat.profile) {
            Ok(body) => ask.reply(body),
            Err(error) => ask.fail(error.to_string()),
        }
    }

    /// Tells a worker to start something.
    ///
    /// # Errors
    /// When there is no such message to it, now or later. One that can't be sent closes the connection: the
    /// worker comes back and says that it does not have it.
    fn launch(&mut self, id: &WorkerId, run: RunOrder) -> Result<(), String> {
        let Some(seat) = self.worker(id) else {
            return Ok(());
        };
        let Some(connection) = seat.connection else {
            return Ok(());
        };
        if let Work::Executor { app, .. } = &run.instance.work {
            seat.apps.insert(app.clone());
        }
        let (peer, profile) = (seat.peer.clone(), seat.profile.clone());
        let resources = convert::lists(&run.booking.named);
        let sent = match run.instance.work.clone() {
            Work::Executor { app, number } => {
                let order = LaunchExecutor {
                    master_url: &self.url,
                    app_id: app.as_str(),
                    exec_id: number,
                    rp_id: run.profile,
                    description: &run.payload,
                    cores: run.booking.cores,
                    memory_mib: run.booking.memory_mib,
                    resources: &resources,
                };
                self.try_send(connection, &peer, &profile, &order)
            }
            Work::Driver { driver, .. } => {
                let description = convert::driver_order(run)?;
                let order = LaunchDriver {
                    driver_id: driver.as_str(),
                    description: &description,
                    resources: &resources,
                };
                self.try_send(connection, &peer, &profile, &order)
            }
        };
        sent.map(|_| ()).map_err(|error| error.to_string())
    }

    fn kill(&mut self, id: &WorkerId, instance: &InstanceId) {
        let Some(seat) = self.worker(id) else { return };
        let Some(connection) = seat.connection else {
            return;
        };
        let (peer, profile) = (seat.peer.clone(), seat.profile.clone());
        match &instance.work {
            Work::Executor { app, number } => {
                let order = KillExecutor {
                    master_url: &self.url,
                    app_id: app.as_str(),
                    exec_id: *number,
                };
                self.send(connection, &peer, &profile, &order);
            }
            Work::Driver { driver, .. } => {
                let order = KillDriver {
                    driver_id: driver.as_str(),
                };
                self.send(connection, &peer, &profile, &order);
            }
        }
    }
}
