//! Many seeds, a process each.

use std::io::Read;
use std::process::{Child, ExitCode, Stdio};
use std::time::{Duration, Instant};

use anyhow::Context as _;
use clap::Args;

use crate::seeded;

/// Seeds that once failed, one a line, with what they showed behind a `#`.
const REGRESSIONS: &str = include_str!("../regressions.txt");

/// How often the processes are looked at.
const LOOK: Duration = Duration::from_millis(20);

/// What to run.
#[derive(Args)]
pub struct Run {
    /// How many seeds.
    #[arg(long, default_value_t = 20)]
    seeds: u64,
    /// The first of them.
    #[arg(long, default_value_t = 1)]
    first: u64,
    /// End at the first that fails: how many seeds a deliberate bug takes.
    #[arg(long)]
    until_failure: bool,
    #[command(flatten)]
    how: How,
}

/// What to run.
#[derive(Args)]
pub struct Regressions {
    #[command(flatten)]
    how: How,
}

#[derive(Args)]
struct How {
    /// Seeds that run at one time.
    #[arg(long, default_value_t = 2)]
    jobs: usize,
    /// Seconds of real time that one seed may take.
    #[arg(long, default_value_t = 120)]
    limit: u64,
    /// Print the verdict of every seed, not only of those that fail.
    #[arg(long)]
    verbose: bool,
}

/// Runs the seeds; exit code 5 if one fails.
///
/// # Errors
/// When a process can't be started.
pub fn run(run: &Run) -> anyhow::Result<ExitCode> {
    let seeds = run.first..run.first.saturating_add(run.seeds);
    all(seeds, &run.how, run.until_failure)
}

/// Runs the seeds of the list.
///
/// # Errors
/// When a process can't be started, or the list is not one of seeds.
pub fn regressions(regressions: &Regressions) -> anyhow::Result<ExitCode> {
    let mut seeds = Vec::new();
    for line in REGRESSIONS.lines() {
        let seed = line.split('#').next().unwrap_or_default().trim();
        if !seed.is_empty() {
            let seed: u64 = seed
                .parse()
                .with_context(|| format!("{line:?} is no seed"))?;
            seeds.push(seed);
        }
    }
    all(seeds.into_iter(), &regressions.how, false)
}

struct Running {
    seed: u64,
    child: Child,
    begun: Instant,
}

enum Verdict {
    Valid(String),
    Failed(String),
}

fn all(
    mut seeds: impl Iterator<Item = u64>,
    how: &How,
    until_failure: bool,
) -> anyhow::Result<ExitCode> {
    let begun = Instant::now();
    let mut running: Vec<Running> = Vec::new();
    let (mut valid, mut failed) = (0_u64, Vec::new());
    loop {
        let goes_on = !until_failure || failed.is_empty();
        while goes_on && running.len() < how.jobs.max(1) {
            let Some(seed) = seeds.next() else { break };
            running.push(start(seed)?);
        }
        if running.is_empty() {
            break;
        }
        std::thread::sleep(LOOK);
        let mut index = 0;
        while index < running.len() {
            match look(&mut running[index], Duration::from_secs(how.limit))? {
                None => index += 1,
                Some(verdict) => {
                    let seed = running.swap_remove(index).seed;
                    match verdict {
                        Verdict::Valid(text) => {
                            valid += 1;
                            if how.verbose {
                                print!("{text}");
                            }
                        }
                        Verdict::Failed(text) => {
                            print!("{text}");
                            failed.push(seed);
                        }
                    }
                }
            }
        }
    }
    failed.sort_unstable();
    println!(
        "{} seeds in {:.0} s: {valid} valid, {} failed{}",
        valid + failed.len() as u64,
        begun.elapsed().as_secs_f64(),
        failed.len(),
        failed
            .iter()
            .map(|seed| format!(" {seed}"))
            .collect::<String>()
    );
    Ok(if failed.is_empty() {
        ExitCode::SUCCESS
    } else {
        ExitCode::from(5)
    })
}

fn start(seed: u64) -> anyhow::Result<Running> {
    let mut command = seeded::command(seed).context("this program can't be found")?;
    let child = command
        .args(["one", &seed.to_string()])
        .stdin(Stdio::null())
        .stdout(Stdio::piped())
        .spawn()
        .context("the process of a seed can't be started")?;
    Ok(Running {
        seed,
        child,
        begun: Instant::now(),
    })
}

/// Whether it has ended, and how. Its output is far smaller than a pipe holds.
fn look(running: &mut Running, limit: Duration) -> anyhow::Result<Option<Verdict>> {
    let seed = running.seed;
    let Some(status) = running.child.try_wait()? else {
        if running.begun.elapsed() < limit {
            return Ok(None);
        }
        running.child.kill()?;
        running.child.wait()?;
        let text = format!("seed {seed} unknown: not at its end after {limit:?}\n");
        return Ok(Some(Verdict::Failed(text)));
    };
    let mut text = String::new();
    if let Some(output) = running.child.stdout.as_mut() {
        output.read_to_string(&mut text)?;
    }
    Ok(Some(if status.success() {
        Verdict::Valid(text)
    } else {
        Verdict::Failed(format!("{text}seed {seed} ended with {status}\n"))
    }))
}
