//! What the instances are seen to do, and what of it the leader is told.

use std::time::Duration;

use vesta_types::limits::{REPORT_BYTES_MAX, REPORT_LINE_BYTES, REPORTS_MAX};
use vesta_types::{Epoch, InstanceId, InstanceReport, InstanceStatus, canary};

use super::{Action, Known, Message, Reconciler, Report, Source};
use crate::clock::Boottime;

/// Changes that come together make one report.
const COALESCE: Duration = Duration::from_millis(3);

/// While an end is not acknowledged, it is reported again every so many heartbeats.
const HEARTBEATS_PER_REPORT: u32 = 2;

impl Reconciler {
    pub(super) fn observed(&mut self, now: Boottime, report: InstanceReport) {
        let InstanceReport {
            instance,
            status,
            restart,
        } = report;
        let Some(known) = self.instances.get_mut(&instance) else {
            return;
        };
        // An end is final, whatever a late reading of the records shows.
        let changed = known.status != status || known.restart != restart;
        if changed && !known.status.is_final() {
            known.status = status;
            known.restart = restart;
            self.report_at(now);
        }
    }

    pub(super) fn acknowledged(
        &mut self,
        from: &Source,
        epoch: Epoch,
        instances: &[InstanceId],
        out: &mut Vec<Action>,
    ) {
        if !self.is_current(from) || epoch != self.allegiance.epoch {
            return;
        }
        self.follow(from);
        for instance in instances {
            let known = self.instances.get_mut(instance);
            if let Some(known) = known.filter(|known| known.status.is_final())
                && !std::mem::replace(&mut known.acknowledged, true)
            {
                out.push(Action::Forget(instance.clone()));
            }
        }
    }

    /// Forgets what nothing is left of. An order to run it again would be of a state in which it had not
    /// ended: of a lower index or epoch, and refused.
    pub(super) fn cleaned(&mut self, instances: &[InstanceId]) {
        for instance in instances {
            if self.instances.get(instance).is_some_and(Known::is_over) {
                self.instances.remove(instance);
            }
        }
    }

    /// Something is to be reported, together with what else changes now.
    pub(super) fn report_at(&mut self, now: Boottime) {
        self.report_due.get_or_insert(now.plus(COALESCE));
    }

    pub(super) fn send_what_is_due(&mut self, now: Boottime, out: &mut Vec<Action>) {
        self.send_due_heartbeats(now, out);
        let unheard = |known: &Known| known.status.is_final() && !known.acknowledged;
        if self.heartbeats_since_report >= HEARTBEATS_PER_REPORT
            && self.instances.values().any(unheard)
        {
            self.report_due = Some(now);
        }
        if self.report_due.is_none_or(|due| due > now) {
            return;
        }
        self.report_due = None;
        // Without a leader it is lost: the next one gets a report when it says that it leads.
        let Some(to) = self.leader() else { return };
        self.heartbeats_since_report = 0;
        let message = Message::Report(self.report());
        out.push(Action::Send { to, message });
    }

    /// Everything accepted and not acknowledged; what lives comes first, should the room not do.
    fn report(&mut self) -> Report {
        let unsettled = || {
            self.instances
                .iter()
                .filter(|(_, known)| !known.acknowledged)
        };
        let live = unsettled().filter(|(_, known)| !known.status.is_final());
        let ended = unsettled().filter(|(_, known)| known.status.is_final());
        let mut bytes = 0;
        let fits = |(_, known): &(&InstanceId, &Known)| {
            bytes += REPORT_LINE_BYTES + text_bytes(&known.status);
            bytes <= REPORT_BYTES_MAX
        };
        let report = |(instance, known): (&InstanceId, &Known)| InstanceReport {
            instance: instance.clone(),
            status: known.status.clone(),
            restart: known.restart,
        };
        let instances: Vec<InstanceReport> = live
            .chain(ended)
            .take(REPORTS_MAX)
            .take_while(fits)
            .map(report)
            .collect();
        // Breaks I9: an end is reported until it is acknowledged.
        if canary::is_on("outbox-forgets") {
            let known = self.instances.values_mut();
            known.for_each(|known| known.acknowledged |= known.status.is_final());
        }
        Report {
            epoch: self.allegiance.epoch,
            instances,
            refused_stale: self.refused.drain(..).collect(),
            stale_orders: self.stale_orders,
            leaving: self.draining,
        }
    }
}

fn text_bytes(status: &InstanceStatus) -> usize {
    match status {
        InstanceStatus::Ended { exit, .. } => exit.error.as_ref().map_or(0, String::len),
        InstanceStatus::NeverRan { reason } | InstanceStatus::Interrupted { reason } => {
            reason.len()
        }
        InstanceStatus::Accepted | InstanceStatus::Running { .. } => 0,
    }
}
