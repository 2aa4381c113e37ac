//! One session with one master: dialled, welcomed, held, and dialled again when it breaks.

use std::sync::Arc;
use std::time::Duration;

use tokio::sync::{mpsc, watch};
use tokio::time::{MissedTickBehavior, interval, sleep, timeout};
use tokio_stream::wrappers::ReceiverStream;
use tonic::{Code, Status, Streaming};
use vesta_proto::application::{
    Acknowledge, FromApplication, Heartbeat, Hello, ToApplication, from_application::Message,
    to_application,
};
use vesta_types::AppId;

use super::client::stub;
use super::runner::Shared;
use crate::backoff::Backoff;
use crate::pool::endpoint;

/// Pauses between two attempts to reach a master.
const REDIAL_FIRST: Duration = Duration::from_millis(100);
const REDIAL_LONGEST: Duration = Duration::from_secs(2);

/// How long a master may take to answer that a session is open.
const OPEN: Duration = Duration::from_secs(5);

/// Messages to a master that wait to be sent. Heartbeats and acknowledgements that a stuck
/// connection doesn't take are worth nothing later.
const OUTBOUND_MAX: usize = 16;

/// What is the same for all sessions of an application.
#[derive(Debug)]
pub(super) struct Settings {
    pub(super) app: AppId,
    pub(super) heartbeat: Duration,
    pub(super) connect: Duration,
}

/// Why a session ended.
#[derive(Debug, thiserror::Error)]
enum Broken {
    #[error("{0}")]
    Status(Status),
    #[error("it did not open within {OPEN:?}")]
    Slow,
    #[error("the master closed it")]
    Closed,
    #[error("it takes no more messages")]
    Stuck,
    #[error(transparent)]
    Foreign(#[from] super::follow::Ignored),
    #[error(transparent)]
    Address(#[from] crate::ClientError),
}

/// Holds a session with `address` for ever: aborting the task ends it.
pub(super) async fn hold(address: String, shared: Arc<Shared>, settings: Arc<Settings>) {
    let mut backoff = Backoff::new(REDIAL_FIRST, REDIAL_LONGEST);
    let mut leader_at = shared.leader_at();
    loop {
        leader_at.borrow_and_update();
        let mut session = Session {
            address: &address,
            shared: &shared,
            settings: &settings,
            welcomed: false,
            leads: false,
        };
        let broken = match session.run().await {
            Ok(never) => match never {},
            Err(broken) => broken,
        };
        shared.closed(&address);
        tracing::debug!(master = %address, %broken, "a session ended");
        if let Broken::Status(status) = &broken
            && status.code() == Code::NotFound
            && session.leads
        {
            shared.forgotten(status.message());
        }
        if session.welcomed {
            backoff.reset();
        }
        tokio::select! {
            () = sleep(backoff.pause()) => {}
            // One that has just come back and is elected is not kept waiting.
            () = is_elected(&address, &mut leader_at) => backoff.reset(),
        }
    }
}

/// Until another master says that the leader is at `address` from now on.
async fn is_elected(address: &str, leader_at: &mut watch::Receiver<String>) {
    while leader_at.changed().await.is_ok() {
        if *leader_at.borrow_and_update() == address {
            return;
        }
    }
    std::future::pending().await
}

struct Session<'a> {
    address: &'a str,
    shared: &'a Shared,
    settings: &'a Settings,
    welcomed: bool,
    /// The master said on this session that it leads.
    leads: bool,
}

impl Session<'_> {
    async fn run(&mut self) -> Result<std::convert::Infallible, Broken> {
        let (outbound, receiver) = mpsc::channel(OUTBOUND_MAX);
        send(&outbound, Message::Hello(self.hello()))?;
        let channel = endpoint(self.address, self.settings.connect)?.connect_lazy();
        let mut stub = stub(channel);
        let opening = stub.session(ReceiverStream::new(receiver));
        let response = timeout(OPEN, opening).await.map_err(|_| Broken::Slow)?;
        let mut inbound = response.map_err(Broken::Status)?.into_inner();
        self.converse(&outbound, &mut inbound).await
    }

    async fn converse(
        &mut self,
        outbound: &mpsc::Sender<FromApplication>,
        inbound: &mut Streaming<ToApplication>,
    ) -> Result<std::convert::Infallible, Broken> {
        let mut beat = interval(self.settings.heartbeat);
        beat.set_missed_tick_behavior(MissedTickBehavior::Delay);
        let mut sequence = 0;
        loop {
            tokio::select! {
                message = inbound.message() => {
                    let message = message.map_err(Broken::Status)?.ok_or(Broken::Closed)?;
                    self.take(outbound, message)?;
                }
                _ = beat.tick() => {
                    sequence += 1;
                    send(outbound, Message::Heartbeat(Heartbeat { sequence }))?;
                }
            }
        }
    }

    fn take(
        &mut self,
        outbound: &mpsc::Sender<FromApplication>,
        message: ToApplication,
    ) -> Result<(), Broken> {
        match &message.message {
            Some(to_application::Message::Welcome(welcome)) => {
                self.welcomed = true;
                self.leads = welcome.leading;
            }
            Some(to_application::Message::MasterChanged(_)) => self.leads = true,
            _ => {}
        }
        match self.shared.take(self.address, message) {
            Ok(Some(epoch)) => send(outbound, Message::Acknowledge(Acknowledge { epoch })),
            Ok(None) => Ok(()),
            Err(foreign @ super::follow::Ignored::OtherCluster { .. }) => {
                tracing::warn!(master = %self.address, %foreign, "this master is not ours");
                Err(foreign.into())
            }
            Err(ignored) => {
                tracing::debug!(master = %self.address, %ignored, "a message counted for nothing");
                Ok(())
            }
        }
    }

    fn hello(&self) -> Hello {
        let (cluster_id, epoch) = self.shared.met();
        let session = uuid::Uuid::new_v4().to_string();
        Hello {
            app_id: self.settings.app.to_string(),
            session,
            cluster_id,
            epoch,
        }
    }
}

fn send(outbound: &mpsc::Sender<FromApplication>, message: Message) -> Result<(), Broken> {
    let message = FromApplication {
        message: Some(message),
    };
    outbound.try_send(message).map_err(|_| Broken::Stuck)
}

#[cfg(test)]
mod tests {
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
