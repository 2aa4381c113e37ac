//! What an agent shows of itself on its port for observers.

use std::sync::{Arc, Mutex};
use std::time::Duration;

use vesta_observe::prometheus::core::Collector;
use vesta_observe::prometheus::process_collector::ProcessCollector;
use vesta_observe::prometheus::proto::MetricFamily;
use vesta_observe::{Observed, by_state, counter, gauge};
use vesta_types::InstanceStatus;

use super::serve::Agent;
use crate::clock::Boottime;

/// A loop that has not gone round for this long stands still: it has a heartbeat to send more often.
const STANDSTILL: Duration = Duration::from_secs(60);

/// An agent as of the last round of its loop.
#[derive(Clone, Debug, Default)]
pub(super) struct Glance {
    at: Boottime,
    may_start: bool,
    leader_known: bool,
    sessions: usize,
    epoch: u64,
    stale_orders: u64,
    cores: u32,
    /// Instances that have not ended or whose end is not acknowledged: (state, how many).
    instances: [(&'static str, usize); 3],
}

/// The newest glance, for whoever asks.
#[derive(Clone, Debug, Default)]
pub(super) struct Page(Arc<Mutex<Glance>>);

impl Page {
    fn now(&self) -> Glance {
        self.0
            .lock()
            .expect("nothing panics while it holds this lock")
            .clone()
    }
}

impl Agent {
    /// Shows how it is now.
    pub(super) fn show(&self, now: Boottime) {
        let reconciler = &self.reconciler;
        let (mut accepted, mut running, mut ended) = (0, 0, 0);
        for status in reconciler.unacknowledged() {
            match status {
                InstanceStatus::Accepted => accepted += 1,
                InstanceStatus::Running { .. } => running += 1,
                _ => ended += 1,
            }
        }
        let glance = Glance {
            at: now,
            may_start: reconciler.may_start(now),
            leader_known: reconciler.knows_leader(),
            sessions: self.links.len(),
            epoch: reconciler.allegiance().epoch.0,
            stale_orders: reconciler.stale_orders(),
            cores: self.config.cores,
            instances: [
                ("accepted", accepted),
                ("running", running),
                ("ended", ended),
            ],
        };
        *self
            .page
            .0
            .lock()
            .expect("nothing panics while it holds this lock") = glance;
    }
}

impl Observed for Page {
    #[expect(clippy::cast_precision_loss, reason = "a metric is a float")]
    fn metrics(&self) -> Vec<MetricFamily> {
        let glance = self.now();
        let flag = |value| f64::from(u8::from(value));
        let count = |count: usize| u32::try_from(count).map_or(f64::MAX, f64::from);
        let instances = glance
            .instances
            .map(|(state, number)| (state, count(number)));
        let mut all = [
            gauge(
                "vesta_worker_cores",
                "Cores that this worker gives.",
                f64::from(glance.cores),
            ),
            gauge(
                "vesta_worker_sessions",
                "Masters that this worker has a stream to.",
                count(glance.sessions),
            ),
            gauge(
                "vesta_worker_may_start",
                "Whether a heartbeat was confirmed recently enough for orders to be executed.",
                flag(glance.may_start),
            ),
            gauge(
                "vesta_worker_epoch",
                "The highest epoch that this worker has met.",
                glance.epoch as f64,
            ),
            counter(
                "vesta_worker_refused_orders_total",
                "Orders that this worker has refused as stale since it started.",
                glance.stale_orders,
            ),
            by_state(
                "vesta_worker_instances",
                "Instances here whose end no committed entry has acknowledged, by state.",
                "state",
                instances,
            ),
        ]
        .concat();
        all.extend(ProcessCollector::for_self().collect());
        all
    }

    async fn ready(&self) -> Result<(), String> {
        let glance = self.now();
        if !glance.leader_known {
            let sessions = glance.sessions;
            return Err(format!(
                "no leader is known; {sessions} masters are connected"
            ));
        }
        if !glance.may_start {
            let why = "no heartbeat was confirmed within order_ttl: what runs goes on, and nothing new starts";
            return Err(why.to_owned());
        }
        Ok(())
    }

    fn live(&self) -> Result<(), String> {
        let still = Boottime::now().since(self.now().at);
        if still < STANDSTILL {
            return Ok(());
        }
        Err(format!("the agent's loop has not gone round for {still:?}"))
    }
}
