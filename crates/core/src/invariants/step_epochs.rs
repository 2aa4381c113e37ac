//! A leadership raises the epoch by one and makes everything unconfirmed; within an epoch, recovery
//! completes at most once and is never undone, and the leader does not change.
//!
//! Source: I15.

use super::Broken;
use crate::state::ClusterState;

pub(super) fn check(before: &ClusterState, after: &ClusterState, broken: &mut Broken) {
    if before.epoch == after.epoch {
        broken.unless(before.leader == after.leader, || {
            format!("the leader of epoch {} changed", after.epoch)
        });
        broken.unless(!before.recovered || after.recovered, || {
            format!("the recovery of epoch {} was undone", after.epoch)
        });
    } else {
        broken.unless(after.epoch == before.epoch.next(), || {
            format!("the epoch went from {} to {}", before.epoch, after.epoch)
        });
        broken.unless(before.leader != after.leader, || {
            format!("epoch {} has the leader of the one before", after.epoch)
        });
        let confirmed = after
            .workers
            .values()
            .any(|worker| after.is_confirmed(worker));
        broken.unless(!confirmed, || {
            format!(
                "a worker is confirmed at the beginning of epoch {}",
                after.epoch
            )
        });
        // I17: a leader change alone changes nothing of what lives.
        let kept = |(id, worker): (_, &crate::Worker)| {
            let old = before.workers.get(id);
            old.is_some_and(|old| old.state == worker.state)
        };
        let same = after.workers.iter().all(kept)
            && before.driver_queue == after.driver_queue
            && before.app_queue == after.app_queue;
        broken.unless(same, || {
            format!("beginning epoch {} changed what lives", after.epoch)
        });
    }
    broken.unless(
        before.cluster.is_none() || before.cluster == after.cluster,
        || "the cluster's identity changed".to_owned(),
    );
}
