//! Between the worker conversation and Vesta's own types: what a worker is, what it is ordered to run,
//! and what it says of its instances.

use std::collections::{BTreeMap, BTreeSet, HashMap};

use serde::{Deserialize, Serialize};
use uuid::Uuid;
use vesta_types::limits::{
    ADDRESSES_MAX, HOST_BYTES_MAX, MEMORY_MIB_MAX, NAME_BYTES_MAX, NAMED_RESOURCES_MAX, ORDERS_MAX,
    PAYLOAD_BYTES_MAX, REASON_CHARS_MAX, REPORTS_MAX,
};
use vesta_types::{
    Booking, Capacity, Epoch, ExecutorSize, Exit, Incarnation, InstanceId, InstanceReport,
    InstanceStatus, Launch, Lease, Ran, Timestamp, WorkerDescription,
};

use crate::checks;
use crate::error::ConvertError;
use crate::{spark_convert, worker};

/// One instance that a worker should run: what a master sends and a supervisor carries out.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct RunOrder {
    /// The instance; executed at most once, ever.
    pub instance: InstanceId,
    /// How to start it.
    pub launch: Launch,
    /// What it holds of the worker.
    pub booking: Booking,
    /// Whether the worker starts it again when it fails (drivers).
    pub supervise: bool,
    /// Configuration that reaches a driver as it is.
    pub conf: BTreeMap<String, String>,
    /// The resource profile of an executor.
    pub profile: u32,
    /// An executor's application's name, or a driver's own.
    pub name: String,
    /// An executor's application's payload, unchanged.
    #[serde(skip)]
    pub payload: Vec<u8>,
    /// The executors that a driver means to ask for, if it said so.
    pub executor: Option<ExecutorSize>,
    /// The most cores that a driver's executors may take together, if it said so.
    pub total_executor_cores: Option<u32>,
    /// How long it may run without masters, if not for ever.
    #[serde(default)]
    pub lease: Option<Lease>,
}

/// What should run on a worker and what is known to have ended, as of one index of one state.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct OrderSet {
    /// The cluster that orders, as text: a worker without a cluster adopts it.
    pub cluster: vesta_types::ClusterId,
    /// The epoch of the leader that ordered it.
    pub epoch: Epoch,
    /// The applied index that both lists are as of.
    pub index: u64,
    /// What should run.
    pub run: Vec<RunOrder>,
    /// What is known to have ended, or has to.
    pub stop: Vec<InstanceId>,
}

/// A set of orders, and what of it could not be read: one order that this worker does not understand
/// must not hold up the others.
///
/// # Errors
/// When the set as a whole can't be read: its cluster, or its size.
pub fn order_set(orders: worker::Orders) -> Result<(OrderSet, Vec<ConvertError>), ConvertError> {
    let found = orders.run.len().max(orders.stop.len());
    if found > ORDERS_MAX {
        let wanted = format!("at most {ORDERS_MAX} instances in one list");
        return Err(ConvertError::value("orders", found, wanted));
    }
    let mut unread = Vec::new();
    let mut keep = |error| unread.push(error);
    let run = orders
        .run
        .into_iter()
        .filter_map(|run| run.try_into().map_err(&mut keep).ok());
    let run = run.collect();
    let stop = orders.stop.iter();
    let stop = stop
        .filter_map(|id| instance_id("stop", id).map_err(&mut keep).ok())
        .collect();
    let set = OrderSet {
        cluster: cluster_id(&orders.cluster_id)?,
        epoch: Epoch(orders.epoch),
        index: orders.index,
        run,
        stop,
    };
    Ok((set, unread))
}

/// A cluster id.
///
/// # Errors
/// When it is not a UUID.
pub fn cluster_id(text: &str) -> Result<vesta_types::ClusterId, ConvertError> {
    text.parse()
        .map_err(|_| ConvertError::text("cluster_id", text, "a cluster id (a UUID)"))
}

/// A session's name: a UUID, in its usual form.
///
/// # Errors
/// When it is none.
pub fn session_name(text: &str) -> Result<String, ConvertError> {
    let wrong = |_| ConvertError::text("session", text, "the name of a session (a UUID)");
    Uuid::try_parse(text)
        .map(|id| id.to_string())
        .map_err(wrong)
}

/// An instance id in the field `field`.
///
/// # Errors
/// When it has not the form of one.
pub fn instance_id(field: &'static str, text: &str) -> Result<InstanceId, ConvertError> {
    text.parse().map_err(|_| {
        let wanted = "an instance id such as driver-20261121110000-0000.1.<cluster id>";
        ConvertError::text(field, text, wanted)
    })
}

/// The instances of one report.
///
/// # Errors
/// The first instance that can't be read, or that there are more than `REPORTS_MAX`.
pub fn reports(instances: Vec<worker::Instance>) -> Result<Vec<InstanceReport>, ConvertError> {
    if instances.len() > REPORTS_MAX {
        let wanted = format!("at most {REPORTS_MAX} instances in one report");
        return Err(ConvertError::value("instances", instances.len(), wanted));
    }
    instances
        .into_iter()
        .map(InstanceReport::try_from)
        .collect()
}

impl TryFrom<worker::Description> for WorkerDescription {
    type Error = ConvertError;

    fn try_from(wire: worker::Description) -> Result<WorkerDescription, ConvertError> {
        let id = wire.worker_id.parse().map_err(|_| {
            let wanted = "a worker id such as worker-20261121110000-host-7710";
            ConvertError::text("worker_id", &wire.worker_id, wanted)
        })?;
        let port = u16::try_from(wire.port)
            .ok()
            .filter(|port| *port != 0)
            .ok_or_else(|| ConvertError::value("port", wire.port, "a port from 1 to 65535"))?;
        let incarnation = Incarnation {
            store: uuid("store", &wire.store)?,
            boot: uuid("boot", &wire.boot)?,
        };
        let capacity = Capacity {
            cores: checks::cores("cores", wire.cores)?,
            memory_mib: checks::memory_mib("memory_mib", wire.memory_mib)?,
            named: named(wire.named)?,
        };
        Ok(WorkerDescription {
            id,
            incarnation,
            host: host(wire.host)?,
            port,
            capacity,
            // A way that this master does not know yet: the weakest is claimed for it.
            containment: wire.containment.parse().unwrap_or_default(),
            spark: None,
            spark_homes: spark_convert::homes(wire.spark_homes)?,
        })
    }
}

impl From<&WorkerDescription> for worker::Description {
    fn from(worker: &WorkerDescription) -> worker::Description {
        worker::Description {
            worker_id: worker.id.to_string(),
            store: worker.incarnation.store.to_string(),
            boot: worker.incarnation.boot.to_string(),
            host: worker.host.clone(),
            port: worker.port.into(),
            cores: worker.capacity.cores,
            containment: worker.containment.to_string(),
            memory_mib: worker.capacity.memory_mib,
            named: named_to_wire(&worker.capacity.named),
            spark_homes: spark_convert::homes_to_wire(&worker.spark_homes),
        }
    }
}

impl TryFrom<worker::Run> for RunOrder {
    type Error = ConvertError;

    fn try_from(run: worker::Run) -> Result<RunOrder, ConvertError> {
        let launch = run
            .launch
            .ok_or_else(|| ConvertError::missing("launch", "a program"))?;
        if run.memory_mib > MEMORY_MIB_MAX {
            let wanted = format!("at most {MEMORY_MIB_MAX} MiB (16 TiB)");
            return Err(ConvertError::value("memory_mib", run.memory_mib, wanted));
        }
        if run.payload.len() > PAYLOAD_BYTES_MAX {
            let found = format!("{} bytes", run.payload.len());
            let wanted = format!("a payload of at most {PAYLOAD_BYTES_MAX} bytes");
            return Err(ConvertError::value("payload", found, wanted));
        }
        if run.app_name.len() > NAME_BYTES_MAX || run.app_name.contains('\0') {
            let wanted = format!("a name of at most {NAME_BYTES_MAX} bytes without NUL");
            return Err(ConvertError::text("app_name", &run.app_name, wanted));
        }
        Ok(RunOrder {
            instance: instance_id("run.instance_id", &run.instance_id)?,
            launch: launch.try_into()?,
            booking: Booking {
                cores: checks::cores("cores", run.cores)?,
                memory_mib: run.memory_mib,
                named: named(run.named)?,
            },
            supervise: run.supervise,
            conf: checks::configuration("conf", run.conf)?,
            profile: run.profile,
            name: run.app_name,
            payload: run.payload,
            executor: executor_size(run.executor_cores, run.executor_memory_mib)?,
            total_executor_cores: run
                .total_executor_cores
                .map(|cores| checks::cores("total_executor_cores", cores))
                .transpose()?,
            lease: run.lease.map(|lease| Lease {
                time_ms: lease.time_ms,
                grace_ms: lease.grace_ms,
            }),
        })
    }
}

/// A driver's lease on the wire.
pub fn lease(lease: Lease) -> worker::Lease {
    worker::Lease {
        time_ms: lease.time_ms,
        grace_ms: lease.grace_ms,
    }
}

impl From<&RunOrder> for worker::Run {
    fn from(run: &RunOrder) -> worker::Run {
        worker::Run {
            instance_id: run.instance.to_string(),
            launch: Some((&run.launch).into()),
            cores: run.booking.cores,
            memory_mib: run.booking.memory_mib,
            named: named_to_wire(&run.booking.named),
            supervise: run.supervise,
            conf: run.conf.clone().into_iter().collect(),
            profile: run.profile,
            app_name: run.name.clone(),
            payload: run.payload.clone(),
            executor_cores: run.executor.as_ref().map(|size| size.cores),
            executor_memory_mib: run.executor.as_ref().map(|size| size.memory_mib),
            lease: run.lease.map(lease),
            total_executor_cores: run.total_executor_cores,
        }
    }
}

impl TryFrom<worker::Launch> for Launch {
    type Error = ConvertError;

    fn try_from(launch: worker::Launch) -> Result<Launch, ConvertError> {
        checks::launch(
            launch.program,
            launch.args,
            launch.env,
            launch.artifacts,
            launch.spark,
        )
    }
}

impl From<&Launch> for worker::Launch {
    fn from(launch: &Launch) -> worker::Launch {
        worker::Launch {
            program: launch.program.clone(),
            args: launch.args.clone(),
            env: launch.env.clone().into_iter().collect(),
            artifacts: launch
                .artifacts
                .iter()
                .map(|artifact| artifact.uri.clone())
                .collect(),
            spark: launch.spark.as_deref().map(Into::into),
        }
    }
}

impl TryFrom<worker::Instance> for InstanceReport {
    type Error = ConvertError;

    fn try_from(wire: worker::Instance) -> Result<InstanceReport, ConvertError> {
        use worker::instance::Status;
        let status = wire.status.ok_or_else(|| {
            ConvertError::missing(
                "status",
                "accepted, running, ended, never_ran or interrupted",
            )
        })?;
        let status = match status {
            Status::Accepted(_) => InstanceStatus::Accepted,
            Status::Running(running) => InstanceStatus::Running {
                pid: running.pid,
                since: Timestamp(running.since_ms),
            },
            Status::Ended(ended) => InstanceStatus::Ended {
                exit: ended
                    .exit
                    .ok_or_else(|| ConvertError::missing("ended.exit", "how it ended"))?
                    .into(),
                at: Timestamp(ended.at_ms),
                ran: ended.ran.map(|ran| Ran {
                    pid: ran.pid,
                    since: Timestamp(ran.since_ms),
                }),
            },
            Status::NeverRan(never) => InstanceStatus::NeverRan {
                reason: cut(&never.reason),
            },
            Status::Interrupted(broken) => InstanceStatus::Interrupted {
                reason: cut(&broken.reason),
            },
        };
        let instance = instance_id("instance_id", &wire.instance_id)?;
        Ok(InstanceReport {
            instance,
            status,
            restart: wire.restart,
        })
    }
}

impl From<&InstanceReport> for worker::Instance {
    fn from(report: &InstanceReport) -> worker::Instance {
        use worker::instance::Status;
        let status = match &report.status {
            InstanceStatus::Accepted => Status::Accepted(worker::Accepted {}),
            InstanceStatus::Running { pid, since } => Status::Running(worker::Running {
                pid: *pid,
                since_ms: since.0,
            }),
            InstanceStatus::Ended { exit, at, ran } => Status::Ended(worker::Ended {
                exit: Some(exit.into()),
                at_ms: at.0,
                ran: ran.map(|ran| worker::Running {
                    pid: ran.pid,
                    since_ms: ran.since.0,
                }),
            }),
            InstanceStatus::NeverRan { reason } => Status::NeverRan(worker::NeverRan {
                reason: cut(reason),
            }),
            InstanceStatus::Interrupted { reason } => Status::Interrupted(worker::Interrupted {
                reason: cut(reason),
            }),
        };
        worker::Instance {
            instance_id: report.instance.to_string(),
            restart: report.restart,
            status: Some(status),
        }
    }
}

impl From<worker::Exit> for Exit {
    fn from(exit: worker::Exit) -> Exit {
        Exit {
            code: exit.code,
            signal: exit.signal,
            killed: exit.killed,
            error: exit.error.as_deref().map(cut),
        }
    }
}

impl From<&Exit> for worker::Exit {
    fn from(exit: &Exit) -> worker::Exit {
        worker::Exit {
            code: exit.code,
            signal: exit.signal,
            killed: exit.killed,
            error: exit.error.as_deref().map(cut),
        }
    }
}

fn uuid(field: &'static str, text: &str) -> Result<Uuid, ConvertError> {
    Uuid::parse_str(text).map_err(|_| ConvertError::text(field, text, "a UUID"))
}

/// What goes into addresses and ids of processes: no spaces, no slashes, nothing that a terminal obeys.
fn host(text: String) -> Result<String, ConvertError> {
    let plain =
        |c: char| c.is_ascii_alphanumeric() || matches!(c, '.' | '-' | '_' | ':' | '[' | ']');
    if text.is_empty() || text.len() > HOST_BYTES_MAX || !text.chars().all(plain) {
        let wanted = format!("a host name or address of 1 to {HOST_BYTES_MAX} bytes");
        return Err(ConvertError::text("host", &text, wanted));
    }
    Ok(text)
}

fn named(
    wire: HashMap<String, worker::Addresses>,
) -> Result<BTreeMap<String, BTreeSet<String>>, ConvertError> {
    if wire.len() > NAMED_RESOURCES_MAX {
        let wanted = format!("at most {NAMED_RESOURCES_MAX} kinds of resources");
        return Err(ConvertError::value("named", wire.len(), wanted));
    }
    let good = |text: &str| {
        !text.is_empty() && text.len() <= NAME_BYTES_MAX && !text.chars().any(char::is_control)
    };
    let mut named = BTreeMap::new();
    for (name, addresses) in wire {
        let addresses = addresses.addresses;
        if addresses.len() > ADDRESSES_MAX {
            let wanted = format!("at most {ADDRESSES_MAX} addresses of one resource");
            return Err(ConvertError::value("named", addresses.len(), wanted));
        }
        if let Some(bad) = addresses.iter().chain([&name]).find(|text| !good(text)) {
            let wanted =
                format!("a name of 1 to {NAME_BYTES_MAX} bytes without control characters");
            return Err(ConvertError::text("named", bad, wanted));
        }
        named.insert(name, addresses.into_iter().collect());
    }
    Ok(named)
}

fn named_to_wire(named: &BTreeMap<String, BTreeSet<String>>) -> HashMap<String, worker::Addresses> {
    let wire = |addresses: &BTreeSet<String>| worker::Addresses {
        addresses: addresses.iter().cloned().collect(),
    };
    named
        .iter()
        .map(|(name, addresses)| (name.clone(), wire(addresses)))
        .collect()
}

fn executor_size(
    cores: Option<u32>,
    memory_mib: Option<u64>,
) -> Result<Option<ExecutorSize>, ConvertError> {
    match (cores, memory_mib) {
        (None, None) => Ok(None),
        (Some(cores), Some(memory_mib)) => Ok(Some(ExecutorSize {
            cores: checks::cores("executor_cores", cores)?,
            memory_mib: checks::memory_mib("executor_memory_mib", memory_mib)?,
        })),
        (Some(_), None) => Err(ConvertError::missing(
            "executor_memory_mib",
            "there beside executor_cores",
        )),
        (None, Some(_)) => Err(ConvertError::missing(
            "executor_cores",
            "there beside executor_memory_mib",
        )),
    }
}

/// Words for people are cut instead of refused: a long error text must not lose the end it tells of.
fn cut(text: &str) -> String {
    text.chars().take(REASON_CHARS_MAX).collect()
}

#[cfg(test)]
mod tests;
