//! The command line and environment of a Spark program, as Spark's own worker makes them.
//!
//! What differs from Spark's, and why:
//! - no program is given an address of its worker to watch ([`super::variables`]);
//! - `SPARK_HOME` is the home that runs it, whatever its submitter's was;
//! - a secret among its options goes into its environment, where others on the machine don't see it;
//! - there are no log pages to link, so no `SPARK_LOG_URL_…`;
//! - a driver passes its version on to its executors ([`VERSION_VARIABLE`]).

use std::collections::BTreeMap;
use std::path::{Path, PathBuf};

use vesta_types::{Dialect, SparkCommand};

use super::find::scala_of;
use super::variables::{argument, java_option};
use super::{SparkHome, Surroundings, VERSION_VARIABLE};

/// Where native libraries are looked for.
const LIBRARY_PATH: &str = "LD_LIBRARY_PATH";

/// The option by which a program is told the secret that its application shares.
const SECRET_OPTION: &str = "-Dspark.authenticate.secret=";

/// The variable by which Spark's own worker tells it instead.
const SECRET_VARIABLE: &str = "_SPARK_AUTH_SECRET";

/// What a Spark program is to an application.
#[derive(Clone, Copy, Debug)]
pub enum Kind<'a> {
    /// An executor.
    Executor {
        /// Its application's id.
        app: &'a str,
        /// Its number in it.
        number: u32,
        /// Its resource profile.
        profile: u32,
        /// Where it puts shuffle files and the like.
        local_dirs: &'a [PathBuf],
    },
    /// A driver in cluster mode.
    Driver {
        /// The jar with its main class, here.
        user_jar: Option<&'a Path>,
    },
}

/// What a Spark program is run with.
#[derive(Clone, Copy, Debug)]
pub struct Run<'a> {
    /// The home that it runs from.
    pub home: &'a SparkHome,
    /// What is around it.
    pub surroundings: &'a Surroundings,
    /// What it is.
    pub kind: Kind<'a>,
    /// Memory for its JVM's heap, in MiB.
    pub memory_mib: u64,
    /// Its cores.
    pub cores: u32,
    /// The host that it is reached under.
    pub host: &'a str,
    /// The file with the addresses of the named resources that it holds, if it holds any
    /// ([`super::resources_file`]).
    pub resources: Option<&'a Path>,
}

/// How a Spark program is started. It may carry its submitter's secrets: no `Debug`.
#[derive(Clone, PartialEq, Eq)]
pub struct CommandLine {
    /// The program.
    pub program: PathBuf,
    /// Its arguments.
    pub args: Vec<String>,
    /// What is added to the environment that it inherits.
    pub env: BTreeMap<String, String>,
}

/// The command line and environment of `command`.
pub fn command_line(command: &SparkCommand, run: &Run<'_>) -> CommandLine {
    let mut args = vec!["-cp".to_owned(), class_path(command, run)];
    args.push(format!("-Xmx{}M", run.memory_mib));
    args.extend(java_options(command, run));
    args.push(command.main_class.clone());
    args.extend(arguments(command, run));
    let java = run.surroundings.java.as_ref();
    CommandLine {
        program: java.unwrap_or(&run.home.java).clone(),
        args,
        env: environment(command, run),
    }
}

/// The command's own entries, the configuration, Spark's jars, Hadoop's: in this order, and each once.
fn class_path(command: &SparkCommand, run: &Run<'_>) -> String {
    let around = run.surroundings;
    let path = |path: &Path| path.display().to_string();
    let mut entries: Vec<String> = Vec::new();
    let mut add = |list: &str| {
        for entry in list.split(':').filter(|entry| !entry.is_empty()) {
            if !entries.iter().any(|known| known == entry) {
                entries.push(entry.to_owned());
            }
        }
    };
    command.class_path.iter().for_each(|entry| add(entry));
    around.conf_dir.iter().for_each(|dir| add(&path(dir)));
    // Since 4.0, before all others: one of them has classes of the same names.
    if run.home.release.dialect == Dialect::Scala213 {
        around.slf4j_jars.iter().for_each(|jar| add(&path(jar)));
    }
    add(&path(&run.home.path.join("jars").join("*")));
    for name in ["HADOOP_CONF_DIR", "YARN_CONF_DIR", "SPARK_DIST_CLASSPATH"] {
        let own = command.environment.get(name).filter(|own| !own.is_empty());
        add(own
            .or(around.environment.get(name))
            .map_or("", String::as_str));
    }
    entries.join(":")
}

fn java_options(command: &SparkCommand, run: &Run<'_>) -> Vec<String> {
    let given = command.java_opts.iter();
    let given = given.filter(|option| !option.starts_with(SECRET_OPTION));
    let mut options: Vec<String> = given.map(|it| java_option(it, &run.kind)).collect();
    if let Kind::Driver { .. } = run.kind {
        let version = format!("-Dspark.executorEnv.{VERSION_VARIABLE}=");
        if !options.iter().any(|option| option.starts_with(&version)) {
            options.push(version + &run.home.version);
        }
        if let Some(file) = run.resources {
            options.push(format!("-Dspark.driver.resourcesFile={}", file.display()));
        }
    }
    options
}

fn arguments(command: &SparkCommand, run: &Run<'_>) -> Vec<String> {
    let mut given: &[String] = &command.arguments;
    let mut arguments = Vec::new();
    let is_executor = matches!(run.kind, Kind::Executor { .. });
    while let [first, rest @ ..] = given {
        given = rest;
        // Optional for an executor; told one, it would end with its worker.
        if let [url, after @ ..] = rest
            && is_executor
            && first == "--worker-url"
            && url == "{{WORKER_URL}}"
        {
            given = after;
            continue;
        }
        arguments.push(argument(first, &run.kind, run.host, run.cores));
    }
    if let Some(file) = run.resources.filter(|_| is_executor) {
        arguments.extend(["--resourcesFile".to_owned(), file.display().to_string()]);
    }
    arguments
}

fn environment(command: &SparkCommand, run: &Run<'_>) -> BTreeMap<String, String> {
    let around = run.surroundings;
    let mut env = command.environment.clone();
    let mut set = |name: &str, value: String| env.insert(name.to_owned(), value);
    if !command.library_path.is_empty() {
        let inherited = [&command.environment, &around.environment];
        let inherited = inherited.into_iter().filter_map(|it| it.get(LIBRARY_PATH));
        let entries: Vec<&str> = command
            .library_path
            .iter()
            .chain(inherited)
            .map(String::as_str)
            .collect();
        set(LIBRARY_PATH, entries.join(":"));
    }
    set("SPARK_HOME", run.home.path.display().to_string());
    let scala = scala_of(run.home.release.dialect);
    set("SPARK_SCALA_VERSION", scala.to_owned());
    let options = command.java_opts.iter().rev();
    let secret = options.filter_map(|option| option.strip_prefix(SECRET_OPTION));
    if let Some(secret) = secret.into_iter().next() {
        set(SECRET_VARIABLE, secret.to_owned());
    }
    if let Kind::Executor { local_dirs, .. } = run.kind {
        let dirs = local_dirs.iter().map(|dir| dir.display().to_string());
        set("SPARK_EXECUTOR_DIRS", dirs.collect::<Vec<_>>().join(":"));
        // Else one that is started out of a Spark shell is taken for a shell of its own.
        set("SPARK_LAUNCH_WITH_SCALA", "0".to_owned());
    }
    // The submitter's may be of another machine.
    match &around.conf_dir {
        Some(dir) => env.insert("SPARK_CONF_DIR".to_owned(), dir.display().to_string()),
        None => env.remove("SPARK_CONF_DIR"),
    };
    env
}
