//! A master's start, until it is open for business.

use std::path::Path;
use std::time::{Duration, Instant};

use vesta_client::proto::ListRequest;
use vesta_client::{Client, ClientOptions};
use vesta_local::wait_until;

use super::Args;
use super::figures::Found;
use super::site::Site;
use crate::trial::observer::{ALIVE, PATIENCE};

const TIMES: usize = 20;

/// Runs it.
pub async fn run(args: &Args, dir: &Path, found: &mut Found) -> anyhow::Result<()> {
    let mut site = Site::start(dir, 1, 0, 1).await?;
    let small = starts(&mut site).await?;
    let what = "one master, killed: process started → ALIVE, small state";
    found.times(what, &small, "≤ 300 ms");
    site.fill(args.drivers).await?;
    let large = starts(&mut site).await?;
    let what = format!("… with {} drivers waiting", args.drivers);
    found.times(what, &large, "");
    Ok(())
}

async fn starts(site: &mut Site) -> anyhow::Result<Vec<Duration>> {
    let mut times = Vec::new();
    for _ in 0..TIMES {
        let node = &mut site.cluster.masters[0];
        node.kill()?;
        let begun = Instant::now();
        node.start()?;
        // A client of its own, which has never been told that nobody answers there.
        let options = ClientOptions {
            deadline: PATIENCE,
            attempt: Duration::from_millis(250),
            connect: Duration::from_millis(50),
            pause_first: Duration::from_millis(1),
            pause_longest: Duration::from_millis(2),
        };
        let client = Client::with_options(&site.masters, options);
        let alive = wait_until("the master to be ALIVE", PATIENCE, async || {
            loop {
                let reply = client.list_masters(ListRequest::default()).await;
                let masters = reply.map(|reply| reply.masters).unwrap_or_default();
                if masters.iter().any(|it| it.leader && it.status == ALIVE) {
                    return true;
                }
                tokio::time::sleep(Duration::from_millis(1)).await;
            }
        });
        alive.await?;
        times.push(begun.elapsed());
    }
    Ok(times)
}
