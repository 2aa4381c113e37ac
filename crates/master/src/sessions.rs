//! The streams of workers and applications. They belong to the master, not to a leadership: a new
//! leader needs no dialling.

use std::collections::BTreeMap;
use std::sync::Mutex;
use std::sync::atomic::{AtomicU64, Ordering};

use tokio::sync::{mpsc, oneshot};
use tonic::Status;
use vesta_proto::application::{ToApplication, to_application};
use vesta_proto::worker::{LogChunk, ReadLog, Refused, ToWorker, to_worker};
use vesta_types::limits::APP_SESSIONS_MAX;
use vesta_types::{AppId, WorkerDescription, WorkerId};

use crate::leader::SessionId;

struct WorkerStream {
    description: WorkerDescription,
    /// The worker's own name for the session.
    name: String,
    sender: mpsc::Sender<Result<ToWorker, Status>>,
}

struct AppStream {
    app: AppId,
    sender: mpsc::Sender<Result<ToApplication, Status>>,
}

#[derive(Default)]
struct Streams {
    workers: BTreeMap<SessionId, WorkerStream>,
    apps: BTreeMap<SessionId, AppStream>,
    log_reads: BTreeMap<u64, oneshot::Sender<LogChunk>>,
}

/// All streams to this master.
#[derive(Default)]
pub struct Sessions {
    next: AtomicU64,
    streams: Mutex<Streams>,
}

impl Sessions {
    fn lock(&self) -> std::sync::MutexGuard<'_, Streams> {
        self.streams
            .lock()
            .expect("nothing panics while it holds this lock")
    }

    fn next(&self) -> u64 {
        self.next.fetch_add(1, Ordering::Relaxed) + 1
    }

    /// Takes in a worker's stream; an older one of the same worker is closed (WRK002).
    pub fn open_worker(
        &self,
        description: WorkerDescription,
        name: String,
        sender: mpsc::Sender<Result<ToWorker, Status>>,
    ) -> (SessionId, Option<SessionId>) {
        let mut streams = self.lock();
        // Within the lock: of two sessions of one worker the later has the higher id.
        let id = self.next();
        let older = streams
            .workers
            .iter()
            .find(|(_, stream)| stream.description.id == description.id)
            .map(|(id, _)| *id);
        if let Some(older) = older.and_then(|older| streams.workers.remove(&older)) {
            let refused = Refused {
                code: "WRK002".to_owned(),
                message: "superseded by a newer session of the same worker".to_owned(),
            };
            let message = ToWorker {
                message: Some(to_worker::Message::Refused(refused)),
            };
            let _ = older.sender.try_send(Ok(message));
        }
        streams.workers.insert(
            id,
            WorkerStream {
                description,
                name,
                sender,
            },
        );
        (id, older)
    }

    /// A worker's stream is over.
    pub fn close_worker(&self, id: SessionId) {
        self.lock().workers.remove(&id);
    }

    /// Takes in an application's stream; of too many of one application the oldest is closed.
    pub fn open_app(
        &self,
        app: AppId,
        sender: mpsc::Sender<Result<ToApplication, Status>>,
    ) -> SessionId {
        let mut streams = self.lock();
        // Within the lock: a later session has a higher id.
        let id = self.next();
        let mut same = streams.apps.iter().filter(|(_, stream)| stream.app == app);
        let oldest = same.next().map(|(id, _)| *id);
        if same.count() + 1 >= APP_SESSIONS_MAX
            && let Some(oldest) = oldest
        {
            tracing::warn!(%app, "more than {APP_SESSIONS_MAX} streams: the oldest is closed");
            streams.apps.remove(&oldest);
        }
        streams.apps.insert(id, AppStream { app, sender });
        id
    }

    /// An application's stream is over.
    pub fn close_app(&self, id: SessionId) {
        self.lock().apps.remove(&id);
    }

    /// How many streams there are to workers, and to applications.
    pub fn count(&self) -> (usize, usize) {
        let streams = self.lock();
        (streams.workers.len(), streams.apps.len())
    }

    /// Whether a worker has a stream to this master.
    pub fn has_worker(&self, worker: &WorkerId) -> bool {
        let streams = self.lock();
        let mut workers = streams.workers.values();
        workers.any(|stream| stream.description.id == *worker)
    }

    /// Every worker's stream.
    pub fn workers(&self) -> Vec<(SessionId, WorkerDescription)> {
        let streams = self.lock();
        streams
            .workers
            .iter()
            .map(|(id, stream)| (*id, stream.description.clone()))
            .collect()
    }

    /// Every application's stream.
    pub fn apps(&self) -> Vec<(SessionId, AppId)> {
        self.lock()
            .apps
            .iter()
            .map(|(id, stream)| (*id, stream.app.clone()))
            .collect()
    }

    /// Says something to a worker. Returns whether its stream is still open; one whose queue is full
    /// is closed.
    pub fn to_worker(&self, id: SessionId, mut message: to_worker::Message) -> bool {
        let mut streams = self.lock();
        let Some(stream) = streams.workers.get(&id) else {
            return false;
        };
        if let to_worker::Message::Confirmed(confirmed) = &mut message {
            confirmed.session.clone_from(&stream.name);
        }
        let sent = stream
            .sender
            .try_send(Ok(ToWorker {
                message: Some(message),
            }))
            .is_ok();
        if !sent {
            tracing::warn!(worker = %stream.description.id, "a worker does not read its stream: closed");
            streams.workers.remove(&id);
        }
        sent
    }

    /// Says something to an application; as [`Sessions::to_worker`].
    pub fn to_app(&self, id: SessionId, message: to_application::Message) -> bool {
        let mut streams = self.lock();
        let Some(stream) = streams.apps.get(&id) else {
            return false;
        };
        let sent = stream
            .sender
            .try_send(Ok(ToApplication {
                message: Some(message),
            }))
            .is_ok();
        if !sent {
            tracing::warn!(app = %stream.app, "an application does not read its stream: closed");
            streams.apps.remove(&id);
        }
        sent
    }

    /// Asks a worker for a part of a log. `None` when it has no stream here.
    pub fn read_log(
        &self,
        worker: &WorkerId,
        mut read: ReadLog,
    ) -> Option<(u64, oneshot::Receiver<LogChunk>)> {
        let request = self.next();
        read.request = request;
        let mut streams = self.lock();
        let stream = streams
            .workers
            .values()
            .find(|stream| stream.description.id == *worker)?;
        let message = ToWorker {
            message: Some(to_worker::Message::ReadLog(read)),
        };
        stream.sender.try_send(Ok(message)).ok()?;
        let (sender, receiver) = oneshot::channel();
        streams.log_reads.insert(request, sender);
        Some((request, receiver))
    }

    /// A part of a log has come.
    pub fn log_chunk(&self, chunk: LogChunk) {
        if let Some(waiting) = self.lock().log_reads.remove(&chunk.request) {
            let _ = waiting.send(chunk);
        }
    }

    /// Nobody waits for this part any more.
    pub fn forget_log_read(&self, request: u64) {
        self.lock().log_reads.remove(&request);
    }
}
