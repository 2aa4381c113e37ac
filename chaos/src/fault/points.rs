//! Failpoints in a node: syncs that are slow or fail, and processes that are killed at one very place.

use std::fs::File;
use std::io::{Read, Seek, SeekFrom};
use std::path::Path;
use std::time::SystemTime;

use anyhow::Result;

use super::active::{Begun, Doing, Ground};
use super::processes::node;
use super::{Kind, Planned};
use crate::site::Site;

/// What a failpoint that kills its process says first.
const KILLS: &str = "a failpoint kills this process";

/// What is to be switched off.
#[derive(Debug)]
pub(super) struct Broken {
    kind: Kind,
    node: String,
    /// How long its log was.
    log: u64,
    since: SystemTime,
}

pub(super) fn begin(planned: &Planned, ground: &mut Ground<'_>) -> Result<Option<Begun>> {
    let target = match planned.kind {
        Kind::SlowSync | Kind::FailedSync | Kind::CrashBeforeAnswer => ground.leader(),
        _ => ground.worker(planned.whom),
    };
    let Some(target) = target else {
        return Ok(None);
    };
    let slow = format!("journal.fdatasync=sleep({})", 50 + planned.amount % 1_000);
    let setting = match planned.kind {
        Kind::SlowSync => slow.as_str(),
        Kind::FailedSync => "journal.fdatasync=1*return(5)",
        Kind::CrashBeforeAnswer => "master.crash_before_answer=1*return",
        Kind::CrashBeforeStart => "worker.crash_before_start=1*return",
        Kind::CrashBeforeExec => "worker.crash_before_exec=1*return",
        _ => "worker.crash_before_report=1*return",
    };
    let site = &mut *ground.site;
    let log = std::fs::metadata(node(site, &target)?.log());
    let broken = Broken {
        kind: planned.kind,
        node: target.clone(),
        log: log.map_or(0, |log| log.len()),
        since: SystemTime::now(),
    };
    site.set_failpoints(&target, setting)?;
    Ok(Some(Begun::of(vec![target], None, Doing::Points(broken))))
}

impl Broken {
    /// By what it is seen that the failpoint was run into.
    pub(super) fn look(&self, site: &mut Site) -> Result<Option<String>> {
        let node = node(site, &self.node)?;
        let running = node.is_running();
        let written = written_since(&node.log(), self.log).unwrap_or_default();
        let said = |text: &str| String::from_utf8_lossy(&written).contains(text);
        Ok(match self.kind {
            // A leader syncs many times a second.
            Kind::SlowSync => said("failpoint on").then(|| "its syncs are slow".to_owned()),
            Kind::CrashBeforeExec => {
                let killed = supervisors_killed(&node.dir(), self.since);
                (killed > 0).then(|| format!("{killed} supervisors are gone"))
            }
            Kind::FailedSync if running => None,
            _ => (!running).then(|| format!("{} is gone", self.node)),
        })
    }

    pub(super) fn end(&mut self, site: &mut Site) -> Result<Option<String>> {
        let seen = self.look(site)?;
        site.set_failpoints(&self.node, "")?;
        let node = node(site, &self.node)?;
        if !node.is_running() {
            node.start()?;
        }
        Ok(seen)
    }
}

/// What a file holds from there on.
fn written_since(path: &Path, from: u64) -> std::io::Result<Vec<u8>> {
    let mut file = File::open(path)?;
    file.seek(SeekFrom::Start(from))?;
    let mut bytes = Vec::new();
    file.read_to_end(&mut bytes)?;
    Ok(bytes)
}

/// How many supervisors of a worker have said since then that a failpoint kills them.
fn supervisors_killed(worker: &Path, since: SystemTime) -> usize {
    let instances = std::fs::read_dir(worker.join("instances"));
    let logs = instances.into_iter().flatten().flatten();
    let logs = logs.map(|entry| entry.path().join("supervisor.log"));
    let new = logs.filter(|log| {
        let written = std::fs::metadata(log).and_then(|it| it.modified());
        written.is_ok_and(|written| written >= since)
    });
    new.filter(|log| std::fs::read_to_string(log).is_ok_and(|text| text.contains(KILLS)))
        .count()
}
