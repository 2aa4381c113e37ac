//! Masters for tests: each a real gRPC server on loopback in a runtime of its own, so that dropping
//! it cuts its connections as a kill would. Masters of one [`Cluster`] share its state.

use std::collections::BTreeMap;
use std::net::SocketAddr;
use std::sync::{Arc, Mutex, MutexGuard};
use std::time::{Duration, Instant};

use futures::stream::BoxStream;
use tokio::net::TcpListener;
use tokio::runtime::Runtime;
use tokio::sync::mpsc;
use tokio_stream::wrappers::{ReceiverStream, TcpListenerStream};
use tonic::transport::Server;
use tonic::{Request, Response, Status, Streaming};
use vesta_client::proto::{self, client_server};
use vesta_client::{ClientOptions, MasterList, application_proto as app};

/// How long anything that is waited for may take: far more than it needs.
const PATIENCE: Duration = Duration::from_secs(20);

pub const APP: &str = "app-20261121110000-0000";

/// What the masters of a cluster agree on.
#[derive(Debug, Default)]
pub struct State {
    /// By key, in the order of their submission.
    pub drivers: BTreeMap<String, String>,
    /// By key.
    pub applications: BTreeMap<String, String>,
    pub driver: proto::Driver,
    pub targets: Vec<(String, u32)>,
    pub members: Vec<String>,
    pub log: Vec<u8>,
}

pub type Cluster = Arc<Mutex<State>>;

/// How a master treats calls.
#[derive(Clone, Debug, Default)]
pub enum Mode {
    #[default]
    Answers,
    /// Carries writes out and then never answers.
    Hangs,
    Says(Status),
    /// Says it after a while.
    Holds(Duration, Status),
    /// Answers reads without a quorum, as of this index.
    Stale(u64),
}

/// What a master saw of an application's session.
#[derive(Debug)]
pub enum Heard {
    Hello(app::Hello),
    Heartbeat,
    Acknowledge(u64),
    Gone,
}

type Session = mpsc::Sender<Result<app::ToApplication, Status>>;

#[derive(Debug)]
struct Inner {
    cluster: Cluster,
    mode: Mutex<Mode>,
    calls: Mutex<Vec<&'static str>>,
    heard: Mutex<Vec<Heard>>,
    session: Mutex<Option<Session>>,
    /// Bytes of a log after which its stream breaks.
    break_log_after: Mutex<Option<usize>>,
    worker_away: Mutex<bool>,
}

#[derive(Debug)]
pub struct Master {
    inner: Arc<Inner>,
    pub address: SocketAddr,
    runtime: Option<Runtime>,
}

fn lock<T>(mutex: &Mutex<T>) -> MutexGuard<'_, T> {
    mutex
        .lock()
        .unwrap_or_else(|poisoned| poisoned.into_inner())
}

impl Master {
    pub fn start(cluster: &Cluster) -> Master {
        let services = |service: Service| {
            Server::builder()
                .add_service(client_server::ClientServer::new(service.clone()))
                .add_service(app::application_server::ApplicationServer::new(service))
        };
        Master::serving(cluster, services)
    }

    /// A gRPC server that is no master, or a master's port that is not for clients.
    pub fn foreign() -> Master {
        Master::serving(&Cluster::default(), |_| {
            let no_service = tonic::service::Routes::default();
            Server::builder().add_routes(no_service)
        })
    }

    fn serving(
        cluster: &Cluster,
        services: impl FnOnce(Service) -> tonic::transport::server::Router,
    ) -> Master {
        let inner = Arc::new(Inner {
            cluster: cluster.clone(),
            mode: Mutex::default(),
            calls: Mutex::default(),
            heard: Mutex::default(),
            session: Mutex::default(),
            break_log_after: Mutex::default(),
            worker_away: Mutex::default(),
        });
        let runtime = tokio::runtime::Builder::new_multi_thread()
            .worker_threads(1)
            .enable_all()
            .build()
            .unwrap();
        let listener = std::net::TcpListener::bind("127.0.0.1:0").unwrap();
        let address = listener.local_addr().unwrap();
        listener.set_nonblocking(true).unwrap();
        let router = services(Service(inner.clone()));
        runtime.spawn(async move {
            let listener = TcpListener::from_std(listener).unwrap();
            router
                .serve_with_incoming(TcpListenerStream::new(listener))
                .await
                .unwrap();
        });
        Master {
            inner,
            address,
            runtime: Some(runtime),
        }
    }

    pub fn set(&self, mode: Mode) {
        *lock(&self.inner.mode) = mode;
    }

    /// Ends it at once, connections and all.
    pub fn kill(&mut self) {
        if let Some(runtime) = self.runtime.take() {
            // A runtime can't be waited for inside another one.
            let stopping = std::thread::spawn(move || runtime.shutdown_timeout(PATIENCE));
            stopping.join().unwrap();
        }
    }

    /// Names of the calls that it got.
    pub fn calls(&self) -> Vec<&'static str> {
        lock(&self.inner.calls).clone()
    }

    pub fn break_log_after(&self, bytes: usize) {
        *lock(&self.inner.break_log_after) = Some(bytes);
    }

    /// From now on it has no stream of the worker that has the log.
    pub fn lose_worker(&self) {
        *lock(&self.inner.worker_away) = true;
    }

    /// Sends on the application's session, which must be open.
    pub async fn say(&self, message: app::to_application::Message) {
        let session = lock(&self.inner.session)
            .clone()
            .expect("a session is open");
        session
            .send(Ok(app::ToApplication {
                message: Some(message),
            }))
            .await
            .unwrap();
    }

    /// Closes the application's session, with a status if one is given.
    pub async fn hang_up(&self, status: Option<Status>) {
        let session = lock(&self.inner.session).take().expect("a session is open");
        if let Some(status) = status {
            session.send(Err(status)).await.unwrap();
        }
    }

    /// Waits until what was heard on sessions so far satisfies `wanted`.
    pub async fn hears(&self, what: &str, wanted: impl Fn(&[Heard]) -> bool) {
        eventually(what, || wanted(&lock(&self.inner.heard))).await;
    }

    pub fn hellos(&self) -> Vec<app::Hello> {
        let heard = lock(&self.inner.heard);
        let hello = |heard: &Heard| match heard {
            Heard::Hello(hello) => Some(hello.clone()),
            _ => None,
        };
        heard.iter().filter_map(hello).collect()
    }
}

impl Drop for Master {
    fn drop(&mut self) {
        self.kill();
    }
}

/// A master's own word: it carries the mark that masters put on theirs.
fn marked(status: Status) -> Status {
    vesta_proto::answer::marked(status)
}

/// Waits until `condition` holds, and fails naming `what` when it takes too long.
pub async fn eventually(what: &str, condition: impl Fn() -> bool) {
    let begun = Instant::now();
    while !condition() {
        assert!(begun.elapsed() < PATIENCE, "did not happen: {what}");
        tokio::time::sleep(Duration::from_millis(5)).await;
    }
}

/// `future`'s value, which must come in time.
pub async fn soon<T>(what: &str, future: impl Future<Output = T>) -> T {
    tokio::time::timeout(PATIENCE, future)
        .await
        .unwrap_or_else(|_| panic!("did not happen: {what}"))
}

pub fn list<'a>(masters: impl IntoIterator<Item = &'a Master>) -> MasterList {
    let addresses = masters.into_iter().map(|master| master.address.to_string());
    format!("vesta://{}", addresses.collect::<Vec<_>>().join(","))
        .parse()
        .unwrap()
}

/// Patience for tests: attempts fail fast, the whole not.
pub fn options(deadline_ms: u64) -> ClientOptions {
    ClientOptions {
        deadline: Duration::from_millis(deadline_ms),
        attempt: Duration::from_secs(1),
        connect: Duration::from_millis(500),
        pause_first: Duration::from_millis(5),
        pause_longest: Duration::from_millis(20),
    }
}

#[derive(Clone)]
struct Service(Arc<Inner>);

impl Service {
    async fn write<T>(
        &self,
        call: &'static str,
        done: impl FnOnce(&mut State) -> T,
    ) -> Result<Response<T>, Status> {
        lock(&self.0.calls).push(call);
        let mode = lock(&self.0.mode).clone();
        if let Mode::Holds(pause, _) = &mode {
            tokio::time::sleep(*pause).await;
        }
        if let Mode::Says(status) | Mode::Holds(_, status) = mode {
            return Err(marked(status));
        }
        let answer = done(&mut lock(&self.0.cluster));
        if matches!(mode, Mode::Hangs) {
            std::future::pending::<()>().await;
        }
        let mut response = Response::new(answer);
        let members = lock(&self.0.cluster).members.join(",");
        if !members.is_empty() {
            let named = members.parse().expect("addresses are ASCII");
            response.metadata_mut().insert(vesta_proto::MEMBERS, named);
        }
        Ok(response)
    }

    async fn read<T>(
        &self,
        call: &'static str,
        answer: impl FnOnce(&State, Option<proto::ReadPoint>) -> T,
    ) -> Result<Response<T>, Status> {
        lock(&self.0.calls).push(call);
        let mode = lock(&self.0.mode).clone();
        let read = match mode {
            Mode::Says(status) | Mode::Holds(_, status) => return Err(marked(status)),
            Mode::Hangs => std::future::pending().await,
            Mode::Answers => proto::ReadPoint {
                index: 100,
                ..proto::ReadPoint::default()
            },
            Mode::Stale(index) => proto::ReadPoint {
                index,
                stale: true,
                ..proto::ReadPoint::default()
            },
        };
        Ok(Response::new(answer(&lock(&self.0.cluster), Some(read))))
    }
}

fn once(of: &mut BTreeMap<String, String>, key: String, kind: &str) -> (String, bool) {
    let next = format!("{kind}-20261121110000-{:04}", of.len());
    let duplicate = of.contains_key(&key);
    (of.entry(key).or_insert(next).clone(), duplicate)
}

type Answer<'a, T> =
    std::pin::Pin<Box<dyn Future<Output = Result<Response<T>, Status>> + Send + 'a>>;

/// Written as `async_trait` would, which does not look into macros.
macro_rules! not_played {
    ($($method:ident($request:ty) -> $reply:ty;)*) => { $(
        fn $method<'life, 'answer>(&'life self, _: Request<$request>) -> Answer<'answer, $reply>
        where
            'life: 'answer,
            Self: 'answer,
        {
            Box::pin(async { Err(Status::unimplemented("this master doesn't play that")) })
        }
    )* };
}

#[tonic::async_trait]
impl client_server::Client for Service {
    type ReadLogStream = BoxStream<'static, Result<proto::ReadLogReply, Status>>;
    type SaveSnapshotStream = BoxStream<'static, Result<proto::SnapshotChunk, Status>>;

    async fn submit_driver(
        &self,
        request: Request<proto::SubmitDriverRequest>,
    ) -> Result<Response<proto::SubmitDriverReply>, Status> {
        let key = request.into_inner().key;
        self.write("submit", |state| {
            let (driver_id, duplicate) = once(&mut state.drivers, key, "driver");
            proto::SubmitDriverReply {
                driver_id,
                duplicate,
                ..Default::default()
            }
        })
        .await
    }

    async fn get_driver(
        &self,
        _: Request<proto::GetDriverRequest>,
    ) -> Result<Response<proto::GetDriverReply>, Status> {
        self.read("get", |state, read| proto::GetDriverReply {
            driver: Some(state.driver.clone()),
            read,
        })
        .await
    }

    async fn read_log(
        &self,
        request: Request<proto::ReadLogRequest>,
    ) -> Result<Response<Self::ReadLogStream>, Status> {
        lock(&self.0.calls).push("log");
        if *lock(&self.0.worker_away) {
            return Err(marked(Status::unavailable("worker-1 has no stream to me")));
        }
        let request = request.into_inner();
        let log = lock(&self.0.cluster).log.clone();
        let begin = match request.tail_bytes {
            0 => request.offset as usize,
            tail => log.len().saturating_sub(tail as usize),
        };
        let mut parts = Vec::new();
        for (number, data) in log[begin..].chunks(3).enumerate() {
            let offset = begin + number * 3;
            let broken = lock(&self.0.break_log_after).is_some_and(|after| offset >= after);
            if broken {
                parts.push(Err(marked(Status::unavailable(
                    "the worker's session broke",
                ))));
                break;
            }
            parts.push(Ok(proto::ReadLogReply {
                data: data.to_vec(),
                offset: offset as u64,
            }));
        }
        Ok(Response::new(Box::pin(futures::stream::iter(parts))))
    }

    not_played! {
        list_masters(proto::ListRequest) -> proto::ListMastersReply;
        add_master(proto::AddMasterRequest) -> proto::ChangeMastersReply;
        remove_master(proto::RemoveMasterRequest) -> proto::ChangeMastersReply;
        transfer_leadership(proto::TransferLeadershipRequest) -> proto::TransferLeadershipReply;
        save_snapshot(proto::SaveSnapshotRequest) -> Self::SaveSnapshotStream;
        kill_driver(proto::KillDriverRequest) -> proto::KillReply;
        kill_application(proto::KillApplicationRequest) -> proto::KillReply;
        drain_worker(proto::DrainWorkerRequest) -> proto::DrainReply;
        undrain_worker(proto::UndrainWorkerRequest) -> proto::DrainReply;
        get_worker(proto::GetWorkerRequest) -> proto::GetWorkerReply;
        get_application(proto::GetApplicationRequest) -> proto::GetApplicationReply;
        list_drivers(proto::ListRequest) -> proto::ListDriversReply;
        list_applications(proto::ListRequest) -> proto::ListApplicationsReply;
        list_workers(proto::ListRequest) -> proto::ListWorkersReply;
        find_key(proto::FindKeyRequest) -> proto::FindKeyReply;
        list_failovers(proto::ListRequest) -> proto::ListFailoversReply;
        list_endpoints(proto::ListEndpointsRequest) -> proto::ListEndpointsReply;
    }
}

#[tonic::async_trait]
impl app::application_server::Application for Service {
    type SessionStream = BoxStream<'static, Result<app::ToApplication, Status>>;

    async fn register(
        &self,
        request: Request<app::RegisterRequest>,
    ) -> Result<Response<app::RegisterReply>, Status> {
        let key = request.into_inner().key;
        self.write("register", |state| {
            let (app_id, duplicate) = once(&mut state.applications, key, "app");
            app::RegisterReply {
                app_id,
                duplicate,
                warning: String::new(),
            }
        })
        .await
    }

    async fn set_target(
        &self,
        request: Request<app::SetTargetRequest>,
    ) -> Result<Response<app::Done>, Status> {
        let request = request.into_inner();
        self.write("target", |state| {
            state.targets.push((request.key, request.target));
            app::Done {}
        })
        .await
    }

    async fn session(
        &self,
        request: Request<Streaming<app::FromApplication>>,
    ) -> Result<Response<Self::SessionStream>, Status> {
        let mut inbound = request.into_inner();
        let (session, outbound) = mpsc::channel(1024);
        *lock(&self.0.session) = Some(session);
        let inner = self.0.clone();
        tokio::spawn(async move {
            while let Ok(Some(message)) = inbound.message().await {
                let heard = match message.message {
                    Some(app::from_application::Message::Hello(hello)) => Heard::Hello(hello),
                    Some(app::from_application::Message::Heartbeat(_)) => Heard::Heartbeat,
                    Some(app::from_application::Message::Acknowledge(acknowledge)) => {
                        Heard::Acknowledge(acknowledge.epoch)
                    }
                    None => continue,
                };
                lock(&inner.heard).push(heard);
            }
            lock(&inner.heard).push(Heard::Gone);
        });
        Ok(Response::new(Box::pin(ReceiverStream::new(outbound))))
    }

    not_played! {
        add_profile(app::AddProfileRequest) -> app::Done;
        kill_executors(app::KillExecutorsRequest) -> app::Done;
        publish_endpoint(app::PublishEndpointRequest) -> app::Done;
        unregister(app::UnregisterRequest) -> app::Done;
    }
}
