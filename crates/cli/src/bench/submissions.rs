//! Durable submissions: how many in a second, and how long each takes.

use std::path::Path;
use std::time::{Duration, Instant};

use anyhow::Context;
use tokio::task::JoinSet;
use vesta_client::{Client, MasterList};

use super::Args;
use super::disk;
use super::figures::Found;
use super::site::{Site, submit, waiting};

/// How many clients submit through any master; the other numbers ask the leader alone.
const SPREAD: u32 = 32;

/// Whom the clients ask.
#[derive(Clone, Copy, PartialEq, Eq)]
enum Asked {
    /// The leader, which spares a hop.
    Leader,
    /// Each master in turn: two of three send it on.
    Any,
}

/// Runs it.
pub async fn run(args: &Args, dir: &Path, found: &mut Found) -> anyhow::Result<()> {
    let seconds = Duration::from_secs(args.seconds);
    for (masters, asked) in [(3, Asked::Leader), (3, Asked::Any), (1, Asked::Leader)] {
        for clients in args.clients.iter().copied() {
            if asked == Asked::Any && clients != SPREAD {
                continue;
            }
            one(dir, (masters, asked, clients), seconds, found).await?;
        }
    }
    let syncs = disk::syncs(dir)?;
    found.times("the disk: 512 bytes appended and fdatasync", &syncs, "");
    Ok(())
}

async fn one(
    dir: &Path,
    (masters, asked, clients): (usize, Asked, u32),
    seconds: Duration,
    found: &mut Found,
) -> anyhow::Result<()> {
    // A new cluster each time, so that none carries the queue of those before.
    let site = Site::start(dir, masters, 0, 1).await?;
    let leader = site.observer.leader(0).await?;
    let mut running = JoinSet::new();
    for number in 0..clients {
        let first = match asked {
            Asked::Leader => leader.number - 1,
            Asked::Any => number as usize,
        };
        let client = Client::with_options(
            &beginning_with(&site.masters, first)?,
            site.client().options().clone(),
        );
        running.spawn(submitting(client, seconds));
    }
    let (mut times, mut failed) = (Vec::new(), Vec::new());
    let mut longest = Duration::ZERO;
    while let Some(ended) = running.join_next().await {
        let ended = ended.context("a client ended before its time")?;
        times.extend(ended.times);
        failed.extend(ended.failed);
        longest = longest.max(ended.took);
    }
    let name = format!(
        "{masters} {}, {clients} {}{}",
        if masters == 1 { "master" } else { "masters" },
        if clients == 1 { "client" } else { "clients" },
        if asked == Asked::Any {
            " of any master"
        } else {
            ""
        }
    );
    let rate = times.len() as f64 / longest.as_secs_f64();
    found.value(format!("{name}: durable submissions"), rate, "/s", "");
    found.times("… each took", &times, "");
    if !failed.is_empty() {
        found.note(format!(
            "{name}: {} failed, such as: {}",
            failed.len(),
            failed[0]
        ));
    }
    let after = site.observer.leader(0).await?;
    if after.epoch != leader.epoch {
        found.note(format!("{name}: the leader changed meanwhile"));
    }
    Ok(())
}

/// The same masters, another one first.
fn beginning_with(masters: &MasterList, first: usize) -> anyhow::Result<MasterList> {
    let mut addresses = masters.addresses().to_vec();
    let by = first % addresses.len();
    addresses.rotate_left(by);
    Ok(format!("vesta://{}", addresses.join(",")).parse()?)
}

/// What one client saw.
struct Seen {
    times: Vec<Duration>,
    failed: Vec<String>,
    took: Duration,
}

/// Submits one after another for so long.
async fn submitting(client: Client, seconds: Duration) -> Seen {
    let (mut times, mut failed) = (Vec::new(), Vec::new());
    // Opens its connection before the clock runs.
    if let Err(error) = submit(&client, waiting()).await {
        failed.push(error.to_string());
    }
    let begun = Instant::now();
    while begun.elapsed() < seconds {
        let sent = Instant::now();
        match submit(&client, waiting()).await {
            Ok(_) => times.push(sent.elapsed()),
            Err(error) => failed.push(error.to_string()),
        }
    }
    Seen {
        times,
        failed,
        took: begun.elapsed(),
    }
}
