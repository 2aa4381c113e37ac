//! Workers register, come back, answer a new leader, and report.

use std::collections::BTreeSet;

use vesta_types::limits::{CORES_MAX, MEMORY_MIB_MAX, WORKERS_MAX};
use vesta_types::{
    Booking, Incarnation, InstanceId, InstanceReport, WorkerDescription, WorkerId, WorkerState,
};

use super::{Applying, spark};
use crate::failover::Outcome;
use crate::reply::{Answer, RejectCode, Rejection, Reply};
use crate::state::Worker;

/// How a worker that attaches is known.
#[derive(Clone, Copy, PartialEq, Eq)]
enum Known {
    /// Not at all, or forgotten.
    No,
    /// As an earlier life of it.
    Before,
    /// As it is.
    Same,
}

impl Applying<'_> {
    /// A worker registers, comes back or answers, with everything that it has. From here on it is
    /// confirmed in this epoch.
    pub(super) fn attach_worker(
        &mut self,
        description: &WorkerDescription,
        reports: &[InstanceReport],
    ) -> Reply {
        let id = &description.id;
        let old = self.state.workers.get(id);
        let known = match old {
            None => Known::No,
            Some(old) if old.description.incarnation == description.incarnation => Known::Same,
            Some(_) => Known::Before,
        };
        self.check_capacity(description, reports, known)?;
        spark::check_worker(description)?;
        let held = old.is_some_and(|old| old.holds_something() && !self.state.is_confirmed(old));
        self.noting = !self.state.recovered || held;
        if known == Known::No && !self.make_room() {
            return Err(Rejection::new(
                RejectCode::Limit,
                format!("{WORKERS_MAX} workers are registered, and no more than that may be"),
            ));
        }
        self.take_over_address(description);
        match known {
            Known::No => self.register(description),
            Known::Same => self.confirm(description),
            Known::Before => {
                // The outbox first, against the placements of the old life: a driver that had finished
                // is FINISHED. Only what it can't account for is lost with that life.
                for report in reports.iter().filter(|report| report.status.is_final()) {
                    self.report(id, report, true);
                }
                self.lose_worker(id, "it came back as a new incarnation");
                self.register(description);
            }
        }
        if known != Known::No {
            self.note(id, Outcome::Confirmed, "it answered");
        }
        self.note_unordered(id, reports);
        for report in reports {
            self.report(id, report, true);
        }
        self.lose_former(id, reports);
        self.end_unreported_leases(id, reports);
        self.forget_unreported(id, reports);
        Ok(Answer::Reported {
            acknowledged: finals(reports),
        })
    }

    /// News of a worker that has answered this leader.
    pub(super) fn report_instances(
        &mut self,
        id: &WorkerId,
        incarnation: &Incarnation,
        reports: &[InstanceReport],
    ) -> Reply {
        let Some(worker) = self.state.workers.get(id) else {
            let message = format!("there is no worker {id}: it must register first");
            return Err(Rejection::new(RejectCode::NotFound, message));
        };
        if worker.description.incarnation != *incarnation {
            let message = format!("worker {id} is registered as another incarnation");
            return Err(Rejection::new(RejectCode::Incarnation, message));
        }
        if worker.state == WorkerState::Dead || !self.state.is_confirmed(worker) {
            let shown = self.state.show_worker(worker);
            let message = format!("worker {id} is {shown}: it must answer this leader first");
            return Err(Rejection::new(RejectCode::State, message));
        }
        for report in reports {
            self.report(id, report, false);
        }
        Ok(Answer::Reported {
            acknowledged: finals(reports),
        })
    }

    /// WRK004: a capacity that makes no sense, or that is less than what is booked of it. (What its own
    /// reports end is free by then, and a new incarnation holds nothing.)
    fn check_capacity(
        &self,
        description: &WorkerDescription,
        reports: &[InstanceReport],
        known: Known,
    ) -> Result<(), Rejection> {
        let invalid = |message| Err(Rejection::new(RejectCode::Invalid, message));
        let capacity = &description.capacity;
        let (cores, memory) = (capacity.cores, capacity.memory_mib);
        if !(1..=CORES_MAX).contains(&cores) || !(1..=MEMORY_MIB_MAX).contains(&memory) {
            return invalid(format!(
                "WRK004: {cores} cores and {memory} MiB are not the capacity of a worker: 1 to \
                 {CORES_MAX} cores and 1 to {MEMORY_MIB_MAX} MiB are"
            ));
        }
        if known != Known::Same {
            return Ok(());
        }
        let held = self.held_after(&description.id, reports);
        if held.fits(capacity, &Booking::default()) {
            return Ok(());
        }
        let mut holds = format!("{} cores, {} MiB", held.cores, held.memory_mib);
        for (name, addresses) in &held.named {
            let addresses: Vec<&str> = addresses.iter().map(String::as_str).collect();
            holds.push_str(&format!(", {name} {}", addresses.join(" ")));
        }
        invalid(format!(
            "WRK004: {cores} cores, {memory} MiB and its resource addresses are less than what its \
             instances hold ({holds}): let them end first, or register with at least that"
        ))
    }

    /// What stays booked on a worker once the ends in `reports` are taken.
    fn held_after(&self, id: &WorkerId, reports: &[InstanceReport]) -> Booking {
        let ended: BTreeSet<InstanceId> = finals(reports).into_iter().collect();
        let mut held = Booking::default();
        for (instance, booking) in self.state.placed_on(id) {
            if !ended.contains(&instance) {
                held.add(booking);
            }
        }
        held
    }

    fn make_room(&mut self) -> bool {
        self.state.workers.len() < WORKERS_MAX || self.forget_oldest_dead()
    }

    /// An address has one worker: whoever registers it last. An earlier one under another id is gone.
    fn take_over_address(&mut self, description: &WorkerDescription) {
        let WorkerDescription { id, host, port, .. } = description;
        if self
            .state
            .workers
            .get(id)
            .is_some_and(|worker| worker.is_at(host, *port))
        {
            return;
        }
        let at_it = |(_, worker): &(&WorkerId, &Worker)| worker.is_at(host, *port);
        let holder = self
            .state
            .workers
            .iter()
            .find(at_it)
            .map(|(id, _)| id.clone());
        if let Some(holder) = holder {
            self.lose_worker(&holder, &format!("its address was taken over by {id}"));
        }
    }

    fn register(&mut self, description: &WorkerDescription) {
        self.state
            .dead_workers
            .retain(|dead| *dead != description.id);
        let worker = Worker {
            description: description.clone(),
            state: self.state_of_registered(&description.id),
            confirmed_epoch: self.state.epoch,
            registered: self.now,
            dead_since: None,
            ages_from: None,
            booked: Booking::default(),
            drivers: BTreeSet::new(),
            executors: BTreeSet::new(),
            stopping: Default::default(),
            quarantined: Default::default(),
        };
        self.state.workers.insert(description.id.clone(), worker);
    }

    /// A drain outlives every life of its worker: operators drain machines, not boots.
    fn state_of_registered(&self, id: &WorkerId) -> WorkerState {
        if self.state.drains.contains_key(id) {
            WorkerState::Decommissioned
        } else {
            WorkerState::Alive
        }
    }

    /// The same life of a worker answers. A DEAD one is in again: its instances were declared lost,
    /// and what it still runs of them is stopped. Any other keeps its state, DECOMMISSIONED too.
    fn confirm(&mut self, description: &WorkerDescription) {
        let epoch = self.state.epoch;
        let registered = self.state_of_registered(&description.id);
        let Some(worker) = self.state.workers.get_mut(&description.id) else {
            return;
        };
        worker.description = description.clone();
        worker.confirmed_epoch = epoch;
        if worker.state == WorkerState::Dead {
            worker.state = registered;
            worker.dead_since = None;
            worker.ages_from = None;
            self.state
                .dead_workers
                .retain(|dead| *dead != description.id);
        }
    }

    /// Placed here and not known there: the order never arrived, and the *same* instance is ordered
    /// again. The state stays as it is.
    fn note_unordered(&mut self, id: &WorkerId, reports: &[InstanceReport]) {
        if !self.noting {
            return;
        }
        let known: BTreeSet<&InstanceId> = reports.iter().map(|report| &report.instance).collect();
        let placed = self.state.placed_on(id);
        let unordered: Vec<_> = placed
            .into_iter()
            .map(|(instance, _)| instance)
            .filter(|instance| Some(instance.cluster) == self.state.cluster)
            .filter(|instance| !known.contains(instance))
            .collect();
        for instance in unordered {
            let why = "its order had not arrived, and is sent again";
            self.note(super::report::name(&instance), Outcome::Started, why);
        }
    }

    /// What another cluster ordered before this one was restored, and what its worker does not have, is
    /// not ordered again: the worker may have run it, and have forgotten it with that cluster's leave.
    fn lose_former(&mut self, id: &WorkerId, reports: &[InstanceReport]) {
        let known: BTreeSet<&InstanceId> = reports.iter().map(|report| &report.instance).collect();
        let placed = self.state.placed_on(id).into_iter();
        let gone: Vec<InstanceId> = placed
            .map(|(instance, _)| instance)
            .filter(|instance| Some(instance.cluster) != self.state.cluster)
            .filter(|instance| !known.contains(instance))
            .collect();
        for instance in gone {
            self.lose_instance(
                &instance,
                "it was ordered before the cluster was restored, and its worker does not have it",
            );
        }
    }

    /// An answer names everything that a worker has: what it does not name needs no stopping any more.
    fn forget_unreported(&mut self, id: &WorkerId, reports: &[InstanceReport]) {
        let Some(worker) = self.state.workers.get_mut(id) else {
            return;
        };
        let has: BTreeSet<&InstanceId> = reports.iter().map(|report| &report.instance).collect();
        worker.stopping.retain(|instance, _| has.contains(instance));
        worker
            .quarantined
            .retain(|instance, _| has.contains(instance));
    }
}

/// What an answer acknowledges: every end that is in it, late and unknown ones too, since the worker
/// has no more to say of them.
fn finals(reports: &[InstanceReport]) -> Vec<InstanceId> {
    reports
        .iter()
        .filter(|report| report.status.is_final())
        .map(|report| report.instance.clone())
        .collect()
}
