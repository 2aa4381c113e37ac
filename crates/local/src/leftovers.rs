//! Finding and ending what a cluster's workers launched, when they could not do it themselves.

use std::collections::BTreeSet;
use std::fs;
use std::path::Path;
use std::time::{Duration, Instant};

use rustix::process::Signal;

use crate::Process;

/// Environment variable that marks the masters and workers of a cluster: its directory.
pub(crate) const CLUSTER_VARIABLE: &str = "VESTA_LOCAL_CLUSTER";

/// The environment variable that a worker gives to all that it launches.
const INSTANCE_VARIABLE: &str = "VESTA_INSTANCE_ID";

/// How long killed processes may take to be gone.
const BOUND: Duration = Duration::from_secs(10);

/// Every process that belongs to the cluster in `dir`, never this one.
///
/// Three marks are enough, each safe: the cluster's own variable; an instance id of which a worker of
/// this cluster has a directory (ids are unique in the world); a supervisor that is told a directory
/// within `dir`. A shell or pager that merely looks into `dir` has none of them.
pub(crate) fn find(dir: &Path) -> Vec<Process> {
    let instances = instances(dir);
    let own = std::process::id();
    let others = Process::all()
        .into_iter()
        .filter(|process| process.pid != own);
    others
        .filter(|process| {
            let environ = words(process.pid, "environ");
            let by_environment = environ.iter().any(|variable| {
                let (name, value) = variable.split_once('=').unwrap_or_default();
                name == CLUSTER_VARIABLE && Path::new(value) == dir
                    || name == INSTANCE_VARIABLE && instances.contains(value)
            });
            by_environment || is_supervisor(&words(process.pid, "cmdline"), dir)
        })
        // Its pid was its own all the time that it was looked at.
        .filter(|process| process.is_alive())
        .collect()
}

/// Kills every process that [`find`] finds, again and again until there is none: one that was being
/// started while its starter was killed is found in the next pass. Returns what it killed.
pub(crate) fn kill(dir: &Path) -> Vec<Process> {
    let mut killed = BTreeSet::new();
    let begun = Instant::now();
    loop {
        let found = find(dir);
        if found.is_empty() || begun.elapsed() > BOUND {
            for process in &found {
                tracing::error!(pid = process.pid, "a process can't be killed");
            }
            return killed.into_iter().collect();
        }
        for process in found {
            if let Err(error) = process.signal(Signal::KILL) {
                tracing::warn!(pid = process.pid, %error, "cannot kill a process");
            }
            killed.insert(process);
        }
        std::thread::sleep(Duration::from_millis(10));
    }
}

/// What a process is, for people: its pid and command line.
pub(crate) fn describe(process: Process) -> String {
    let command = words(process.pid, "cmdline").join(" ");
    format!("{} ({})", process.pid, command.trim())
}

/// The instance ids that workers under `dir` have directories for.
fn instances(dir: &Path) -> BTreeSet<String> {
    let names = |dir: &Path| {
        let entries = fs::read_dir(dir).into_iter().flatten().flatten();
        entries.map(|entry| entry.path()).collect::<Vec<_>>()
    };
    let stores = names(dir)
        .into_iter()
        .map(|worker| worker.join("instances"));
    let instances = stores.flat_map(|store| names(&store));
    let name = |path: std::path::PathBuf| Some(path.file_name()?.to_str()?.to_owned());
    instances.filter_map(name).collect()
}

fn is_supervisor(command: &[String], dir: &Path) -> bool {
    let mut arguments = command.iter().skip(1);
    arguments.any(|argument| argument == "supervise")
        && arguments.any(|argument| Path::new(argument).starts_with(dir))
}

/// The NUL-separated words of a file in `/proc/PID`; none if it may not be read or is gone.
fn words(pid: u32, file: &str) -> Vec<String> {
    let bytes = fs::read(format!("/proc/{pid}/{file}")).unwrap_or_default();
    let words = bytes.split(|byte| *byte == 0);
    words
        .map(|word| String::from_utf8_lossy(word).into_owned())
        .collect()
}
