//! What peers send: read, and given to whom it is for.

use vesta_spark::message::{Answer, FromPeer, Received, ToPeer};
use vesta_spark::profile::{self, Profile};
use vesta_spark::transport::{ConnectionId, Event, Incoming};
use vesta_types::SparkRelease;

use super::{Desk, Who};

/// The endpoint that peers look for.
const MASTER: &str = "Master";

impl Desk {
    pub(super) async fn event(&mut self, event: Event) {
        match event {
            Event::Message(incoming) => self.incoming(incoming).await,
            Event::Closed {
                connection, reason, ..
            } => {
                self.unanswered.forget(&connection);
                let Some(line) = self.connections.remove(&connection) else {
                    return;
                };
                match &line.who {
                    Some(Who::Worker(worker)) => {
                        tracing::info!(%worker, %reason, "the connection of a worker of Spark's is gone");
                    }
                    Some(Who::App(app)) => {
                        tracing::info!(%app, %reason, "the connection to a driver of Spark's is gone");
                    }
                    None => {}
                }
                if let Some(who) = line.who {
                    self.gone(who, connection).await;
                }
            }
        }
    }

    async fn incoming(&mut self, mut incoming: Incoming) {
        let connection = incoming.connection;
        let Received { release, message } =
            match FromPeer::read(&incoming.endpoint, &incoming.body, &self.limits) {
                Ok(received) => received,
                Err(error) => {
                    tracing::warn!(
                        sender = incoming.sender.as_ref().map(ToString::to_string),
                        endpoint = incoming.endpoint,
                        %error,
                        "a peer can't be served: its connection is closed"
                    );
                    self.transport.close(connection, &error.to_string());
                    return;
                }
            };
        let release = self.learn(connection, release);
        let ask = incoming.ask.take();
        // What it took of the bounds on memory is free again.
        drop(incoming);
        match message {
            FromPeer::CheckExistence(check) => {
                let Some(ask) = ask else { return };
                match Answer(check.name == MASTER).write(&Profile::of(release)) {
                    Ok(body) => ask.reply(body),
                    Err(error) => ask.fail(error.to_string()),
                }
            }
            FromPeer::RegisterWorker(said) => {
                self.register_worker(connection, said, release).await;
            }
            FromPeer::Heartbeat(said) => self.worker_beats(connection, said).await,
            FromPeer::WorkerLatestState(said) => {
                let executors = said.executors.into_iter();
                let executors = executors.map(|it| (it.app_id, it.exec_id)).collect();
                self.worker_runs(connection, &said.id, executors, said.driver_ids)
                    .await;
            }
            FromPeer::WorkerSchedulerStateResponse(said) => {
                let executors = said.executors.into_iter().map(|it| it.description);
                let executors = executors.map(|it| (it.app_id, it.exec_id)).collect();
                let drivers = said.drivers.into_iter().map(|it| it.driver_id).collect();
                self.worker_runs(connection, &said.id, executors, drivers)
                    .await;
            }
            FromPeer::ExecutorStateChanged(said) => {
                self.executor_changed(connection, said, ask).await;
            }
            FromPeer::DriverStateChanged(said) => self.driver_changed(connection, said).await,
            FromPeer::WorkerDecommissioning(said) => self.worker_goes(connection, &said),
            FromPeer::RegisterApplication(said) if !self.leads => {
                self.keep_registration(connection, *said);
            }
            FromPeer::RegisterApplication(said) => {
                self.register_application(connection, *said).await;
            }
            FromPeer::RequestExecutors(said) => self.request_executors(connection, &said, ask),
            FromPeer::KillExecutors(said) => self.kill_executors(connection, &said, ask),
            FromPeer::UnregisterApplication(said) => self.unregister(connection, &said),
            FromPeer::MasterChangeAcknowledged(said) => {
                self.app_acknowledged(connection, &said.app_id).await;
            }
            FromPeer::RequestSubmitDriver(said) => {
                self.submit_driver(release, said.description, ask);
            }
            FromPeer::RequestKillDriver(said) => self.kill_driver(release, said.driver_id, ask),
            FromPeer::RequestDriverStatus(said) => {
                self.driver_status(release, &said.driver_id, ask);
            }
            FromPeer::RequestKillAllDrivers => self.kill_all_drivers(release, ask),
        }
    }

    /// What a connection has shown of its peer's release by now, and what others of the same dialect have
    /// shown where it alone shows too little.
    fn learn(&mut self, connection: ConnectionId, shown: SparkRelease) -> SparkRelease {
        let line = self.connections.entry(connection).or_default();
        let before = line.release.filter(|it| it.dialect == shown.dialect);
        let known = SparkRelease {
            reference_uid: shown
                .reference_uid
                .or(before.and_then(|it| it.reference_uid)),
            ..shown
        };
        line.release = Some(known);
        if known.reference_uid.is_some() {
            self.learned.insert(known.dialect, known);
        }
        profile::answered_as(known, self.learned.get(&known.dialect).copied())
    }
}
