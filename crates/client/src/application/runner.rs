//! Holds the sessions, and turns what they bring into events.

use std::collections::{BTreeSet, HashMap};
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};
use std::time::Duration;

use tokio::sync::{mpsc, watch};
use tokio::task::{AbortHandle, JoinSet};
use vesta_proto::application::to_application::Message;
use vesta_proto::application::{Ended, Member, ToApplication};
use vesta_types::AppId;

use super::addresses::wanted;
use super::follow::{Follow, Ignored, Step};
use super::session::{Settings, hold};
use super::{ApplicationEvent, Table};
use crate::Client;

/// Events that wait to be read. When it is full the differences gather in the table instead.
const EVENTS_MAX: usize = 64;

/// What the application is told, as it is now.
#[derive(Clone, Debug, Default)]
struct News {
    table: Arc<Table>,
    leader_epoch: u64,
    ended: Option<Ended>,
}

/// What all sessions of an application share.
#[derive(Debug)]
pub(super) struct Shared {
    follow: Mutex<Follow>,
    news: watch::Sender<News>,
    /// Sessions that a master has welcomed.
    open: Mutex<BTreeSet<String>>,
    /// Raised when members or open sessions changed: see whom to dial.
    addresses: watch::Sender<()>,
    /// Where a master last said that the leader is.
    leader_at: watch::Sender<String>,
    /// What makes the application's own calls: it learns the members with the sessions.
    client: Client,
}

/// Everything that runs for an application; dropping it stops it.
#[derive(Debug)]
pub(super) struct Runner {
    shared: Arc<Shared>,
    tasks: [AbortHandle; 2],
}

impl Runner {
    pub(super) fn start(
        app: AppId,
        client: Client,
        configured: Vec<String>,
        heartbeat: Duration,
        connect: Duration,
    ) -> (Runner, mpsc::Receiver<ApplicationEvent>) {
        let shared = Arc::new(Shared {
            follow: Mutex::default(),
            news: watch::Sender::default(),
            open: Mutex::default(),
            addresses: watch::Sender::default(),
            leader_at: watch::Sender::default(),
            client,
        });
        let settings = Arc::new(Settings {
            app,
            heartbeat,
            connect,
        });
        let (events, receiver) = mpsc::channel(EVENTS_MAX);
        let sessions = tokio::spawn(hold_sessions(shared.clone(), configured, settings));
        let telling = tokio::spawn(tell(shared.news.subscribe(), events));
        let tasks = [sessions.abort_handle(), telling.abort_handle()];
        (Runner { shared, tasks }, receiver)
    }

    pub(super) fn table(&self) -> Arc<Table> {
        self.shared.news.borrow().table.clone()
    }
}

impl Drop for Runner {
    fn drop(&mut self) {
        for task in &self.tasks {
            task.abort();
        }
    }
}

impl Shared {
    /// Takes a message of the session with `address`. Returns what is to be acknowledged on it.
    pub(super) fn take(
        &self,
        address: &str,
        message: ToApplication,
    ) -> Result<Option<u64>, Ignored> {
        let mut follow = lock(&self.follow);
        let leader = leader_in(&message);
        let step = follow.take(message)?;
        if let Some(leader) = leader {
            self.leader_at.send_if_modified(|known| {
                let moved = *known != leader;
                *known = leader;
                moved
            });
        }
        let news = News {
            table: Arc::new(follow.table.clone()),
            leader_epoch: follow.leader_epoch,
            ended: follow.ended.clone(),
        };
        // Sent under the lock: news must not overtake each other.
        match step {
            Step::Members => {
                self.client.pool().learn(follow.members.clone());
                lock(&self.open).insert(address.to_owned());
                self.tell_leader(news);
                self.addresses.send_replace(());
                Ok(None)
            }
            Step::Acknowledge(epoch) => {
                self.tell_leader(news);
                Ok(Some(epoch))
            }
            Step::Changed => {
                self.news.send_replace(news);
                Ok(None)
            }
            Step::Nothing => Ok(None),
        }
    }

    /// Says nothing when the same leader was only heard again.
    fn tell_leader(&self, news: News) {
        self.news.send_if_modified(|told| {
            let newer = news.leader_epoch > told.leader_epoch;
            if newer {
                *told = news;
            }
            newer
        });
    }

    /// The leader doesn't know the application: it ended so long ago that it is forgotten.
    pub(super) fn forgotten(&self, message: &str) {
        let ended = Ended {
            state: super::table::END_UNKNOWN.into(),
            message: message.into(),
            epoch: 0,
        };
        lock(&self.follow).ended.get_or_insert(ended.clone());
        self.news.send_modify(|news| {
            news.ended.get_or_insert(ended);
        });
    }

    /// Tells where the leader is, whenever a master says that it moved.
    pub(super) fn leader_at(&self) -> watch::Receiver<String> {
        self.leader_at.subscribe()
    }

    pub(super) fn closed(&self, address: &str) {
        if lock(&self.open).remove(address) {
            self.addresses.send_replace(());
        }
    }

    /// The cluster and the highest epoch met, for a session's first message.
    pub(super) fn met(&self) -> (String, u64) {
        let follow = lock(&self.follow);
        (follow.cluster.clone(), follow.epoch)
    }

    fn has_ended(&self) -> bool {
        self.news.borrow().ended.is_some()
    }
}

/// Keeps one session with each master, until the application has ended.
async fn hold_sessions(shared: Arc<Shared>, configured: Vec<String>, settings: Arc<Settings>) {
    let mut addresses = shared.addresses.subscribe();
    let mut news = shared.news.subscribe();
    let mut sessions = JoinSet::new();
    let mut held: HashMap<String, AbortHandle> = HashMap::new();
    while !shared.has_ended() {
        addresses.borrow_and_update();
        let members = lock(&shared.follow).members.clone();
        let open = lock(&shared.open).clone();
        let wanted = wanted(&configured, &members, &open);
        held.retain(|address, session| {
            let keep = wanted.contains(address.as_str());
            if !keep {
                tracing::debug!(%address, "this session is not needed any more");
                session.abort();
                lock(&shared.open).remove(address);
            }
            keep
        });
        for address in wanted {
            held.entry(address.to_owned()).or_insert_with(|| {
                sessions.spawn(hold(address.to_owned(), shared.clone(), settings.clone()))
            });
        }
        tokio::select! {
            _ = addresses.changed() => {}
            _ = news.changed() => {}
            // Sessions end by being aborted only; collect what is left of them.
            Some(_) = sessions.join_next() => {}
        }
    }
    sessions.shutdown().await;
}

/// Tells the differences between what was told last and what is known now.
async fn tell(mut news: watch::Receiver<News>, events: mpsc::Sender<ApplicationEvent>) {
    let mut told = News::default();
    loop {
        let now = news.borrow_and_update().clone();
        for event in differences(&told, &now) {
            if events.send(event).await.is_err() {
                return;
            }
        }
        if now.ended.is_some() {
            return;
        }
        told = now;
        if news.changed().await.is_err() {
            return;
        }
    }
}

fn differences(told: &News, now: &News) -> Vec<ApplicationEvent> {
    let mut events = Vec::new();
    if now.leader_epoch > told.leader_epoch {
        events.push(ApplicationEvent::MasterChanged {
            epoch: now.leader_epoch,
        });
    }
    events.extend(told.table.events_to(&now.table));
    if let Some(Ended { state, message, .. }) = now.ended.clone() {
        events.push(ApplicationEvent::Ended { state, message });
    }
    events
}

/// Where the leader is, if a master says so.
fn leader_in(message: &ToApplication) -> Option<String> {
    let Some(Message::Welcome(welcome)) = &message.message else {
        return None;
    };
    let leads = |member: &&Member| Some(member.node_id) == welcome.leader;
    let leader = welcome.members.iter().find(leads)?;
    Some(leader.client_address.clone())
}

fn lock<T>(mutex: &Mutex<T>) -> MutexGuard<'_, T> {
    // Nothing panics while it holds one of these locks, and any state of them is a valid one.
    mutex.lock().unwrap_or_else(PoisonError::into_inner)
}
