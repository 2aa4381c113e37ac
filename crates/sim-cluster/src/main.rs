//! The true masters under simulation: openraft, gRPC, the leader's loop and the replicated state as they are,
//! on turmoil's network and disks in memory, with crashes, partitions, delay and loss.
//!
//! One process per seed. `run` starts them and says which failed; `replay` runs one and tells its story.

mod check;
mod disk;
mod faults;
mod history;
mod machine;
mod net;
mod options;
mod parent;
mod run;
mod seeded;
mod story;
mod submitter;
mod worker;

use std::process::ExitCode;
use std::time::Instant;

use anyhow::Context as _;
use clap::{Parser, Subcommand};

use options::Options;
use story::{LEGEND, Story};

/// Lines of its story that a failed seed prints.
const LAST_LINES: usize = 60;

/// Simulates clusters of true masters.
#[derive(Parser)]
#[command(name = "vesta-sim-cluster", version)]
struct Cli {
    #[command(subcommand)]
    action: Action,
}

#[derive(Subcommand)]
enum Action {
    /// Runs seeds, each in a process of its own.
    Run(parent::Run),
    /// Runs the seeds that once failed.
    Regressions(parent::Regressions),
    /// Runs one seed and prints its story.
    Replay {
        /// The seed.
        seed: u64,
    },
    /// Runs one seed in this process and prints its verdict.
    #[command(hide = true)]
    One {
        /// The seed.
        seed: u64,
        /// Whether to print the whole story.
        #[arg(long)]
        aloud: bool,
    },
}

fn main() -> anyhow::Result<ExitCode> {
    match Cli::parse().action {
        Action::Run(run) => parent::run(&run),
        Action::Regressions(regressions) => parent::regressions(&regressions),
        Action::Replay { seed } => {
            let mut command = seeded::command(seed).context("this program can't be found")?;
            let status = command
                .args(["one", "--aloud", &seed.to_string()])
                .status()
                .context("the process of the seed can't be started")?;
            let code = status.code().and_then(|code| u8::try_from(code).ok());
            Ok(code.map_or(ExitCode::FAILURE, ExitCode::from))
        }
        Action::One { seed, aloud } => Ok(one(seed, aloud)),
    }
}

/// Exit code 5: the work itself has failed.
fn one(seed: u64, aloud: bool) -> ExitCode {
    if let Ok(filter) = tracing_subscriber::EnvFilter::try_from_default_env() {
        tracing_subscriber::fmt()
            .with_env_filter(filter)
            .without_time()
            .init();
    }
    let options = Options::of(seed);
    if aloud {
        println!("{options}\n{LEGEND}\n");
    }
    let story = if aloud {
        Story::aloud()
    } else {
        Story::default()
    };
    let begun = Instant::now();
    let outcome = run::run(&options, &story);
    let took = begun.elapsed().as_secs_f64();
    let digest = story.digest();
    if outcome.violations.is_empty() {
        println!(
            "seed {seed} valid in {took:.1} s, story {digest:016x}: {}",
            outcome.summary
        );
        return ExitCode::SUCCESS;
    }
    println!(
        "seed {seed} INVALID in {took:.1} s, story {digest:016x}: {}",
        outcome.summary
    );
    if !aloud {
        println!("{options}\n{LEGEND}\n");
        for line in story.last(LAST_LINES) {
            println!("{line}");
        }
    }
    for violation in &outcome.violations {
        println!("violated: {violation}");
    }
    println!("replay: cargo run --release -p vesta-sim-cluster -- replay {seed}");
    ExitCode::from(5)
}
