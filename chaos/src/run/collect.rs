//! What every master says at the end: its whole state, as its own answer.

use anyhow::{Context, Result, bail};
use tonic::transport::Channel;
use vesta_core::failover::Outcome;
use vesta_core::state::{Application, Driver, Executor, Worker};
use vesta_core::{ClusterState, codec};
use vesta_local::Node;
use vesta_proto::client::client_client::ClientClient;
use vesta_proto::client::{SaveSnapshotRequest, SnapshotHead};
use vesta_types::InstanceId;
use vesta_types::limits::MESSAGE_BYTES_MAX;

use crate::record::{
    AppState, DriverState, ExecutorState, FailoverState, FinalState, MasterState, WorkerState,
};
use crate::site::Site;
use crate::site::metrics::Metrics;

/// Asks every master of a site. One that says nothing is there with the reason.
pub async fn collect(site: &Site) -> FinalState {
    let mut masters = Vec::new();
    for node in &site.cluster.masters {
        let state = of(node).await.unwrap_or_else(|error| MasterState {
            node: node.name(),
            error: Some(format!("{error:#}")),
            ..MasterState::default()
        });
        masters.push(state);
    }
    FinalState { masters }
}

async fn of(node: &Node) -> Result<MasterState> {
    let (head, state) = saved(node).await?;
    let address = node.metrics().context("masters of a site show metrics")?;
    let metrics = Metrics::of(address).await?;
    let status = metrics.which("vesta_master_status", "status");
    let drivers = state.drivers.values().map(|it| driver(&state, it));
    let applications = state
        .applications
        .values()
        .map(|it| application(&state, it));
    let workers = state.workers.values().map(|it| worker(&state, it));
    let failovers = state.failovers.iter().map(|it| FailoverState {
        epoch: it.epoch.0,
        term: it.term,
        leader: it.leader,
        started_ms: it.started.0,
        election_ms: it.election_ms,
        recovery_ms: it.recovery_ms,
        executors_killed: u32::try_from(it.executors_killed).unwrap_or(u32::MAX),
        lost: count(it.counts.get(&Outcome::Lost).copied()),
    });
    Ok(MasterState {
        node: node.name(),
        error: None,
        leader: metrics.figure("vesta_raft_is_leader") > 0.0,
        status: status.unwrap_or_default().to_owned(),
        epoch: head.epoch,
        hash: (head.index, head.state_hash),
        drivers: drivers.collect(),
        applications: applications.collect(),
        workers: workers.collect(),
        failovers: failovers.collect(),
    })
}

/// The applied state of this very master.
async fn saved(node: &Node) -> Result<(SnapshotHead, ClusterState)> {
    let channel = Channel::from_shared(format!("http://{}", node.address()))?;
    let mut client =
        ClientClient::new(channel.connect().await?).max_decoding_message_size(MESSAGE_BYTES_MAX);
    let request = SaveSnapshotRequest { consistent: false };
    let mut chunks = client.save_snapshot(request).await?.into_inner();
    let mut head = None;
    let mut data = Vec::new();
    while let Some(chunk) = chunks.message().await? {
        head = head.or(chunk.head);
        data.extend(chunk.data);
    }
    let head = head.context("the saved state has no head")?;
    if data.len() as u64 != head.bytes {
        bail!("{} of {} bytes came", data.len(), head.bytes);
    }
    let state = codec::decode("saved state", &data)?;
    Ok((head, state))
}

fn driver(state: &ClusterState, driver: &Driver) -> DriverState {
    let instance = state.cluster.filter(|_| driver.attempt > 0);
    let instance = instance.map(|it| InstanceId::driver(it, driver.id.clone(), driver.attempt));
    let placement = driver.placement.as_ref();
    let at = placement
        .map(|it| &it.worker)
        .or(driver.last_worker.as_ref());
    DriverState {
        id: driver.id.to_string(),
        state: state.show_driver(driver).to_owned(),
        ended: driver.state.is_final(),
        worker: at.map(ToString::to_string).unwrap_or_default(),
        instance: instance.map(|it| it.to_string()).unwrap_or_default(),
        cores: driver.description.cores,
        memory_mib: driver.description.memory_mib,
        kill_requested: driver.kill_requested,
        pid: placement.and_then(|it| it.pid).unwrap_or(0),
    }
}

fn application(state: &ClusterState, app: &Application) -> AppState {
    let all = app.executors.values().chain(app.ended_executors.values());
    let owner = app.description.owner.as_ref();
    AppState {
        id: app.id.to_string(),
        state: state.show_application(app).to_owned(),
        ended: app.state.is_final(),
        driver: owner.map(|it| it.driver.to_string()).unwrap_or_default(),
        max_cores: app.description.max_cores,
        executors: all.map(|it| executor(state, app, it)).collect(),
    }
}

fn executor(state: &ClusterState, app: &Application, executor: &Executor) -> ExecutorState {
    let instance = state.cluster;
    let instance = instance.map(|it| InstanceId::executor(it, app.id.clone(), executor.number));
    ExecutorState {
        number: executor.number,
        state: state.show_executor(executor).to_owned(),
        ended: executor.state.is_final(),
        worker: executor.worker.to_string(),
        instance: instance.map(|it| it.to_string()).unwrap_or_default(),
        cores: executor.booking.cores,
        memory_mib: executor.booking.memory_mib,
        message: executor.message.clone(),
    }
}

fn worker(state: &ClusterState, worker: &Worker) -> WorkerState {
    let capacity = &worker.description.capacity;
    WorkerState {
        id: worker.description.id.to_string(),
        state: state.show_worker(worker).to_owned(),
        cores: capacity.cores,
        cores_used: worker.booked.cores,
        memory_mib: capacity.memory_mib,
        memory_used_mib: worker.booked.memory_mib,
        drivers: count(Some(worker.drivers.len() as u64)),
        executors: count(Some(worker.executors.len() as u64)),
        quarantined: count(Some(worker.quarantined.len() as u64)),
        stopping: count(Some(worker.stopping.len() as u64)),
    }
}

fn count(value: Option<u64>) -> u32 {
    u32::try_from(value.unwrap_or(0)).unwrap_or(u32::MAX)
}
