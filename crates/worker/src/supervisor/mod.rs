//! The supervisor: one small process per instance, which executes it at most once, ever, and outlives
//! the agent. It holds the `started` record, the process's group and the exit code.

mod artifacts;
pub mod backoff;
mod environment;
pub mod lease;
pub mod look;
mod printed;
mod reap;
mod run;
mod spark;
mod substitute;

use std::io;
use std::path::Path;
use std::process::ExitCode;

use crate::files::Found;
use crate::process::{self, Process};
use crate::store::{InstanceDir, InstanceOrder};
use crate::{clock, failpoint};

use run::Supervisor;

/// Executes the instance whose directory this is, and waits for its end: the whole of the hidden
/// command `supervise DIR`. What came of it is in the instance's records; TERM ends it. It must not be
/// called from within an asynchronous runtime.
pub fn supervise(instance_dir: &Path) -> ExitCode {
    failpoint::from_environment();
    match begin(instance_dir) {
        Ok(()) => ExitCode::SUCCESS,
        Err(error) => {
            // Its standard error is a file in the instance's directory.
            note!("supervisor of {}: {error}", instance_dir.display());
            ExitCode::FAILURE
        }
    }
}

fn begin(instance_dir: &Path) -> io::Result<()> {
    // A session of its own: neither a terminal's Ctrl-C nor the agent's end reaches it. It fails only
    // for the leader of a group, which is apart from the agent's already.
    let _ = rustix::process::setsid();
    process::adopt_orphans()?;
    let dir = InstanceDir::at(&std::fs::canonicalize(instance_dir)?);
    let own = Process::own().ok_or_else(|| io::Error::other("/proc does not show this process"))?;
    dir.write_supervisor(own)?;
    let order: InstanceOrder = match dir.order() {
        Found::Value(order) => order,
        Found::Nothing => return Err(io::Error::other("there is no order.json")),
        Found::Damaged(problem) => return Err(io::Error::other(format!("order.json: {problem}"))),
    };
    let boot = clock::boot_id()?;
    let runtime = tokio::runtime::Builder::new_current_thread()
        .enable_all()
        .build()?;
    let result = runtime.block_on(async { Supervisor::new(dir, order, boot)?.supervise().await });
    // An artifact may still be being copied for an instance that was told to end.
    runtime.shutdown_background();
    result
}
