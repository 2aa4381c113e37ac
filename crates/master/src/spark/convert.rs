//! What Spark's processes describe, as the state has it, and back.

use std::collections::{BTreeMap, BTreeSet};

use uuid::Uuid;
use vesta_proto::spark_convert;
use vesta_proto::worker_convert::RunOrder;
use vesta_spark::message::{self, RegisterWorker, Resources};
use vesta_types::limits::{NAME_BYTES_MAX, PAYLOAD_BYTES_MAX};
use vesta_types::{
    ApplicationDescription, Artifact, Capacity, Containment, DriverDescription, Incarnation,
    Launch, ProfileRequest, ResourceProfile, SparkApplication, SparkCommand, SparkPeer,
    SparkWorker, WorkerDescription,
};

/// The class that Spark's clients put around the user's own, whose name is its third argument.
const WRAPPER: &str = "org.apache.spark.deploy.worker.DriverWrapper";

/// A worker of Spark's own, as it registers.
///
/// # Errors
/// What of it can't be kept, for the log.
pub(super) fn worker(said: &RegisterWorker) -> Result<WorkerDescription, String> {
    let id = said
        .id
        .parse()
        .map_err(|error| format!("its id: {error}"))?;
    spark_convert::check_peer(&said.worker).map_err(|error| error.to_string())?;
    // A process of Spark's never comes back under its id: its name is its one life.
    let life = Uuid::new_v5(&Uuid::NAMESPACE_URL, said.id.as_bytes());
    Ok(WorkerDescription {
        id,
        incarnation: Incarnation {
            store: life,
            boot: life,
        },
        host: said.host.clone(),
        port: said.port,
        capacity: Capacity {
            cores: said.cores,
            memory_mib: said.memory_mib,
            named: sets(&said.resources),
        },
        containment: Containment::default(),
        spark: Some(SparkWorker {
            peer: said.worker.clone(),
            web_ui: said.web_ui_url.clone(),
        }),
        spark_homes: BTreeMap::new(),
    })
}

/// An application, as its driver registers it.
///
/// # Errors
/// What of it can't be kept, for its driver.
pub(super) fn application(
    said: message::ApplicationDescription,
    driver: SparkPeer,
    max_executor_retries: i32,
) -> Result<ApplicationDescription, String> {
    spark_convert::check_peer(&driver).map_err(|error| error.to_string())?;
    spark_convert::check_command(&said.command).map_err(|error| error.to_string())?;
    let texts = [
        ("name", &said.name),
        ("user", &said.user),
        ("web pages", &said.ui_url),
    ];
    for (what, text) in texts {
        at_most(what, text.len(), NAME_BYTES_MAX)?;
    }
    at_most("description", said.payload.len(), PAYLOAD_BYTES_MAX)?;
    let default = ProfileRequest {
        profile: profile(&said.default_profile),
        target: said.initial_executor_limit,
    };
    Ok(ApplicationDescription {
        name: said.name,
        launch: Launch {
            spark: Some(Box::new(said.command)),
            ..Launch::default()
        },
        max_cores: said.max_cores,
        profiles: BTreeMap::from([(default.profile.id, default)]),
        max_executor_retries,
        run_to_completion: false,
        owner: None,
        ui_url: said.ui_url,
        payload: said.payload,
        spark: Some(SparkApplication {
            peer: driver,
            user: said.user,
        }),
    })
}

fn at_most(what: &str, bytes: usize, most: usize) -> Result<(), String> {
    if bytes <= most {
        return Ok(());
    }
    Err(format!(
        "the application's {what} is of {bytes} bytes, and at most {most} are kept"
    ))
}

/// What Spark counts of a profile when it places executors: cores, memory and named resources. What is
/// beside the heap is not booked, as in Spark.
pub(super) fn profile(said: &message::ResourceProfile) -> ResourceProfile {
    const NOT_BOOKED: [&str; 5] = [
        "cores",
        "memory",
        "memoryOverhead",
        "offHeap",
        "pyspark.memory",
    ];
    let amount = |name: &str| said.executor_resources.get(name).copied();
    let named = said.executor_resources.iter();
    let named = named.filter(|(name, _)| !NOT_BOOKED.contains(&name.as_str()));
    ResourceProfile {
        id: said.id,
        cores: amount("cores").map(small),
        memory_mib: amount("memory").unwrap_or(DEFAULT_MEMORY_MIB),
        named: named
            .map(|(name, amount)| (name.clone(), small(*amount)))
            .collect(),
    }
}

/// Spark's default for `spark.executor.memory`.
const DEFAULT_MEMORY_MIB: u64 = 1024;

fn small(amount: u64) -> u32 {
    u32::try_from(amount).unwrap_or(u32::MAX)
}

/// A driver, as a client submits it.
///
/// # Errors
/// What of it can't be kept, for the client.
pub(super) fn driver(said: message::DriverDescription) -> Result<DriverDescription, String> {
    spark_convert::check_command(&said.command).map_err(|error| error.to_string())?;
    let artifacts = match said.jar_url.is_empty() {
        true => Vec::new(),
        false => vec![Artifact { uri: said.jar_url }],
    };
    Ok(DriverDescription {
        name: main_class(&said.command),
        launch: Launch {
            artifacts,
            spark: Some(Box::new(said.command)),
            ..Launch::default()
        },
        cores: said.cores,
        memory_mib: said.memory_mib,
        supervise: said.supervise,
        conf: BTreeMap::new(),
        executor: None,
        total_executor_cores: None,
        named: said
            .resources
            .into_iter()
            .map(|it| (it.name, it.amount))
            .collect(),
        on_disconnect: None,
        lease: None,
    })
}

/// The user's own class.
fn main_class(command: &SparkCommand) -> String {
    let wrapped = (command.main_class == WRAPPER).then(|| command.arguments.get(2));
    let class = wrapped.flatten().unwrap_or(&command.main_class);
    class.clone()
}

/// What a worker of Spark's own is to start as a driver.
///
/// # Errors
/// When the order is not one for it.
pub(super) fn driver_order(run: RunOrder) -> Result<message::DriverDescription, String> {
    let Some(command) = run.launch.spark else {
        return Err(format!("{} is no program of Spark's", run.instance));
    };
    let requirement = |(name, addresses): (&String, &BTreeSet<String>)| {
        let amount = u32::try_from(addresses.len()).unwrap_or(u32::MAX);
        message::ResourceRequirement {
            name: name.clone(),
            amount,
            parts: 1,
        }
    };
    let jar = run.launch.artifacts.into_iter().next();
    Ok(message::DriverDescription {
        jar_url: jar.map(|jar| jar.uri).unwrap_or_default(),
        memory_mib: run.booking.memory_mib,
        cores: run.booking.cores,
        supervise: run.supervise,
        command: *command,
        resources: run.booking.named.iter().map(requirement).collect(),
    })
}

/// Addresses in sets, as the state has them.
fn sets(resources: &Resources) -> BTreeMap<String, BTreeSet<String>> {
    let set = |(name, addresses): (&String, &Vec<String>)| {
        (name.clone(), addresses.iter().cloned().collect())
    };
    resources.iter().map(set).collect()
}

/// Addresses in lists, as Spark has them.
pub(super) fn lists(named: &BTreeMap<String, BTreeSet<String>>) -> Resources {
    let list = |(name, addresses): (&String, &BTreeSet<String>)| {
        (name.clone(), addresses.iter().cloned().collect())
    };
    named.iter().map(list).collect()
}
