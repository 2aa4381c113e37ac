//! What processes did: I5, I7, and that of a driver that is to stop there is one copy at most.

use std::collections::{BTreeMap, BTreeSet};

use vesta_proto::worker_convert::RunOrder;
use vesta_types::{DriverId, InstanceId, Work};

use super::{Broken, broke};
use crate::clock::Nanos;

/// A process, from its exec to its end.
#[derive(Clone, Debug)]
pub struct Execution {
    /// Of which instance.
    pub instance: InstanceId,
    /// On which worker.
    pub worker: usize,
    /// Which restart.
    pub restart: u32,
    /// When it began.
    pub begun: Nanos,
    /// When it ended.
    pub ended: Option<Nanos>,
    exclusive: bool,
}

/// All of them.
#[derive(Default)]
pub struct Ledger {
    lines: Vec<Execution>,
    by_instance: BTreeMap<InstanceId, Vec<usize>>,
    by_driver: BTreeMap<DriverId, Vec<usize>>,
    /// Those whose supervisor was killed or stopped for a while: nobody could end them in time.
    exempt: BTreeSet<InstanceId>,
}

impl Ledger {
    /// Its lines.
    pub fn lines(&self) -> &[Execution] {
        &self.lines
    }

    /// A process begins.
    pub fn executed(
        &mut self,
        now: Nanos,
        w: usize,
        instance: &InstanceId,
        restart: u32,
        order: &RunOrder,
        broken: &mut Broken,
    ) -> usize {
        let line = self.lines.len();
        let same = self.by_instance.entry(instance.clone()).or_default();
        for earlier in same.iter().map(|line| &self.lines[*line]) {
            if earlier.restart >= restart {
                broke(broken, || {
                    format!(
                        "I7: {instance} is executed twice (restart {restart}), on w{} and w{}",
                        earlier.worker + 1,
                        w + 1
                    )
                });
            }
            if earlier.ended.is_none() && !self.exempt.contains(instance) {
                broke(broken, || {
                    format!("I7: {instance} is restarted while it runs")
                });
            }
        }
        same.push(line);
        let exclusive = order.lease.is_some();
        if let Work::Driver { driver, .. } = &instance.work {
            let of = self.by_driver.entry(driver.clone()).or_default();
            for earlier in of.iter().map(|line| &self.lines[*line]) {
                if !order.supervise {
                    broke(broken, || {
                        format!(
                            "I5: the unsupervised driver {driver} is executed twice: as {} and as {instance}",
                            earlier.instance
                        )
                    });
                }
                let overlaps = earlier.ended.is_none() && earlier.instance != *instance;
                if exclusive && overlaps && !self.exempt.contains(&earlier.instance) {
                    broke(broken, || {
                        format!(
                            "two copies of the driver {driver}, which is to stop when cut off: {} on w{} and {instance} on w{}",
                            earlier.instance,
                            earlier.worker + 1,
                            w + 1
                        )
                    });
                }
            }
            of.push(line);
        }
        self.lines.push(Execution {
            instance: instance.clone(),
            worker: w,
            restart,
            begun: now,
            ended: None,
            exclusive,
        });
        line
    }

    /// It has ended.
    pub fn ended(&mut self, now: Nanos, line: usize) {
        self.lines[line].ended = Some(now);
    }

    /// Nobody can be trusted to end this in time.
    pub fn exempt(&mut self, instance: &InstanceId) {
        self.exempt.insert(instance.clone());
    }

    /// Whether a driver was ever executed.
    pub fn ran(&self, driver: &DriverId) -> bool {
        self.by_driver.contains_key(driver)
    }

    /// How many processes were to have no copy beside them.
    pub fn exclusive(&self) -> usize {
        self.lines.iter().filter(|line| line.exclusive).count()
    }
}
