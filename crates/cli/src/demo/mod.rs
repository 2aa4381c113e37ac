//! `vesta demo`: the main job on real input, with the leader lost three times meanwhile.
//!
//! Real processes on loopback: three masters, two workers, and what these launch. [`scenario`] is the
//! schedule, [`faults`] one fault of it. The programs that are launched are [`driver`], [`short`] and
//! [`executor`]: they use Vesta as any program would, and write down in a ledger that they ran. What
//! ran is judged by that ledger alone ([`tally`], [`check`]), never by what Vesta says.

mod check;
pub mod driver;
pub mod executor;
mod faults;
mod files;
mod input;
mod job;
mod parts;
mod report;
mod sabotage;
mod scenario;
pub mod short;
mod submissions;
mod tally;
mod timeline;
mod waiting;
mod wire;
mod words;

use std::path::{Path, PathBuf};
use std::sync::Arc;

use vesta_local::ledger::{self, Event};
use vesta_local::{Cluster, Options, Program, interrupted, watch_parent};

use report::{Calls, Report, Words};
use sabotage::Sabotage;
use scenario::{Demo, FAULTS, Found, WORKER_CORES, WORKERS};
use submissions::{Entry, Outcome};
use timeline::{Output, Timeline, seconds};

use crate::exit::Failure;
use crate::output;
use crate::trial::machine::Machine;

/// Memory of a worker in MiB. Booked, not enforced: the demo needs far less.
const WORKER_MEMORY_MIB: u64 = 2048;

/// Show the main job: a cluster that loses its leader three times and nothing else.
///
/// Three masters and two workers run as real processes on loopback, in a temporary directory. A driver
/// has its executors count the words of a text, others queue. Meanwhile the leader is killed, the next
/// one is killed, and the third is paused past its leadership. It takes less than a minute, and leaves
/// no process behind.
#[derive(Debug, clap::Args)]
#[command(
    after_help = "Exit codes: 0 when nothing was lost, killed or run twice, something was \
                        acknowledged, and the words are right; 5 otherwise."
)]
pub struct Args {
    /// The text: a file, or a directory of text files. Otherwise the checkout that this is run in, or
    /// a made-up text.
    #[arg(long, value_name = "PATH")]
    input: Option<PathBuf>,
    /// Write what was measured and counted to FILE, as JSON.
    #[arg(long, value_name = "FILE")]
    report: Option<PathBuf>,
    /// Print that report on standard output; the timeline goes to standard error.
    #[arg(long)]
    json: bool,
    /// Spoil the demo from outside, to see it fail.
    #[arg(long, value_enum, value_name = "HOW")]
    sabotage: Option<Sabotage>,
    /// Keep the cluster's directory, with every log.
    #[arg(long)]
    keep_dir: bool,
}

/// What a driver of the demo does.
#[derive(Debug, clap::Subcommand)]
pub enum DriverCommand {
    /// Has executors count words.
    Words(driver::Args),
    /// Takes a core for a moment.
    Short(short::Args),
}

/// Runs a driver of the demo.
///
/// # Errors
/// When it fails.
pub async fn run_driver(command: DriverCommand) -> Result<(), Failure> {
    watch_parent().map_err(|error| work(error.into()))?;
    let ended = match command {
        DriverCommand::Words(args) => driver::run(args).await,
        DriverCommand::Short(args) => short::run(args).await,
    };
    ended.map_err(work)
}

/// Runs an executor of the demo.
///
/// # Errors
/// When it fails.
pub async fn run_executor(args: executor::Args) -> Result<(), Failure> {
    watch_parent().map_err(|error| work(error.into()))?;
    executor::run(args).await.map_err(work)
}

fn work(error: anyhow::Error) -> Failure {
    Failure::Work(format!("{error:#}"))
}

/// Runs the demo.
///
/// # Errors
/// `Usage` when there is no text; `Work` when anything went wrong.
pub async fn run(args: Args) -> Result<(), Failure> {
    let here = std::env::current_dir().unwrap_or_default();
    let text = input::read(args.input.as_deref(), &here);
    let text = text.map_err(|error| Failure::Usage(error.to_string()))?;
    let output = if args.json { Output::Err } else { Output::Out };
    let timeline = Arc::new(Timeline::begin(output));
    let interrupted = interrupted().map_err(|error| work(error.into()))?;
    let report = tokio::select! {
        outcome = demonstrate(&args, &text, &timeline) => outcome.map_err(work)?,
        signal = interrupted => {
            // Dropping the demonstration has ended every process.
            return Err(Failure::Work(format!("ended by {signal}; no process is left")));
        }
    };
    if args.json {
        output::json(&report)?;
    }
    if report.ok {
        return Ok(());
    }
    Err(Failure::Work(format!(
        "the demo failed: {}",
        report.failures.join("; ")
    )))
}

/// Runs everything. What was found, good or bad, is in the report.
async fn demonstrate(
    args: &Args,
    text: &input::Text,
    timeline: &Arc<Timeline>,
) -> anyhow::Result<Report> {
    timeline.print("Vesta: three masters, two workers, and a leader that is lost three times.");
    timeline.print(&format!(
        "Words are counted in {} ({} kB).\n",
        text.source,
        text.text.len() / 1000
    ));
    let mut options = Options::new(Program::current()?);
    (options.workers, options.cores, options.memory_mib) =
        (WORKERS, WORKER_CORES, WORKER_MEMORY_MIB);
    let mut cluster = Cluster::start(options)?;
    if args.keep_dir {
        cluster.keep_dir();
    }
    let mut found = Found::default();
    let mut demo = Demo::new(&mut cluster, Arc::clone(timeline))?;
    let ran = demo.run(text, args.sabotage, &mut found).await;
    let entries = demo.submitter.entries();
    let processes_left = cluster.stop_all().await?;
    // Only now: whatever ran, however late, is in the ledger.
    let records = ledger::read(&cluster.ledger())?;
    let mut report = measured(found, &entries, &records, text, cluster.dir());
    report.processes_left = processes_left;
    report.failures = check::failures(&report, FAULTS.len());
    if let Err(error) = ran {
        report.failures.insert(0, format!("{error:#}"));
    }
    report.ok = report.failures.is_empty();
    report.sabotage = args.sabotage.map(|how| how.name().to_owned());
    if !report.ok && args.sabotage.is_none() {
        cluster.keep_dir();
        timeline.say(
            "demo",
            format!("the logs are in {}", cluster.dir().display()),
        );
    }
    drop(cluster);
    tell(timeline, &report);
    report.seconds = timeline.elapsed().as_secs_f64();
    report.timeline = timeline.events();
    if let Some(path) = &args.report {
        report.write(path)?;
    }
    Ok(report)
}

fn measured(
    found: Found,
    entries: &[Entry],
    records: &[ledger::Record],
    text: &input::Text,
    dir: &Path,
) -> Report {
    let tally = tally::tally(records, entries);
    let plain = words::count(&text.text);
    let calls = |outcome| {
        let calls = entries.iter().flat_map(|entry| &entry.calls);
        calls.filter(|call| **call == outcome).count()
    };
    let each = |value: fn(&report::Fault) -> u64| found.faults.iter().map(value).collect();
    let job = found.job.as_ref();
    let shares = || job.into_iter().flat_map(|job| job.executors.values());
    let counted_on = shares()
        .filter(|share| share.parts > 0)
        .map(|share| &share.worker);
    Report {
        failover_ms: each(|fault| fault.failover_ms),
        failover_to_launch_ms: each(|fault| fault.failover_to_launch_ms),
        recovery_ms: each(|fault| fault.recovery_ms),
        executors_killed_by_failover: tally.executors_killed.len(),
        drivers_lost: tally.drivers_lost.len(),
        drivers_run_twice: tally.run_twice.len(),
        submissions_acknowledged: entries.iter().filter(|it| it.driver().is_some()).count(),
        submissions_lost: tally.submissions_lost.len(),
        orders_refused_as_stale: found.orders_refused_as_stale,
        result_correct: job.is_some_and(|job| job.counts == plain),
        elections: found.elections,
        calls: Calls {
            ok: calls(Outcome::Ok),
            failed: calls(Outcome::Failed),
            unknown: calls(Outcome::Unknown),
        },
        processes_started: records
            .iter()
            .filter(|it| it.event == Event::Started)
            .count(),
        waiting_application_ran: found.waiting_application_ran,
        words: Words {
            source: text.source.clone(),
            files: text.files,
            bytes: text.text.len(),
            words: words::total(&plain),
            distinct: plain.len(),
            parts: job.map_or(0, |job| job.parts),
            parts_taken_back: job.map_or(0, |job| job.parts_taken_back),
            executors: shares().count(),
            on_workers: counted_on.collect::<std::collections::BTreeSet<_>>().len(),
            driver_restart: job.map_or(0, |job| job.restart),
        },
        faults: found.faults,
        version: env!("CARGO_PKG_VERSION").to_owned(),
        build: if cfg!(debug_assertions) {
            "debug"
        } else {
            "release"
        }
        .to_owned(),
        machine: Machine::this(dir),
        ..Report::default()
    }
}

fn tell(timeline: &Timeline, report: &Report) {
    let each = |list: &[u64]| {
        list.iter()
            .map(|ms| seconds(*ms))
            .collect::<Vec<_>>()
            .join(", ")
    };
    let right = if report.result_correct {
        "as a plain count has it"
    } else {
        "NOT as a plain count has it"
    };
    let lines = [
        (
            "leader lost, next submission accepted after",
            each(&report.failover_ms),
        ),
        (
            "leader lost, next process started after",
            each(&report.failover_to_launch_ms),
        ),
        (
            "submissions acknowledged",
            report.submissions_acknowledged.to_string(),
        ),
        ("submissions lost", report.submissions_lost.to_string()),
        ("drivers lost", report.drivers_lost.to_string()),
        ("drivers run twice", report.drivers_run_twice.to_string()),
        (
            "executors killed by a fail-over",
            report.executors_killed_by_failover.to_string(),
        ),
        (
            "words",
            format!(
                "{} ({} different), {right}",
                report.words.words, report.words.distinct
            ),
        ),
    ];
    timeline.print("");
    for (what, value) in lines {
        timeline.print(&format!("  {what:44}  {value}"));
    }
    for failure in &report.failures {
        timeline.print(&format!("  FAILED: {failure}"));
    }
    timeline.print(&format!(
        "\nThis took {:.0} s.",
        timeline.elapsed().as_secs_f64()
    ));
}
