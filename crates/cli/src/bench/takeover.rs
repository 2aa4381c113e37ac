//! A leader that is killed while thousands of drivers wait.

use std::path::Path;
use std::time::{Duration, Instant};

use anyhow::Context;
use futures::{StreamExt, stream};
use tokio::time::timeout;
use vesta_client::Client;
use vesta_client::proto::GetDriverRequest;

use super::Args;
use super::figures::Found;
use super::site::{Site, occupy, submit, waiting};
use crate::trial::observer::PATIENCE;

const TIMES: usize = 10;

/// Drivers asked for at once.
const ASKED_AT_ONCE: usize = 32;

/// Runs it.
pub async fn run(args: &Args, dir: &Path, found: &mut Found) -> anyhow::Result<()> {
    let mut site = Site::start(dir, 3, 1, 1).await?;
    let client = site.client();
    let lasting = occupy(&client).await?;
    let mut ids = site.fill(args.drivers).await?;
    ids.push(lasting.id);
    let (mut accepted, mut recovered) = (Vec::new(), Vec::new());
    for _ in 0..TIMES {
        let leader = site.observer.leader(0).await?;
        site.at_rest().await?;
        let begun = Instant::now();
        site.master(leader)?.kill()?;
        let submitted = timeout(PATIENCE, submit(&client, waiting())).await;
        ids.push(submitted.context("no submission is accepted")??.driver_id);
        accepted.push(begun.elapsed());
        let report = site.observer.recovered(leader.epoch).await?;
        recovered.push(Duration::from_millis(
            report.recovery_ms.unwrap_or_default(),
        ));
        site.heal(leader, 1).await?;
    }
    let what = format!(
        "kill -9 of the leader → next submission accepted, {} drivers wait",
        args.drivers
    );
    found.times(what, &accepted, "≤ 2 s");
    let what = "… its recovery, by its own report: until its worker has answered";
    found.times(what, &recovered, "");
    let lost = ids.len() as f64 - still_waiting(&client, &ids).await as f64;
    let what = "drivers lost, each acknowledged one asked for after that";
    found.value(what, lost, "", "0");
    Ok(())
}

/// How many of them are known and have not ended.
async fn still_waiting(client: &Client, ids: &[String]) -> usize {
    let ask = |id: &String| {
        let request = GetDriverRequest {
            driver_id: id.clone(),
            consistent: true,
        };
        async move {
            let reply = client.get_driver(request).await;
            let driver = reply.ok().and_then(|reply| reply.driver);
            driver.is_some_and(|driver| !driver.ended)
        }
    };
    let answers = stream::iter(ids).map(ask).buffer_unordered(ASKED_AT_ONCE);
    let there = answers.filter(|there| std::future::ready(*there));
    there.count().await
}
