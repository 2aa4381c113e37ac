//! What a restarted agent makes of the instances that it finds.

use std::collections::BTreeSet;
use std::time::Duration;

use vesta_types::{InstanceId, InstanceReport, InstanceStatus};

use super::{InstanceDir, Store, end_leftovers, remove_local_dirs};
use crate::WorkerError;
use crate::process::Process;

/// The instances that an earlier agent left.
#[derive(Debug, Default)]
pub(crate) struct Recovered {
    /// How each is, with whether its end is acknowledged.
    pub(crate) reports: Vec<(InstanceReport, bool)>,
    /// Those whose supervisor still runs, with that: they go on, and are to be watched over.
    pub(crate) alive: Vec<(InstanceId, Process)>,
}

/// Finds out what became of the instances that an earlier agent accepted, before any master is spoken
/// to. Those whose supervisor runs go on. Any other that has no recorded end is brought to one: what
/// was never started is revoked, what runs without a supervisor, so that its exit code could not be
/// collected, is ended. `same_boot` says whether processes of then can still be there. Blocks for up to
/// the grace and some seconds.
///
/// # Errors
/// When the instances can't be listed.
pub(crate) fn recover(
    store: &Store,
    same_boot: bool,
    grace: Duration,
) -> Result<Recovered, WorkerError> {
    let instances = store.instances()?;
    let mut recovered = Recovered::default();
    let mut unfinished = Vec::new();
    for (id, dir) in &instances {
        if dir.is_acknowledged() || dir.is_over() {
            continue;
        }
        // Started and not heard of yet: it waits to see its `started` record taken, and ends.
        match dir.supervisor().filter(|it| same_boot && it.is_alive()) {
            Some(supervisor) => recovered.alive.push((id.clone(), supervisor)),
            None => unfinished.push((id.clone(), dir.clone())),
        }
    }
    let why = if same_boot {
        "its agent was restarted"
    } else {
        "the machine was rebooted"
    };
    for (id, dir) in &unfinished {
        give_up(id, dir, why);
    }
    if same_boot && !end_leftovers(&unfinished, grace) {
        tracing::error!("processes of an earlier agent can't be killed; they may still run");
    }
    let alive: BTreeSet<&InstanceId> = recovered.alive.iter().map(|(id, _)| id).collect();
    for (id, dir) in instances.iter().filter(|(id, _)| !alive.contains(id)) {
        remove_local_dirs(dir, id);
    }
    let unfinished: BTreeSet<&InstanceId> = unfinished.iter().map(|(id, _)| id).collect();
    for (id, dir) in &instances {
        let mut report = dir.report(id);
        if unfinished.contains(id) && !report.status.is_final() {
            // Its outcome could not be written; it is the same at the next start.
            report.status = InstanceStatus::Interrupted {
                reason: why.to_owned(),
            };
        }
        let acknowledged = dir.is_acknowledged();
        if !acknowledged {
            tracing::info!(instance = %id, status = ?report.status, "instance recovered");
        }
        recovered.reports.push((report, acknowledged));
    }
    Ok(recovered)
}

/// Decides the outcome of an instance that has no final record: it never ran, as its own `started`
/// record then proves, or it was interrupted. If its process ends by itself in the same moment, that
/// stands.
pub(crate) fn give_up(id: &InstanceId, dir: &InstanceDir, why: &str) {
    let damaged = dir.set_damaged_aside();
    let result = if damaged.is_empty() {
        match dir.revoke(&format!("{why} before it was started")) {
            Ok(false) => dir.interrupt(why),
            done => done.map(drop),
        }
    } else {
        tracing::warn!(instance = %id, ?damaged, "damaged records are kept as .bad");
        dir.interrupt(&format!("its records were damaged: {}", damaged.join(", ")))
            .and_then(|()| dir.revoke("its records were damaged").map(drop))
    };
    if let Err(error) = result {
        tracing::error!(instance = %id, %error, "cannot record an instance's outcome");
    }
}

#[cfg(test)]
mod tests;
