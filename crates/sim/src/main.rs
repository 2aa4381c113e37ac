//! `vesta-sim`: runs seeds, and replays one.

use std::path::PathBuf;
use std::process::{Command, ExitCode};
use std::sync::Mutex;
use std::sync::atomic::{AtomicU64, Ordering};
use std::time::Instant;

use anyhow::Context;
use clap::{Parser, Subcommand};
use vesta_sim::coverage::Coverage;
use vesta_sim::options::Options;
use vesta_sim::run::{How, Verdict, seed};
use vesta_sim::trace::LEGEND;

/// From so many seeds on every cell of the coverage must have been met.
const ENOUGH: u64 = 5_000;

/// How many lines of a failing seed are shown.
const SHOWN: usize = 200;

/// Deterministic simulation of Vesta: one seed gives options, run and verdict, byte for byte.
#[derive(Parser)]
#[command(version)]
struct Arguments {
    #[command(subcommand)]
    what: What,
}

#[derive(Subcommand)]
enum What {
    /// Run many seeds. Exit code 0: nothing is broken; 5: something is, or a cell was never met.
    Run {
        /// How many.
        #[arg(long, default_value_t = 1_000)]
        seeds: u64,
        /// The first.
        #[arg(long, default_value_t = 1)]
        first: u64,
        /// Simulated seconds of each.
        #[arg(long, default_value_t = 300)]
        seconds: u64,
        /// Threads; as many as there are cores, if it is not given.
        #[arg(long)]
        jobs: Option<usize>,
        /// Stop after so many failing seeds.
        #[arg(long, default_value_t = 3)]
        failures: usize,
        /// Check the whole state after every so many entries.
        #[arg(long)]
        check_every: Option<u64>,
    },
    /// Run one seed again and show what happened.
    Replay {
        /// The seed.
        seed: u64,
        /// Simulated seconds.
        #[arg(long, default_value_t = 300)]
        seconds: u64,
        /// Write all lines to this file.
        #[arg(long)]
        trace: Option<PathBuf>,
        /// Check the whole state after every so many entries, as the run did that found it.
        #[arg(long)]
        check_every: Option<u64>,
    },
}

fn main() -> anyhow::Result<ExitCode> {
    // A panic is a verdict, and is shown with its seed.
    std::panic::set_hook(Box::new(|_| {}));
    match Arguments::parse().what {
        What::Run {
            seeds,
            first,
            seconds,
            jobs,
            failures,
            check_every,
        } => {
            let how = how(seconds, check_every, false);
            Ok(run(first, seeds, how, jobs, failures))
        }
        What::Replay {
            seed,
            seconds,
            trace,
            check_every,
        } => {
            let verdict = vesta_sim::run::seed(seed, how(seconds, check_every, true));
            if let Some(path) = trace {
                let text = verdict.lines.join("\n") + "\n";
                std::fs::write(&path, text)
                    .with_context(|| format!("cannot write {}", path.display()))?;
            }
            show(&verdict, seconds);
            Ok(code(verdict.broken.is_none()))
        }
    }
}

fn how(seconds: u64, check_every: Option<u64>, traced: bool) -> How {
    let default = How::default();
    let every = check_every.map_or(default.every, |every| (every.max(1), every.max(1) * 4));
    How {
        seconds,
        every,
        traced,
    }
}

fn code(good: bool) -> ExitCode {
    ExitCode::from(if good { 0 } else { 5 })
}

/// What all threads have found.
#[derive(Default)]
struct Found {
    coverage: Coverage,
    simulated: u64,
    events: u64,
    met: (u64, u64, usize),
    broken: Vec<(u64, String)>,
    done: u64,
}

fn run(first: u64, seeds: u64, how: How, jobs: Option<usize>, failures: usize) -> ExitCode {
    let cores = std::thread::available_parallelism().map_or(1, std::num::NonZero::get);
    let jobs = jobs.unwrap_or(cores).max(1);
    let next = AtomicU64::new(first);
    let found = Mutex::new(Found::default());
    let begun = Instant::now();
    std::thread::scope(|scope| {
        for _ in 0..jobs {
            scope.spawn(|| {
                loop {
                    let one = next.fetch_add(1, Ordering::Relaxed);
                    if one >= first + seeds || is_enough(&found, failures) {
                        return;
                    }
                    add(&found, seed(one, how));
                }
            });
        }
    });
    let found = found
        .into_inner()
        .expect("no thread panics while it holds this lock");
    let took = begun.elapsed().as_secs_f64();
    let simulated = found.simulated as f64 / 1e9;
    println!("{}", found.coverage);
    println!(
        "{} seeds from {first}, {simulated:.0} simulated s in {took:.1} s on {jobs} threads: {:.0} simulated s per \
         second and thread; {} events, {} leaderships, {} entries, {} processes",
        found.done,
        simulated / took / jobs as f64,
        found.events,
        found.met.0,
        found.met.1,
        found.met.2
    );
    let mut broken = found.broken;
    broken.sort();
    if let Some((one, _)) = broken.first() {
        show(
            &seed(
                *one,
                How {
                    traced: true,
                    ..how
                },
            ),
            how.seconds,
        );
        for (one, what) in &broken {
            println!("seed {one}: {what}");
        }
        return code(false);
    }
    let missing = found.coverage.missing();
    if seeds >= ENOUGH && !missing.is_empty() {
        println!("never met: {}", missing.join(", "));
        return code(false);
    }
    println!("nothing is broken");
    code(true)
}

fn is_enough(found: &Mutex<Found>, failures: usize) -> bool {
    found
        .lock()
        .expect("no thread panics while it holds this lock")
        .broken
        .len()
        >= failures
}

fn add(found: &Mutex<Found>, verdict: Verdict) {
    let mut found = found
        .lock()
        .expect("no thread panics while it holds this lock");
    found.coverage.add(&verdict.coverage);
    found.simulated += verdict.simulated;
    found.events += verdict.events;
    found.met.0 += verdict.met.0;
    found.met.1 += verdict.met.1;
    found.met.2 += verdict.met.2;
    found.done += 1;
    if let Some(what) = verdict.broken {
        found.broken.push((verdict.seed, what));
    }
}

fn show(verdict: &Verdict, seconds: u64) {
    let Verdict { seed, lines, .. } = verdict;
    let skipped = lines.len().saturating_sub(SHOWN);
    for line in &lines[skipped..] {
        println!("{line}");
    }
    println!("{LEGEND}");
    println!("seed {seed}, commit {}", commit());
    println!("{}", Options::of(*seed, seconds));
    let (leaderships, entries, processes) = verdict.met;
    println!(
        "{} simulated s, {} events, {leaderships} leaderships, {entries} entries, {processes} processes, {} faults",
        verdict.simulated / 1_000_000_000,
        verdict.events,
        verdict.coverage.faults
    );
    match &verdict.broken {
        Some(what) => println!("BROKEN: {what}"),
        None => println!("nothing is broken"),
    }
    println!("again: cargo run --release -p vesta-sim -- replay {seed} --seconds {seconds}");
}

fn commit() -> String {
    let told = Command::new("git")
        .args(["rev-parse", "--short", "HEAD"])
        .output();
    let told = told.ok().filter(|told| told.status.success());
    told.map_or_else(
        || "not known".to_owned(),
        |told| String::from_utf8_lossy(&told.stdout).trim().to_owned(),
    )
}
