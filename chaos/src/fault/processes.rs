//! Processes that are killed, paused, restarted, or asked to hand over.

use std::fs;
use std::os::linux::fs::MetadataExt;
use std::time::Duration;

use anyhow::{Context, Result};
use rustix::process::Signal;
use vesta_local::{Process, wait_until};

use super::active::{Begun, Doing, Ground, master};
use super::{Kind, Planned};
use crate::site::Site;
use crate::site::metrics::Metrics;

/// How long a master may take to hand over and end, or to be back.
const RESTART: Duration = Duration::from_secs(30);

/// What is to be started again, or to go on.
#[derive(Debug)]
pub(super) struct Broken(Vec<String>);

pub(super) async fn begin(planned: &Planned, ground: &mut Ground<'_>) -> Result<Option<Begun>> {
    let whom = planned.whom;
    let target = match planned.kind {
        Kind::KillLeader | Kind::PauseLeader | Kind::Transfer => ground.leader(),
        Kind::KillFollower | Kind::PauseFollower => ground.follower(whom),
        Kind::KillAgent | Kind::PauseAgent | Kind::KillHost => ground.worker(whom),
        _ => ground.busy.is_empty().then(|| master(0)),
    };
    let Some(target) = target else {
        return Ok(None);
    };
    let site = &mut *ground.site;
    let (targets, seen) = match planned.kind {
        Kind::KillMasters => {
            let all: Vec<String> = (0..site.masters()).map(master).collect();
            let mut pids = Vec::new();
            // The signals first: as close together as can be.
            for node in &site.cluster.masters {
                if let Some(process) = node.process() {
                    process.signal(Signal::KILL)?;
                    pids.push(process.pid);
                }
            }
            for node in &mut site.cluster.masters {
                node.kill()?;
            }
            (all, Some(format!("processes {pids:?} are gone")))
        }
        Kind::RollingRestart => {
            let all: Vec<String> = (0..site.masters()).map(master).collect();
            for name in &all {
                restart(site, name).await?;
            }
            (
                all,
                Some("each master ended in order and is back".to_owned()),
            )
        }
        Kind::Transfer => {
            let old = node(site, &target)?.id();
            let leader = site.client()?.transfer_leadership(None).await;
            let seen = match leader {
                Ok(leader) if leader != old => {
                    Some(format!("{leader} leads in the place of {old}"))
                }
                Ok(_) => None,
                // Its outcome may not be known while other faults go on; the view will tell.
                Err(error) => Some(format!("asked; {error}")),
            };
            (vec![target], seen)
        }
        Kind::PauseLeader | Kind::PauseFollower | Kind::PauseAgent => {
            let node = node(site, &target)?;
            node.pause()?;
            let seen = format!("process {:?} is stopped", node.pid());
            (vec![target], Some(seen))
        }
        Kind::KillHost => {
            let gone = kill_all_in(&target)?;
            node(site, &target)?.kill()?;
            let seen = format!("{gone} processes are gone");
            (vec![target], (gone > 0).then_some(seen))
        }
        _ => {
            let node = node(site, &target)?;
            let pid = node.pid();
            node.kill()?;
            (
                vec![target],
                pid.map(|pid| format!("process {pid} is gone")),
            )
        }
    };
    let doing = Doing::Processes(Broken(targets.clone()));
    Ok(Some(Begun::of(targets, seen, doing)))
}

impl Broken {
    pub(super) fn end(&self, site: &mut Site) -> Result<()> {
        for name in &self.0 {
            let node = node(site, name)?;
            if node.is_paused() {
                node.resume()?;
            } else if !node.is_running() {
                node.start()?;
            }
        }
        Ok(())
    }
}

pub(super) fn node<'a>(site: &'a mut Site, name: &str) -> Result<&'a mut vesta_local::Node> {
    let found = site.node(name);
    found.with_context(|| format!("no node is named {name}"))
}

/// Has one master end in order and start again, and waits until it follows or leads.
async fn restart(site: &mut Site, name: &str) -> Result<()> {
    let node = node(site, name)?;
    node.stop(RESTART).await?;
    node.start()?;
    let address = node.metrics().context("masters of a site show metrics")?;
    let back = wait_until(format!("{name} to be back"), RESTART, async || {
        let metrics = Metrics::of(address).await;
        metrics.is_ok_and(|metrics| metrics.figure("vesta_raft_leader") > 0.0)
    });
    back.await?;
    Ok(())
}

/// Kills every process in a node's network namespace. Returns how many.
fn kill_all_in(name: &str) -> Result<usize> {
    let path = format!("/run/netns/{name}");
    let space = fs::metadata(&path).context(path)?.st_ino();
    let space = format!("net:[{space}]");
    let mut gone = 0;
    for entry in fs::read_dir("/proc")?.flatten() {
        let pid = entry
            .file_name()
            .to_str()
            .and_then(|name| name.parse().ok());
        let Some(process) = pid.and_then(Process::of) else {
            continue;
        };
        // Gone meanwhile, if there is no link.
        let of = fs::read_link(entry.path().join("ns/net")).unwrap_or_default();
        if of.as_os_str() == space.as_str() && process.is_alive() {
            process.signal(Signal::KILL)?;
            gone += 1;
        }
    }
    Ok(gone)
}
