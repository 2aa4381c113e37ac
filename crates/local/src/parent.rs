//! Ending with the process that started this one, however that one ended.

use std::time::Duration;

use rustix::process::{Signal, getpid, kill_process};

use crate::Process;

/// Environment variable that holds the starting process, as `PID:START`.
pub const PARENT_VARIABLE: &str = "VESTA_PARENT";

/// How often the parent is looked at.
const EVERY: Duration = Duration::from_millis(500);

/// How long an orderly end may take once the parent is gone.
const GRACE: Duration = Duration::from_secs(20);

/// Exit code of a process that did not end in order after its parent.
const EXIT_CODE: i32 = 70;

/// If [`PARENT_VARIABLE`] is set, ends this process once that other one is gone: SIGTERM first, so that
/// a worker ends what it launched, and after 20 s the hard way. Otherwise does nothing.
///
/// Every process of a local cluster calls this at its start; so a demo or test that is itself killed
/// with SIGKILL leaves nothing behind. (The kernel's own way, `PR_SET_PDEATHSIG`, can only be asked for
/// between fork and exec, in unsafe code, and acts when the starting *thread* ends.)
///
/// # Errors
/// When the variable's value is not of the form `PID:START`, or no thread can be started.
pub fn watch_parent() -> std::io::Result<()> {
    let Ok(text) = std::env::var(PARENT_VARIABLE) else {
        return Ok(());
    };
    let parent: Process = text.parse().map_err(|error| {
        let text =
            format!("{PARENT_VARIABLE}={text:?} is not PID:START, such as 812:51266: {error}");
        std::io::Error::new(std::io::ErrorKind::InvalidInput, text)
    })?;
    let watch = move || {
        while parent.is_alive() {
            std::thread::sleep(EVERY);
        }
        tracing::warn!(
            parent = parent.pid,
            "the process that started this one is gone: ending"
        );
        // Nobody who handles SIGTERM is told twice.
        let _ = kill_process(getpid(), Signal::TERM);
        std::thread::sleep(GRACE);
        std::process::exit(EXIT_CODE);
    };
    std::thread::Builder::new()
        .name("watch-parent".to_owned())
        .spawn(watch)?;
    Ok(())
}
