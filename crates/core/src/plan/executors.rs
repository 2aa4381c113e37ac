//! Placing executors: Spark's algorithm since 1.5 (SPARK-8881).

use vesta_types::ProfileRequest;

use crate::command::Placement;
use crate::state::{Application, ClusterState};

use super::room::{Need, Room};
use super::{Plan, Policy};

/// How good a worker is for the next executor; the least is tried first: by the policy, then the lowest
/// id.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
struct Score {
    rank: u64,
    /// The worker's position among the usable ones, which are in the order of their ids.
    position: usize,
}

/// Places executors, application after application in queue order, and for each one profile after the
/// other in the order of their numbers.
///
/// As in Spark, an application behind gets what the ones before it leave, so one without `max_cores`
/// and target takes all there is.
pub(super) fn place(state: &ClusterState, policy: &Policy, rooms: &mut [Room], plan: &mut Plan) {
    let apps = state.app_queue.values();
    for app in apps.filter_map(|id| state.applications.get(id)) {
        if !may_be_served(state, app) {
            continue;
        }
        let mut cores_left = app.cores_left();
        for (number, request) in &app.description.profiles {
            if plan.is_full() {
                return;
            }
            let wanted = Wanted::of(app, *number, request, cores_left);
            let order = order(policy, rooms, &wanted.need);
            let shares = shares(policy, rooms, &wanted, order);
            cores_left -= grant(app, *number, &wanted.need, shares, rooms, plan);
        }
    }
}

/// Whether executors are placed for `app` now: it is not over, its client has answered the current
/// leader, and its executors have not failed too often in a row.
pub(super) fn may_be_served(state: &ClusterState, app: &Application) -> bool {
    app.is_live() && state.is_app_confirmed(app) && !app.retries_exhausted()
}

/// What one worker gives to one application and profile.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub(super) struct Share {
    cores: u32,
    executors: u32,
}

/// The step of the algorithm and its limits, for one application and profile.
struct Steps<'a> {
    rooms: &'a [Room],
    need: Need,
    /// No cores per executor are named: an executor takes more cores step by step, one per worker.
    greedy: bool,
    /// Cores still to give.
    cores_to_assign: u64,
    /// Executors still to make.
    executors_to_make: u64,
}

impl Steps<'_> {
    /// Whether the worker at `position` can take one step more: `need.cores` cores.
    fn can_take(&self, position: usize, share: Share) -> bool {
        let room = &self.rooms[position];
        let step = self.need.cores;
        let cores = self.cores_to_assign >= u64::from(step) && room.cores - share.cores >= step;
        // More cores for the greedy executor that is there already need nothing else.
        let grows = self.greedy && share.executors > 0;
        cores
            && (grows
                || (self.executors_to_make > 0
                    && room.fits_beside_cores(&self.need, share.executors)))
    }

    fn take(&mut self, share: &mut Share) {
        self.cores_to_assign -= u64::from(self.need.cores);
        share.cores += self.need.cores;
        if !self.greedy || share.executors == 0 {
            share.executors += 1;
            self.executors_to_make -= 1;
        }
    }
}

/// What an application still wants of one profile.
pub(super) struct Wanted {
    /// Of each executor.
    pub need: Need,
    greedy: bool,
    /// What it may still get under its own limit.
    cores_left: u32,
    /// Executors up to the target.
    executors: u64,
}

impl Wanted {
    /// What `app` wants of this profile while it may still get `cores_left` cores.
    pub fn of(app: &Application, number: u32, request: &ProfileRequest, cores_left: u32) -> Wanted {
        let target = request.target.map_or(u64::MAX, u64::from);
        Wanted {
            need: Need::of_executor(&app.description, &request.profile),
            greedy: request.profile.cores.is_none(),
            cores_left,
            executors: target.saturating_sub(app.live_of(number).into()),
        }
    }

    /// On how many workers it can get something at most: 0 if it wants nothing.
    pub fn workers_max(&self) -> u64 {
        let by_cores = self.cores_left / self.need.cores;
        self.executors.min(by_cores.into())
    }
}

/// The workers where `need` fits, the best first.
fn order(policy: &Policy, rooms: &[Room], need: &Need) -> Vec<usize> {
    let fitting = rooms.iter().enumerate().filter(|(_, room)| room.fits(need));
    let mut order: Vec<Score> = fitting
        .map(|(position, room)| Score {
            rank: policy.worker_selection.rank(room.size()),
            position,
        })
        .collect();
    order.sort_unstable();
    order.into_iter().map(|score| score.position).collect()
}

/// What each worker of `order` gives to an application for one profile.
///
/// Cores are given `cores` per executor at a time, so what is left over below that is never given:
/// giving single cores round robin, as Spark did before 1.5, spreads them over executors of which none
/// gets the cores that it was asked to have.
pub(super) fn shares(
    policy: &Policy,
    rooms: &[Room],
    wanted: &Wanted,
    order: Vec<usize>,
) -> Vec<(usize, Share)> {
    if wanted.workers_max() == 0 {
        return Vec::new();
    }
    let cores_free: u64 = order.iter().map(|at| u64::from(rooms[*at].cores)).sum();
    let mut steps = Steps {
        rooms,
        greedy: wanted.greedy,
        cores_to_assign: cores_free.min(wanted.cores_left.into()),
        executors_to_make: wanted.executors,
        need: wanted.need.clone(),
    };
    let mut shares: Vec<(usize, Share)> = order
        .into_iter()
        .map(|position| (position, Share::default()))
        .collect();
    let mut takers: Vec<usize> = (0..shares.len()).collect();
    takers.retain(|i| steps.can_take(shares[*i].0, shares[*i].1));
    while !takers.is_empty() {
        for i in &takers {
            let (position, share) = &mut shares[*i];
            while steps.can_take(*position, *share) {
                steps.take(share);
                if policy.spread_out {
                    break;
                }
            }
        }
        takers.retain(|i| steps.can_take(shares[*i].0, shares[*i].1));
    }
    shares
}

/// Makes placements of the shares, one per executor, as far as the plan has room; returns the cores.
pub(super) fn grant(
    app: &Application,
    number: u32,
    need: &Need,
    shares: Vec<(usize, Share)>,
    rooms: &mut [Room],
    plan: &mut Plan,
) -> u32 {
    let mut granted = 0;
    for (position, share) in shares {
        for _ in 0..share.executors {
            if plan.is_full() {
                return granted;
            }
            let room = &mut rooms[position];
            let cores = share.cores / share.executors;
            let named = room.take(need, cores);
            granted += cores;
            plan.placements.push(Placement::Executor {
                app: app.id.clone(),
                profile: number,
                worker: room.worker.clone(),
                incarnation: room.incarnation.clone(),
                cores,
                named,
            });
        }
    }
    granted
}
