//! Ending what a supervisor or an agent that is gone left behind.

use std::thread;
use std::time::{Duration, Instant};

use rustix::process::Signal;
use vesta_types::InstanceId;

use super::InstanceDir;
use crate::process::{self, Process};

/// What a supervisor may take on top of the grace to write its last record.
const SUPERVISOR_EXTRA: Duration = Duration::from_secs(2);

/// How long killed processes may take to be gone; longer, and one hangs in the kernel.
const KILL_BOUND: Duration = Duration::from_secs(5);

const LOOK_AGAIN: Duration = Duration::from_millis(20);

/// Ends everything that still runs of these instances: TERM, grace, KILL. A supervisor that lives ends
/// its own processes in order; what has none is found by its records, its environment and its cgroup,
/// and matched by start time. Blocks until all are gone, or can't be killed; says whether they are gone.
pub(crate) fn end_leftovers(instances: &[(InstanceId, InstanceDir)], grace: Duration) -> bool {
    if instances.is_empty() {
        return true;
    }
    let mut alone = Vec::new();
    for (id, dir) in instances {
        match dir.supervisor().filter(|supervisor| supervisor.is_alive()) {
            Some(supervisor) => supervisor.signal(Signal::TERM),
            None => alone.push((id.clone(), dir.clone())),
        }
    }
    signal_processes(&alone, Signal::TERM);
    if wait(instances, grace + SUPERVISOR_EXTRA, || {}) {
        return true;
    }
    wait(instances, KILL_BOUND, || {
        // Supervisors first, lest one starts its process again.
        for (_, dir) in instances {
            if let Some(supervisor) = dir.supervisor() {
                supervisor.signal(Signal::KILL);
            }
        }
        signal_processes(instances, Signal::KILL);
        for cgroup in instances.iter().filter_map(|(_, dir)| dir.cgroup()) {
            cgroup.kill();
        }
    })
}

/// Waits until nothing of them runs; at each look that finds something, `act`s.
fn wait(instances: &[(InstanceId, InstanceDir)], bound: Duration, act: impl Fn()) -> bool {
    let begun = Instant::now();
    loop {
        let supervised = instances
            .iter()
            .filter_map(|(_, dir)| dir.supervisor())
            .any(|supervisor| supervisor.is_alive());
        if !supervised && processes(instances).is_empty() {
            return true;
        }
        if begun.elapsed() >= bound {
            return false;
        }
        act();
        thread::sleep(LOOK_AGAIN);
    }
}

fn signal_processes(instances: &[(InstanceId, InstanceDir)], signal: Signal) {
    for (_, dir) in instances {
        if let Some(process) = dir.process() {
            process.signal_group(signal);
        }
    }
    for process in processes(instances) {
        process.signal(signal);
    }
}

fn processes(instances: &[(InstanceId, InstanceDir)]) -> Vec<Process> {
    if instances.is_empty() {
        return Vec::new();
    }
    let ids: Vec<String> = instances.iter().map(|(id, _)| id.to_string()).collect();
    let mut found = process::of_instances(&ids);
    let held = instances.iter().filter_map(|(_, dir)| dir.cgroup());
    found.extend(held.flat_map(|cgroup| cgroup.processes()));
    let recorded = instances.iter().filter_map(|(_, dir)| dir.process());
    found.extend(recorded.filter(|process| process.is_alive()));
    found.sort_unstable();
    found.dedup();
    found
}
