//! A master from its start to its end.

use std::future::Future;
use std::net::SocketAddr;
use std::sync::{Arc, Mutex};
use std::time::Duration;

use tokio::net::TcpListener;
use tokio::sync::{Semaphore, mpsc, oneshot};
use tokio::task::JoinHandle;
use tonic::body::Body;
use tonic::codegen::http::Response;
use tonic::transport::Server;
use tower::util::MapResponseLayer;
use vesta_consensus::Node;
use vesta_net::Listener;
use vesta_types::limits::{CONNECTIONS_MAX, STREAMS_PER_CONNECTION_MAX, WRITES_MAX};

use crate::config::Config;
use crate::context::{Context, Pulse, Shown};
use crate::door;
use crate::lead;
use crate::machine::{Machine, Shared};
use crate::meters::Meters;
use crate::observe::Page;
use crate::platform::Platform;
use crate::proposer::Proposer;
use crate::reads::Currency;
use crate::services;
use crate::sessions::Sessions;
use crate::spark;
use crate::upkeep;

/// Inputs that wait for the leadership's loop.
const EVENTS: usize = 4_096;

/// How long a hand-over may take at shutdown.
const HAND_OVER: Duration = Duration::from_secs(2);

/// How often a master that listens to the world without TLS says so.
const WARNING_PERIOD: Duration = Duration::from_secs(3600);

/// Why a master could not start, or had to stop.
#[derive(Debug, thiserror::Error)]
pub enum RunError {
    /// Raft or its disk.
    #[error(transparent)]
    Start(#[from] vesta_consensus::StartError),
    /// A port: for clients and workers, or for observers.
    #[error("can't listen on {address}: {source}")]
    Listen {
        /// The address.
        address: SocketAddr,
        /// Why.
        #[source]
        source: std::io::Error,
    },
    /// The node can't go on: its disk failed, or an entry is unknown to this version.
    #[error("the master has to stop: {0}")]
    Fatal(String),
    /// The leader has said that this master is no member any more.
    #[error("the master ends: {0}")]
    Removed(String),
}

/// Runs a master until `shutdown`, then hands leadership over and stops.
///
/// # Errors
/// When it can't start, or hits something that it must not go on after.
pub async fn run(config: Config, shutdown: impl Future<Output = ()>) -> Result<(), RunError> {
    let master = Master::start(Platform::default(), config).await?;
    master.run(shutdown).await
}

/// A master that has started.
pub struct Master {
    context: Arc<Context>,
    stop_serving: oneshot::Sender<()>,
    tasks: Vec<JoinHandle<()>>,
}

impl Master {
    /// Starts a master: it takes part in Raft and serves.
    ///
    /// # Errors
    /// When it can't start; nothing keeps running then.
    pub async fn start(platform: Platform, config: Config) -> Result<Master, RunError> {
        let shared = Shared::new();
        let Platform { raft, net, clocks } = platform;
        let address = config.listen;
        let listener = net.listen(address).await;
        let listener = listener.map_err(|source| RunError::Listen { address, source })?;
        let observers = match config.metrics_listen {
            Some(address) => Some(listen(address).await?),
            None => None,
        };
        let spark = match &config.spark {
            Some(door) => Some(spark::open(door).await?),
            None => None,
        };
        let machine = Machine(Arc::clone(&shared));
        let node = Node::start_on(raft, config.node.clone(), machine).await?;
        let (events, inputs) = mpsc::channel(EVENTS);
        let context = Arc::new(Context {
            proposer: Proposer::new(node.clone(), shared.clone(), clocks.clone()),
            node,
            net,
            clocks,
            shared,
            writes: Semaphore::new(WRITES_MAX),
            sessions: Sessions::default(),
            events,
            currency: Currency::default(),
            shown: Mutex::new(Shown::default()),
            meters: Meters::new(),
            pulse: Pulse::default(),
            named: Mutex::default(),
            config,
        });
        let (stop_serving, stopped) = oneshot::channel::<()>();
        let mut tasks = vec![
            tokio::spawn(lead::run(Arc::clone(&context), inputs)),
            tokio::spawn(serve(Arc::clone(&context), listener, stopped)),
            tokio::spawn(warn_if_open(Arc::clone(&context))),
            tokio::spawn(upkeep::run(Arc::clone(&context))),
        ];
        if let Some(listener) = observers {
            let page = Arc::new(Page(Arc::clone(&context)));
            tasks.push(tokio::spawn(vesta_observe::serve(listener, page)));
        }
        if let Some(door) = spark {
            tasks.push(tokio::spawn(door.serve(Arc::clone(&context))));
        }
        Ok(Master {
            context,
            stop_serving,
            tasks,
        })
    }

    /// What its parts share, to look at.
    pub fn context(&self) -> &Arc<Context> {
        &self.context
    }

    /// Goes on until `shutdown`, then hands leadership over and stops.
    ///
    /// # Errors
    /// When it hits something that it must not go on after.
    pub async fn run(self, shutdown: impl Future<Output = ()>) -> Result<(), RunError> {
        let node = self.context.node.clone();
        let outcome = tokio::select! {
            () = shutdown => {
                if let Some(successor) = node.hand_over(HAND_OVER).await {
                    tracing::info!(successor, "leadership is handed over");
                }
                Ok(())
            }
            why = node.fatal() => Err(RunError::Fatal(why)),
            why = node.removed() => Err(RunError::Removed(why)),
        };
        drop(self.stop_serving);
        for task in &self.tasks {
            task.abort();
        }
        node.shutdown().await;
        outcome
    }
}

async fn listen(address: SocketAddr) -> Result<TcpListener, RunError> {
    let listener = TcpListener::bind(address).await;
    listener.map_err(|source| RunError::Listen { address, source })
}

async fn serve(context: Arc<Context>, listener: Listener, stopped: oneshot::Receiver<()>) {
    let naming = Arc::clone(&context);
    let name = move |mut response: Response<Body>| {
        if let Some(named) = naming.named() {
            response.headers_mut().insert(vesta_proto::MEMBERS, named);
        }
        response
    };
    let served = Server::builder()
        .layer(MapResponseLayer::new(name))
        .http2_keepalive_interval(Some(Duration::from_secs(10)))
        .http2_keepalive_timeout(Some(Duration::from_secs(10)))
        .max_concurrent_streams(STREAMS_PER_CONNECTION_MAX)
        .add_service(services::client::server(Arc::clone(&context)))
        .add_service(services::worker::server(Arc::clone(&context)))
        .add_service(services::application::server(context))
        .serve_with_incoming_shutdown(door::bounded(listener, CONNECTIONS_MAX), async {
            let _ = stopped.await;
        });
    if let Err(error) = served.await {
        tracing::error!(%error, "the port for clients and workers has failed");
    }
}

/// Submitting is remote execution. Until TLS and tokens are there, a bind that others can reach is
/// said again and again.
async fn warn_if_open(context: Arc<Context>) {
    let mut period = tokio::time::interval(WARNING_PERIOD);
    loop {
        period.tick().await;
        if context.config.insecure && !context.config.listen.ip().is_loopback() {
            tracing::warn!(
                listen = %context.config.listen,
                "anybody who reaches this address can run programs on the workers (--insecure)"
            );
        }
    }
}
