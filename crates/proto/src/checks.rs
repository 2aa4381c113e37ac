//! The checks that several conversations share: each takes a raw value and gives back the checked one.

use std::collections::{BTreeMap, BTreeSet, HashMap};

use vesta_types::limits::{
    ADDRESSES_MAX, ARGS_MAX, ARTIFACTS_MAX, CORES_MAX, ENDPOINT_ADDRESS_BYTES_MAX,
    ENDPOINT_NAME_BYTES_MAX, LAUNCH_BYTES_MAX, MEMORY_MIB_MAX, NAME_BYTES_MAX, NAMED_RESOURCES_MAX,
    PATH_BYTES_MAX,
};
use vesta_types::{AppId, Artifact, DriverId, ExecutorId, Launch, SubmissionKey, WorkerId};

use vesta_types::ports::BadPorts;

use crate::error::ConvertError;
use crate::spark;

/// The key of a write.
///
/// # Errors
/// When it is not a UUID of version 7.
pub fn key(text: &str) -> Result<SubmissionKey, ConvertError> {
    text.parse().map_err(|_| {
        ConvertError::text(
            "key",
            text,
            "a UUID of version 7, whose time tells how old it is",
        )
    })
}

/// A master's node id.
///
/// # Errors
/// When it is 0.
pub fn node_id(id: u64) -> Result<u64, ConvertError> {
    if id > 0 {
        return Ok(id);
    }
    Err(ConvertError::value(
        "node_id",
        id,
        "a whole number from 1".to_owned(),
    ))
}

/// An address that others dial, `host:port`.
///
/// # Errors
/// When it is not one.
pub fn address(field: &'static str, text: String) -> Result<String, ConvertError> {
    let parts = text.rsplit_once(':').filter(|(host, port)| {
        let plain = |c: char| c.is_ascii_alphanumeric() || "-._[]:".contains(c);
        let port: Option<u16> = port.parse().ok();
        !host.is_empty() && host.chars().all(plain) && port.is_some_and(|port| port > 0)
    });
    if parts.is_some() && text.len() <= NAME_BYTES_MAX {
        return Ok(text);
    }
    Err(ConvertError::text(
        field,
        &text,
        "host:port, as in m1.example.org:7700",
    ))
}

/// A driver id.
///
/// # Errors
/// When it has not the form of one.
pub fn driver_id(text: &str) -> Result<DriverId, ConvertError> {
    text.parse().map_err(|_| {
        ConvertError::text(
            "driver_id",
            text,
            "a driver id such as driver-20261121110000-0000",
        )
    })
}

/// An application id.
///
/// # Errors
/// When it has not the form of one.
pub fn app_id(text: &str) -> Result<AppId, ConvertError> {
    text.parse().map_err(|_| {
        ConvertError::text(
            "app_id",
            text,
            "an application id such as app-20261121110000-0000",
        )
    })
}

/// A worker id.
///
/// # Errors
/// When it has not the form of one.
pub fn worker_id(text: &str) -> Result<WorkerId, ConvertError> {
    text.parse().map_err(|_| {
        ConvertError::text(
            "worker_id",
            text,
            "a worker id such as worker-20261121110000-127-0-0-1-7710",
        )
    })
}

/// The name of a driver or application: shown to people, so it is one line of text.
pub(crate) fn name(text: String) -> Result<String, ConvertError> {
    if text.trim().is_empty() || text.len() > NAME_BYTES_MAX || text.chars().any(char::is_control) {
        let wanted = format!("a name of 1 to {NAME_BYTES_MAX} bytes without control characters");
        return Err(ConvertError::text("name", &text, wanted));
    }
    Ok(text)
}

/// The name of an endpoint: it stands in commands, paths and tables.
///
/// # Errors
/// When it is empty or too long, or not made of letters, digits and `.`, `_`, `-`.
pub fn endpoint_name(text: String) -> Result<String, ConvertError> {
    let plain = |c: char| c.is_ascii_alphanumeric() || matches!(c, '.' | '_' | '-');
    let fits = (1..=ENDPOINT_NAME_BYTES_MAX).contains(&text.len());
    let begins = text.starts_with(|c: char| c.is_ascii_alphanumeric());
    if fits && begins && text.chars().all(plain) {
        return Ok(text);
    }
    let wanted = format!(
        "the name of an endpoint: 1 to {ENDPOINT_NAME_BYTES_MAX} of a-z, A-Z, 0-9, `.`, `_`, `-`, with a \
         letter or digit first"
    );
    Err(ConvertError::text("endpoint name", &text, wanted))
}

/// The address of an endpoint; what it means is for those who use it.
///
/// # Errors
/// When it is empty or too long, or has blanks or control characters.
pub fn endpoint_address(text: String) -> Result<String, ConvertError> {
    let fits = (1..=ENDPOINT_ADDRESS_BYTES_MAX).contains(&text.len());
    if fits && !text.chars().any(|c| c.is_control() || c.is_whitespace()) {
        return Ok(text);
    }
    let wanted = format!(
        "an address of 1 to {ENDPOINT_ADDRESS_BYTES_MAX} bytes without blanks, such as host:4040"
    );
    Err(ConvertError::text("endpoint address", &text, wanted))
}

/// Whose endpoints are asked for.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Publisher {
    /// A driver's.
    Driver(DriverId),
    /// Those of an application's executors, and of the driver that registered it.
    Application(AppId),
    /// An executor's.
    Executor(ExecutorId),
}

/// Who publishes endpoints: a driver, an application or an executor.
///
/// # Errors
/// When it has the form of none.
pub fn publisher(text: &str) -> Result<Publisher, ConvertError> {
    let executor = || {
        let (app, number) = text.split_once('/')?;
        let (app, number) = (app.parse().ok()?, number.parse().ok()?);
        Some(Publisher::Executor(ExecutorId { app, number }))
    };
    let driver = text.parse().ok().map(Publisher::Driver);
    let known = driver.or_else(|| text.parse().ok().map(Publisher::Application));
    known.or_else(executor).ok_or_else(|| {
        let wanted = "a driver, an application or an executor, such as driver-20261121110000-0000, \
                      app-20261121110000-0000 or app-20261121110000-0000/3";
        ConvertError::text("owner", text, wanted)
    })
}

/// A whole number of cores.
pub(crate) fn cores(field: &'static str, cores: u32) -> Result<u32, ConvertError> {
    if (1..=CORES_MAX).contains(&cores) {
        return Ok(cores);
    }
    Err(ConvertError::value(
        field,
        cores,
        format!("a whole number from 1 to {CORES_MAX}"),
    ))
}

/// An amount of memory in MiB.
pub(crate) fn memory_mib(field: &'static str, mib: u64) -> Result<u64, ConvertError> {
    if (1..=MEMORY_MIB_MAX).contains(&mib) {
        return Ok(mib);
    }
    let wanted = format!("an amount of memory from 1 to {MEMORY_MIB_MAX} MiB (16 TiB)");
    Err(ConvertError::value(field, format!("{mib} MiB"), wanted))
}

/// How many addresses of each named resource are asked for.
pub(crate) fn named(
    field: &'static str,
    wire: HashMap<String, u32>,
) -> Result<BTreeMap<String, u32>, ConvertError> {
    if wire.len() > NAMED_RESOURCES_MAX {
        let found = format!("{} resources", wire.len());
        let wanted = format!("at most {NAMED_RESOURCES_MAX} of them");
        return Err(ConvertError::value(field, found, wanted));
    }
    for (name, count) in &wire {
        let plain = !name.chars().any(|c| c.is_control() || c.is_whitespace());
        if name.is_empty() || name.len() > NAME_BYTES_MAX || !plain {
            let wanted = "the name of a resource such as gpu, without spaces";
            return Err(ConvertError::text(field, name, wanted));
        }
        if !(1..=ADDRESSES_MAX).contains(&(*count as usize)) {
            let found = format!("{count} of {}", crate::error::shown(name));
            let wanted = format!("a count from 1 to {ADDRESSES_MAX}");
            return Err(ConvertError::value(field, found, wanted));
        }
    }
    Ok(wire.into_iter().collect())
}

/// How to start a process: what `execve` and the instance's directory can take.
pub(crate) fn launch(
    program: String,
    args: Vec<String>,
    env: HashMap<String, String>,
    artifacts: Vec<String>,
    spark: Option<spark::Command>,
) -> Result<Launch, ConvertError> {
    if let Some(spark) = spark {
        if !(program.is_empty() && args.is_empty() && env.is_empty()) {
            let wanted =
                "a Spark command alone: it has a class, arguments and environment of its own";
            return Err(ConvertError::value("launch", "a program beside it", wanted));
        }
        return Ok(Launch {
            artifacts: artifact_list(artifacts)?,
            spark: Some(Box::new(spark.try_into()?)),
            ..Launch::default()
        });
    }
    if program.is_empty() || program.len() >= PATH_BYTES_MAX || program.contains('\0') {
        let wanted = format!(
            "a program: a path or a name of 1 to {} bytes without NUL",
            PATH_BYTES_MAX - 1
        );
        return Err(ConvertError::text("launch.program", &program, wanted));
    }
    let launch = Launch {
        program,
        args: arguments(args)?,
        env: environment("launch.env", env)?,
        artifacts: artifact_list(artifacts)?,
        spark: None,
    };
    let bad = |bad: BadPorts| ConvertError::text("launch", &bad.found, bad.wanted);
    launch.check_ports().map_err(bad)?;
    Ok(launch)
}

fn arguments(args: Vec<String>) -> Result<Vec<String>, ConvertError> {
    const FIELD: &str = "launch.args";
    if args.len() > ARGS_MAX {
        let found = format!("{} arguments", args.len());
        return Err(ConvertError::value(
            FIELD,
            found,
            format!("at most {ARGS_MAX} of them"),
        ));
    }
    if let Some(bad) = args.iter().find(|arg| arg.contains('\0')) {
        return Err(ConvertError::text(FIELD, bad, "an argument without NUL"));
    }
    // Each ends with a NUL in the new process.
    bytes_at_most(FIELD, args.iter().map(|arg| arg.len() + 1).sum())?;
    Ok(args)
}

/// Environment variables: what stands before the first `=` is the name, so it can hold none.
fn environment(
    field: &'static str,
    env: HashMap<String, String>,
) -> Result<BTreeMap<String, String>, ConvertError> {
    for (name, value) in &env {
        if name.is_empty() || name.contains(['=', '\0']) {
            let wanted = "the name of an environment variable: not empty, without `=` and NUL";
            return Err(ConvertError::text(field, name, wanted));
        }
        if value.contains('\0') {
            let wanted = "the value of an environment variable: without NUL";
            return Err(ConvertError::text(field, value, wanted));
        }
    }
    pairs_of(field, env)
}

/// Configuration: it reaches the driver as JSON in one environment variable.
pub(crate) fn configuration(
    field: &'static str,
    conf: HashMap<String, String>,
) -> Result<BTreeMap<String, String>, ConvertError> {
    for (name, value) in &conf {
        if name.is_empty() || name.contains('\0') {
            let wanted = "the name of a setting: not empty, without NUL";
            return Err(ConvertError::text(field, name, wanted));
        }
        if value.contains('\0') {
            return Err(ConvertError::text(field, value, "a value without NUL"));
        }
    }
    pairs_of(field, conf)
}

fn pairs_of(
    field: &'static str,
    pairs: HashMap<String, String>,
) -> Result<BTreeMap<String, String>, ConvertError> {
    // `=` between them and a NUL at the end.
    bytes_at_most(
        field,
        pairs
            .iter()
            .map(|(name, value)| name.len() + value.len() + 2)
            .sum(),
    )?;
    Ok(pairs.into_iter().collect())
}

fn bytes_at_most(field: &'static str, bytes: usize) -> Result<(), ConvertError> {
    if bytes <= LAUNCH_BYTES_MAX {
        return Ok(());
    }
    let wanted = format!("at most {LAUNCH_BYTES_MAX} bytes in all (128 KiB)");
    Err(ConvertError::value(field, format!("{bytes} bytes"), wanted))
}

fn artifact_list(uris: Vec<String>) -> Result<Vec<Artifact>, ConvertError> {
    const FIELD: &str = "launch.artifacts";
    if uris.len() > ARTIFACTS_MAX {
        let found = format!("{} artifacts", uris.len());
        return Err(ConvertError::value(
            FIELD,
            found,
            format!("at most {ARTIFACTS_MAX} of them"),
        ));
    }
    let mut names = BTreeSet::new();
    let artifacts: Vec<Artifact> = uris.into_iter().map(|uri| Artifact { uri }).collect();
    for artifact in &artifacts {
        let wrong = |wanted| ConvertError::text(FIELD, &artifact.uri, wanted);
        let source = artifact.source().map_err(wrong)?;
        if !names.insert(source.name) {
            let wanted = "a file whose name no other artifact has: all are put into one directory";
            return Err(wrong(wanted));
        }
    }
    Ok(artifacts)
}
