//! Holds the connections of Spark's processes, and carries messages between them and the leadership.

mod applications;
pub(in crate::spark) mod clients;
mod following;
mod incoming;
mod unanswered;
mod workers;
mod writing;

use std::collections::BTreeMap;
use std::sync::Arc;
use std::time::Duration;

use tokio::sync::mpsc;
use tokio::time::MissedTickBehavior;
use tokio_stream::StreamExt;
use tokio_stream::wrappers::ReceiverStream;
use tonic::Status;
use vesta_core::ClusterState;
use vesta_proto::application::{ToApplication, to_application};
use vesta_proto::worker::{ToWorker, to_worker};
use vesta_spark::message::{MessageLimits, RpcAddress, ToPeer, WriteError};
use vesta_spark::profile::Profile;
use vesta_spark::transport::{ConnectionId, DialError, EndpointAddress, Event, Transport};
use vesta_types::limits::STREAM_QUEUE;
use vesta_types::{
    AppId, ApplicationDescription, Dialect, SparkPeer, SparkRelease, Timestamp, WorkerId,
};

use crate::context::Context;
use crate::leader::{Input, SessionId};
use crate::spark::unanswered::Unanswered;

use applications::AppSeat;
use following::Led;
use workers::WorkerSeat;

/// How often what nobody announces is looked at: who is to be dialled, who has ended.
const TICK: Duration = Duration::from_millis(100);

/// Notes that wait for the desk.
const NOTES: usize = 4_096;

/// Whose connection it is.
#[derive(Clone, Debug, PartialEq, Eq, PartialOrd, Ord)]
enum Who {
    Worker(WorkerId),
    App(AppId),
}

/// A connection, as far as it has shown who it is.
#[derive(Debug, Default)]
struct Line {
    release: Option<SparkRelease>,
    who: Option<Who>,
}

/// What the desk hears from tasks of its own.
enum Note {
    /// The leader says something to a worker.
    ToWorker(WorkerId, SessionId, to_worker::Message),
    /// The leader says something to an application.
    ToApp(AppId, SessionId, to_application::Message),
    /// A dial has come to its end.
    Dialled(Who, Result<ConnectionId, DialError>),
    /// An application is in the log, or is not.
    Registered(ConnectionId, SparkPeer, Result<AppId, String>),
}

/// The connections of Spark's processes to this master.
pub(crate) struct Desk {
    context: Arc<Context>,
    transport: Transport,
    /// What peers are told as this master's address.
    own: RpcAddress,
    /// The same as a URL: workers compare it.
    url: String,
    web_ui: String,
    limits: MessageLimits,
    connections: BTreeMap<ConnectionId, Line>,
    /// What was last seen of each dialect, for clients that don't show it.
    learned: BTreeMap<Dialect, SparkRelease>,
    /// What drivers asked while it did not lead.
    unanswered: Unanswered<ConnectionId, (SparkPeer, ApplicationDescription)>,
    /// Whether it leads now; then `led` is of this leadership.
    leads: bool,
    /// Those whom this leadership serves, or the last one served.
    led: Option<Led>,
    notes: mpsc::Sender<Note>,
}

/// Runs until the process ends.
pub(crate) async fn run(
    context: Arc<Context>,
    transport: Transport,
    mut events: mpsc::Receiver<Event>,
    web_ui: String,
) {
    let (notes, mut inbox) = mpsc::channel(NOTES);
    let own = transport.advertised().clone();
    let mut status = context.node.watch();
    let mut desk = Desk {
        url: own.spark_url(),
        own,
        web_ui,
        context,
        transport,
        limits: MessageLimits::default(),
        connections: BTreeMap::new(),
        learned: BTreeMap::new(),
        unanswered: Unanswered::new(),
        leads: false,
        led: None,
        notes,
    };
    let mut tick = tokio::time::interval(TICK);
    tick.set_missed_tick_behavior(MissedTickBehavior::Delay);
    loop {
        tokio::select! {
            event = events.recv() => match event {
                Some(event) => { desk.follow().await; desk.event(event).await; }
                None => return,
            },
            Some(note) = inbox.recv() => { desk.follow().await; desk.note(note).await; }
            changed = status.changed() => match changed {
                Ok(()) => desk.follow().await,
                Err(_) => return,
            },
            _ = tick.tick() => { desk.follow().await; desk.look_around().await; }
        }
    }
}

impl Desk {
    async fn note(&mut self, note: Note) {
        match note {
            Note::ToWorker(worker, session, message) => {
                self.worker_told(&worker, session, message).await;
            }
            Note::ToApp(app, session, message) => self.app_told(&app, session, message).await,
            Note::Dialled(who, result) => self.dialled(who, result).await,
            Note::Registered(connection, driver, result) => {
                self.registered(connection, driver, result).await;
            }
        }
    }

    /// Tells the leadership something.
    async fn say(&self, input: Input) {
        // Only fails when the process is ending.
        let _ = self.context.events.send(input).await;
    }

    fn state(&self) -> impl std::ops::Deref<Target = ClusterState> + '_ {
        self.context.shared.state()
    }

    fn now(&self) -> Timestamp {
        self.context.clocks.wall()
    }

    fn worker(&mut self, id: &WorkerId) -> Option<&mut WorkerSeat> {
        self.led.as_mut()?.workers.get_mut(id)
    }

    fn app(&mut self, id: &AppId) -> Option<&mut AppSeat> {
        self.led.as_mut()?.apps.get_mut(id)
    }

    /// Sends a message to a peer; whether it is on its way. While this master does not lead nothing is sent that
    /// only a leader says: the callers ask [`Desk::follow`] first.
    fn send(
        &self,
        connection: ConnectionId,
        to: &SparkPeer,
        profile: &Profile,
        message: &dyn ToPeer,
    ) -> bool {
        match self.try_send(connection, to, profile, message) {
            Ok(sent) => sent,
            Err(error) => {
                tracing::error!(peer = %to, %error, "a message could not be written");
                false
            }
        }
    }

    /// The same, for who has to know whether there is such a message.
    fn try_send(
        &self,
        connection: ConnectionId,
        to: &SparkPeer,
        profile: &Profile,
        message: &dyn ToPeer,
    ) -> Result<bool, WriteError> {
        let body = message.write(profile)?;
        let address = RpcAddress::new(to.host.clone(), to.port);
        let endpoint = EndpointAddress::new(address, to.endpoint.clone());
        // What can't be sent closes its connection, and that is an event.
        Ok(self.transport.send(connection, &endpoint, &body).is_ok())
    }

    /// The release that a connection has shown.
    fn release_of(&self, connection: ConnectionId) -> Option<SparkRelease> {
        self.connections.get(&connection)?.release
    }

    /// A stream from the leadership for a worker: what comes there becomes notes.
    fn worker_stream(
        &self,
        id: &WorkerId,
    ) -> (StreamEnd<ToWorker>, impl FnOnce(SessionId) + use<>) {
        let (sender, receiver) = mpsc::channel(STREAM_QUEUE);
        let (notes, id) = (self.notes.clone(), id.clone());
        let carry = move |session: SessionId| {
            tokio::spawn(async move {
                let mut messages = ReceiverStream::new(receiver);
                while let Some(Ok(ToWorker { message })) = messages.next().await {
                    let Some(message) = message else { continue };
                    let note = Note::ToWorker(id.clone(), session, message);
                    if notes.send(note).await.is_err() {
                        return;
                    }
                }
            });
        };
        (sender, carry)
    }

    /// The same for an application.
    fn app_stream(&self, id: &AppId) -> (StreamEnd<ToApplication>, impl FnOnce(SessionId) + use<>) {
        let (sender, receiver) = mpsc::channel(STREAM_QUEUE);
        let (notes, id) = (self.notes.clone(), id.clone());
        let carry = move |session: SessionId| {
            tokio::spawn(async move {
                let mut messages = ReceiverStream::new(receiver);
                while let Some(Ok(ToApplication { message })) = messages.next().await {
                    let Some(message) = message else { continue };
                    let note = Note::ToApp(id.clone(), session, message);
                    if notes.send(note).await.is_err() {
                        return;
                    }
                }
            });
        };
        (sender, carry)
    }
}

type StreamEnd<T> = mpsc::Sender<Result<T, Status>>;
