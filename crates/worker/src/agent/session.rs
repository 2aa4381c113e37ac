//! One session with one master, dialled again for as long as it takes.

use std::sync::Arc;
use std::time::{Duration, Instant};

use tokio::sync::{mpsc, oneshot, watch};
use tokio_stream::wrappers::ReceiverStream;
use tonic::transport::Endpoint;
use uuid::Uuid;
use vesta_proto::worker::worker_client::WorkerClient;
use vesta_proto::worker::{FromWorker, Hello, from_worker, to_worker};
use vesta_types::WorkerDescription;
use vesta_types::limits::MESSAGE_BYTES_MAX;

use super::serve::Event;
use crate::reconcile::{Allegiance, Source};

/// The version of the conversation.
const PROTOCOL: u32 = 1;

const CONNECT_TIMEOUT: Duration = Duration::from_secs(1);
const KEEPALIVE: Duration = Duration::from_secs(10);

/// How long a master that was reached may take to open a session.
const OPEN_TIMEOUT: Duration = Duration::from_secs(5);

const BACKOFF_FIRST: Duration = Duration::from_millis(100);
const BACKOFF_MOST: Duration = Duration::from_secs(2);

/// A session that lasted so long was a good one: the next dial does not wait for what was before.
const GOOD: Duration = Duration::from_secs(5);

/// Messages on their way to one master. A master that does not take them is hung up on.
const OUTGOING_MAX: usize = 64;

/// The agent's end of an open session; dropping it hangs up.
#[derive(Debug)]
pub(super) struct Link {
    outgoing: mpsc::Sender<FromWorker>,
    hang_up: oneshot::Sender<()>,
}

/// Keeps a session open for what its master still has to read; dropping it hangs up.
pub(super) struct Farewell(
    #[expect(dead_code, reason = "what matters is its drop")] oneshot::Sender<()>,
);

impl Link {
    /// Sends nothing more. The master closes the session when it has read the rest.
    pub(super) fn leave(self) -> Farewell {
        Farewell(self.hang_up)
    }

    /// Sends a message; `false` if the master does not take any.
    pub(super) fn send(&self, message: FromWorker) -> bool {
        self.outgoing.try_send(message).is_ok()
    }
}

/// What keeps a session with one master.
pub(super) struct Dialer {
    pub(super) master: String,
    pub(super) description: Arc<WorkerDescription>,
    pub(super) allegiance: watch::Receiver<Allegiance>,
    pub(super) order_ttl: Duration,
    /// Where a master last said that the leader is.
    pub(super) leader_at: watch::Receiver<String>,
    pub(super) events: mpsc::Sender<Event>,
}

/// Why a session ended.
enum End {
    Broken(String),
    /// The master does not accept this worker.
    Refused,
    /// The agent is gone.
    Over,
}

impl Dialer {
    /// Keeps a session with the master; never gives up.
    pub(super) async fn keep(self) {
        let mut wait = BACKOFF_FIRST;
        let mut told = false;
        let mut leader_at = self.leader_at.clone();
        loop {
            leader_at.borrow_and_update();
            let begun = Instant::now();
            let end = self.session().await;
            if begun.elapsed() >= GOOD {
                (wait, told) = (BACKOFF_FIRST, false);
            }
            match end {
                End::Over => return,
                End::Refused => wait = BACKOFF_MOST,
                // Said once, not at every attempt.
                End::Broken(why) if !told => {
                    told = true;
                    tracing::info!(master = self.master, why, "no session; dialling again");
                }
                End::Broken(why) => {
                    tracing::debug!(master = self.master, why, "no session");
                }
            }
            // Jitter, so that thousands of workers don't come back in step.
            let pause = tokio::time::sleep(wait.mul_f64(rand::random_range(0.5..1.5)));
            tokio::select! {
                () = pause => wait = (wait * 2).min(BACKOFF_MOST),
                // One that has just come back and is elected is not kept waiting.
                () = is_elected(&self.master, &mut leader_at) => wait = BACKOFF_FIRST,
            }
        }
    }

    async fn session(&self) -> End {
        let broken = |error: &dyn std::error::Error| End::Broken(whole(error));
        // A new endpoint at each dial: names are resolved anew.
        let endpoint = match Endpoint::from_shared(format!("http://{}", self.master)) {
            Ok(endpoint) => endpoint
                .connect_timeout(CONNECT_TIMEOUT)
                .http2_keep_alive_interval(KEEPALIVE)
                .keep_alive_timeout(KEEPALIVE)
                .keep_alive_while_idle(true)
                .tcp_nodelay(true),
            Err(error) => return broken(&error),
        };
        let channel = match endpoint.connect().await {
            Ok(channel) => channel,
            Err(error) => return broken(&error),
        };
        let mut client = WorkerClient::new(channel)
            .max_decoding_message_size(MESSAGE_BYTES_MAX)
            .max_encoding_message_size(MESSAGE_BYTES_MAX);
        let from = Source {
            master: self.master.clone(),
            session: Uuid::new_v4(),
        };
        let (outgoing, stream) = mpsc::channel(OUTGOING_MAX);
        let hello = from_worker::Message::Hello(self.hello(from.session));
        let _ = outgoing.try_send(FromWorker {
            message: Some(hello),
        });
        let opening = client.session(ReceiverStream::new(stream));
        let mut incoming = match tokio::time::timeout(OPEN_TIMEOUT, opening).await {
            Ok(Ok(response)) => response.into_inner(),
            Ok(Err(status)) => return End::Broken(status.to_string()),
            Err(_) => return End::Broken(format!("no session within {OPEN_TIMEOUT:?}")),
        };
        let (hang_up, mut hung_up) = oneshot::channel();
        let link = Link { outgoing, hang_up };
        if self
            .events
            .send(Event::Opened(from.clone(), link))
            .await
            .is_err()
        {
            return End::Over;
        }
        let end = loop {
            let message = tokio::select! {
                message = incoming.message() => message,
                _ = &mut hung_up => break End::Broken("hung up".to_owned()),
            };
            match message.map(|said| said.map(|envelope| envelope.message)) {
                Ok(Some(Some(to_worker::Message::Refused(refused)))) => {
                    let (code, message) = (refused.code, refused.message);
                    tracing::error!(
                        master = self.master,
                        code,
                        message,
                        "a master does not accept this worker; what runs here is kept"
                    );
                    break End::Refused;
                }
                Ok(Some(Some(message))) => {
                    let event = Event::Said(from.clone(), message);
                    if self.events.send(event).await.is_err() {
                        return End::Over;
                    }
                }
                // A message of a newer master, of a kind that is not known here.
                Ok(Some(None)) => {}
                Ok(None) => break End::Broken("the master closed it".to_owned()),
                Err(status) => break End::Broken(status.to_string()),
            }
        };
        match self.events.send(Event::Closed(from)).await {
            Ok(()) => end,
            Err(_) => End::Over,
        }
    }

    fn hello(&self, session: Uuid) -> Hello {
        let Allegiance { cluster, epoch } = *self.allegiance.borrow();
        Hello {
            description: Some((&*self.description).into()),
            session: session.to_string(),
            cluster_id: cluster
                .map(|cluster| cluster.to_string())
                .unwrap_or_default(),
            epoch: epoch.0,
            protocol: PROTOCOL,
            order_ttl_ms: u64::try_from(self.order_ttl.as_millis()).unwrap_or(u64::MAX),
        }
    }
}

/// Until another master says that the leader is at `master` from now on.
async fn is_elected(master: &str, leader_at: &mut watch::Receiver<String>) {
    while leader_at.changed().await.is_ok() {
        if *leader_at.borrow_and_update() == master {
            return;
        }
    }
    std::future::pending().await
}

/// An error with its causes: tonic's own says only "transport error".
fn whole(error: &dyn std::error::Error) -> String {
    let mut text = error.to_string();
    let mut cause = error.source();
    while let Some(error) = cause {
        text = format!("{text}: {error}");
        cause = error.source();
    }
    text
}

#[cfg(test)]
mod tests {
    use tokio::time::timeout;

    use super::*;

    #[tokio::test]
    async fn a_pause_ends_when_its_master_is_elected_and_not_when_another_is() {
        let (said, mut leader_at) = watch::channel("a:1".to_owned());
        // It led before: that is no news, and it may be why the pause is.
        leader_at.borrow_and_update();
        let mut elected = std::pin::pin!(is_elected("a:1", &mut leader_at));
        assert!(timeout(Duration::ZERO, &mut elected).await.is_err());
        said.send_replace("b:1".to_owned());
        assert!(timeout(Duration::ZERO, &mut elected).await.is_err());
        said.send_replace("a:1".to_owned());
        elected.await;
    }
}
