//! What a worker holds, and by what it obeys.

use std::collections::{BTreeMap, BTreeSet};
use std::sync::Arc;
use std::time::Duration;

use rand::rngs::StdRng;
use rand::{Rng, SeedableRng};
use vesta_proto::worker::{Ended, Exit, Instance, NeverRan, Orders, Report, Running, instance};
use vesta_types::{WorkerDescription, WorkerState};

use crate::history::History;
use crate::machine::{EPOCH_MS, Machine};
use crate::story::Story;

/// How old the last confirmed heartbeat may be when something is executed.
pub(super) const ORDER_TTL: Duration = Duration::from_millis(2_500);

/// What became of an instance.
#[derive(Clone, Copy)]
enum Status {
    Running {
        since: Duration,
        until: Duration,
    },
    Ended {
        since: Duration,
        at: Duration,
        killed: bool,
    },
    NeverRan,
}

pub(super) struct Holding {
    name: String,
    pub(super) description: WorkerDescription,
    /// Empty until a master has named it.
    pub(super) cluster: String,
    /// The highest that it has met.
    pub(super) epoch: u64,
    /// The last set of orders that was obeyed.
    obeyed: (u64, u64),
    confirmed: Option<Duration>,
    held: BTreeMap<String, Status>,
    /// Every instance that it ever had.
    ever: BTreeSet<String>,
    random: StdRng,
    machines: Vec<Arc<Machine>>,
    history: History,
    story: Story,
}

fn now() -> Duration {
    turmoil::sim_elapsed().unwrap_or_default()
}

fn unix_ms(at: Duration) -> u64 {
    EPOCH_MS + u64::try_from(at.as_millis()).unwrap_or(u64::MAX - EPOCH_MS)
}

impl Holding {
    pub(super) fn new(
        name: String,
        description: WorkerDescription,
        seed: u64,
        machines: Vec<Arc<Machine>>,
        history: History,
        story: Story,
    ) -> Holding {
        Holding {
            name,
            description,
            cluster: String::new(),
            epoch: 0,
            obeyed: (0, 0),
            confirmed: None,
            held: BTreeMap::new(),
            ever: BTreeSet::new(),
            random: StdRng::seed_from_u64(seed),
            machines,
            history,
            story,
        }
    }

    pub(super) fn join(&mut self, cluster: &str) {
        if self.cluster.is_empty() {
            cluster.clone_into(&mut self.cluster);
        }
    }

    /// Whether what carries this epoch counts.
    pub(super) fn follow(&mut self, epoch: u64) -> bool {
        if epoch < self.epoch {
            return false;
        }
        self.epoch = epoch;
        true
    }

    /// A heartbeat that was sent at `stamp` is confirmed.
    pub(super) fn confirm(&mut self, stamp: Duration) {
        self.confirmed = self.confirmed.max(Some(stamp));
    }

    /// Obeys a set of orders; whether that changed anything.
    pub(super) fn obey(&mut self, orders: Orders) -> bool {
        if !self.follow(orders.epoch) || (orders.epoch, orders.index) < self.obeyed {
            return false;
        }
        self.obeyed = (orders.epoch, orders.index);
        self.pass();
        let mut changed = false;
        for run in orders.run {
            // What is not fresh is left, and comes again with a later set.
            if self.is_fresh() && self.ever.insert(run.instance_id.clone()) {
                let status = self.execute(&run.instance_id);
                self.held.insert(run.instance_id, status);
                changed = true;
            }
        }
        for id in orders.stop {
            changed |= self.stop(&id);
        }
        changed
    }

    fn is_fresh(&self) -> bool {
        let confirmed = self.confirmed;
        confirmed.is_some_and(|confirmed| now() - confirmed <= ORDER_TTL)
    }

    fn execute(&mut self, id: &str) -> Status {
        let at = now();
        self.story
            .say(&self.name, format!("executes {}", attempt(id)));
        if self.is_lost() {
            let text = format!("executes {id} after the masters have declared it lost");
            self.story.violation(at, &self.name, text);
        }
        let again = self.history.lock().executed.insert(id.to_owned(), at);
        if again.is_some() {
            let text = format!("executes {id}, which was executed already");
            self.story.violation(at, &self.name, text);
        }
        let takes = self.random.random_range(100..4_000);
        Status::Running {
            since: at,
            until: at + Duration::from_millis(takes),
        }
    }

    /// Whether the newest state that any master has shows this worker as lost.
    fn is_lost(&self) -> bool {
        let masters = self.machines.iter().filter_map(|machine| machine.master());
        let newest = masters.max_by_key(|master| master.shared.state().applied);
        newest.is_some_and(|master| {
            let state = master.shared.state();
            let own = state.workers.get(&self.description.id);
            own.is_some_and(|worker| worker.state == WorkerState::Dead)
        })
    }

    fn stop(&mut self, id: &str) -> bool {
        match self.held.get(id) {
            Some(Status::Running { since, .. }) => {
                let (since, at, killed) = (*since, now(), true);
                let ended = Status::Ended { since, at, killed };
                self.held.insert(id.to_owned(), ended);
                self.story.say(&self.name, format!("stops {}", attempt(id)));
                true
            }
            Some(_) => false,
            None => {
                // Never seen: it must not be executed later either.
                if self.ever.insert(id.to_owned()) {
                    self.held.insert(id.to_owned(), Status::NeverRan);
                    return true;
                }
                false
            }
        }
    }

    /// Time passes: what has run long enough has ended.
    fn pass(&mut self) {
        let at = now();
        for status in self.held.values_mut() {
            if let Status::Running { since, until } = *status
                && until <= at
            {
                *status = Status::Ended {
                    since,
                    at: until,
                    killed: false,
                };
            }
        }
    }

    /// These ends are in the log.
    pub(super) fn forget(&mut self, instances: &[String]) {
        for id in instances {
            if let Some(Status::Ended { .. } | Status::NeverRan) = self.held.get(id) {
                self.held.remove(id);
            }
        }
    }

    /// Everything that is held.
    pub(super) fn report(&mut self) -> Report {
        self.pass();
        let instances = self.held.iter().map(|(id, status)| Instance {
            instance_id: id.clone(),
            restart: 0,
            status: Some(wire(*status)),
        });
        Report {
            epoch: self.epoch,
            instances: instances.collect(),
            refused_stale: Vec::new(),
            stale_orders: 0,
            description: Some((&self.description).into()),
            leaving: false,
        }
    }
}

fn running(since: Duration) -> Running {
    Running {
        pid: 1,
        since_ms: unix_ms(since),
    }
}

fn wire(status: Status) -> instance::Status {
    match status {
        Status::Running { since, .. } => instance::Status::Running(running(since)),
        Status::Ended { since, at, killed } => instance::Status::Ended(Ended {
            exit: Some(Exit {
                code: (!killed).then_some(0),
                signal: killed.then_some(15),
                killed,
                error: None,
            }),
            at_ms: unix_ms(at),
            ran: Some(running(since)),
        }),
        Status::NeverRan => instance::Status::NeverRan(NeverRan {
            reason: "told to stop before it ran".to_owned(),
        }),
    }
}

/// An instance's id without the cluster's.
fn attempt(id: &str) -> &str {
    let mut dots = id.match_indices('.').map(|(at, _)| at);
    dots.nth(1).map_or(id, |at| &id[..at])
}
