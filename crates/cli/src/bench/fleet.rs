//! Simulated workers: each holds a session with every master, as a real one does, registers, sends its
//! heartbeats to the leader, and has nothing to run.

use std::sync::Arc;
use std::time::Duration;

use tokio::sync::{Semaphore, mpsc};
use tokio::task::JoinSet;
use tokio::time::{MissedTickBehavior, interval, sleep};
use tokio_stream::wrappers::ReceiverStream;
use tonic::transport::Endpoint;
use uuid::Uuid;
use vesta_client::MasterList;
use vesta_local::watch_parent;
use vesta_proto::worker::worker_client::WorkerClient;
use vesta_proto::worker::{
    Description, FromWorker, Heartbeat, Hello, Report, from_worker, to_worker,
};

use crate::exit::Failure;

/// As workers do by default.
const HEARTBEAT: Duration = Duration::from_secs(5);
const ORDER_TTL_MS: u64 = 15_000;

/// Sessions that are opened at once.
const OPENING: usize = 64;

/// Pause before a session that broke is opened again.
const AGAIN: Duration = Duration::from_secs(1);

/// Which workers to play.
#[derive(Debug, clap::Args)]
pub struct Args {
    /// The masters.
    #[arg(long)]
    master: MasterList,
    /// The number of the first.
    #[arg(long)]
    first: u32,
    /// How many.
    #[arg(long)]
    count: u32,
}

/// Plays workers until it is ended.
///
/// # Errors
/// When it can't watch who started it.
pub async fn run(args: Args) -> Result<(), Failure> {
    watch_parent().map_err(|error| Failure::Work(error.to_string()))?;
    let opening = Arc::new(Semaphore::new(OPENING));
    let boot = Uuid::new_v4();
    let mut sessions = JoinSet::new();
    for number in args.first..args.first + args.count {
        let description = description(number, boot);
        for master in args.master.addresses() {
            let (master, description) = (master.clone(), description.clone());
            let opening = Arc::clone(&opening);
            sessions.spawn(async move {
                loop {
                    if let Err(status) = session(&master, &description, &opening).await {
                        tracing::debug!(master, %status, "no session");
                    }
                    sleep(AGAIN).await;
                }
            });
        }
    }
    while sessions.join_next().await.is_some() {}
    Ok(())
}

fn description(number: u32, boot: Uuid) -> Description {
    Description {
        worker_id: format!("worker-20261121110000-bench-{number}"),
        store: Uuid::new_v4().to_string(),
        boot: boot.to_string(),
        host: format!("10.{}.{}.1", number >> 8, number & 255),
        port: 7710,
        cores: 16,
        memory_mib: 65_536,
        named: Default::default(),
        containment: String::new(),
        spark_homes: Default::default(),
    }
}

/// One session, from its opening to its end.
async fn session(
    master: &str,
    description: &Description,
    opening: &Semaphore,
) -> Result<(), tonic::Status> {
    let unavailable =
        |error: tonic::transport::Error| tonic::Status::unavailable(error.to_string());
    let permit = opening.acquire().await;
    let endpoint = Endpoint::from_shared(format!("http://{master}")).map_err(unavailable)?;
    let channel = endpoint.tcp_nodelay(true).connect().await;
    let (outgoing, stream) = mpsc::channel(16);
    let hello = Hello {
        description: Some(description.clone()),
        session: Uuid::new_v4().to_string(),
        protocol: 1,
        order_ttl_ms: ORDER_TTL_MS,
        ..Hello::default()
    };
    say(&outgoing, from_worker::Message::Hello(hello))?;
    let mut client = WorkerClient::new(channel.map_err(unavailable)?);
    let opened = client.session(ReceiverStream::new(stream)).await;
    drop(permit);
    let mut incoming = opened?.into_inner();
    let (mut leads, mut sequence) = (false, 0);
    let mut heartbeats = interval(HEARTBEAT);
    heartbeats.set_missed_tick_behavior(MissedTickBehavior::Delay);
    loop {
        tokio::select! {
            message = incoming.message() => match message?.map(|it| it.message) {
                None => return Ok(()),
                Some(Some(to_worker::Message::Welcome(welcome))) => leads = welcome.leading,
                Some(Some(to_worker::Message::MasterChanged(changed))) => {
                    leads = true;
                    let report = Report {
                        epoch: changed.epoch,
                        description: Some(description.clone()),
                        ..Report::default()
                    };
                    say(&outgoing, from_worker::Message::Report(report))?;
                }
                // Nothing is ordered here, and what is confirmed is of no use.
                Some(_) => {}
            },
            _ = heartbeats.tick() => if leads {
                sequence += 1;
                let heartbeat = Heartbeat { sequence, stamp_ns: sequence };
                say(&outgoing, from_worker::Message::Heartbeat(heartbeat))?;
            },
        }
    }
}

fn say(
    outgoing: &mpsc::Sender<FromWorker>,
    message: from_worker::Message,
) -> Result<(), tonic::Status> {
    let message = Some(message);
    let sent = outgoing.try_send(FromWorker { message });
    sent.map_err(|_| tonic::Status::unavailable("the master does not read"))
}
