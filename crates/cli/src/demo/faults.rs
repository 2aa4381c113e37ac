//! One fault: the leader is killed or paused, and comes back.

use std::time::Duration;

use anyhow::Context;
use vesta_client::proto::Failover;
use vesta_local::ledger::{self, Event};
use vesta_local::wait_for;

use super::files::{self, Progress};
use super::report::Fault;
use super::scenario::Demo;
use super::timeline::seconds;
use crate::trial::observer::{Leader, PATIENCE};

/// A paused leader stays paused for so long at least: several times the longest election timeout.
const PAUSE: Duration = Duration::from_secs(3);

/// What happens to the leader.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Kind {
    /// SIGKILL, and a restart on its directory.
    Kill,
    /// SIGSTOP until another leads, then SIGCONT.
    Pause,
}

/// Does it to whoever leads, and waits until the cluster is whole again.
///
/// # Errors
/// When the cluster does not get over it in time.
pub async fn fault(demo: &mut Demo<'_>, kind: Kind, before: Leader) -> anyhow::Result<Fault> {
    let who = format!("master {}", before.number);
    let repeated = demo.submitter.last_before(demo.timeline.unix_ms());
    let at_s = demo.timeline.elapsed().as_secs_f64();
    let at_ms = demo.timeline.unix_ms();
    let node = demo.master(before.number)?;
    match kind {
        Kind::Kill => node.kill()?,
        Kind::Pause => node.pause()?,
    }
    demo.timeline.say(
        &who,
        match kind {
            Kind::Kill => "killed with SIGKILL: it led",
            Kind::Pause => "paused with SIGSTOP: it led, and does not know that time goes on",
        },
    );
    demo.submit_short();
    // As a client does that lost the answer: the same key, so the same driver.
    repeated.inspect(|number| demo.submitter.repeat(*number));

    let what = "a submission to be accepted after a leader was lost";
    let (accepted_ms, entry) =
        wait_for(what, PATIENCE, async || demo.submitter.first_since(at_ms)).await?;
    let failover_ms = accepted_ms.saturating_sub(at_ms);
    let accepted = format!(
        "{} accepted, {} after the loss of the leader",
        entry.driver().map_or("a driver", |driver| driver.as_str()),
        seconds(failover_ms)
    );
    demo.timeline.say("client", accepted);

    let report = demo.observer.recovered(before.epoch).await?;
    let recovery_ms = report.recovery_ms.unwrap_or_default();
    tell_recovery(demo, &report);
    let first_ms = first_launch(demo, report.started_ms).await?;
    let failover_to_launch_ms = first_ms.saturating_sub(at_ms);
    let launched = format!(
        "first new process, {} after",
        seconds(failover_to_launch_ms)
    );
    demo.timeline.say("worker", launched);

    if kind == Kind::Pause {
        let paused = demo.timeline.unix_ms().saturating_sub(at_ms);
        tokio::time::sleep(PAUSE.saturating_sub(Duration::from_millis(paused))).await;
    }
    let back_ms = demo.timeline.unix_ms();
    let node = demo.master(before.number)?;
    match kind {
        Kind::Kill => node.start()?,
        Kind::Pause => node.resume()?,
    }
    demo.timeline.say(
        &who,
        match kind {
            Kind::Kill => "started again on its directory",
            Kind::Pause => "goes on with SIGCONT, and still believes to lead",
        },
    );
    let index = demo.observer.caught_up(before.number).await?;
    let caught_up_ms = demo.timeline.unix_ms().saturating_sub(back_ms);
    demo.timeline.say(
        &who,
        format!("follows, and has caught up with index {index}"),
    );
    tell_progress(demo);
    let alone = |begun: &u64| (at_ms..report.started_ms).contains(begun);
    let begun = demo
        .submitter
        .entries()
        .into_iter()
        .map(|entry| entry.begun_ms);
    Ok(Fault {
        kind: match kind {
            Kind::Kill => "SIGKILL".to_owned(),
            Kind::Pause => "SIGSTOP".to_owned(),
        },
        master: before.number,
        at_s,
        failover_ms,
        failover_to_launch_ms,
        recovery_ms,
        submitted_without_leader: begun.filter(alone).count(),
        caught_up_ms,
    })
}

fn tell_recovery(demo: &Demo<'_>, report: &Failover) {
    let mut told = format!(
        "leads (epoch {}): recovered in {}, {} confirmed",
        report.epoch,
        seconds(report.recovery_ms.unwrap_or_default()),
        report.confirmed,
    );
    for (number, what) in [
        (report.started, "started"),
        (report.relaunched, "relaunched"),
        (report.stopped, "stopped"),
        (report.lost, "lost"),
    ] {
        if number > 0 {
            told.push_str(&format!(", {number} {what}"));
        }
    }
    demo.timeline.say(format!("master {}", report.leader), told);
}

/// When the first process ran that the leader since `since_ms` started: its own ledger line's time.
async fn first_launch(demo: &Demo<'_>, since_ms: u64) -> anyhow::Result<u64> {
    let what = "a process that the new leader starts";
    let first = wait_for(what, PATIENCE, async || {
        // A line that is being written is whole at the next look.
        let records = ledger::read(&demo.cluster.ledger()).unwrap_or_default();
        let new = records.iter().filter(|record| {
            record.event == Event::Started && record.restart == 0 && record.at.0 >= since_ms
        });
        new.map(|record| record.at.0).min()
    });
    first
        .await
        .context("short drivers wait, and a leader must start them")
}

fn tell_progress(demo: &Demo<'_>) {
    let progress = files::read::<Progress>(&files::progress(demo.cluster.dir()));
    if let Ok(Progress {
        parts,
        counted,
        executors,
    }) = progress
    {
        let told = format!("{executors} at work, {counted} of {parts} parts counted");
        demo.timeline.say("executors", told);
    }
}
