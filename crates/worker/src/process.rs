//! Processes by pid *and* start time: a bare pid may have become somebody else's.

use std::fs;
use std::io;

use rustix::process::{Pid, PidfdFlags, Signal, kill_process_group, pidfd_open, pidfd_send_signal};
use serde::{Deserialize, Serialize};

/// The environment variable by which every process of an instance is known, wherever it went.
pub(crate) const INSTANCE_VARIABLE: &str = "VESTA_INSTANCE_ID";

/// One process of this boot.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize)]
pub struct Process {
    /// Its id.
    pub pid: u32,
    /// When it was started, in clock ticks since boot (field 22 of `/proc/<pid>/stat`).
    pub start: u64,
}

/// What of `/proc/<pid>/stat` matters here.
struct Stat {
    state: char,
    parent: u32,
    start: u64,
}

impl Process {
    /// The process that has this pid now, a zombie too.
    pub(crate) fn of(pid: u32) -> Option<Process> {
        stat(pid).map(|stat| Process {
            pid,
            start: stat.start,
        })
    }

    /// This process.
    pub(crate) fn own() -> Option<Process> {
        Process::of(std::process::id())
    }

    /// Whether it still runs (a zombie does not).
    pub(crate) fn is_alive(self) -> bool {
        stat(self.pid)
            .is_some_and(|stat| stat.start == self.start && !matches!(stat.state, 'Z' | 'X'))
    }

    /// Sends it a signal; nothing if it is gone.
    pub(crate) fn signal(self, signal: Signal) {
        // The descriptor holds the process, so that its pid can't pass to another between the look at
        // its start time and the signal.
        let Some(pid) = raw(self.pid) else { return };
        if let Ok(handle) = pidfd_open(pid, PidfdFlags::empty())
            && self.is_alive()
            && let Err(error) = pidfd_send_signal(&handle, signal)
        {
            tracing::warn!(pid = self.pid, ?signal, %error, "cannot signal a process");
        }
    }

    /// Sends a signal to the whole group that it leads; nothing if it is gone.
    pub(crate) fn signal_group(self, signal: Signal) {
        if Process::of(self.pid) == Some(self) {
            signal_group(self.pid, signal);
        }
    }
}

/// Sends a signal to the process group `leader`; the caller knows that the number is still its own.
pub(crate) fn signal_group(leader: u32, signal: Signal) {
    let Some(pid) = raw(leader) else { return };
    match kill_process_group(pid, signal) {
        Ok(()) | Err(rustix::io::Errno::SRCH) => {}
        Err(error) => tracing::warn!(leader, ?signal, %error, "cannot signal a process group"),
    }
}

/// The children of the process `parent` that run.
pub(crate) fn children(parent: u32) -> Vec<Process> {
    let child = |pid: &u32| {
        stat(*pid).is_some_and(|stat| stat.parent == parent && !matches!(stat.state, 'Z' | 'X'))
    };
    pids()
        .into_iter()
        .filter(child)
        .filter_map(Process::of)
        .collect()
}

/// The processes that were started with one of these instance ids in their environment, whatever group
/// they moved to; never this one.
pub(crate) fn of_instances(ids: &[String]) -> Vec<Process> {
    let wanted: Vec<String> = ids
        .iter()
        .map(|id| format!("{INSTANCE_VARIABLE}={id}"))
        .collect();
    let belongs = |process: &Process| {
        let environment = fs::read(format!("/proc/{}/environ", process.pid)).unwrap_or_default();
        environment
            .split(|byte| *byte == 0)
            .any(|variable| wanted.iter().any(|wanted| wanted.as_bytes() == variable))
    };
    let own = std::process::id();
    let others = pids()
        .into_iter()
        .filter(|pid| *pid != own)
        .filter_map(Process::of);
    others
        .filter(belongs)
        .filter(|process| process.is_alive())
        .collect()
}

fn pids() -> Vec<u32> {
    let entries = fs::read_dir("/proc").into_iter().flatten().flatten();
    entries
        .filter_map(|entry| entry.file_name().to_str()?.parse().ok())
        .collect()
}

fn stat(pid: u32) -> Option<Stat> {
    parse(&fs::read_to_string(format!("/proc/{pid}/stat")).ok()?)
}

/// The second field is the program's name in parentheses and may itself hold spaces and parentheses.
fn parse(text: &str) -> Option<Stat> {
    let (_, rest) = text.rsplit_once(')')?;
    let mut fields = rest.split_ascii_whitespace();
    let state = fields.next()?.chars().next()?;
    let parent = fields.next()?.parse().ok()?;
    let start = fields.nth(17)?.parse().ok()?;
    Some(Stat {
        state,
        parent,
        start,
    })
}

/// A pid that can be signalled: never 0 or 1, which would mean "my own group" or the machine.
fn raw(pid: u32) -> Option<Pid> {
    Pid::from_raw(i32::try_from(pid).ok()?).filter(|pid| pid.as_raw_nonzero().get() > 1)
}

/// Makes this process the parent of descendants that lose theirs, so that none escapes it.
pub(crate) fn adopt_orphans() -> io::Result<()> {
    // Any pid switches it on; the kernel only looks whether the number is zero.
    Ok(rustix::process::set_child_subreaper(Some(
        rustix::process::getpid(),
    ))?)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_program_s_name_can_t_confuse_the_reading_of_its_start_time() {
        let text = "7 (a) S 1 (b)) S 3 7 7 0 -1 4194560 1 0 0 0 1 0 0 0 20 0 1 0 12345 1 1";
        let stat = parse(text).unwrap();
        assert_eq!((stat.state, stat.parent, stat.start), ('S', 3, 12345));
    }

    #[test]
    fn a_process_that_has_another_s_pid_is_not_signalled() {
        let mut child = std::process::Command::new("sleep")
            .arg("60")
            .spawn()
            .unwrap();
        let real = Process::of(child.id()).unwrap();
        let other = Process {
            start: real.start + 1,
            ..real
        };
        assert!(real.is_alive() && !other.is_alive());
        other.signal(Signal::KILL);
        assert!(real.is_alive());
        assert!(children(std::process::id()).contains(&real));
        real.signal(Signal::KILL);
        child.wait().unwrap();
        assert!(!real.is_alive());
    }

    #[test]
    fn a_process_is_found_by_the_instance_in_its_environment() {
        let id = format!("driver-test-{}", std::process::id());
        let mut command = std::process::Command::new("sleep");
        let mut child = command
            .arg("60")
            .env(INSTANCE_VARIABLE, &id)
            .spawn()
            .unwrap();
        let process = Process::of(child.id()).unwrap();
        // A process has its environment a moment after it is there.
        let begun = std::time::Instant::now();
        let mut found = Vec::new();
        while found.is_empty() && begun.elapsed() < std::time::Duration::from_secs(10) {
            found = of_instances(std::slice::from_ref(&id));
        }
        process.signal(Signal::KILL);
        child.wait().unwrap();
        assert_eq!(found, [process]);
        assert_eq!(of_instances(&[id]), []);
    }
}
