//! Sets of orders: which are taken, and what they change.

use std::collections::BTreeSet;

use vesta_proto::worker_convert::{OrderSet, RunOrder};
use vesta_types::limits::REPORTS_MAX;
use vesta_types::{Epoch, InstanceId, InstanceStatus, canary};

use super::{Action, Known, Reconciler, Source};
use crate::clock::Boottime;

/// Runs of an accepted set that could not be started for want of a fresh confirmation.
#[derive(Debug)]
pub(super) struct Withheld {
    from: Source,
    epoch: Epoch,
    received: Boottime,
    runs: Vec<RunOrder>,
}

impl Reconciler {
    pub(super) fn ordered(
        &mut self,
        now: Boottime,
        from: Source,
        set: OrderSet,
        out: &mut Vec<Action>,
    ) {
        if !self.is_current(&from) || !self.is_own_cluster(&from, set.cluster, out) {
            return;
        }
        if let Some(reason) = self.too_late(&set) {
            let text = describe(&from, &set, &reason);
            return self.refuse_stale(now, text, out);
        }
        self.accepted = Some((set.epoch, set.index));
        self.follow(&from);
        // What an older set still waited for, this one orders again, or not.
        self.withheld = None;
        for instance in &set.stop {
            self.stop(now, instance, out);
        }
        let ended: BTreeSet<&InstanceId> = set.stop.iter().collect();
        let runs = set
            .run
            .into_iter()
            .filter(|run| !ended.contains(&run.instance));
        let runs = runs
            .filter(|run| self.is_new(now, run, out))
            .collect::<Vec<_>>();
        if runs.is_empty() || self.draining {
            return;
        }
        if self.is_fresh(now) {
            self.start(now, set.epoch, runs, out);
        } else {
            self.withheld = Some(Withheld {
                from,
                epoch: set.epoch,
                received: now,
                runs,
            });
        }
    }

    /// A heartbeat sent at `stamp` is confirmed: what was withheld is started, if that heartbeat was sent
    /// before the orders came. Then this is the same as if the confirmation had come first. A later
    /// heartbeat says nothing about orders that may have lain in a buffer while the worker was paused
    /// and declared lost: those the leader must order again, and a report without them lets it.
    pub(super) fn release(&mut self, now: Boottime, stamp: Boottime, out: &mut Vec<Action>) {
        if !self.is_fresh(now) {
            return;
        }
        let Some(withheld) = self.withheld.take() else {
            return;
        };
        let Withheld {
            from,
            epoch,
            received,
            runs,
        } = withheld;
        let stands = self.is_current(&from) && epoch == self.allegiance.epoch && !self.draining;
        if stands && stamp <= received {
            self.start(now, epoch, runs, out);
        } else {
            self.report_at(now);
        }
    }

    /// Why a set is refused, if it is.
    fn too_late(&self, set: &OrderSet) -> Option<String> {
        if self.is_stale(set.epoch) {
            return Some(format!("epoch {} is known", self.allegiance.epoch));
        }
        let (epoch, index) = self.accepted?;
        (set.epoch >= epoch && set.index < index)
            .then(|| format!("index {index} was obeyed already"))
    }

    /// Whether this run is of an instance that was never accepted. One that ended is reported again, for
    /// the leader seems not to know; it is never executed again.
    fn is_new(&mut self, now: Boottime, run: &RunOrder, out: &mut Vec<Action>) -> bool {
        // The canary breaks I7: an instance is executed at most once.
        if let Some(known) = self.instances.get_mut(&run.instance)
            && !canary::is_on("duplicate-assignment")
        {
            // The other one breaks I9, with what it does to reports: an end is said until it is committed.
            if known.status.is_final() && !canary::is_on("outbox-forgets") {
                known.acknowledged = false;
                self.report_at(now);
            }
            return false;
        }
        let own = self.allegiance.cluster == Some(run.instance.cluster);
        if !own {
            let instance = &run.instance;
            out.push(Action::Note(format!(
                "refused to run {instance}: it is of another cluster"
            )));
        }
        own
    }

    fn start(&mut self, now: Boottime, epoch: Epoch, runs: Vec<RunOrder>, out: &mut Vec<Action>) {
        let mut unsettled = self
            .instances
            .values()
            .filter(|known| !known.acknowledged)
            .count();
        for order in runs {
            if unsettled >= REPORTS_MAX {
                out.push(Action::Note(format!(
                    "did not take {}: {REPORTS_MAX} instances are not acknowledged yet",
                    order.instance
                )));
                continue;
            }
            let status = InstanceStatus::Accepted;
            let known = Known {
                status,
                restart: 0,
                acknowledged: false,
                stopping: false,
            };
            // A list may name an instance twice.
            let twice = self.instances.contains_key(&order.instance);
            if twice && !canary::is_on("duplicate-assignment") {
                continue;
            }
            self.instances.insert(order.instance.clone(), known);
            unsettled += 1;
            self.report_at(now);
            out.push(Action::Start {
                order: Box::new(order),
                epoch,
            });
        }
    }

    /// `instance` is known to have ended, or has to.
    fn stop(&mut self, now: Boottime, instance: &InstanceId, out: &mut Vec<Action>) {
        match self.instances.get_mut(instance) {
            Some(known) if known.acknowledged => {}
            Some(known) if !known.status.is_final() => {
                if !std::mem::replace(&mut known.stopping, true) {
                    out.push(Action::Stop(instance.clone()));
                }
            }
            // Ended: the next report says so.
            Some(_) => self.report_at(now),
            None if self.allegiance.cluster == Some(instance.cluster) => {
                self.revoke(now, instance);
            }
            None => self.report_at(now),
        }
    }

    /// Told to stop what it was never told to run: from here on it never will be run, and the leader
    /// learns that, else it would wait for that end for ever. Nothing of it is on disk, and nothing has
    /// to be: orders to run it are of a lower index or epoch, and refused.
    fn revoke(&mut self, now: Boottime, instance: &InstanceId) {
        let reason = "it was to be stopped before any order to run it came".to_owned();
        let known = Known {
            status: InstanceStatus::NeverRan { reason },
            restart: 0,
            acknowledged: false,
            stopping: true,
        };
        self.instances.insert(instance.clone(), known);
        self.report_at(now);
    }

    pub(super) fn shut_down(&mut self, now: Boottime, out: &mut Vec<Action>) {
        self.draining = true;
        // The leader hears first that nothing new is for this worker: not what ends here now either.
        self.report_due = Some(now);
        self.withheld = None;
        for (instance, known) in &mut self.instances {
            if !known.status.is_final() && !std::mem::replace(&mut known.stopping, true) {
                out.push(Action::Stop(instance.clone()));
            }
        }
    }
}

fn describe(from: &Source, set: &OrderSet, reason: &str) -> String {
    let OrderSet { epoch, index, .. } = set;
    let master = &from.master;
    let some = set
        .run
        .iter()
        .take(3)
        .map(|run| run.instance.to_string())
        .collect::<Vec<_>>();
    format!(
        "orders of epoch {epoch} at index {index} from {master} (run {}: {}; stop {}): {reason}",
        set.run.len(),
        some.join(", "),
        set.stop.len(),
    )
}
