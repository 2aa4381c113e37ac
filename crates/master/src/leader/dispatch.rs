//! Orders to workers: complete sets, as of one applied index, but for what the worker has already said
//! that it has. What is in no set, a worker reports and keeps.

use std::collections::BTreeSet;
use std::time::Duration;

use vesta_core::orders::{self, Should};
use vesta_core::{Application, ClusterState, Driver, Executor};
use vesta_proto::worker::{Addresses, Orders, Run, to_worker};
use vesta_proto::worker_convert::lease;
use vesta_types::limits::MESSAGE_BYTES_MAX;
use vesta_types::{Booking, InstanceId};

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

/// Room for the launches of one message of orders: half of what a message may have.
const ORDERS_BYTES_MAX: usize = MESSAGE_BYTES_MAX / 2;

/// Room for what of an order is never long: ids, sizes, addresses of resources.
const ORDER_BYTES: usize = 4096;

impl Sent {
    /// The worker has said what it has.
    pub(super) fn reported(&mut self, has: &BTreeSet<InstanceId>) {
        self.lacking = self.run.iter().any(|id| !has.contains(id));
    }
}

impl Leader {
    /// Sends each confirmed worker what it should run and stop, when that has changed, and again while
    /// something of it is not taken up: a lost message delays, never changes, the outcome.
    pub(super) fn dispatch(&mut self, state: &ClusterState) {
        let led = self.clock.led();
        let mut due = std::mem::take(&mut self.attention.workers);
        due.append(&mut self.attention.open);
        if led.saturating_sub(self.attention.swept) >= self.timing.repeat {
            self.attention.swept = led;
            due.extend(self.workers.keys().cloned());
        }
        for id in due {
            let Some(line) = self.workers.get_mut(&id) else {
                continue;
            };
            let (Some(session), Some(has), Some(worker)) =
                (line.session, &line.has, line.known_in(state))
            else {
                continue;
            };
            if line.condemned || !state.is_confirmed(worker) {
                continue;
            }
            let mut orders = orders::for_worker(state, &id);
            orders.run.retain(|(id, _)| !has.contains(id));
            let mut bytes = 0;
            let fitting = orders.run.iter().take_while(|(_, should)| {
                bytes += launch_bytes(should);
                bytes <= ORDERS_BYTES_MAX
            });
            // The rest follows when these are reported.
            let fitting = fitting.count().max(1);
            orders.run.truncate(fitting);
            let open = !orders.stop.is_empty() || !orders.run.is_empty();
            if open {
                self.attention.open.insert(id);
            }
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

/// About how long its order is: what of it can be long, and room for the rest.
fn launch_bytes(should: &Should<'_>) -> usize {
    let (launch, other) = match should {
        Should::Driver(driver) => {
            let conf = driver.description.conf.iter();
            let conf = conf.map(|(key, value)| key.len() + value.len()).sum();
            (&driver.description.launch, conf)
        }
        Should::Executor(app, _) => (&app.description.launch, app.description.payload.len()),
    };
    launch.bytes() + other + ORDER_BYTES
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
        lease: description.lease.map(lease),
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
