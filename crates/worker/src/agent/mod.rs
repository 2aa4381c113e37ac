//! The agent: it carries out what the reconciler decides. One loop owns everything; sessions,
//! instances and log reads are tasks of their own that send it events.

mod logs;
mod masters;
mod runner;
mod session;
mod translate;

use std::collections::BTreeMap;
use std::net::TcpListener;
use std::pin::pin;
use std::sync::Arc;
use std::time::Duration;

use tokio::sync::{mpsc, watch};
use uuid::Uuid;
use vesta_proto::worker::{FromWorker, ToWorker, from_worker, to_worker};
use vesta_types::{Capacity, Incarnation, InstanceId, InstanceReport, WorkerDescription};

use crate::clock::{self, Boottime};
use crate::reconcile::{Action, Allegiance, Input, Message, Reconciler, Settings, Source};
use crate::store::instance::InstanceOrder;
use crate::store::{Identity, Store, freshness, recover};
use crate::{Config, WorkerError, failpoint};

use masters::Masters;

/// How long an agent that shuts down waits for its last reports to be acknowledged.
const LAST_WORDS: Duration = Duration::from_secs(5);

/// How long on top of the grace an instance may take to end before the agent leaves without it.
const ENDING_EXTRA: Duration = Duration::from_secs(15);

/// Events on their way to the agent's loop; more, and sessions wait.
const EVENTS_MAX: usize = 1_024;

/// What tasks tell the agent.
#[derive(Debug)]
enum Event {
    Opened(Source, session::Link),
    Closed(Source),
    Said(Source, to_worker::Message),
    Observed(InstanceReport),
    ForMaster(Source, from_worker::Message),
}

/// Runs a worker until `shutdown` completes; then it ends its instances in order, reports that, and
/// returns. It never returns because masters are away.
///
/// # Errors
/// When it can't start: a contradictory configuration, a directory or address that another agent
/// holds, a damaged identity.
pub async fn run(config: Config, shutdown: impl Future<Output = ()>) -> Result<(), WorkerError> {
    config.validate()?;
    let mut store = Store::open(&config.dir)?;
    // Held, and never accepted from, so that no other agent can claim this address.
    let listener = TcpListener::bind(config.listen);
    let listen_failed = |source| WorkerError::Listen { address: config.listen, source };
    let listener = listener.map_err(listen_failed)?;
    let port = listener.local_addr().map_err(listen_failed)?.port();
    let host = advertised_host(&config);
    let identity = store.identify(&host, port)?;
    let boot = clock::boot_id().map_err(|source| WorkerError::File {
        doing: "cannot read",
        path: "/proc/sys/kernel/random/boot_id".into(),
        source,
    })?;
    let description = describe(&config, &identity, boot, host, port)?;
    tracing::info!(
        worker = %identity.worker, host = description.host, port, cores = config.cores,
        memory_mib = config.memory_mib, masters = ?config.masters, "worker starts"
    );
    tracing::warn!("memory is booked, not enforced: a process may use more than it asked for");
    // Before any master is spoken to, every instance of an earlier agent has an outcome.
    let same_boot = identity.boot.is_none_or(|last| last == boot);
    let grace = config.kill_grace;
    let (store, recovered) = tokio::task::spawn_blocking(move || {
        let recovered = recover::recover(&store, same_boot, grace);
        (store, recovered)
    })
    .await
    .expect("recovery does not panic and is not cancelled");
    let mut agent = Agent::new(config, store, identity, boot, description, recovered?)?;
    agent.serve(shutdown).await;
    tracing::info!("worker ends");
    drop(listener);
    Ok(())
}

struct Agent {
    config: Config,
    store: Store,
    boot: Uuid,
    description: Arc<WorkerDescription>,
    reconciler: Reconciler,
    masters: Masters,
    links: BTreeMap<String, (Source, session::Link)>,
    /// By which each live instance is told to end.
    stops: BTreeMap<InstanceId, watch::Sender<bool>>,
    /// What new sessions begin with.
    allegiance: watch::Sender<Allegiance>,
    sender: mpsc::Sender<Event>,
    events: mpsc::Receiver<Event>,
}

impl Agent {
    fn new(
        config: Config,
        mut store: Store,
        identity: Identity,
        boot: Uuid,
        description: WorkerDescription,
        recovered: Vec<(InstanceReport, bool)>,
    ) -> Result<Agent, WorkerError> {
        store.booted(boot)?;
        let settings = Settings { heartbeat: config.heartbeat, order_ttl: config.order_ttl };
        let allegiance = identity.allegiance();
        let (sender, events) = mpsc::channel(EVENTS_MAX);
        Ok(Agent {
            reconciler: Reconciler::new(settings, allegiance, recovered),
            masters: Masters::new(&config.masters, store.dir()),
            config,
            store,
            boot,
            description: Arc::new(description),
            links: BTreeMap::new(),
            stops: BTreeMap::new(),
            allegiance: watch::Sender::new(allegiance),
            sender,
            events,
        })
    }

    async fn serve(&mut self, shutdown: impl Future<Output = ()>) {
        let mut shutdown = pin!(shutdown);
        let mut ending: Option<Ending> = None;
        loop {
            let now = Boottime::now();
            self.dial(now).await;
            let mut next = self.reconciler.next_tick().min(self.masters.next_look(now));
            if let Some(ending) = &mut ending {
                if ending.is_over(now, &self.reconciler) {
                    return;
                }
                next = next.min(ending.deadline);
            }
            tokio::select! {
                Some(event) = self.events.recv() => self.handle(event).await,
                () = tokio::time::sleep(next.since(now)) => {
                    self.step(Input::Tick).await;
                }
                () = &mut shutdown, if ending.is_none() => {
                    tracing::info!("shutting down: every instance here is ended");
                    self.step(Input::Shutdown).await;
                    let bound = self.config.kill_grace + ENDING_EXTRA;
                    ending = Some(Ending { deadline: Boottime::now().plus(bound), idle: false });
                }
            }
        }
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
            Event::ForMaster(to, message) => self.send(&to, message),
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
                let named = welcome.members.iter().map(|member| member.client_address.clone());
                let named: Vec<String> = named.collect();
                if let Some(input) = translate::welcome(from, &welcome) {
                    let own = self.step(input).await;
                    if own && self.masters.named(welcome.epoch, named, self.store.dir()) {
                        tracing::info!(masters = ?self.masters.targets(), "masters changed");
                    }
                }
            }
            message => {
                if let Some(input) = translate::input(from, message) {
                    self.step(input).await;
                }
            }
        }
    }

    async fn observed(&mut self, report: InstanceReport) {
        let InstanceReport { instance, status, restart } = &report;
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
    async fn step(&mut self, input: Input) -> bool {
        let cluster = match &input {
            Input::Welcome { cluster, .. } => Some(*cluster),
            _ => None,
        };
        if let Some(allegiance) = self.reconciler.must_persist(&input) {
            if let Err(error) = self.store.obey(allegiance) {
                tracing::error!(%error, "what a master said is not obeyed");
                self.links.clear();
                return false;
            }
            self.reconciler.persisted(allegiance);
            self.allegiance.send_replace(allegiance);
            tracing::info!(epoch = %allegiance.epoch, "epoch met");
        }
        for action in self.reconciler.step(Boottime::now(), input) {
            self.act(action).await;
        }
        cluster.is_none_or(|cluster| self.reconciler.allegiance().cluster == Some(cluster))
    }

    async fn act(&mut self, action: Action) {
        match action {
            Action::Confirm(stamp) => {
                if let Err(error) = freshness::confirm(self.store.dir(), self.boot, stamp) {
                    tracing::error!(%error, "a confirmation can't be kept: nothing can start");
                }
            }
            Action::Start { order, epoch } => {
                tracing::info!(instance = %order.instance, %epoch, "instance accepted");
                let instance = order.instance.clone();
                let order = InstanceOrder {
                    run: *order,
                    epoch,
                    worker: self.description.id.clone(),
                    host: self.description.host.clone(),
                    port: self.description.port,
                    masters: self.masters.targets(),
                    order_ttl: self.config.order_ttl,
                    kill_grace: self.config.kill_grace,
                    restart_backoff: self.config.restart_backoff,
                };
                let (stop, stopped) = watch::channel(false);
                let dir = self.store.instance(&instance);
                let command = self.config.supervisor.clone();
                let task = runner::Runner { dir, order, command, stopped };
                tokio::spawn(task.run(self.sender.clone()));
                self.stops.insert(instance, stop);
            }
            Action::Stop(instance) => {
                tracing::info!(%instance, "instance is to end");
                if let Some(stop) = self.stops.get(&instance) {
                    stop.send_replace(true);
                }
            }
            Action::Forget(instance) => {
                if let Err(error) = self.store.instance(&instance).acknowledge() {
                    tracing::warn!(%instance, %error, "will be reported again after a restart");
                }
                tracing::info!(%instance, "instance acknowledged");
            }
            Action::Send { to, message } => {
                if matches!(message, Message::Report(_)) {
                    failpoint::hold("worker.before_report").await;
                    if failpoint::is_on("worker.hold_report") {
                        return;
                    }
                }
                let message = translate::message(message, &self.description);
                self.send(&to, message);
            }
            Action::Note(text) => tracing::warn!("{text}"),
        }
    }

    fn send(&mut self, to: &Source, message: from_worker::Message) {
        let Some((source, link)) = self.links.get(&to.master) else { return };
        if source == to && !link.send(FromWorker { message: Some(message) }) {
            // Its session ends with it; whatever was missed is said again on the next one.
            tracing::warn!(master = to.master, "a master does not take what is sent: hanging up");
            self.links.remove(&to.master);
        }
    }

    fn read_log(&mut self, from: Source, request: vesta_proto::worker::ReadLog) {
        let known = request.instance_id.parse::<InstanceId>().ok();
        let known = known.and_then(|id| Some((self.reconciler.status(&id)?.is_final(), id)));
        let found = known.map(|(ended, id)| (ended, self.store.instance(&id)));
        let (worker, sender) = (self.description.id.clone(), self.sender.clone());
        tokio::spawn(async move {
            let chunk = tokio::task::spawn_blocking(move || logs::read(found, &request, &worker));
            if let Ok(chunk) = chunk.await {
                let message = from_worker::Message::LogChunk(chunk);
                let _ = sender.send(Event::ForMaster(from, message)).await;
            }
        });
    }

    /// Sees to it that there is a session, or an attempt at one, to every master and to nobody else.
    async fn dial(&mut self, now: Boottime) {
        let begin = |master: String| {
            let session = session::Dialer {
                master,
                description: self.description.clone(),
                allegiance: self.allegiance.subscribe(),
                events: self.sender.clone(),
            };
            tokio::spawn(session.keep())
        };
        for gone in self.masters.adjust(now, begin) {
            tracing::info!(master = gone, "no longer a master");
            if let Some((from, _)) = self.links.remove(&gone) {
                // The session's task is gone and can't say so itself.
                self.step(Input::SessionClosed { from }).await;
            }
        }
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

fn advertised_host(config: &Config) -> String {
    config.host.clone().unwrap_or_else(|| {
        let ip = config.listen.ip();
        if ip.is_unspecified() {
            let name = hostname::get().ok().and_then(|name| name.into_string().ok());
            name.unwrap_or_else(|| "localhost".to_owned())
        } else {
            ip.to_string()
        }
    })
}

fn describe(
    config: &Config,
    identity: &Identity,
    boot: Uuid,
    host: String,
    port: u16,
) -> Result<WorkerDescription, WorkerError> {
    let description = WorkerDescription {
        id: identity.worker.clone(),
        incarnation: Incarnation { store: identity.store, boot },
        host,
        port,
        capacity: Capacity {
            cores: config.cores,
            memory_mib: config.memory_mib,
            named: config.named.clone(),
        },
    };
    // What masters would refuse is refused here, with the same words.
    let wire = vesta_proto::worker::Description::from(&description);
    WorkerDescription::try_from(wire).map_err(|error| WorkerError::Config(error.to_string()))
}

/// What a master says, without its envelope.
fn opened(message: ToWorker) -> Option<to_worker::Message> {
    message.message
}
