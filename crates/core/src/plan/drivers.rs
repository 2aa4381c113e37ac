//! Placing drivers.

use std::collections::{BTreeMap, BTreeSet};

use vesta_types::DriverDescription;

use crate::command::Placement;
use crate::state::{ClusterState, Driver, Worker};

use super::reserve::Reserve;
use super::room::{Need, Room};
use super::{Plan, Policy};

/// Places waiting drivers, in queue order, each on the first worker after the one that got the last
/// driver (round robin, in the order of worker ids) that has the cores and memory.
///
/// Starvation: a driver that fits nowhere, or that is kept back for the sake of executors, does not
/// block the ones behind it, as in Spark. Nothing is held free for it; so a large driver can wait for
/// as long as smaller ones keep taking what is freed. What it has is its place: a relaunched driver
/// keeps its ticket, and each plan asks in ticket order, so whatever is freed is offered to it first.
/// Holding workers free for a head of the queue that may never fit would let one large submission stop
/// the cluster, which is worse.
pub(super) fn place(state: &ClusterState, policy: &Policy, rooms: &mut [Room], plan: &mut Plan) {
    if rooms.is_empty() || state.driver_queue.is_empty() {
        return;
    }
    let mut places = places_left(state, policy);
    let mut reserve = Reserve::of(state, policy, rooms);
    let mut next = first_after_cursor(state, rooms);
    for driver in state.driver_queue.values() {
        if plan.is_full() || places == Some(0) {
            return;
        }
        let waiting = state
            .drivers
            .get(driver)
            .filter(|driver| driver.may_be_placed());
        let Some(driver) = waiting else { continue };
        let need = need_of(state, &driver.description);
        let Some(at) = find(driver, &need, rooms, next, &reserve) else {
            continue;
        };
        let named = rooms[at].take(&need, need.cores);
        reserve.placed(at, &need, driver.description.executor.as_ref());
        places = places.map(|places| places - 1);
        next = (at + 1) % rooms.len();
        plan.cursor = Some(rooms[at].worker.clone());
        let placement = placement(driver, &rooms[at], named);
        plan.placements.push(placement);
    }
}

/// The next attempt of `driver` on the worker of `room`, with these addresses.
pub(super) fn placement(
    driver: &Driver,
    room: &Room,
    named: BTreeMap<String, BTreeSet<String>>,
) -> Placement {
    Placement::Driver {
        driver: driver.id.clone(),
        attempt: driver.attempt + 1,
        worker: room.worker.clone(),
        incarnation: room.incarnation.clone(),
        named,
    }
}

/// How many drivers more may run under `max_drivers`; `None` is without a limit. One that is being ended
/// runs until its worker says otherwise.
pub(super) fn places_left(state: &ClusterState, policy: &Policy) -> Option<usize> {
    let most = usize::try_from(policy.max_drivers?).unwrap_or(usize::MAX);
    let live = state.drivers.len() - state.ended_drivers.len();
    Some(most.saturating_sub(live - state.driver_queue.len()))
}

/// The position of the first worker after the cursor, whether the cursor's own still exists or not.
pub(super) fn first_after_cursor(state: &ClusterState, rooms: &[Room]) -> usize {
    match &state.driver_cursor {
        Some(last) => rooms.partition_point(|room| room.worker <= *last) % rooms.len().max(1),
        None => 0,
    }
}

/// What `driver` needs: if it is Spark, a worker of Vesta's, as long as there is an ALIVE one that could
/// hold it; it waits for that, full as it may be.
pub(super) fn need_of(state: &ClusterState, driver: &DriverDescription) -> Need {
    let need = Need::of_driver(driver);
    let could = |worker: &Worker| worker.is_alive() && need.fits_worker(worker);
    if need.kind == need.kind.anywhere() || state.workers.values().any(could) {
        return need;
    }
    Need {
        kind: need.kind.anywhere(),
        ..need
    }
}

/// The position, from `next` on and around, where `driver`, which needs `need`, can go.
pub(super) fn find(
    driver: &Driver,
    need: &Need,
    rooms: &[Room],
    next: usize,
    reserve: &Reserve,
) -> Option<usize> {
    let mut positions = (next..rooms.len()).chain(0..next);
    match &driver.description.executor {
        Some(own) => {
            let admission = reserve.admission(need, own)?;
            positions.find(|at| rooms[*at].fits(need) && admission.at(*at))
        }
        None => positions.find(|at| rooms[*at].fits(need)),
    }
}
