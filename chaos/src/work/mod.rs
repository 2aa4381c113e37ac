//! The work under test: programs that a cluster runs for the load, and that write down themselves what
//! became of them. Nothing that Vesta says is taken for what ran.

mod application;
mod beats;
mod driver;
mod executor;

use std::collections::BTreeMap;
use std::path::Path;

use vesta_local::ledger::{KEY_VARIABLE, LEDGER_VARIABLE};
use vesta_local::{PARENT_VARIABLE, Process};
use vesta_types::{Launch, SubmissionKey};

use crate::record::Manner;

pub use beats::BEAT;
pub(crate) use beats::ON;

/// What an executor's exit code says when its driver's program can't tell it apart otherwise.
const TOLD_TO_END: u8 = 0;

/// A stand-in program: what a worker starts.
#[derive(Clone, Debug, clap::Subcommand)]
pub enum Args {
    /// A driver.
    Driver {
        /// What it does, as JSON.
        manner: String,
    },
    /// An executor: it beats until it is told to end.
    Executor,
    /// The process that a driver which forks away leaves behind.
    Child {
        /// How long it goes on, in milliseconds.
        lasts_ms: u64,
    },
}

/// Does what a stand-in program does, and returns the code that its process should exit with.
///
/// # Errors
/// When its environment is not that of an instance, or the ledger can't be written.
pub fn run(args: &Args) -> anyhow::Result<u8> {
    vesta_local::watch_parent()?;
    // As few threads as can be: there are many of these at a time.
    let runtime = tokio::runtime::Builder::new_current_thread()
        .enable_all()
        .build()?;
    runtime.block_on(async {
        match args {
            Args::Driver { manner } => driver::run(serde_json::from_str(manner)?).await,
            Args::Executor => executor::run().await,
            Args::Child { lasts_ms } => driver::child(*lasts_ms).await,
        }
    })
}

/// How a driver that does this is started: `program work driver …`. It ends when this process is gone,
/// whatever Vesta does.
///
/// # Panics
/// Never: a manner is made of numbers and names.
pub fn launch(program: &Path, ledger: &Path, manner: Manner, key: SubmissionKey) -> Launch {
    let manner = serde_json::to_string(&manner).expect("numbers and names become JSON");
    let text = |path: &Path| path.to_string_lossy().into_owned();
    let mut env = BTreeMap::from([
        (LEDGER_VARIABLE.to_owned(), text(ledger)),
        (KEY_VARIABLE.to_owned(), key.to_string()),
    ]);
    if let Ok(parent) = Process::own() {
        env.insert(PARENT_VARIABLE.to_owned(), parent.to_string());
    }
    Launch {
        program: text(program),
        args: vec!["work".to_owned(), "driver".to_owned(), manner],
        env,
        ..Launch::default()
    }
}

/// How an executor of this process's own application is started: by the same program, with the same
/// ledger and its driver's key.
fn executor_launch() -> anyhow::Result<Launch> {
    let passed_on = [LEDGER_VARIABLE, KEY_VARIABLE, PARENT_VARIABLE].into_iter();
    let env = passed_on.filter_map(|name| Some((name.to_owned(), std::env::var(name).ok()?)));
    Ok(Launch {
        program: std::env::current_exe()?.to_string_lossy().into_owned(),
        args: vec!["work".to_owned(), "executor".to_owned()],
        env: env.collect(),
        ..Launch::default()
    })
}
