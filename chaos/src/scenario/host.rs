//! Everything of a worker's machine: its agent, its supervisors and what they run.

use std::collections::BTreeSet;

use rustix::process::Signal;
use vesta_local::{Process, wait_until};

use super::Finding;
use super::stage::{BOUND, Stage};

/// A machine that stands still.
pub struct Host(Vec<Process>);

impl Host {
    /// All processes of the worker at `at`, its agent first.
    pub fn of(stage: &Stage, at: usize) -> Result<Vec<Process>, Finding> {
        let agent = stage.workers[at].process();
        let agent = agent.ok_or_else(|| Finding::Unknown("its agent does not run".to_owned()))?;
        Ok(with_descendants(agent)?)
    }

    /// Stops all of them.
    pub async fn pause(stage: &Stage, at: usize) -> Result<Host, Finding> {
        let mut paused: BTreeSet<Process> = BTreeSet::new();
        let still = wait_until("the host to stand still", BOUND, async || {
            // Whatever is stopped makes no more of them.
            let Ok(all) = Host::of(stage, at) else {
                return false;
            };
            for process in &all {
                // It may have ended meanwhile.
                let _gone = process.signal(Signal::STOP);
            }
            paused.extend(&all);
            all.iter().all(|process| stands_still(*process))
        });
        still.await?;
        Ok(Host(paused.into_iter().collect()))
    }

    /// Lets all of them go on.
    pub fn resume(self) -> Result<(), Finding> {
        for process in self.0 {
            process.signal(Signal::CONT)?;
        }
        Ok(())
    }
}

/// Whether a process that was told to stop runs no more: it is stopped, or will be before it leaves the
/// kernel. A shell that waits for the child of a `vfork` which was stopped does not leave it.
fn stands_still(process: Process) -> bool {
    state_and_parent(process.pid).is_none_or(|(state, _)| matches!(state, 'T' | 'D' | 'Z'))
}

/// The state of a process (`T` is stopped, `D` in the kernel and not to be woken), and its parent's pid.
fn state_and_parent(pid: u32) -> Option<(char, u32)> {
    let stat = std::fs::read_to_string(format!("/proc/{pid}/stat")).ok()?;
    // The program's name, in parentheses, may itself hold spaces and parentheses.
    let (_, rest) = stat.rsplit_once(')')?;
    let mut fields = rest.split_ascii_whitespace();
    let state = fields.next()?.chars().next()?;
    Some((state, fields.next()?.parse().ok()?))
}

/// A process and all below it.
fn with_descendants(root: Process) -> std::io::Result<Vec<Process>> {
    let mut parents = Vec::new();
    for entry in std::fs::read_dir("/proc")?.flatten() {
        let name = entry.file_name();
        if let Some(pid) = name.to_str().and_then(|name| name.parse::<u32>().ok()) {
            parents.extend(state_and_parent(pid).map(|(_, parent)| (parent, pid)));
        }
    }
    let mut all = vec![root];
    let mut next = 0;
    while let Some(process) = all.get(next).copied() {
        let children = parents.iter().filter(|(parent, _)| *parent == process.pid);
        let children = children.filter_map(|(_, pid)| Process::of(*pid));
        all.extend(children.filter(|child| child.is_alive()));
        next += 1;
    }
    Ok(all)
}
