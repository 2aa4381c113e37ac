//! What a restarted agent makes of the instances that it finds.

use std::time::Duration;

use vesta_types::{InstanceId, InstanceReport, InstanceStatus};

use super::{InstanceDir, Store, end_leftovers};
use crate::WorkerError;

/// Brings every instance that an earlier agent left to an end, so that its outcome is known before any
/// master is spoken to: what was never started is revoked, what runs is ended. `same_boot` says whether
/// processes of then can still be there. Blocks for up to the grace and some seconds. Gives every
/// instance, with whether its end is acknowledged.
///
/// # Errors
/// When the instances can't be listed.
pub fn recover(
    store: &Store,
    same_boot: bool,
    grace: Duration,
) -> Result<Vec<(InstanceReport, bool)>, WorkerError> {
    let instances = store.instances()?;
    let unfinished = |(id, dir): &&(InstanceId, InstanceDir)| {
        !dir.is_acknowledged() && !dir.report(id).status.is_final()
    };
    let unfinished: Vec<_> = instances.iter().filter(unfinished).cloned().collect();
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
    let settled = |(id, dir): &(InstanceId, InstanceDir)| {
        let mut report = dir.report(id);
        if !report.status.is_final() {
            // Its outcome could not be written; it is the same at the next start.
            report.status = InstanceStatus::Interrupted {
                reason: why.to_owned(),
            };
        }
        (report, dir.is_acknowledged())
    };
    let reports: Vec<_> = instances.iter().map(settled).collect();
    for (report, _) in reports.iter().filter(|(_, acknowledged)| !acknowledged) {
        tracing::info!(instance = %report.instance, status = ?report.status, "instance recovered");
    }
    Ok(reports)
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
