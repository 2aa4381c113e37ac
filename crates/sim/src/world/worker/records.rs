//! A model of a worker's directory, and what the records there mean.

use std::collections::BTreeMap;
use std::collections::btree_map::Entry;
use std::rc::Rc;

use uuid::Uuid;
use vesta_proto::worker_convert::RunOrder;
use vesta_types::{InstanceId, InstanceReport};
use vesta_worker::clock::Boottime;
use vesta_worker::reconcile::Allegiance;
use vesta_worker::store::records::{Ending, Records, Running, Started};

use super::Worker;

/// The records of one instance.
#[derive(Clone, Debug)]
pub struct Directory {
    /// The order.
    pub order: Rc<RunOrder>,
    /// `started.n`
    pub started: BTreeMap<u32, Started>,
    /// `pid.n`
    pub pids: BTreeMap<u32, Running>,
    /// `exit.n`
    pub exits: BTreeMap<u32, Ending>,
    /// `told_to_end`
    pub told_to_end: bool,
    /// `interrupted`
    pub interrupted: Option<String>,
    /// `acknowledged`
    pub acknowledged: bool,
    /// `supervisor.json`: which one.
    pub supervisor: Option<u64>,
}

/// A worker's directory.
#[derive(Clone, Debug, Default)]
pub struct Directories {
    /// Whom it obeys.
    pub allegiance: Allegiance,
    /// The boot that the records are of.
    pub boot: Option<Uuid>,
    /// The last confirmation, with the boot that it is of.
    pub confirmed: Option<(Uuid, Boottime)>,
    /// By instance.
    pub instances: BTreeMap<InstanceId, Directory>,
}

impl Worker {
    /// Whether an instance's own supervisor is there.
    pub(in crate::world) fn is_supervised(&self, instance: &InstanceId) -> bool {
        let recorded = self
            .disk
            .instances
            .get(instance)
            .and_then(|it| it.supervisor);
        let there = self.supervisors.get(instance);
        there.is_some_and(|it| Some(it.serial) == recorded)
    }

    /// What an instance's records say.
    pub(in crate::world) fn records(&self, instance: &InstanceId) -> Option<Records> {
        let directory = self.disk.instances.get(instance)?;
        let last = directory.started.keys().next_back().copied();
        let revoked = match directory.started.get(&0) {
            Some(Started::Revoked { reason }) => Some(reason.clone()),
            _ => None,
        };
        let running = last.and_then(|last| directory.pids.range(..=last).next_back());
        Some(Records {
            last_started: last,
            revoked,
            ending: last.and_then(|last| directory.exits.get(&last).cloned()),
            interrupted: directory.interrupted.clone(),
            is_supervised: directory.interrupted.is_some() && self.is_supervised(instance),
            running: running.map(|(_, running)| running.clone()),
        })
    }

    pub(super) fn report(&self, instance: &InstanceId) -> Option<InstanceReport> {
        let (status, restart) = self.records(instance)?.status();
        Some(InstanceReport {
            instance: instance.clone(),
            status,
            restart,
        })
    }

    /// Decides the outcome of an instance that nobody supervises: as `store::recover::give_up` does.
    pub(super) fn give_up(&mut self, instance: &InstanceId, why: &str) {
        let Some(directory) = self.disk.instances.get_mut(instance) else {
            return;
        };
        if let Entry::Vacant(first) = directory.started.entry(0) {
            let reason = format!("{why} before it was started");
            first.insert(Started::Revoked { reason });
        } else {
            directory.interrupted.get_or_insert_with(|| why.to_owned());
        }
    }
}
