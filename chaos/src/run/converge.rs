//! Whether a cluster that nothing is broken of is as it should be.

use anyhow::{Context, Result};

use crate::site::Site;
use crate::site::metrics::Metrics;

/// How many entries a follower may be behind when all is well under load.
const BEHIND: u64 = 200;

/// What is still missing for: every process runs, one master leads and has recovered, all others follow it
/// and have applied what it has, every worker is ALIVE. `None` if nothing is.
///
/// # Errors
/// When a master can't be asked at all.
pub async fn converged(site: &Site) -> Result<Option<String>> {
    let cluster = &site.cluster;
    for node in cluster.masters.iter().chain(&cluster.workers) {
        if !node.is_running() {
            return Ok(Some(format!("{} does not run", node.name())));
        }
    }
    let mut all = Vec::new();
    for node in &cluster.masters {
        let address = node.metrics().context("masters of a site show metrics")?;
        match Metrics::of(address).await {
            Ok(metrics) => all.push((node, metrics)),
            Err(error) => return Ok(Some(format!("{}: {error}", node.name()))),
        }
    }
    let leaders: Vec<_> = all
        .iter()
        .filter(|(_, metrics)| metrics.figure("vesta_raft_is_leader") > 0.0)
        .collect();
    let [(leader, shown)] = leaders[..] else {
        return Ok(Some(format!("{} masters lead", leaders.len())));
    };
    let status = shown.which("vesta_master_status", "status");
    if status != Some("ALIVE") || shown.figure("vesta_recovered") == 0.0 {
        return Ok(Some(format!(
            "{} is {status:?}, not recovered",
            leader.name()
        )));
    }
    let voters = shown.count("vesta_raft_voters");
    if voters != cluster.masters.len() as u64 {
        return Ok(Some(format!("{voters} masters vote")));
    }
    let applied = shown.count("vesta_apply_index");
    for (node, metrics) in &all {
        let follows = metrics.count("vesta_raft_leader");
        if follows != leader.id() {
            return Ok(Some(format!("{} follows {follows}", node.name())));
        }
        let own = metrics.count("vesta_apply_index");
        if own + BEHIND < applied {
            return Ok(Some(format!(
                "{} has applied {own} of {applied}",
                node.name()
            )));
        }
    }
    let alive = shown.count("vesta_workers{state=\"ALIVE\"}");
    let workers = cluster.workers.len();
    Ok((alive != workers as u64).then(|| format!("{alive} of {workers} workers are ALIVE")))
}
