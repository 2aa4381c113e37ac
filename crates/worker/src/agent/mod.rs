//! The agent: it carries out what the reconciler decides. One loop owns everything; sessions,
//! instances and log reads are tasks of their own that send it events.

mod act;
mod adopt;
mod glance;
mod logs;
mod masters;
mod runner;
mod serve;
mod session;
mod supervised;

use std::net::{IpAddr, SocketAddr, TcpListener};
use std::sync::Arc;

use uuid::Uuid;
use vesta_types::{Capacity, Containment, Incarnation, WorkerDescription};

use crate::cgroup;
use crate::clock;
use crate::spark::{self, SparkHome};
use crate::store::{Identity, Store, clean, recover};
use crate::{Config, WorkerError};

use serve::Agent;

/// What the agent found on its machine.
#[derive(Clone, Debug, Default)]
struct Machine {
    cgroups: Option<cgroup::Root>,
    spark_homes: Vec<SparkHome>,
}

impl Machine {
    fn containment(&self) -> Containment {
        let containment = self.cgroups.as_ref().map(cgroup::Root::containment);
        containment.unwrap_or_default()
    }
}

/// Runs a worker until `shutdown` completes; then it ends its instances in order and reports that, or
/// leaves them to its successor ([`crate::OnTerminate`]), and returns. It never returns because masters
/// are away.
///
/// # Errors
/// When it can't start: a contradictory configuration, a directory or address that another agent
/// holds, a damaged identity, a Spark home that can't be used.
pub async fn run(config: Config, shutdown: impl Future<Output = ()>) -> Result<(), WorkerError> {
    config.validate()?;
    let spark_homes = spark::find(&config.spark_homes, |name| std::env::var_os(name))?;
    let mut store = Store::open(&config.dir)?;
    // Held, and never accepted from, so that no other agent can claim this address.
    let listener = TcpListener::bind(config.listen);
    let listen_failed = |source| WorkerError::Listen {
        address: config.listen,
        source,
    };
    let listener = listener.map_err(listen_failed)?;
    let port = listener.local_addr().map_err(listen_failed)?.port();
    let host = advertised_host(&config);
    let observers = match config.metrics_listen {
        Some(address) => Some(observers(address).await?),
        None => None,
    };
    let identity = store.identify(&host, port)?;
    let boot = clock::boot_id().map_err(|source| WorkerError::File {
        doing: "cannot read",
        path: "/proc/sys/kernel/random/boot_id".into(),
        source,
    })?;
    let cgroups = cgroups(&config, identity.store)?;
    let machine = Machine {
        cgroups: cgroups.clone(),
        spark_homes,
    };
    let description = describe(&config, &identity, boot, &machine, host, port)?;
    tracing::info!(
        worker = %identity.worker, host = description.host, port, cores = config.cores,
        memory_mib = config.memory_mib, containment = %machine.containment(),
        masters = ?config.masters, "worker starts"
    );
    for home in &machine.spark_homes {
        tracing::info!(
            version = home.version, path = %home.path.display(), java = %home.java.display(),
            "it runs Spark"
        );
    }
    tracing::warn!("memory is booked, not enforced: a process may use more than it asked for");
    // Before any master is spoken to, every instance of an earlier agent has an outcome or is watched.
    let same_boot = identity.boot.is_none_or(|last| last == boot);
    let grace = config.kill_grace;
    let tidied = cgroups.clone();
    let (store, recovered) = tokio::task::spawn_blocking(move || {
        clean::finish(store.dir());
        let recovered = recover::recover(&store, same_boot, grace);
        if let Some(cgroups) = tidied {
            cgroups.tidy();
        }
        (store, recovered)
    })
    .await
    .expect("recovery does not panic and is not cancelled");
    let mut agent = Agent::new(
        config,
        store,
        identity,
        boot,
        description,
        machine,
        recovered?,
    )?;
    let observing = observers.map(|listener| {
        let page = Arc::new(agent.page.clone());
        tokio::spawn(vesta_observe::serve(listener, page))
    });
    agent.serve(shutdown).await;
    if let Some(observing) = observing {
        observing.abort();
    }
    agent.take_leave().await;
    if let Some(cgroups) = cgroups {
        cgroups.tidy();
    }
    tracing::info!("worker ends");
    drop(listener);
    Ok(())
}

/// The worker's cgroups, or `None` if there are none to be had; then it says so, for what they would hold
/// is held less surely without them.
fn cgroups(config: &Config, store: Uuid) -> Result<Option<cgroup::Root>, WorkerError> {
    match (
        cgroup::Root::choose(store, config.containment),
        config.containment,
    ) {
        (Ok(root), _) => Ok(root),
        (Err(why), None) => {
            tracing::warn!(
                why,
                "no cgroups: a process that leaves its group and clears its environment can escape"
            );
            Ok(None)
        }
        (Err(why), Some(wanted)) => Err(WorkerError::Config(format!(
            "containment {wanted} is not to be had here ({why}); leave it out for the best that is"
        ))),
    }
}

async fn observers(address: SocketAddr) -> Result<tokio::net::TcpListener, WorkerError> {
    let listener = tokio::net::TcpListener::bind(address).await;
    listener.map_err(|source| WorkerError::Listen { address, source })
}

fn advertised_host(config: &Config) -> String {
    config.host.clone().unwrap_or_else(|| {
        let ip = config.listen.ip();
        if ip.is_unspecified() {
            let name = hostname::get()
                .ok()
                .and_then(|name| name.into_string().ok());
            name.unwrap_or_else(|| "localhost".to_owned())
        } else {
            match ip {
                IpAddr::V4(ip) => ip.to_string(),
                IpAddr::V6(ip) => format!("[{ip}]"),
            }
        }
    })
}

fn describe(
    config: &Config,
    identity: &Identity,
    boot: Uuid,
    machine: &Machine,
    host: String,
    port: u16,
) -> Result<WorkerDescription, WorkerError> {
    let description = WorkerDescription {
        id: identity.worker.clone(),
        incarnation: Incarnation {
            store: identity.store,
            boot,
        },
        host,
        port,
        capacity: Capacity {
            cores: config.cores,
            memory_mib: config.memory_mib,
            named: config.named.clone(),
        },
        containment: machine.containment(),
        spark: None,
        spark_homes: spark::versions(&machine.spark_homes),
    };
    // What masters would refuse is refused here, with the same words.
    let wire = vesta_proto::worker::Description::from(&description);
    WorkerDescription::try_from(wire).map_err(|error| WorkerError::Config(error.to_string()))
}
