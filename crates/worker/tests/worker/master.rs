//! A master made of a test: it records what a worker says, and says what the test wants.

use std::net::SocketAddr;
use std::pin::Pin;
use std::sync::{Arc, Mutex, MutexGuard};

use tokio::net::TcpListener;
use tokio::runtime::Runtime;
use tokio::sync::mpsc;
use tokio_stream::wrappers::{ReceiverStream, TcpListenerStream};
use tokio_stream::{Stream, StreamExt};
use tonic::{Request, Response, Status, Streaming};
use vesta_proto::worker::worker_server::{Worker, WorkerServer};
use vesta_proto::worker::{
    Acknowledged, Confirmed, FromWorker, Hello, LogChunk, MasterChanged, Member, Orders, Report,
    ToWorker, Welcome, from_worker, to_worker,
};
use vesta_proto::worker_convert::{RunOrder, reports};
use vesta_types::{InstanceId, InstanceReport};

use crate::support::{BOUND, CLUSTER};

/// What a fake master has heard.
#[derive(Default)]
pub struct Heard {
    pub hellos: Vec<Hello>,
    pub reports: Vec<Report>,
    pub chunks: Vec<LogChunk>,
    pub heartbeats: u64,
    /// The epoch under which it confirms every heartbeat, if it does.
    pub confirms: Option<u64>,
    /// What it says first on each new session.
    pub first: Vec<to_worker::Message>,
    session: Option<mpsc::Sender<Result<ToWorker, Status>>>,
}

/// One fake master; its server and every connection end with it.
pub struct FakeMaster {
    pub address: SocketAddr,
    heard: Arc<Mutex<Heard>>,
    runtime: Option<Runtime>,
}

#[derive(Clone)]
struct Service(Arc<Mutex<Heard>>);

impl FakeMaster {
    pub async fn start() -> FakeMaster {
        FakeMaster::start_at("127.0.0.1:0".parse().unwrap()).await
    }

    pub async fn start_at(address: SocketAddr) -> FakeMaster {
        let listener = std::net::TcpListener::bind(address).unwrap();
        listener.set_nonblocking(true).unwrap();
        let address = listener.local_addr().unwrap();
        let heard = Arc::new(Mutex::new(Heard::default()));
        let service = WorkerServer::new(Service(heard.clone()));
        let runtime = tokio::runtime::Builder::new_multi_thread()
            .worker_threads(1)
            .enable_all()
            .build()
            .unwrap();
        runtime.spawn(async move {
            let incoming = TcpListenerStream::new(TcpListener::from_std(listener).unwrap());
            let server = tonic::transport::Server::builder().add_service(service);
            server.serve_with_incoming(incoming).await.unwrap();
        });
        FakeMaster {
            address,
            heard,
            runtime: Some(runtime),
        }
    }

    pub fn heard(&self) -> MutexGuard<'_, Heard> {
        self.heard.lock().unwrap()
    }

    pub async fn wait_for<T>(
        &self,
        what: &str,
        mut condition: impl FnMut(&Heard) -> Option<T>,
    ) -> T {
        let waiting = async {
            loop {
                if let Some(value) = condition(&self.heard()) {
                    return value;
                }
                tokio::time::sleep(std::time::Duration::from_millis(5)).await;
            }
        };
        match tokio::time::timeout(BOUND, waiting).await {
            Ok(value) => value,
            Err(_) => panic!("waited {BOUND:?} in vain: {what}"),
        }
    }

    pub async fn say(&self, message: to_worker::Message) {
        let session = self
            .wait_for("a session", |heard| heard.session.clone())
            .await;
        session
            .send(Ok(ToWorker {
                message: Some(message),
            }))
            .await
            .unwrap();
    }

    /// Leads from now on, and confirms every heartbeat.
    pub async fn lead(&self, epoch: u64) {
        self.heard().confirms = Some(epoch);
        let changed = MasterChanged {
            epoch,
            cluster_id: CLUSTER.to_string(),
        };
        self.heard().first = vec![to_worker::Message::MasterChanged(changed.clone())];
        if self.heard().session.is_some() {
            self.say(to_worker::Message::MasterChanged(changed)).await;
        }
    }

    pub async fn order(&self, epoch: u64, index: u64, run: &[RunOrder], stop: &[InstanceId]) {
        self.say(to_worker::Message::Orders(Orders {
            cluster_id: CLUSTER.to_string(),
            epoch,
            index,
            run: run.iter().map(Into::into).collect(),
            stop: stop.iter().map(ToString::to_string).collect(),
        }))
        .await;
    }

    pub async fn acknowledge(&self, epoch: u64, instance: &InstanceId) {
        let instances = vec![instance.to_string()];
        self.say(to_worker::Message::Acknowledged(Acknowledged {
            epoch,
            instances,
        }))
        .await;
    }

    /// Waits until the last report shows `instance` as wanted.
    pub async fn wait_for_report(
        &self,
        what: &str,
        instance: &InstanceId,
        wanted: impl Fn(&InstanceReport) -> bool,
    ) -> InstanceReport {
        self.wait_for(what, |heard| {
            let last = heard.reports.last()?.instances.clone();
            reports(last)
                .unwrap()
                .into_iter()
                .find(|one| one.instance == *instance && wanted(one))
        })
        .await
    }
}

impl Drop for FakeMaster {
    fn drop(&mut self) {
        if let Some(runtime) = self.runtime.take() {
            runtime.shutdown_background();
        }
    }
}

/// A welcome of a master of the test's cluster.
pub fn welcome(epoch: u64, leading: bool, members: &[SocketAddr]) -> to_worker::Message {
    let member = |(number, address): (usize, &SocketAddr)| Member {
        node_id: number as u64 + 1,
        client_address: address.to_string(),
    };
    to_worker::Message::Welcome(Welcome {
        cluster_id: CLUSTER.to_string(),
        epoch,
        leading,
        leader: None,
        members: members.iter().enumerate().map(member).collect(),
    })
}

#[tonic::async_trait]
impl Worker for Service {
    type SessionStream = Pin<Box<dyn Stream<Item = Result<ToWorker, Status>> + Send>>;

    async fn session(
        &self,
        request: Request<Streaming<FromWorker>>,
    ) -> Result<Response<Self::SessionStream>, Status> {
        let mut incoming = request.into_inner();
        let (out, stream) = mpsc::channel(64);
        let heard = self.0.clone();
        tokio::spawn(async move {
            let mut session = String::new();
            while let Some(Ok(FromWorker {
                message: Some(message),
            })) = incoming.next().await
            {
                let mut answers = Vec::new();
                {
                    let mut heard = heard.lock().unwrap();
                    match message {
                        from_worker::Message::Hello(hello) => {
                            session = hello.session.clone();
                            heard.hellos.push(hello);
                            heard.session = Some(out.clone());
                            answers.clone_from(&heard.first);
                        }
                        from_worker::Message::Heartbeat(heartbeat) => {
                            heard.heartbeats += 1;
                            answers.extend(heard.confirms.map(|epoch| {
                                to_worker::Message::Confirmed(Confirmed {
                                    epoch,
                                    session: session.clone(),
                                    sequence: heartbeat.sequence,
                                })
                            }));
                        }
                        from_worker::Message::Report(report) => heard.reports.push(report),
                        from_worker::Message::LogChunk(chunk) => heard.chunks.push(chunk),
                    }
                }
                for answer in answers {
                    let _ = out
                        .send(Ok(ToWorker {
                            message: Some(answer),
                        }))
                        .await;
                }
            }
        });
        Ok(Response::new(Box::pin(ReceiverStream::new(stream))))
    }
}
