//! The agent's decisions, without IO: what to start, stop, report and remember, from what masters say
//! and what the instances' records show. Time comes in as a value.
//!
//! Every rule is there because a schedule of crashes, pauses and cuts breaks the shorter one:
//! - an epoch lower than the highest met is refused; the highest is on disk before it is acted on;
//! - the index alone orders sets of orders; a refused set leaves no trace but a count;
//! - what a superseded session says counts for nothing;
//! - nothing is started while the last confirmed heartbeat was sent longer than `order_ttl` ago;
//! - an instance that was ever accepted is never started again, whatever is ordered.

mod io;
mod orders;
mod reports;
mod sessions;
#[cfg(test)]
mod tests;
pub mod wire;

use std::collections::{BTreeMap, VecDeque};
use std::time::Duration;

use vesta_types::{ClusterId, Epoch, InstanceId, InstanceReport, InstanceStatus, canary};

use crate::clock::Boottime;

pub use io::{Action, Input, Message, Report, Source};

/// The timings that decisions depend on.
#[derive(Clone, Copy, Debug)]
pub struct Settings {
    /// How often the leader is told that the worker lives.
    pub heartbeat: Duration,
    /// How long after its sending a confirmed heartbeat allows starts.
    pub order_ttl: Duration,
}

/// What a worker must not forget: whom it obeys.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct Allegiance {
    /// The cluster that it belongs to; `None` before its very first contact.
    pub cluster: Option<ClusterId>,
    /// The highest epoch that it has met.
    pub epoch: Epoch,
}

/// An instance whose order was accepted once.
#[derive(Clone, Debug)]
struct Known {
    status: InstanceStatus,
    restart: u32,
    /// Its end is committed: it is not reported any more.
    acknowledged: bool,
    /// It was told to end.
    stopping: bool,
}

impl Known {
    /// Whether nothing more is to be said of it.
    fn is_over(&self) -> bool {
        self.status.is_final() && self.acknowledged
    }
}

/// The agent's decisions.
#[derive(Debug)]
pub struct Reconciler {
    settings: Settings,
    /// As it is on disk.
    allegiance: Allegiance,
    /// Epoch and index of the last set of orders that was accepted.
    accepted: Option<(Epoch, u64)>,
    sessions: BTreeMap<String, sessions::Session>,
    /// The address of the master that leads, as far as is known; it has a session.
    leader: Option<String>,
    /// When the latest confirmed heartbeat was sent.
    confirmed: Option<Boottime>,
    instances: BTreeMap<InstanceId, Known>,
    /// Runs of the last accepted set that wait for freshness.
    withheld: Option<orders::Withheld>,
    stale_orders: u64,
    /// What was refused since the last report, for people; bounded.
    refused: VecDeque<String>,
    report_due: Option<Boottime>,
    heartbeat_due: Boottime,
    heartbeats_since_report: u32,
    /// The agent shuts down: nothing is started any more.
    draining: bool,
}

impl Reconciler {
    /// A reconciler of a worker whose records are these. `true` marks an instance whose end is
    /// acknowledged.
    pub fn new(
        settings: Settings,
        allegiance: Allegiance,
        instances: impl IntoIterator<Item = (InstanceReport, bool)>,
    ) -> Reconciler {
        let known = |(report, acknowledged): (InstanceReport, bool)| {
            let InstanceReport {
                instance,
                status,
                restart,
            } = report;
            (
                instance,
                Known {
                    status,
                    restart,
                    acknowledged,
                    stopping: false,
                },
            )
        };
        Reconciler {
            settings,
            allegiance,
            accepted: None,
            sessions: BTreeMap::new(),
            leader: None,
            confirmed: None,
            instances: instances.into_iter().map(known).collect(),
            withheld: None,
            stale_orders: 0,
            refused: VecDeque::new(),
            report_due: None,
            heartbeat_due: Boottime::default(),
            heartbeats_since_report: 0,
            draining: false,
        }
    }

    /// What must be synced to disk, and then told by [`Reconciler::persisted`], before `input` may be
    /// taken. An input that is taken without it is dropped.
    pub fn must_persist(&self, input: &Input) -> Option<Allegiance> {
        let (from, cluster, epoch) = match input {
            Input::Welcome {
                from,
                cluster,
                epoch,
                ..
            }
            | Input::MasterChanged {
                from,
                cluster,
                epoch,
            } => (from, *cluster, *epoch),
            Input::Orders { from, set } => (from, set.cluster, set.epoch),
            _ => return None,
        };
        let ours = self.allegiance.cluster.is_none_or(|own| own == cluster);
        let newer = self.allegiance.cluster.is_none() || epoch > self.allegiance.epoch;
        let wanted = Allegiance {
            cluster: Some(cluster),
            epoch: epoch.max(self.allegiance.epoch),
        };
        (self.is_current(from) && ours && newer).then_some(wanted)
    }

    /// `allegiance` is on disk. It never goes back.
    pub fn persisted(&mut self, allegiance: Allegiance) {
        if allegiance.cluster.is_some() && allegiance.epoch >= self.allegiance.epoch {
            self.allegiance = allegiance;
        }
    }

    /// The worker obeys another cluster from now on, which is on disk. Nothing that the former one said
    /// counts any more. Ends are reported again: that cluster may not have heard of them.
    pub fn adopted(&mut self, allegiance: Allegiance) {
        self.allegiance = allegiance;
        self.accepted = None;
        self.leader = None;
        self.confirmed = None;
        self.withheld = None;
        for known in self.instances.values_mut() {
            known.acknowledged = false;
        }
    }

    /// Takes one input at the time `now`, in the only safe order: whom the worker obeys from then on is
    /// on disk first, by `obey`, and only then acted on.
    ///
    /// # Errors
    /// That of `obey`: then the input is dropped, and said again when its session is opened anew.
    pub fn take<E>(
        &mut self,
        now: impl FnOnce() -> Boottime,
        input: Input,
        obey: impl FnOnce(Allegiance) -> Result<(), E>,
    ) -> Result<Vec<Action>, E> {
        if let Some(allegiance) = self.must_persist(&input) {
            obey(allegiance)?;
            self.persisted(allegiance);
        }
        Ok(self.step(now(), input))
    }

    /// Takes one input at the time `now`; what is to be done, in this order.
    pub fn step(&mut self, now: Boottime, input: Input) -> Vec<Action> {
        let mut out = Vec::new();
        if self.must_persist(&input).is_some() {
            return out;
        }
        match input {
            Input::SessionOpened { from } => self.session_opened(now, from, &mut out),
            Input::SessionClosed { from } => self.session_closed(&from),
            Input::Welcome {
                from,
                cluster,
                epoch,
                leading,
            } => {
                self.welcomed(now, from, cluster, epoch, leading, &mut out);
            }
            Input::MasterChanged {
                from,
                cluster,
                epoch,
            } => {
                self.master_changed(now, from, cluster, epoch, &mut out);
            }
            Input::Confirmed {
                from,
                session,
                epoch,
                sequence,
            } => {
                self.heartbeat_confirmed(now, &from, session, epoch, sequence, &mut out);
            }
            Input::Orders { from, set } => self.ordered(now, from, set, &mut out),
            Input::Acknowledged {
                from,
                epoch,
                instances,
            } => {
                self.acknowledged(&from, epoch, &instances, &mut out);
            }
            Input::Observed(report) => self.observed(now, report),
            Input::Cleaned(instances) => self.cleaned(&instances),
            Input::Shutdown => self.shut_down(now, &mut out),
            Input::Tick => {}
        }
        self.send_what_is_due(now, &mut out);
        out
    }

    /// When [`Input::Tick`] is wanted next.
    pub fn next_tick(&self) -> Boottime {
        self.report_due
            .map_or(self.heartbeat_due, |due| due.min(self.heartbeat_due))
    }

    /// The cluster and epoch that the worker obeys.
    pub fn allegiance(&self) -> Allegiance {
        self.allegiance
    }

    /// How an instance is; `None` if its order was never accepted.
    pub fn status(&self, instance: &InstanceId) -> Option<&InstanceStatus> {
        self.instances.get(instance).map(|known| &known.status)
    }

    /// Whether nothing runs and nothing is about to.
    pub fn is_idle(&self) -> bool {
        self.instances.values().all(|known| known.status.is_final())
    }

    /// Whether every end is acknowledged.
    pub fn is_settled(&self) -> bool {
        self.instances
            .values()
            .all(|known| known.status.is_final() && known.acknowledged)
    }

    /// The instances whose end is committed.
    pub fn acknowledged_instances(&self) -> impl Iterator<Item = &InstanceId> {
        let over = |(_, known): &(&InstanceId, &Known)| known.is_over();
        self.instances.iter().filter(over).map(|(id, _)| id)
    }

    /// How many orders were refused as stale since the start.
    pub fn stale_orders(&self) -> u64 {
        self.stale_orders
    }

    /// Whether something that is ordered may be started at `now`.
    pub fn may_start(&self, now: Boottime) -> bool {
        self.is_fresh(now) && !self.draining
    }

    /// Whether a master that leads is known.
    pub fn knows_leader(&self) -> bool {
        self.leader.is_some()
    }

    /// The instances whose end is not acknowledged.
    pub fn unacknowledged(&self) -> impl Iterator<Item = &InstanceStatus> {
        let known = self.instances.values();
        known
            .filter(|known| !known.acknowledged)
            .map(|known| &known.status)
    }

    /// Whether something may be started now.
    fn is_fresh(&self, now: Boottime) -> bool {
        is_fresh(self.confirmed, now, self.settings.order_ttl)
    }
}

/// Whether something may be executed at `now`, when the latest confirmed heartbeat was sent at
/// `confirmed`: the agent looks when orders come, the supervisor again directly before exec.
pub fn is_fresh(confirmed: Option<Boottime>, now: Boottime, order_ttl: Duration) -> bool {
    canary::is_on("order-freshness")
        || confirmed.is_some_and(|sent| now >= sent && now.since(sent) <= order_ttl)
}
