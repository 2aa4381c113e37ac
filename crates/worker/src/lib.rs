//! The worker: an agent that follows the leading master, and one small supervisor process per driver
//! or executor.
//!
//! [`reconcile`] decides and does no IO; [`agent`] carries out, one task per instance and one session
//! per master; [`supervisor`] is the process that executes an instance at most once, ever; [`store`]
//! is the worker's directory. Each instance's records on disk are its truth: what supervisors say on
//! their pipes are only hints to read them again.

/// Says something on standard error: in the supervisor's own log, say. `eprintln!` panics when that can't
/// be written, on a full disk say, and a supervisor that is gone ends nothing any more.
macro_rules! note {
    ($($text:tt)*) => {{
        use std::io::Write as _;
        let _ = writeln!(std::io::stderr(), $($text)*);
    }};
}

pub mod agent;
mod cgroup;
pub mod clock;
pub mod config;
pub mod error;
pub(crate) mod failpoint;
mod files;
mod process;
pub mod reconcile;
pub mod spark;
pub mod store;
pub mod supervisor;

pub use agent::run;
pub use config::{Config, OnTerminate};
pub use error::WorkerError;
pub use store::adopt::{adopt, is_adopted};
pub use supervisor::supervise;
