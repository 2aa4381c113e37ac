//! Why something waits, in words (failure D21: an application that waits for ever without a reason).

use std::cell::RefCell;
use std::collections::{BTreeMap, BTreeSet};

use vesta_types::resources::show_memory;
use vesta_types::{ApplicationDescription, DriverDescription, ProfileRequest, WorkerState};

use crate::state::{Application, ClusterState, Driver, Worker};

use super::Policy;
use super::drivers::{find, first_after_cursor, need_of, places_left};
use super::kind::{Kind, Runs};
use super::lacks::{Lacks, all_of, cores};
use super::reserve::Reserve;
use super::room::{Need, Room, Size, is_usable, usable};
use super::waiting::Demand;

/// Answers why things wait, as of one state. Worth making once for a long list.
pub struct Reasons<'a> {
    state: &'a ClusterState,
    rooms: Vec<Room>,
    reserve: Reserve,
    next: usize,
    /// `max_drivers`, if as many run.
    max_drivers: Option<u32>,
    /// Equal demands have the same answer: that of drivers, and that of executors.
    drivers: Answers,
    executors: Answers,
}

type Answers = RefCell<BTreeMap<Demand, String>>;

fn answer(answers: &Answers, demand: Demand, find: impl FnOnce(&Demand) -> String) -> String {
    if let Some(known) = answers.borrow().get(&demand) {
        return known.clone();
    }
    let found = find(&demand);
    answers.borrow_mut().insert(demand, found.clone());
    found
}

impl<'a> Reasons<'a> {
    /// Looks at what is free and at what is kept.
    pub fn of(state: &'a ClusterState, policy: &Policy) -> Reasons<'a> {
        let rooms = usable(state);
        Reasons {
            state,
            reserve: Reserve::of(state, policy, &rooms),
            next: first_after_cursor(state, &rooms),
            max_drivers: policy
                .max_drivers
                .filter(|_| places_left(state, policy) == Some(0)),
            rooms,
            drivers: Answers::default(),
            executors: Answers::default(),
        }
    }

    /// Why `driver` waits for a worker; `None` if it does not.
    pub fn driver(&self, driver: &Driver) -> Option<String> {
        if !driver.state.is_waiting() {
            return None;
        }
        if driver.kill_requested {
            return Some("its end was asked for".to_owned());
        }
        if let Some(worker) = &driver.leased_to {
            let lease = driver.description.lease.map_or(0, |lease| lease.time_ms);
            return Some(format!(
                "attempt {} was lost with {worker} and may still run there until its lease of {} s is over",
                driver.attempt,
                lease as f64 / 1000.0
            ));
        }
        let demand = Demand {
            need: need_of(self.state, &driver.description),
            own: driver.description.executor.as_ref().map(Size::from),
        };
        Some(answer(&self.drivers, demand, |demand| {
            let kept =
                "kept back so that executors of running drivers still fit, and one of its own";
            let next = || match find(driver, &demand.need, &self.rooms, self.next, &self.reserve) {
                Some(at) => self.fits_on(at),
                None => kept.to_owned(),
            };
            no_worker(self.state)
                .or_else(|| never_fits_driver(self.state, &driver.description))
                .or_else(|| {
                    let most = self.max_drivers?;
                    Some(format!("max_drivers = {most} run already"))
                })
                .or_else(|| self.no_room(&demand.need))
                .unwrap_or_else(next)
        }))
    }

    /// Why `app`, which has fewer executors than it wants, waits for more; `None` if it does not wait.
    /// One that has several resource profiles says it for each that waits.
    ///
    /// An application that set no limit wants whatever there is: it waits only while it holds nothing.
    pub fn application(&self, app: &Application) -> Option<String> {
        together(app, &self.profiles(app))
    }

    /// The same for each of its profiles that waits, by number.
    pub fn profiles(&self, app: &Application) -> BTreeMap<u32, String> {
        let numbers = app.description.profiles.keys();
        let why = |number: &u32| Some((*number, self.profile(app, *number)?));
        numbers.filter_map(why).collect()
    }

    /// Why `app` waits for more executors of one of its profiles, see [`Reasons::application`].
    pub fn profile(&self, app: &Application, number: u32) -> Option<String> {
        let request = app.description.profiles.get(&number)?;
        if !waits(app, number) {
            return None;
        }
        let need = Need::of_executor(&app.description, &request.profile);
        let own = self
            .not_served(app)
            .or_else(|| contradiction(&app.description, &need));
        if own.is_some() {
            return own;
        }
        let demand = Demand { need, own: None };
        Some(answer(
            &self.executors,
            demand,
            |Demand { need, .. }| {
                let fits = || {
                    let at = self.rooms.iter().position(|room| room.fits(need));
                    at.map_or_else(String::new, |at| self.fits_on(at))
                };
                no_worker(self.state)
                    .or_else(|| never_fits(self.state, need))
                    .or_else(|| self.no_room(need))
                    .unwrap_or_else(fits)
            },
        ))
    }

    /// Why no executor at all is placed for `app`, whatever it asks for.
    fn not_served(&self, app: &Application) -> Option<String> {
        if !self.state.is_app_confirmed(app) {
            return Some("its client has not answered the new leader yet".to_owned());
        }
        app.retries_exhausted().then(|| {
            format!(
                "its executors failed {} times in a row and its limit is {}: it gets no more",
                app.retries, app.description.max_executor_retries
            )
        })
    }

    fn fits_on(&self, at: usize) -> String {
        format!(
            "fits on {} and is placed in the next plan, unless those ahead of it take the room",
            self.rooms[at].worker
        )
    }

    /// Why no usable worker has room for `need` now, if so.
    fn no_room(&self, need: &Need) -> Option<String> {
        let (state, rooms) = (self.state, &self.rooms);
        if rooms.iter().any(|room| room.fits(need)) {
            return None;
        }
        // Workers that may be able to hold it and are not asked yet.
        let silent = state.workers.values().filter(|worker| {
            let able = worker.is_alive() && Runs::of(worker).can(need.kind);
            able && !is_usable(state, worker) && Room::of(worker).fits(need)
        });
        let silent = match silent.count() {
            0 => String::new(),
            1 => "; a worker with room has not answered the new leader yet".to_owned(),
            n => format!("; {n} workers with room have not answered the new leader yet"),
        };
        let able = || rooms.iter().filter(|room| room.runs.can(need.kind));
        if able().next().is_none() {
            return Some(format!(
                "needs {}, and no worker has answered the new leader yet",
                all_of(need)
            ));
        }
        // The first of the best, so the answer does not change from one look to the next.
        let best = |value: &dyn Fn(&Room) -> u64| {
            let best = able()
                .enumerate()
                .max_by_key(|(at, room)| (value(room), std::cmp::Reverse(*at)));
            best.map(|(_, room)| room)
        };
        let by_cores = best(&|room| room.cores.into())?;
        let by_memory = best(&|room| room.memory_mib)?;
        let by_name = |name: &str| best(&|room| room.named_free(name) as u64);
        let lacks = Lacks::new(need, by_cores.cores, by_memory.memory_mib, |name| {
            by_name(name).map_or(0, |room| room.named_free(name))
        });
        Some(match lacks {
            Lacks::One { needs, most } => {
                let worker = if need.cores > by_cores.cores {
                    Some(by_cores)
                } else if need.memory_mib > by_memory.memory_mib {
                    Some(by_memory)
                } else {
                    None
                };
                let worker = worker.map_or(String::new(), |room| format!(" ({})", room.worker));
                format!("needs {needs} on one worker, the largest free is {most}{worker}{silent}")
            }
            Lacks::Together => format!(
                "needs {} on one worker: {} has the most cores free, {} with {}, and {} the most \
                 memory, {} with {}{silent}",
                all_of(need),
                by_cores.worker,
                by_cores.cores,
                show_memory(by_cores.memory_mib),
                by_memory.worker,
                show_memory(by_memory.memory_mib),
                cores(by_memory.cores)
            ),
        })
    }
}

/// Whether `app` waits for more executors of this profile, see [`Reasons::application`].
pub fn waits(app: &Application, profile: u32) -> bool {
    let request = app.description.profiles.get(&profile);
    app.is_live() && request.is_some_and(|request| wants_more(app, profile, request))
}

/// What the profiles of `app` wait for, in one text.
pub fn together(app: &Application, profiles: &BTreeMap<u32, String>) -> Option<String> {
    let first = profiles.values().next()?;
    let same = profiles.len() > 1 && profiles.values().all(|why| why == first);
    if same || app.description.profiles.len() == 1 {
        return Some(first.clone());
    }
    let each = profiles.iter();
    let each = each.map(|(number, why)| format!("profile {number}: {why}"));
    Some(each.collect::<Vec<_>>().join("; "))
}

/// For the answer to a submission: why no registered worker could ever hold the driver, or one of the
/// executors that it means to ask for. `None` if one could, or if no worker is ALIVE (nothing can be
/// said then).
pub fn never_fits_driver(state: &ClusterState, driver: &DriverDescription) -> Option<String> {
    never_fits(state, &need_of(state, driver)).or_else(|| {
        let executor = driver.executor.as_ref()?;
        let need = Need {
            kind: Kind::of_driver(driver).anywhere(),
            ..Need::plain(executor.cores, executor.memory_mib)
        };
        never_fits(state, &need).map(|text| format!("its executors: {text}"))
    })
}

/// For the answer to a registration: why some executor that the application asks for can never be
/// placed. `None` if all can, or if no worker is ALIVE.
pub fn never_fits_executor(state: &ClusterState, app: &ApplicationDescription) -> Option<String> {
    let mut needs = app
        .profiles
        .values()
        .map(|r| Need::of_executor(app, &r.profile));
    needs.find_map(|need| contradiction(app, &need).or_else(|| never_fits(state, &need)))
}

/// Whether the application gets another executor of this profile as soon as there is room.
fn wants_more(app: &Application, number: u32, request: &ProfileRequest) -> bool {
    let live = app.live_of(number);
    let step = Need::of_executor(&app.description, &request.profile).cores;
    let below_target = request.target.is_none_or(|target| live < target);
    let has_limit = request.target.is_some() || app.description.max_cores.is_some();
    let never_any = app.description.max_cores.is_some_and(|max| max < step);
    let fits_its_limit = app.cores_left() >= step || (never_any && live == 0);
    below_target && fits_its_limit && (has_limit || live == 0)
}

/// A description that no cluster could serve: below `max_cores`, no such executor is possible.
fn contradiction(app: &ApplicationDescription, need: &Need) -> Option<String> {
    let max = app.max_cores.filter(|max| need.cores > *max)?;
    Some(format!(
        "one executor takes {}, more than the {max} that all its executors may take together",
        cores(need.cores)
    ))
}

/// Why nothing at all can be placed, if so.
fn no_worker(state: &ClusterState) -> Option<String> {
    if state.workers.is_empty() {
        return Some("no worker is registered".to_owned());
    }
    if !state.workers.values().any(Worker::is_alive) {
        return Some(format!(
            "none of the {} registered workers is ALIVE",
            state.workers.len()
        ));
    }
    None
}

/// Why it waits if no ALIVE worker can run it, however small it is.
fn nobody_runs(kind: Kind) -> String {
    match kind {
        Kind::Program => {
            "no worker of Vesta's own is ALIVE: those of Spark's run Spark alone".to_owned()
        }
        Kind::Spark(release) | Kind::SparkAtVesta(release) => format!(
            "no worker runs Spark of its release ({release}): start a Spark worker of that release, or name \
             a home of it to a Vesta worker (spark_homes)"
        ),
    }
}

/// Why no ALIVE worker could hold `need` even if it were empty, if so and if there is one.
fn never_fits(state: &ClusterState, need: &Need) -> Option<String> {
    let alive = || state.workers.values().filter(|worker| worker.is_alive());
    if alive().next().is_none() || alive().any(|worker| need.fits_worker(worker)) {
        return None;
    }
    let drained = state
        .workers
        .values()
        .find(|worker| worker.state == WorkerState::Decommissioned && need.fits_worker(worker));
    if let Some(worker) = drained {
        return Some(format!(
            "only workers that are drained could hold it, such as {}",
            worker.description.id
        ));
    }
    let able = || alive().filter(|worker| Runs::of(worker).can(need.kind));
    if able().next().is_none() {
        return Some(nobody_runs(need.kind));
    }
    let capacities = || able().map(|worker| &worker.description.capacity);
    let most_cores = capacities().map(|all| all.cores).max()?;
    let most_memory = capacities().map(|all| all.memory_mib).max()?;
    let lacks = Lacks::new(need, most_cores, most_memory, |name| {
        let named = capacities().map(|all| all.named.get(name).map_or(0, BTreeSet::len));
        named.max().unwrap_or(0)
    });
    Some(match lacks {
        Lacks::One { needs, most } => {
            format!(
                "no registered worker could ever hold it: needs {needs}, the largest has {most}"
            )
        }
        Lacks::Together => format!(
            "no registered worker could ever hold it: needs {}, and none has all of it",
            all_of(need)
        ),
    })
}
