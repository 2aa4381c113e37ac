//! Putting a node together, and taking it apart.

use std::sync::atomic::AtomicBool;
use std::sync::{Arc, OnceLock};
use std::thread::JoinHandle;

use openraft::async_runtime::watch::WatchReceiver;
use openraft::errors::Fatal;
use prometheus::{Histogram, HistogramOpts};
use tokio::runtime::Runtime;
use tokio::sync::{oneshot, watch};
use tokio::time::timeout;
use vesta_journal::Journal;
use vesta_net::Listener;
use vesta_proto::raft::raft_server::RaftServer;

use crate::applier::Applier;
use crate::complaints::Complaints;
use crate::config::Config;
use crate::disk::Store;
use crate::door::Door;
use crate::error::StartError;
use crate::failure::Failure;
use crate::flusher::Flusher;
use crate::formation;
use crate::limits::{KEEPALIVE, MESSAGE_BYTES_MAX, SHUTDOWN_TIMEOUT};
use crate::log_store::LogStore;
use crate::machine::StateMachine;
use crate::me::{LateMetrics, Me};
use crate::network::{Links, Network, Quiet, Shared, WINDOW_BYTES};
use crate::platform::{Platform, Simulated};
use crate::removal::Removal;
use crate::service::Service;
use crate::status::{Role, Status};
use crate::types::{MetricsWatch, Raft};

/// What the handle needs of a started node.
pub(crate) struct Parts {
    pub(crate) raft: Raft,
    pub(crate) metrics: MetricsWatch,
    pub(crate) status: watch::Receiver<Status>,
    pub(crate) network: Arc<Shared>,
    pub(crate) removal: Removal,
    pub(crate) failure: Failure,
    pub(crate) syncs: Histogram,
}

/// What runs, and has to end at shutdown.
pub(crate) struct Running {
    threads: Threads,
    door: Option<Arc<Door>>,
    end_service: Option<oneshot::Sender<()>>,
    flusher: Option<JoinHandle<()>>,
}

/// The runtime of Raft. It must not be dropped by code that may not block.
struct Threads(Option<Runtime>);

impl Drop for Threads {
    fn drop(&mut self) {
        if let Some(runtime) = self.0.take() {
            runtime.shutdown_background();
        }
    }
}

pub(crate) async fn start(
    platform: Platform,
    config: Config,
    machine: Box<dyn StateMachine>,
) -> Result<(Parts, Running), StartError> {
    config.check().map_err(StartError::Config)?;
    if let Platform::Simulated(_) = platform {
        let (parts, door, end_service, flusher) = open(platform, config, machine).await?;
        let (door, end_service) = (Some(door), Some(end_service));
        let running = Running {
            threads: Threads(None),
            door,
            end_service,
            flusher,
        };
        return Ok((parts, running));
    }
    let runtime = tokio::runtime::Builder::new_multi_thread()
        .worker_threads(2)
        .thread_name("raft")
        .enable_all()
        .build()
        .map_err(StartError::Threads)?;
    let handle = runtime.handle().clone();
    let threads = Threads(Some(runtime));
    // Sockets and timers belong to the runtime that they are made in.
    let opened = handle.spawn(open(platform, config, machine)).await;
    let (parts, door, end_service, flusher) =
        opened.map_err(|error| StartError::Load(error.to_string()))??;
    let (door, end_service) = (Some(door), Some(end_service));
    Ok((
        parts,
        Running {
            threads,
            door,
            end_service,
            flusher,
        },
    ))
}

type Opened = (
    Parts,
    Arc<Door>,
    oneshot::Sender<()>,
    Option<JoinHandle<()>>,
);

async fn open(
    platform: Platform,
    config: Config,
    machine: Box<dyn StateMachine>,
) -> Result<Opened, StartError> {
    let raft_config = Arc::new(config.openraft().map_err(StartError::Config)?);
    let store = open_store(&platform, &config).await?;
    let identity = store.identity();
    if let Some(found) = identity.node_id
        && found != config.node_id
    {
        return Err(StartError::OtherNode {
            found,
            expected: config.node_id,
        });
    }
    let address = config.raft_listen;
    let net = platform.net();
    let listener = net.listen(address).await;
    let listener = listener.map_err(|source| StartError::Bind { address, source })?;

    let me = Arc::new(Me::new(config.node_id, &identity));
    let failure = Failure::new();
    let late = LateMetrics::new(OnceLock::new());
    let network = Arc::new(Shared {
        me: me.clone(),
        metrics: late.clone(),
        links: Links::new(net.clone()),
        quiet: Quiet::new(
            late.clone(),
            config.election_max,
            config.quorum_loss_period(),
        ),
        complaints: Complaints::default(),
        append_deadline: config.election_max,
    });
    let syncs = syncs();
    let (flusher, flusher_thread) = flusher(&platform, &store, &failure, &syncs)?;
    let log = LogStore::new(store.clone(), flusher);
    let applier = Applier::new(store.clone(), machine, failure.clone());
    let clients = Network {
        shared: network.clone(),
    };
    let raft = Raft::build(config.node_id, raft_config, clients, log, applier)
        .await
        .map_err(|error| StartError::Load(failure.get().unwrap_or_else(|| error.to_string())))?;

    let metrics = raft.metrics();
    late.set(metrics.clone()).ok();
    let door = Arc::new(Door {
        me,
        store,
        net,
        metrics: late,
        peers: config.sorted_peers(),
        form: config.form,
        speaks: config.speaks,
        lease: config.election_max,
        failure: failure.clone(),
        complaints: Complaints::default(),
        closed: AtomicBool::new(false),
    });
    let (end_service, ended) = oneshot::channel();
    tokio::spawn(serve(listener, door.clone(), raft.clone(), ended));
    let first = metrics.borrow_watched().clone();
    let (sender, status) = watch::channel(Status::from_metrics(&first));
    tokio::spawn(follow(metrics.clone(), sender, failure.clone()));
    raft.run();
    if config.form || identity.founding.is_some() {
        tokio::spawn(formation::run(door.clone(), raft.clone()));
    } else if identity.cluster_id.is_none() {
        tracing::info!(
            node = config.node_id,
            join = %format!(
                "vesta cluster add {}={}/{}",
                config.node_id, config.client_addr, config.raft_addr
            ),
            "raft.wait: an empty data directory, waiting to be joined"
        );
    }
    let removal = Removal::default();
    tokio::spawn(removal.clone().watch(door.clone(), config.election_max));
    let parts = Parts {
        raft,
        metrics,
        status,
        network,
        removal,
        failure,
        syncs,
    };
    Ok((parts, door, end_service, flusher_thread))
}

pub(crate) fn syncs() -> Histogram {
    let name = "vesta_log_sync_seconds";
    let help = "How long each sync of the log to disk took; it bounds every write.";
    // 0.1 ms to 3 s: from a fast disk to one that costs elections.
    let buckets = prometheus::exponential_buckets(0.000_1, 2.0, 16);
    let buckets = buckets.expect("the first is above nothing and they grow");
    let options = HistogramOpts::new(name, help).buckets(buckets);
    Histogram::with_opts(options).expect("the name is a metric's")
}

async fn open_store(platform: &Platform, config: &Config) -> Result<Store, StartError> {
    if let Platform::Simulated(Simulated { disk, .. }) = platform {
        return Ok(Store::simulated(Arc::clone(disk)));
    }
    let dir = config.data_dir.clone();
    let opened = tokio::task::spawn_blocking(move || Journal::open(&dir)).await;
    let journal = opened.map_err(|error| StartError::Load(error.to_string()))??;
    Ok(Store::real(journal))
}

/// The flusher, and its thread if it has one.
fn flusher(
    platform: &Platform,
    store: &Store,
    failure: &Failure,
    syncs: &Histogram,
) -> Result<(Flusher, Option<JoinHandle<()>>), StartError> {
    let (store, failure, syncs) = (store.clone(), failure.clone(), syncs.clone());
    if let Platform::Simulated(Simulated { sync_time, .. }) = platform {
        let flusher = Flusher::simulate(store, failure, syncs, Arc::clone(sync_time));
        return Ok((flusher, None));
    }
    let started = Flusher::start(store, failure, syncs);
    let (flusher, thread) = started.map_err(StartError::Threads)?;
    Ok((flusher, Some(thread)))
}

async fn serve(listener: Listener, door: Arc<Door>, raft: Raft, ended: oneshot::Receiver<()>) {
    let failure = door.failure.clone();
    let service = RaftServer::new(Service { door, raft })
        .max_decoding_message_size(MESSAGE_BYTES_MAX)
        .max_encoding_message_size(MESSAGE_BYTES_MAX);
    let served = tonic::transport::Server::builder()
        .http2_keepalive_interval(Some(KEEPALIVE))
        .http2_keepalive_timeout(Some(KEEPALIVE))
        .initial_stream_window_size(WINDOW_BYTES)
        .initial_connection_window_size(WINDOW_BYTES)
        .add_service(service)
        .serve_with_incoming(listener.incoming());
    tokio::select! {
        served = served => if let Err(error) = served {
            failure.report(format!("the Raft listener failed: {error}"));
        },
        // Connections of the other masters live for ever: waiting for their end would be in vain.
        _ = ended => {}
    }
}

/// Turns openraft's metrics into the public status, and its end into a fatal error.
async fn follow(mut metrics: MetricsWatch, status: watch::Sender<Status>, failure: Failure) {
    loop {
        let now = metrics.borrow_and_update().clone();
        if let Err(error) = &now.running_state
            && !matches!(error, Fatal::Stopped)
        {
            failure.report(error.to_string());
        }
        let next = Status::from_metrics(&now);
        status.send_if_modified(|current| {
            let changed = *current != next;
            if changed {
                *current = next;
            }
            changed
        });
        if metrics.changed().await.is_err() {
            status.send_modify(|current| current.role = Role::Stopped);
            return;
        }
    }
}

impl Running {
    pub(crate) async fn stop(&mut self, raft: &Raft) {
        // A node that is going away must not grant, accept or answer anything any more.
        if let Some(door) = self.door.take() {
            door.close();
        }
        timeout(SHUTDOWN_TIMEOUT, raft.shutdown()).await.ok();
        if let Some(end) = self.end_service.take() {
            end.send(()).ok();
        }
        let (runtime, flusher) = (self.threads.0.take(), self.flusher.take());
        if runtime.is_none() && flusher.is_none() {
            return;
        }
        let ended = tokio::task::spawn_blocking(move || {
            if let Some(runtime) = runtime {
                runtime.shutdown_timeout(SHUTDOWN_TIMEOUT);
            }
            // It ends when the last log store is gone, which the runtime held.
            flusher.map(JoinHandle::join)
        })
        .await;
        if !matches!(ended, Ok(None | Some(Ok(())))) {
            tracing::error!("raft.stop: the flusher did not end well");
        }
    }
}
