//! A leader that is killed, and one that hands over.

use std::path::Path;
use std::time::{Duration, Instant};

use anyhow::Context;
use tokio::time::timeout;
use vesta_client::Client;
use vesta_client::proto::{Driver, ListRequest};

use super::Args;
use super::figures::Found;
use super::heard::Heard;
use super::site::{Site, occupy, slowest_while, submit};
use crate::output;
use crate::trial::observer::{Leader, PATIENCE};

const WORKERS: usize = 2;

/// How long it took each time.
#[derive(Default)]
struct Times {
    accepted: Vec<Duration>,
    started: Vec<Duration>,
    handed_over: Vec<Duration>,
    /// The slowest submission during each hand-over.
    slowest: Vec<Duration>,
}

/// Runs it.
pub async fn run(args: &Args, dir: &Path, found: &mut Found) -> anyhow::Result<()> {
    let mut site = Site::start(dir, 3, WORKERS, 4).await?;
    let mut times = Times::default();
    let client = site.client();
    let lasting = occupy(&client).await?;
    let ended = lose_leaders(&mut site, &client, &lasting, args, &mut times).await;
    found.times(
        "kill -9 of the leader → next submission accepted",
        &times.accepted,
        "p50 ≤ 1.2 s, p99 ≤ 3 s",
    );
    let what = "… → its process has started, one of two workers silent for good";
    found.times(what, &times.started, "p50 ≤ 1.5 s");
    let what = "SIGTERM of the leader → slowest of one client's submissions";
    found.times(what, &times.slowest, "≤ 100 ms");
    let what = "… → another is ALIVE, looked at every 20 ms";
    found.times(what, &times.handed_over, "");
    let runs = site.observer.live_drivers().await.unwrap_or_default();
    let runs = runs.iter().any(|driver| driver.pid == lasting.pid);
    let what = "the driver that ran all the time: ended by it";
    found.value(what, if runs { 0.0 } else { 1.0 }, "", "0");
    ended
}

/// Kills the leader, and has it hand over, as often as is asked.
async fn lose_leaders(
    site: &mut Site,
    client: &Client,
    lasting: &Driver,
    args: &Args,
    times: &mut Times,
) -> anyhow::Result<()> {
    let mut heard = Heard::new(site.cluster.dir())?;
    let silent = home(site, client, lasting).await?;
    let mut leader = site.observer.leader(0).await?;
    for number in 0..args.kills {
        let name = format!("kill-{number}");
        // It is silent from before the kill until all has been seen: the new leader never hears it.
        site.cluster.workers[silent].pause()?;
        let begun = Instant::now();
        site.master(leader)?.kill()?;
        let submitted = timeout(PATIENCE, submit(client, heard.driver(&name))).await;
        submitted.context("no submission is accepted")??;
        times.accepted.push(begun.elapsed());
        let ran = heard.of(&name, PATIENCE).await?;
        times.started.push(ran - begun);
        site.cluster.workers[silent].resume()?;
        leader = whole_again(site, leader).await?;
        if (number + 1) % 20 == 0 {
            output::say(&format!("{} of {} kills", number + 1, args.kills));
        }
    }
    for _ in 0..args.handovers {
        let begun = Instant::now();
        let hand_over = async {
            site.master(leader)?.terminate()?;
            site.observer.leader(leader.epoch).await?;
            times.handed_over.push(begun.elapsed());
            site.master(leader)?.wait(PATIENCE).await?;
            anyhow::Ok(())
        };
        let (ended, slowest) = slowest_while(client, hand_over).await?;
        ended?;
        times.slowest.push(slowest);
        leader = whole_again(site, leader).await?;
    }
    Ok(())
}

/// The index of the worker that a driver runs on.
async fn home(site: &Site, client: &Client, driver: &Driver) -> anyhow::Result<usize> {
    let workers = client.list_workers(ListRequest::default()).await?.workers;
    let mut workers = workers.iter();
    let port = workers
        .find(|it| it.id == driver.worker_id)
        .map(|it| it.port);
    let mut nodes = site.cluster.workers.iter();
    let at = nodes.position(|node| Some(u32::from(node.address().port())) == port);
    at.with_context(|| format!("{} is none of this cluster", driver.worker_id))
}

/// Waits until the cluster is as it was before `gone` went, and returns who leads.
async fn whole_again(site: &mut Site, gone: Leader) -> anyhow::Result<Leader> {
    site.heal(gone, WORKERS).await?;
    site.observer.leader(gone.epoch).await
}
