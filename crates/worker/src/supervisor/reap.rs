//! Waiting for the instance's process, and for whatever it leaves behind.

use std::time::{Duration, Instant};

use rustix::io::Errno;
use rustix::process::{Pid, Signal, WaitId, WaitIdOptions, WaitOptions, wait, waitid};

use crate::cgroup::Cgroup;
use crate::process::{children, signal_group};

/// How long killed descendants may take to be gone; longer, and one hangs in the kernel.
const KILL_BOUND: Duration = Duration::from_secs(5);

const LOOK_AGAIN: Duration = Duration::from_millis(10);

/// How a process ended.
#[derive(Clone, Copy, Debug, Default)]
pub(super) struct End {
    pub(super) code: Option<i32>,
    pub(super) signal: Option<i32>,
}

/// How the process `main` ended, if it has; then all that is left of its group is
/// killed. Descendants that were left to this process and have ended are reaped beside it.
pub(super) fn reap(main: u32) -> Result<Option<End>, Errno> {
    let Some(pid) = i32::try_from(main).ok().and_then(Pid::from_raw) else {
        return Err(Errno::SRCH);
    };
    // Only looked at first: as long as it is not reaped, the group's number can't pass to another.
    let look = WaitIdOptions::EXITED | WaitIdOptions::NOHANG | WaitIdOptions::NOWAIT;
    if let Some(status) = waitid(WaitId::Pid(pid), look)? {
        signal_group(main, Signal::KILL);
        waitid(
            WaitId::Pid(pid),
            WaitIdOptions::EXITED | WaitIdOptions::NOHANG,
        )?;
        let (code, signal) = (status.exit_status(), status.terminating_signal());
        return Ok(Some(End { code, signal }));
    }
    while let Some((ended, status)) = wait(WaitOptions::NOHANG)? {
        // It may end between the two looks.
        if ended == pid {
            signal_group(main, Signal::KILL);
            let (code, signal) = (status.exit_status(), status.terminating_signal());
            return Ok(Some(End { code, signal }));
        }
    }
    Ok(None)
}

/// Kills and reaps every descendant that is left, and whatever else is in the cgroup; those that moved to
/// another group became children of this process when their parents ended.
pub(super) async fn end_descendants(cgroup: Option<&Cgroup>) {
    let begun = Instant::now();
    if let Some(cgroup) = cgroup {
        cgroup.kill();
    }
    loop {
        match wait(WaitOptions::NOHANG) {
            Ok(Some(_)) => {}
            Ok(None) if begun.elapsed() < KILL_BOUND => {
                for child in children(std::process::id()) {
                    child.signal(Signal::KILL);
                }
                tokio::time::sleep(LOOK_AGAIN).await;
            }
            Ok(None) => return note!("descendants can't be killed; they may still run"),
            // There are none.
            Err(_) => break,
        }
    }
    if let Some(cgroup) = cgroup {
        cgroup.remove();
    }
}
