//! One stream to one master.

use std::cell::RefCell;
use std::collections::BTreeMap;
use std::rc::Rc;
use std::time::Duration;

use tokio::sync::mpsc;
use tokio_stream::wrappers::ReceiverStream;
use tonic::transport::Endpoint;
use uuid::Uuid;
use vesta_proto::worker::worker_client::WorkerClient;
use vesta_proto::worker::{FromWorker, Heartbeat, Hello, from_worker, to_worker};

use super::HEARTBEAT;
use super::holding::{Holding, ORDER_TTL};
use crate::net;

/// How long opening a stream may take.
const OPEN: Duration = Duration::from_secs(2);

/// Silence of a master that is connected after which the stream is given up: HTTP/2 pings.
const KEEPALIVE: Duration = Duration::from_secs(2);

pub(super) struct Session {
    holding: Rc<RefCell<Holding>>,
    name: String,
    /// When the heartbeats that are not confirmed yet were sent.
    sent: BTreeMap<u64, Duration>,
    /// Whether this master has said that it leads.
    leads: bool,
}

fn now() -> Duration {
    turmoil::sim_elapsed().unwrap_or_default()
}

fn message(message: from_worker::Message) -> FromWorker {
    FromWorker {
        message: Some(message),
    }
}

impl Session {
    pub(super) fn new(holding: Rc<RefCell<Holding>>) -> Session {
        Session {
            holding,
            name: Uuid::new_v4().to_string(),
            sent: BTreeMap::new(),
            leads: false,
        }
    }

    /// Holds the stream until it breaks.
    pub(super) async fn hold(mut self, address: &str) -> Result<(), tonic::Status> {
        let endpoint = Endpoint::from_shared(format!("http://{address}"))
            .map_err(|error| tonic::Status::internal(error.to_string()))?
            .connect_timeout(Duration::from_millis(500))
            .http2_keep_alive_interval(KEEPALIVE)
            .keep_alive_timeout(KEEPALIVE)
            .keep_alive_while_idle(true);
        let mut client = WorkerClient::new(net::simulated().channel(&endpoint));
        let (outbound, receiver) = mpsc::channel(64);
        let hello = self.hello();
        // The channel is new and its receiver is here.
        let _ = outbound.send(message(hello)).await;
        let opening = client.session(ReceiverStream::new(receiver));
        let opened = tokio::time::timeout(OPEN, opening).await;
        let mut inbound = opened
            .map_err(|_| tonic::Status::deadline_exceeded("no answer to Hello"))??
            .into_inner();
        let mut beat = tokio::time::interval(HEARTBEAT);
        let mut sequence = 0;
        loop {
            tokio::select! {
                biased;
                received = inbound.message() => {
                    let Some(received) = received?.and_then(|received| received.message) else {
                        return Ok(());
                    };
                    if self.take(received) {
                        self.report(&outbound).await;
                    }
                }
                _ = beat.tick() => {
                    sequence += 1;
                    self.sent.insert(sequence, now());
                    let stamp_ns = u64::try_from(now().as_nanos()).unwrap_or(u64::MAX);
                    let heartbeat = Heartbeat { sequence, stamp_ns };
                    let sent = outbound.send(message(from_worker::Message::Heartbeat(heartbeat)));
                    if sent.await.is_err() {
                        return Ok(());
                    }
                    // What ended since, and whatever was lost on the way.
                    if self.leads {
                        self.report(&outbound).await;
                    }
                }
            }
        }
    }

    fn hello(&self) -> from_worker::Message {
        let holding = self.holding.borrow();
        from_worker::Message::Hello(Hello {
            description: Some((&holding.description).into()),
            session: self.name.clone(),
            cluster_id: holding.cluster.clone(),
            epoch: holding.epoch,
            protocol: 1,
            order_ttl_ms: u64::try_from(ORDER_TTL.as_millis()).unwrap_or(u64::MAX),
        })
    }

    async fn report(&self, outbound: &mpsc::Sender<FromWorker>) {
        let report = self.holding.borrow_mut().report();
        // A stream that is gone is noticed by whoever reads from it.
        let _ = outbound
            .send(message(from_worker::Message::Report(report)))
            .await;
    }

    /// Whether it asks for a report.
    fn take(&mut self, received: to_worker::Message) -> bool {
        let mut holding = self.holding.borrow_mut();
        match received {
            to_worker::Message::Welcome(welcome) => {
                holding.join(&welcome.cluster_id);
                self.leads = welcome.leading;
                false
            }
            to_worker::Message::MasterChanged(changed) => {
                self.leads = holding.follow(changed.epoch);
                self.leads
            }
            to_worker::Message::Confirmed(confirmed) => {
                if confirmed.session == self.name
                    && holding.follow(confirmed.epoch)
                    && let Some(stamp) = self.sent.remove(&confirmed.sequence)
                {
                    holding.confirm(stamp);
                    self.sent = self.sent.split_off(&confirmed.sequence);
                }
                false
            }
            to_worker::Message::Orders(orders) => holding.obey(orders),
            to_worker::Message::Acknowledged(acknowledged) => {
                holding.forget(&acknowledged.instances);
                false
            }
            to_worker::Message::ReadLog(_) | to_worker::Message::Refused(_) => false,
        }
    }
}
