//! The agent's loop.

use std::collections::BTreeMap;
use std::pin::pin;
use std::sync::Arc;
use std::time::Duration;

use tokio::sync::{mpsc, watch};
use uuid::Uuid;
use vesta_proto::worker::{from_worker, to_worker};
use vesta_types::{InstanceId, InstanceReport, WorkerDescription};

use super::glance::Page;
use super::masters::Masters;
use super::runner::Origin;
use super::{Machine, session};
use crate::clock::Boottime;
use crate::reconcile::{Allegiance, Input, Reconciler, Settings, Source, wire};
use crate::store::recover::Recovered;
use crate::store::{Identity, Store};
use crate::{Config, OnTerminate, WorkerError};

/// How long an agent that shuts down waits for its last reports to be acknowledged.
const LAST_WORDS: Duration = Duration::from_secs(5);

/// How long on top of the grace an instance may take to end before the agent leaves without it.
const ENDING_EXTRA: Duration = Duration::from_secs(15);

/// How long it waits on top of that for masters to read what it said.
const GOODBYE: Duration = Duration::from_secs(1);

/// Events on their way to the agent's loop; more, and sessions wait.
const EVENTS_MAX: usize = 1_024;

/// What tasks tell the agent.
#[derive(Debug)]
pub(super) enum Event {
    Opened(Source, session::Link),
    Closed(Source),
    Said(Source, to_worker::Message),
    Observed(InstanceReport),
    ForMaster(Source, Box<from_worker::Message>),
    Cleaned(Vec<InstanceId>),
}

/// Everything that an agent owns.
pub(super) struct Agent {
    pub(super) config: Config,
    pub(super) store: Store,
    pub(super) machine: Machine,
    pub(super) boot: Uuid,
    pub(super) description: Arc<WorkerDescription>,
    pub(super) reconciler: Reconciler,
    pub(super) masters: Masters,
    pub(super) links: BTreeMap<String, (Source, session::Link)>,
    /// By which each live instance is told to end.
    pub(super) stops: BTreeMap<InstanceId, watch::Sender<bool>>,
    /// What new sessions begin with.
    pub(super) allegiance: watch::Sender<Allegiance>,
    /// Where a master last said that the leader is: a session that waits to be dialled waits no longer.
    pub(super) leader_at: watch::Sender<String>,
    /// When directories are looked at next, and whether that is being done.
    pub(super) clean_at: Boottime,
    pub(super) cleaning: bool,
    pub(super) sender: mpsc::Sender<Event>,
    pub(super) events: mpsc::Receiver<Event>,
    /// What observers see.
    pub(super) page: Page,
}

impl Agent {
    pub(super) fn new(
        config: Config,
        mut store: Store,
        identity: Identity,
        boot: Uuid,
        description: WorkerDescription,
        machine: Machine,
        recovered: Recovered,
    ) -> Result<Agent, WorkerError> {
        store.booted(boot)?;
        let settings = Settings {
            heartbeat: config.heartbeat,
            order_ttl: config.order_ttl,
        };
        let allegiance = identity.allegiance();
        let (sender, events) = mpsc::channel(EVENTS_MAX);
        let mut agent = Agent {
            reconciler: Reconciler::new(settings, allegiance, recovered.reports),
            masters: Masters::new(&config.masters, store.dir()),
            config,
            store,
            machine,
            boot,
            description: Arc::new(description),
            links: BTreeMap::new(),
            stops: BTreeMap::new(),
            allegiance: watch::Sender::new(allegiance),
            leader_at: watch::Sender::default(),
            clean_at: Boottime::default(),
            cleaning: false,
            sender,
            events,
            page: Page::default(),
        };
        for (instance, supervisor) in recovered.alive {
            tracing::info!(%instance, pid = supervisor.pid, "its supervisor is taken over");
            agent.watch_over(instance, Origin::Found(supervisor));
        }
        Ok(agent)
    }

    pub(super) async fn serve(&mut self, shutdown: impl Future<Output = ()>) {
        let mut shutdown = pin!(shutdown);
        let mut ending: Option<Ending> = None;
        loop {
            let now = Boottime::now();
            self.dial(now).await;
            self.clean(now);
            self.show(now);
            let mut next = self.reconciler.next_tick().min(self.masters.next_look(now));
            next = next.min(self.clean_at);
            if let Some(ending) = &mut ending {
                if ending.is_over(now, &self.reconciler) {
                    return;
                }
                next = next.min(ending.deadline);
            }
            tokio::select! {
                Some(event) = self.events.recv() => self.handle(event).await,
                () = tokio::time::sleep(next.since(now)) => {
                    self.adopt_if_asked();
                    self.step(Input::Tick).await;
                }
                () = &mut shutdown, if ending.is_none() => {
                    if self.config.on_terminate == OnTerminate::Keep {
                        tracing::info!("shutting down: what runs here goes on");
                        return;
                    }
                    tracing::info!("shutting down: every instance here is ended");
                    self.step(Input::Shutdown).await;
                    let bound = self.config.kill_grace + ENDING_EXTRA;
                    ending = Some(Ending { deadline: Boottime::now().plus(bound), idle: false });
                }
            }
        }
    }

    /// Lets the masters read what was said last, for a moment.
    pub(super) async fn take_leave(mut self) {
        let links = std::mem::take(&mut self.links).into_values();
        let mut open: BTreeMap<_, _> = links
            .map(|(from, link)| (from.session, link.leave()))
            .collect();
        let closed = async {
            while !open.is_empty() {
                if let Some(Event::Closed(from)) = self.events.recv().await {
                    open.remove(&from.session);
                }
            }
        };
        let _ = tokio::time::timeout(GOODBYE, closed).await;
    }

    async fn handle(&mut self, event: Event) {
        match event {
            Event::Opened(from, link) => {
                tracing::info!(master = from.master, "session opened");
                self.masters.heard();
                self.links.insert(from.master.clone(), (from.clone(), link));
                self.step(Input::SessionOpened { from }).await;
            }
            Event::Closed(from) => self.closed(from).await,
            Event::Said(from, message) => self.said(from, message).await,
            Event::Observed(report) => self.observed(report).await,
            Event::ForMaster(to, message) => self.send(&to, *message),
            Event::Cleaned(instances) => {
                self.cleaning = false;
                self.step(Input::Cleaned(instances)).await;
            }
        }
    }

    async fn closed(&mut self, from: Source) {
        let is_current = |(source, _): &(Source, _)| *source == from;
        if self.links.get(&from.master).is_some_and(is_current) {
            self.links.remove(&from.master);
            self.masters.lost(Boottime::now(), self.links.is_empty());
        }
        self.step(Input::SessionClosed { from }).await;
    }

    async fn said(&mut self, from: Source, message: to_worker::Message) {
        match message {
            to_worker::Message::ReadLog(request) => self.read_log(from, request),
            to_worker::Message::Welcome(welcome) => {
                let named = welcome
                    .members
                    .iter()
                    .map(|member| member.client_address.clone());
                let named: Vec<String> = named.collect();
                let leader = welcome
                    .members
                    .iter()
                    .find(|member| Some(member.node_id) == welcome.leader)
                    .map(|member| member.client_address.clone());
                if let Some(input) = wire::welcome(from, &welcome) {
                    let own = self.step(input).await;
                    if let Some(leader) = leader.filter(|_| own) {
                        self.leader_at.send_if_modified(|known| {
                            let moved = *known != leader;
                            *known = leader;
                            moved
                        });
                    }
                    if own && self.masters.named(welcome.epoch, named, self.store.dir()) {
                        tracing::info!(masters = ?self.masters.targets(), "masters changed");
                    }
                }
            }
            message => {
                if let Some(input) = wire::input(from, message) {
                    self.step(input).await;
                }
            }
        }
    }

    async fn observed(&mut self, report: InstanceReport) {
        let InstanceReport {
            instance,
            status,
            restart,
        } = &report;
        if self.reconciler.status(instance) != Some(status) {
            tracing::info!(%instance, restart, ?status, "instance changed");
        }
        if status.is_final() {
            self.stops.remove(instance);
        }
        self.step(Input::Observed(report)).await;
    }

    /// Takes one input and does what it leads to. `false` if the sender is of another cluster, or the
    /// worker's allegiance could not be kept on disk: then the input is dropped, and said again when
    /// its session is opened anew.
    pub(super) async fn step(&mut self, input: Input) -> bool {
        let cluster = match &input {
            Input::Welcome { cluster, .. } => Some(*cluster),
            _ => None,
        };
        let (store, told) = (&mut self.store, &self.allegiance);
        let obey = |allegiance: Allegiance| {
            store.obey(allegiance)?;
            told.send_replace(allegiance);
            tracing::info!(epoch = %allegiance.epoch, "epoch met");
            Ok::<(), WorkerError>(())
        };
        let actions = match self.reconciler.take(Boottime::now, input, obey) {
            Ok(actions) => actions,
            Err(error) => {
                tracing::error!(%error, "what a master said is not obeyed");
                self.links.clear();
                return false;
            }
        };
        for action in actions {
            self.act(action).await;
        }
        cluster.is_none_or(|cluster| self.reconciler.allegiance().cluster == Some(cluster))
    }
}

/// The end of an agent that was told to shut down.
struct Ending {
    deadline: Boottime,
    /// Every instance has ended; only acknowledgements are waited for.
    idle: bool,
}

impl Ending {
    fn is_over(&mut self, now: Boottime, reconciler: &Reconciler) -> bool {
        if reconciler.is_settled() {
            return true;
        }
        if !self.idle && reconciler.is_idle() {
            self.idle = true;
            self.deadline = now.plus(LAST_WORDS);
        }
        let over = now >= self.deadline;
        if over {
            tracing::warn!(
                every_instance_ended = self.idle,
                "leaving without every acknowledgement; the rest is reported after the next start"
            );
        }
        over
    }
}
