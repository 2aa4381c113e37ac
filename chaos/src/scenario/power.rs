//! Masters that lose their power, or the room on their disk.

use std::time::Duration;

use rand::rngs::StdRng;
use rand::{Rng, SeedableRng};
use rustix::process::Signal;
use vesta_client::proto::ListRequest;

use super::Finding;
use super::disk::agree;
use super::finding::must;
use super::stage::{BOUND, Setting, Stage};
use super::submitter::Submitter;

/// How often the power is cut: of all masters each second time, of one in between.
const CUTS: usize = 8;

/// The power of one master or of all is cut at a random moment under load, right after an answer: what was not
/// synced is gone. Whatever was acknowledged is there, and no term goes back.
pub async fn power_cut(setting: Setting) -> Result<(), Finding> {
    let mut stage = Stage::prepare_apart(setting.options(), true).await?;
    stage.start_all().await?;
    let mut random = StdRng::seed_from_u64(0x9c);
    let load = Submitter::begin(&stage);
    for cut in 0..CUTS {
        load.acknowledged(5).await?;
        let before = terms(&stage).await?;
        tokio::time::sleep(Duration::from_millis(random.random_range(0..200))).await;
        let whose: Vec<usize> = if cut % 2 == 0 {
            (0..3).collect()
        } else {
            vec![random.random_range(0..3)]
        };
        // The next moment after an answer.
        load.acknowledged(1).await?;
        stage.cut_power(&whose)?;
        for at in &whose {
            stage.masters[*at].start()?;
        }
        stage.leader().await?;
        for at in &whose {
            stage.caught_up(*at).await?;
        }
        let after = terms(&stage).await?;
        must!(
            after >= before,
            "terms went back over a power cut: {after:?}, and were {before:?}"
        );
    }
    let count = load.end(&mut stage).await?;
    agree(&stage).await?;
    must!(
        count >= CUTS * 6,
        "only {count} submissions were acknowledged"
    );
    stage.end().await
}

/// The highest term that any master shows.
async fn terms(stage: &Stage) -> Result<u64, Finding> {
    let reply = stage.client().list_masters(ListRequest::default()).await?;
    Ok(reply.masters.iter().map(|it| it.term).max().unwrap_or(0))
}

/// Not one byte more fits onto the leader's disk, in the middle of writes: it stops and says so, the others serve;
/// with room again it comes back with everything.
pub async fn disk_full(setting: Setting) -> Result<(), Finding> {
    let mut stage = Stage::prepare_apart(setting.options(), true).await?;
    stage.start_all().await?;
    let load = Submitter::begin(&stage);
    load.acknowledged(10).await?;
    let full = stage.leader().await?;
    stage.disk(full)?.fill()?;
    // The next that it can't write ends it.
    let ended = stage.masters[full].wait(BOUND).await?;
    must!(
        ended.and_then(|it| it.code()) == Some(1),
        "it ended with {ended:?}, and was to with exit code 1"
    );
    let said = stage.masters[full].log_text();
    must!(
        said.contains("JRN008"),
        "it does not say that its disk is full"
    );
    stage.leader_after(full).await?;
    load.acknowledged(10).await?;
    // As long as there is no room it does not start, and harms nobody.
    stage.masters[full].start()?;
    let ended = stage.masters[full].wait(BOUND).await?;
    must!(
        ended.and_then(|it| it.code()) == Some(1),
        "without room it ended with {ended:?}"
    );
    load.acknowledged(5).await?;
    stage.disk(full)?.empty()?;
    stage.restart_master(full).await?;
    load.acknowledged(5).await?;
    load.end(&mut stage).await?;
    agree(&stage).await?;
    stage.end().await
}

impl Stage {
    /// Cuts the power of these masters at one moment: nothing is written any more, what was not synced is gone,
    /// and so are the processes.
    fn cut_power(&mut self, whose: &[usize]) -> Result<(), Finding> {
        for at in whose {
            if let Some(process) = self.masters[*at].process() {
                process.signal(Signal::STOP)?;
            }
        }
        for at in whose {
            self.masters[*at].pause()?;
        }
        let mut copies = Vec::new();
        for at in whose {
            copies.push(self.disk(*at)?.copy()?);
        }
        for (at, copy) in whose.iter().zip(copies) {
            self.masters[*at].kill()?;
            self.disk(*at)?.go_on_with(copy)?;
        }
        Ok(())
    }
}
