//! Orders to workers: complete sets, as of one applied index.

use std::collections::BTreeSet;
use std::time::Duration;

use vesta_core::orders::{self, Should};
use vesta_core::{Application, ClusterState, Driver, Executor};
use vesta_proto::worker::{Addresses, Orders, Run, to_worker};
use vesta_types::{Booking, InstanceId, InstanceReport};

use super::{Leader, Output};

/// What a session was ordered last.
#[derive(Debug)]
pub(super) struct Sent {
    run: Vec<InstanceId>,
    stop: Vec<InstanceId>,
    /// Led time of it.
    at: Duration,
    /// Whether the worker has reported since, and something of `run` was missing: it had no fresh
    /// confirmation when the orders came, or they came before the order was on disk there.
    lacking: bool,
}

/// How long after orders that a worker did not take up they are said again: about as long as the
/// confirmation takes that it was missing.
const AGAIN: Duration = Duration::from_millis(100);

impl Sent {
    /// The worker has said what it has.
    pub(super) fn reported(&mut self, reports: &[InstanceReport]) {
        let has: BTreeSet<&InstanceId> = reports.iter().map(|report| &report.instance).collect();
        self.lacking = self.run.iter().any(|id| !has.contains(id));
    }
}

impl Leader {
    /// Sends each confirmed worker what it should run and stop, when that has changed, and again while
    /// something of it is not taken up: a lost message delays, never changes, the outcome.
    pub(super) fn dispatch(&mut self, state: &ClusterState) {
        let led = self.clock.led();
        for (id, line) in &mut self.workers {
            let (Some(session), Some(worker)) = (line.session, state.workers.get(id)) else {
                continue;
            };
            let same_life = line.description.as_ref().is_some_and(|description| {
                description.incarnation == worker.description.incarnation
            });
            if !same_life || line.condemned || !state.is_confirmed(worker) {
                continue;
            }
            let orders = orders::for_worker(state, id);
            let open = !orders.stop.is_empty()
                || orders.run.iter().any(|(_, should)| !is_taken_up(should));
            let send = match &line.ordered {
                None => true,
                Some(sent) => {
                    let same = sent.run.iter().eq(orders.run.iter().map(|(id, _)| id))
                        && sent.stop == orders.stop;
                    let wait = if sent.lacking {
                        AGAIN
                    } else {
                        self.timing.repeat
                    };
                    !same || (open && led.saturating_sub(sent.at) >= wait)
                }
            };
            if !send {
                continue;
            }
            let message = Orders {
                cluster_id: self.cluster.to_string(),
                epoch: self.epoch.0,
                index: state.applied,
                run: orders
                    .run
                    .iter()
                    .map(|(id, should)| run(id, should))
                    .collect(),
                stop: orders.stop.iter().map(ToString::to_string).collect(),
            };
            line.ordered = Some(Sent {
                run: orders.run.into_iter().map(|(id, _)| id).collect(),
                stop: orders.stop,
                at: led,
                lacking: false,
            });
            self.outputs.push(Output::ToWorker(
                session,
                to_worker::Message::Orders(message),
            ));
        }
    }
}

/// Whether its worker has reported its process.
fn is_taken_up(should: &Should<'_>) -> bool {
    match should {
        Should::Driver(driver) => driver
            .placement
            .as_ref()
            .is_some_and(|placement| placement.pid.is_some()),
        Should::Executor(_, executor) => executor.pid.is_some(),
    }
}

fn run(id: &InstanceId, should: &Should<'_>) -> Run {
    match should {
        Should::Driver(driver) => run_driver(id, driver),
        Should::Executor(app, executor) => run_executor(id, app, executor),
    }
}

fn run_driver(id: &InstanceId, driver: &Driver) -> Run {
    let description = &driver.description;
    let booking = driver
        .placement
        .as_ref()
        .map(|p| p.booking.clone())
        .unwrap_or_default();
    Run {
        launch: Some((&description.launch).into()),
        supervise: description.supervise,
        conf: description.conf.clone().into_iter().collect(),
        app_name: description.name.clone(),
        executor_cores: description.executor.as_ref().map(|size| size.cores),
        executor_memory_mib: description.executor.as_ref().map(|size| size.memory_mib),
        total_executor_cores: description.total_executor_cores,
        ..booked(id, &booking)
    }
}

fn run_executor(id: &InstanceId, app: &Application, executor: &Executor) -> Run {
    Run {
        launch: Some((&app.description.launch).into()),
        profile: executor.profile,
        app_name: app.description.name.clone(),
        payload: app.description.payload.clone(),
        ..booked(id, &executor.booking)
    }
}

fn booked(id: &InstanceId, booking: &Booking) -> Run {
    let named = booking.named.iter().map(|(name, addresses)| {
        (
            name.clone(),
            Addresses {
                addresses: addresses.iter().cloned().collect(),
            },
        )
    });
    Run {
        instance_id: id.to_string(),
        cores: booking.cores,
        memory_mib: booking.memory_mib,
        named: named.collect(),
        ..Run::default()
    }
}
