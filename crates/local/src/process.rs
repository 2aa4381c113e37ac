//! Processes by pid *and* start time: a bare pid may have become somebody else's.

use std::fmt;
use std::fs;
use std::str::FromStr;

use rustix::process::{Pid, PidfdFlags, Signal, pidfd_open, pidfd_send_signal};

/// One process of this boot.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct Process {
    /// Its id.
    pub pid: u32,
    /// When it was started, in clock ticks since boot (field 22 of `/proc/PID/stat`).
    pub start: u64,
}

impl Process {
    /// The process that has this pid now, a zombie too; `None` if there is none.
    pub fn of(pid: u32) -> Option<Process> {
        stat(pid).map(|stat| Process {
            pid,
            start: stat.start,
        })
    }

    /// This process.
    ///
    /// # Errors
    /// When `/proc` can't be read.
    pub fn own() -> std::io::Result<Process> {
        Process::of(std::process::id())
            .ok_or_else(|| std::io::Error::other("/proc/self/stat can't be read"))
    }

    /// Every process that runs and that this one may look at.
    pub(crate) fn all() -> Vec<Process> {
        let entries = fs::read_dir("/proc").into_iter().flatten().flatten();
        let pids = entries.filter_map(|entry| entry.file_name().to_str()?.parse().ok());
        pids.filter_map(Process::of)
            .filter(|process| process.is_alive())
            .collect()
    }

    /// Whether it still runs (a zombie does not).
    pub fn is_alive(self) -> bool {
        stat(self.pid)
            .is_some_and(|stat| stat.start == self.start && !matches!(stat.state, 'Z' | 'X'))
    }

    /// Whether it is stopped (SIGSTOP).
    pub fn is_paused(self) -> bool {
        stat(self.pid).is_some_and(|stat| stat.start == self.start && stat.state == 'T')
    }

    /// Sends it a signal. Nothing happens if it is gone, even if its pid is somebody else's now.
    ///
    /// # Errors
    /// When the signal may not be sent.
    pub fn signal(self, signal: Signal) -> std::io::Result<()> {
        // Never 0 or 1, which would mean this process's own group, or the machine.
        let raw = i32::try_from(self.pid).ok().filter(|pid| *pid > 1);
        let Some(pid) = raw.and_then(Pid::from_raw) else {
            return Ok(());
        };
        // The descriptor holds the process, so that its pid can't pass to another between the look at
        // its start time and the signal.
        let handle = match pidfd_open(pid, PidfdFlags::empty()) {
            Ok(handle) => handle,
            Err(rustix::io::Errno::SRCH) => return Ok(()),
            Err(error) => return Err(error.into()),
        };
        if !self.is_alive() {
            return Ok(());
        }
        match pidfd_send_signal(&handle, signal) {
            Ok(()) | Err(rustix::io::Errno::SRCH) => Ok(()),
            Err(error) => Err(error.into()),
        }
    }
}

/// `PID:START`, as in an environment variable.
impl fmt::Display for Process {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{}:{}", self.pid, self.start)
    }
}

impl FromStr for Process {
    type Err = std::num::ParseIntError;

    fn from_str(text: &str) -> Result<Process, Self::Err> {
        let (pid, start) = text.split_once(':').unwrap_or((text, ""));
        Ok(Process {
            pid: pid.parse()?,
            start: start.parse()?,
        })
    }
}

struct Stat {
    state: char,
    start: u64,
}

fn stat(pid: u32) -> Option<Stat> {
    parse(&fs::read_to_string(format!("/proc/{pid}/stat")).ok()?)
}

/// The second field is the program's name in parentheses and may itself hold spaces and parentheses.
fn parse(text: &str) -> Option<Stat> {
    let (_, rest) = text.rsplit_once(')')?;
    let mut fields = rest.split_ascii_whitespace();
    let state = fields.next()?.chars().next()?;
    let start = fields.nth(18)?.parse().ok()?;
    Some(Stat { state, start })
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_program_s_name_can_t_confuse_the_reading_of_its_start_time() {
        let text = "7 (a) S 1 (b)) T 3 7 7 0 -1 4194560 1 0 0 0 1 0 0 0 20 0 1 0 12345 1 1";
        let stat = parse(text).unwrap();
        assert_eq!((stat.state, stat.start), ('T', 12345));
    }

    #[test]
    fn another_process_that_got_the_pid_is_not_signalled() {
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
        other.signal(Signal::KILL).unwrap();
        assert!(real.is_alive());
        assert!(Process::all().contains(&real));
        real.signal(Signal::KILL).unwrap();
        child.wait().unwrap();
        assert!(!real.is_alive());
        real.signal(Signal::KILL).unwrap();
    }

    #[test]
    fn a_process_prints_and_parses_back() {
        let own = Process::own().unwrap();
        assert_eq!(own.to_string().parse(), Ok(own));
        for bad in ["", "7", "7:", ":7", "7:x", "-7:1"] {
            assert!(bad.parse::<Process>().is_err(), "{bad:?}");
        }
    }
}
