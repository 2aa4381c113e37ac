//! `vesta bench`: how fast this Vesta is, on this machine.
//!
//! Real processes on loopback, as in the demo, with the default timeouts. One file per benchmark;
//! [`site`] is the cluster that each is measured on, [`figures`] what it finds. Times are taken by this
//! process's own clock, from before the act to after its effect was seen from outside.

mod disk;
mod failover;
mod figures;
pub mod fleet;
mod heard;
mod launch;
mod memory;
mod site;
mod start;
mod submissions;
mod takeover;
mod usage;

use std::path::{Path, PathBuf};

use anyhow::Context;
use serde::Serialize;
use vesta_local::interrupted;

use figures::{Found, load};

use crate::exit::Failure;
use crate::output;
use crate::trial::machine::Machine;

/// Measure this Vesta on this machine.
///
/// Clusters of real processes run on loopback, one after another, and leave no process behind. All of
/// it takes about a quarter of an hour. Figures are of this machine, with all masters and workers and
/// the clients on it: what else it does meanwhile shows in them, and its load is printed.
#[derive(Debug, clap::Args)]
#[command(after_help = "Exit codes: 0 when each was measured; 5 otherwise.")]
pub struct Args {
    /// What to measure; otherwise everything.
    #[arg(value_enum, value_name = "NAME")]
    names: Vec<Name>,
    /// Write the figures to FILE, as JSON.
    #[arg(long, value_name = "FILE")]
    json: Option<PathBuf>,
    /// Where the clusters are kept while they are measured: on the disk that is meant. Otherwise the
    /// system's temporary directory.
    #[arg(long, value_name = "DIR")]
    dir: Option<PathBuf>,
    /// submissions: how long each number of clients submits, in seconds.
    #[arg(long, value_name = "N", default_value_t = 5, value_parser = clap::value_parser!(u64).range(1..=60))]
    seconds: u64,
    /// submissions: the numbers of clients that submit at once, one number after another.
    #[arg(long, value_name = "N,…", value_delimiter = ',', default_values_t = [1, 8, 32, 256], value_parser = clap::value_parser!(u32).range(1..=4_000))]
    clients: Vec<u32>,
    /// failover: how often a leader is killed.
    #[arg(long, value_name = "N", default_value_t = 200, value_parser = clap::value_parser!(u32).range(1..))]
    kills: u32,
    /// failover: how often a leader hands over.
    #[arg(long, value_name = "N", default_value_t = 50, value_parser = clap::value_parser!(u32).range(1..))]
    handovers: u32,
    /// takeover, memory, start: drivers that wait.
    #[arg(long, value_name = "N", default_value_t = 10_000, value_parser = clap::value_parser!(u32).range(1..=50_000))]
    drivers: u32,
    /// memory: simulated workers.
    #[arg(long, value_name = "N", default_value_t = 10_000, value_parser = clap::value_parser!(u32).range(1..=20_000))]
    workers: u32,
}

/// A benchmark.
#[derive(Clone, Copy, Debug, PartialEq, Eq, clap::ValueEnum)]
enum Name {
    /// Durable submissions per second, and how long each takes.
    Submissions,
    /// A leader that is killed, or hands over.
    Failover,
    /// From a submission to its process.
    Launch,
    /// A leader that is killed while thousands of drivers wait.
    Takeover,
    /// Memory and CPU of the masters.
    Memory,
    /// A master's start.
    Start,
}

impl Name {
    const ALL: [Name; 6] = [
        Name::Submissions,
        Name::Failover,
        Name::Launch,
        Name::Takeover,
        Name::Memory,
        Name::Start,
    ];

    fn as_str(self) -> &'static str {
        match self {
            Name::Submissions => "submissions",
            Name::Failover => "failover",
            Name::Launch => "launch",
            Name::Takeover => "takeover",
            Name::Memory => "memory",
            Name::Start => "start",
        }
    }
}

/// All that was found, for programs.
#[derive(Debug, Serialize)]
struct Report {
    version: &'static str,
    build: &'static str,
    machine: Machine,
    benchmarks: Vec<Measured>,
}

/// One benchmark.
#[derive(Debug, Serialize)]
struct Measured {
    name: &'static str,
    /// The machine's load (one minute) before and after it.
    load: [f64; 2],
    #[serde(flatten)]
    found: Found,
    /// Why it came to no end, if it did not.
    failed: Option<String>,
}

/// Runs the benchmarks.
///
/// # Errors
/// `Work` when one can't be run, or its figures can't be written.
pub async fn run(args: Args) -> Result<(), Failure> {
    let work = |error: anyhow::Error| Failure::Work(format!("{error:#}"));
    let interrupted = interrupted().map_err(|error| work(error.into()))?;
    tokio::select! {
        outcome = measure(&args) => outcome.map_err(work),
        // Dropping the cluster has ended every process.
        signal = interrupted => Err(Failure::Work(format!("ended by {signal}; no process is left"))),
    }
}

async fn measure(args: &Args) -> anyhow::Result<()> {
    let dir = args.dir.clone().unwrap_or_else(std::env::temp_dir);
    let build = if cfg!(debug_assertions) {
        "debug"
    } else {
        "release"
    };
    let mut report = Report {
        version: env!("CARGO_PKG_VERSION"),
        build,
        machine: Machine::this(&dir),
        benchmarks: Vec::new(),
    };
    let machine = &report.machine;
    say(&format!(
        "vesta {} ({build}) on {} cores, {} GiB, {}, Linux {}, {}",
        report.version,
        machine.cores,
        machine.memory_mib / 1024,
        machine.processor,
        machine.kernel,
        machine.filesystem
    ))?;
    let names = if args.names.is_empty() {
        &Name::ALL[..]
    } else {
        &args.names
    };
    for name in names {
        let before = load();
        let mut found = Found::default();
        let ended = one(*name, args, &dir, &mut found).await;
        let measured = Measured {
            name: name.as_str(),
            load: [before, load()],
            found,
            failed: ended.err().map(|error| format!("{error:#}")),
        };
        tell(&measured)?;
        report.benchmarks.push(measured);
    }
    if let Some(path) = &args.json {
        let text = serde_json::to_string_pretty(&report)?;
        std::fs::write(path, text + "\n")
            .with_context(|| format!("can't write {}", path.display()))?;
    }
    let failed = report.benchmarks.iter().filter(|it| it.failed.is_some());
    let failed: Vec<&str> = failed.map(|it| it.name).collect();
    anyhow::ensure!(
        failed.is_empty(),
        "not measured to the end: {}",
        failed.join(", ")
    );
    Ok(())
}

async fn one(name: Name, args: &Args, dir: &Path, found: &mut Found) -> anyhow::Result<()> {
    match name {
        Name::Submissions => submissions::run(args, dir, found).await,
        Name::Failover => failover::run(args, dir, found).await,
        Name::Launch => launch::run(dir, found).await,
        Name::Takeover => takeover::run(args, dir, found).await,
        Name::Memory => memory::run(args, dir, found).await,
        Name::Start => start::run(args, dir, found).await,
    }
}

fn tell(measured: &Measured) -> anyhow::Result<()> {
    let [before, after] = measured.load;
    say(&format!(
        "\n{} (load of the machine {before:.1} before, {after:.1} after)",
        measured.name
    ))?;
    for line in measured.found.lines() {
        say(&line)?;
    }
    if let Some(why) = &measured.failed {
        say(&format!("  FAILED: {why}"))?;
    }
    Ok(())
}

fn say(line: &str) -> anyhow::Result<()> {
    output::line(line).map_err(|failure| anyhow::anyhow!("{}", failure.message()))
}
