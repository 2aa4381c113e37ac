//! The command of one run: program, arguments, environment, files and group.

use std::collections::BTreeMap;
use std::ffi::{OsStr, OsString};
use std::os::unix::process::CommandExt;
use std::path::PathBuf;
use std::process::{Command, Stdio};

use vesta_types::{Launch, Work};

use super::spark::{self, ALSO_INHERITED};
use super::substitute::Variables;
use crate::process::INSTANCE_VARIABLE;
use crate::spark::CommandLine;
use crate::store::{InstanceDir, InstanceOrder, read_members};

/// What processes get of the agent's own environment. Nothing else: least of all its credentials, or
/// the variables that inject faults.
const INHERITED: [&str; 9] = [
    "PATH",
    "HOME",
    "LANG",
    "TZ",
    "TMPDIR",
    "LD_LIBRARY_PATH",
    "JAVA_HOME",
    "SPARK_HOME",
    "USER",
];

/// The command of run `restart`; why there can't be one.
pub(super) fn command(
    dir: &InstanceDir,
    order: &InstanceOrder,
    restart: u32,
    artifacts: &[PathBuf],
) -> Result<Command, String> {
    let launch = &order.run.launch;
    let ports = launch.ports_of(&order.run.booking);
    if let Some(missing) = launch
        .ports()
        .into_iter()
        .find(|it| !ports.contains_key(it))
    {
        return Err(format!(
            "it asks for port {missing} and was given {} ports",
            ports.len()
        ));
    }
    let mut command = match &launch.spark {
        Some(command) => of_spark(spark::line(dir, order, command, artifacts)?),
        None => of_program(launch, &Variables::new(order, artifacts)),
    };
    // Last, so that no user's setting can hide the fencing token.
    command.envs(own_variables(dir, order, restart));
    let variable = |name: &str| format!("VESTA_PORT_{}", name.to_ascii_uppercase());
    command.envs(ports.iter().map(|(name, port)| (variable(name), port)));
    command.current_dir(dir.work_path());
    command.stdin(Stdio::null());
    command.process_group(0);
    Ok(command)
}

fn of_program(launch: &Launch, variables: &Variables) -> Command {
    let mut command = inheriting(variables.apply(&launch.program), &INHERITED);
    command.args(launch.args.iter().map(|arg| variables.apply(arg)));
    let env = launch.env.iter();
    command.envs(env.map(|(name, value)| (name, variables.apply(value))));
    command
}

fn of_spark(line: CommandLine) -> Command {
    let mut command = inheriting(line.program, &[&INHERITED[..], &ALSO_INHERITED].concat());
    command.args(line.args).envs(line.env);
    command
}

/// A command that gets these variables of the agent's environment.
fn inheriting(program: impl AsRef<OsStr>, names: &[&str]) -> Command {
    let mut command = Command::new(program);
    command.env_clear();
    let inherited = names.iter();
    command.envs(inherited.filter_map(|name| Some((name, std::env::var_os(name)?))));
    command
}

fn own_variables(
    dir: &InstanceDir,
    order: &InstanceOrder,
    restart: u32,
) -> BTreeMap<&'static str, OsString> {
    let run = &order.run;
    let mut variables = BTreeMap::new();
    let mut set = |name, value: String| variables.insert(name, OsString::from(value));
    // Read at each run: the masters of the last one may have been replaced.
    let mut masters = read_members(dir.root());
    if masters.is_empty() {
        masters.clone_from(&order.masters);
    }
    set("VESTA_MASTER", format!("vesta://{}", masters.join(",")));
    set(INSTANCE_VARIABLE, run.instance.to_string());
    set("VESTA_CLUSTER_ID", run.instance.cluster.to_string());
    set("VESTA_EPOCH", order.epoch.to_string());
    set("VESTA_RESTART", restart.to_string());
    set("VESTA_WORKER_ID", order.worker.to_string());
    set("VESTA_HOST", order.host.clone());
    set("VESTA_CORES", run.booking.cores.to_string());
    set("VESTA_MEMORY_MIB", run.booking.memory_mib.to_string());
    // As Spark does, the addresses are told and nothing is hidden from the process: what they mean, and
    // which variable of a vendor they belong into, its program knows.
    let named = serde_json::to_string(&run.booking.named).expect("a map of texts is JSON");
    set("VESTA_RESOURCES", named);
    match &run.instance.work {
        Work::Driver { driver, attempt } => {
            set("VESTA_DRIVER_ID", driver.to_string());
            set("VESTA_ATTEMPT", attempt.to_string());
            set("VESTA_NAME", run.name.clone());
            let conf = serde_json::to_string(&run.conf).expect("a map of texts is JSON");
            set("VESTA_CONF", conf);
            if let Some(size) = &run.executor {
                set("VESTA_EXECUTOR_CORES", size.cores.to_string());
                set("VESTA_EXECUTOR_MEMORY_MIB", size.memory_mib.to_string());
            }
            if let Some(cores) = run.total_executor_cores {
                set("VESTA_TOTAL_EXECUTOR_CORES", cores.to_string());
            }
        }
        Work::Executor { app, number } => {
            set("VESTA_APP_ID", app.to_string());
            set("VESTA_EXECUTOR_ID", number.to_string());
            set("VESTA_APP_NAME", run.name.clone());
            set("VESTA_RESOURCE_PROFILE_ID", run.profile.to_string());
            if dir.payload_path().exists() {
                variables.insert("VESTA_PAYLOAD_FILE", dir.payload_path().into_os_string());
            }
        }
    }
    variables
}
