//! Memory and CPU of the masters: idle, with a long queue, with many workers.

use std::path::Path;
use std::time::Duration;

use anyhow::Context;
use tokio::process::{Child, Command};
use vesta_client::proto::ListRequest;
use vesta_local::{PARENT_VARIABLE, Process, wait_until};

use super::Args;
use super::figures::Found;
use super::site::Site;
use super::usage::{cpu, memory_mib};
use crate::trial::observer::{ALIVE, Observer};

/// How long the processor is watched; four heartbeats of each worker.
const WATCH: Duration = Duration::from_secs(20);

/// How long thousands of workers may take to come.
const GATHER: Duration = Duration::from_secs(180);

/// Files that a process needs beside connections of workers, with room.
const OTHER_FILES: u64 = 1_000;

/// Runs it.
pub async fn run(args: &Args, dir: &Path, found: &mut Found) -> anyhow::Result<()> {
    let site = Site::start(dir, 3, 0, 1).await?;
    watch(&site, "idle", "≤ 30 MiB", found).await?;
    site.fill(args.drivers).await?;
    let what = format!("{} drivers wait", args.drivers);
    watch(&site, &what, "≤ 100 MiB", found).await?;
    drop(site);

    let files = crate::files::raise()?;
    let most = u32::try_from(files.saturating_sub(OTHER_FILES)).unwrap_or(u32::MAX);
    let workers = args.workers.min(most);
    if workers < args.workers {
        found.note(format!(
            "{workers} workers instead of {}: a process may have {files} files open here",
            args.workers
        ));
    }
    let site = Site::start(dir, 3, 0, 1).await?;
    let fleet = start_fleet(&site, workers, most)?;
    gather(&site.observer, workers, found).await?;
    let what = format!("{workers} simulated workers, one connection each to each master");
    watch(&site, &what, "", found).await?;
    let there = total(&site.observer).await;
    if there != u64::from(workers) {
        found.note(format!("only {there} of {workers} workers were registered"));
    }
    drop(fleet);
    Ok(())
}

/// What each master has in memory once it is at rest, and the processor time that the leader takes.
async fn watch(
    site: &Site,
    what: &str,
    aim: &'static str,
    found: &mut Found,
) -> anyhow::Result<()> {
    site.at_rest().await?;
    let leader = site.observer.leader(0).await?;
    let nodes = &site.cluster.masters;
    let leading = nodes.iter().find(|node| node.number() == leader.number);
    let leading = leading.context("the leader is none of this cluster")?;
    let before = cpu(leading)?;
    tokio::time::sleep(WATCH).await;
    let used = (cpu(leading)? - before).as_secs_f64() / WATCH.as_secs_f64();
    found.value(
        format!("{what}: the leader"),
        memory_mib(leading)?,
        "MiB",
        aim,
    );
    for node in nodes.iter().filter(|node| node.number() != leader.number) {
        found.value("… a follower", memory_mib(node)?, "MiB", aim);
    }
    found.value("… the leader's processor time", used * 100.0, "%", "");
    Ok(())
}

/// Processes that play workers, so few in each that its connections fit. They end when they are dropped.
fn start_fleet(site: &Site, workers: u32, files: u32) -> anyhow::Result<Vec<Child>> {
    let each = files / 3;
    let starts = (0..workers).step_by(each.max(1) as usize);
    let child = |first: u32| {
        Command::new(std::env::current_exe()?)
            .arg("bench-fleet")
            .args(["--master", &site.cluster.master_url()])
            .args(["--first", &first.to_string()])
            .args(["--count", &each.min(workers - first).to_string()])
            .env(PARENT_VARIABLE, Process::own()?.to_string())
            .kill_on_drop(true)
            .spawn()
    };
    Ok(starts.map(child).collect::<std::io::Result<_>>()?)
}

async fn total(observer: &Observer) -> u64 {
    let workers = observer.client().list_workers(ListRequest::default()).await;
    let Ok(reply) = workers else { return 0 };
    // Only the first thousand are shown; one that is not ALIVE says that they are not kept up with.
    let away = reply.workers.iter().filter(|worker| worker.state != ALIVE);
    reply.total.saturating_sub(away.count() as u64)
}

async fn gather(observer: &Observer, workers: u32, found: &mut Found) -> anyhow::Result<()> {
    let all = u64::from(workers);
    let begun = std::time::Instant::now();
    let came = wait_until("the workers to register", GATHER, async || {
        total(observer).await == all
    });
    match came.await {
        Ok(()) => found.value(
            "workers started → all registered",
            begun.elapsed().as_secs_f64(),
            "s",
            "",
        ),
        Err(error) => found.note(error.to_string()),
    }
    Ok(())
}
