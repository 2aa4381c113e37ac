//! How long it takes from a submission to its process, on a cluster that has nothing else to do.

use std::path::Path;
use std::time::{Duration, Instant};

use super::figures::Found;
use super::heard::Heard;
use super::site::{Site, submit};
use crate::trial::observer::PATIENCE;

const TIMES: usize = 200;

/// Pause between two, so that the one before has ended and been reported.
const PAUSE: Duration = Duration::from_millis(100);

/// Runs it.
pub async fn run(dir: &Path, found: &mut Found) -> anyhow::Result<()> {
    let site = Site::start(dir, 3, 2, 4).await?;
    let mut heard = Heard::new(site.cluster.dir())?;
    let client = site.client();
    let (mut accepted, mut started) = (Vec::new(), Vec::new());
    // The first opens the connections.
    for number in 0..=TIMES {
        let name = number.to_string();
        let begun = Instant::now();
        submit(&client, heard.driver(&name)).await?;
        let acceptance = begun.elapsed();
        let ran = heard.of(&name, PATIENCE).await? - begun;
        if number > 0 {
            accepted.push(acceptance);
            started.push(ran);
        }
        tokio::time::sleep(PAUSE).await;
    }
    found.times("submit → accepted, idle cluster", &accepted, "");
    let what = "submit → its process (a shell) has written a line";
    found.times(what, &started, "p50 ≤ 25 ms");
    Ok(())
}
