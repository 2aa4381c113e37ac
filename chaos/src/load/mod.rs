//! The load: clients that submit, kill and read all the time, and write down every call.
//!
//! ```text
//! let load = Load::start(&LoadOptions::new(…))?;   // any time after the masters listen
//! load.enough(calls, bound).await;                 // the load is on its way
//! … faults …
//! load.submit_no_more();
//! load.drain(bound).await;                         // kills what would run for ever, asks for every key
//! ```

mod client;
mod drain;
mod mix;
mod own;
mod probe;
mod recorder;

use std::path::PathBuf;
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};
use std::time::Duration;

use anyhow::Context;
use tokio::task::JoinSet;
use vesta_client::{Client, ClientOptions, MasterList};

use crate::record::{Clock, RunDir};

pub use drain::Drained;
pub use mix::{Mix, Step};
use own::Own;
pub(crate) use probe::PROBE;
use recorder::Recorder;

/// What load to make.
#[derive(Clone, Debug)]
pub struct LoadOptions {
    /// The seed that the clients' choices come from.
    pub seed: u64,
    /// The masters, `vesta://a:7700,b:7700,c:7700`.
    pub masters: MasterList,
    /// Where the history goes, and the ledger.
    pub dir: RunDir,
    /// The run's clock.
    pub clock: Clock,
    /// This very program, for `work`: it must not change under the run.
    pub program: PathBuf,
    /// How many clients.
    pub clients: u32,
    /// How many calls they make together, per second, the probe's apart.
    pub calls_per_second: f64,
    /// Pause between two probes.
    pub probe_every: Duration,
    /// What they do.
    pub mix: Mix,
}

impl LoadOptions {
    /// Four clients with eight calls a second together, and a probe each 50 ms: about two processes are
    /// started per second, which two cores can bear beside a cluster.
    pub fn new(
        seed: u64,
        masters: MasterList,
        dir: RunDir,
        clock: Clock,
        program: PathBuf,
    ) -> LoadOptions {
        LoadOptions {
            seed,
            masters,
            dir,
            clock,
            program,
            clients: 4,
            calls_per_second: 8.0,
            probe_every: Duration::from_millis(50),
            mix: Mix::default(),
        }
    }
}

/// What all clients share.
struct Shared {
    options: LoadOptions,
    recorder: Recorder,
    own: Own,
    stopped: AtomicBool,
    drained: AtomicBool,
}

/// Clients that are at work. Dropping it ends them at once, their calls left open.
pub struct Load {
    shared: Arc<Shared>,
    tasks: JoinSet<()>,
}

impl Load {
    /// Starts the clients.
    ///
    /// # Errors
    /// When the history can't be opened.
    pub fn start(options: LoadOptions) -> anyhow::Result<Load> {
        let history = options.dir.history();
        let recorder = Recorder::open(&history, options.clock).context("the history")?;
        let shared = Arc::new(Shared {
            options,
            recorder,
            own: Own::default(),
            stopped: AtomicBool::new(false),
            drained: AtomicBool::new(false),
        });
        let mut tasks = JoinSet::new();
        for number in 0..shared.options.clients {
            tasks.spawn(client::run(Arc::clone(&shared), number));
        }
        tasks.spawn(probe::run(Arc::clone(&shared)));
        Ok(Load { shared, tasks })
    }

    /// How many calls have been answered with yes so far.
    pub fn calls_ok(&self) -> u64 {
        self.shared.recorder.calls_ok()
    }

    /// Whether a submission, and whether a kill, is in flight right now.
    pub fn in_flight(&self) -> (bool, bool) {
        self.shared.recorder.in_flight()
    }

    /// Waits until so many more calls were answered with yes; whether they were within `bound`.
    pub async fn enough(&self, calls: u64, bound: Duration) -> bool {
        let wanted = self.calls_ok() + calls;
        let reached = vesta_local::wait_until("calls that are answered", bound, async || {
            self.calls_ok() >= wanted
        });
        reached.await.is_ok()
    }

    /// No more submissions from now on; probes and status reads go on.
    pub fn submit_no_more(&self) {
        self.shared.stopped.store(true, Ordering::Relaxed);
    }

    /// Ends the load: kills what would run for ever, waits until all that it submitted has ended by the
    /// masters' word, and asks what became of each key. Everything is recorded.
    pub async fn drain(mut self, bound: Duration) -> Drained {
        self.submit_no_more();
        self.shared.drained.store(true, Ordering::Relaxed);
        while self.tasks.join_next().await.is_some() {}
        drain::run(&self.shared, bound).await
    }
}

impl Shared {
    fn stopped(&self) -> bool {
        self.stopped.load(Ordering::Relaxed)
    }

    fn drained(&self) -> bool {
        self.drained.load(Ordering::Relaxed)
    }

    /// As patient as a tool in a script: it gives up before a person would.
    fn patience(&self) -> ClientOptions {
        ClientOptions {
            deadline: Duration::from_secs(5),
            attempt: Duration::from_millis(1_500),
            ..ClientOptions::default()
        }
    }

    fn client(&self) -> Client {
        Client::with_options(&self.options.masters, self.patience())
    }
}
