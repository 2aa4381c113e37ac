//! A deliberately naive model of the state: flat lists, and sums made anew each time. No queue, no set
//! kept on both sides, no booking: what the real state keeps, this one counts.
//!
//! Workers have 8 cores and gpus 0 and 1; everything placed has 1 core and, if it asks for one, a gpu.

use vesta_types::{ApplicationState, DriverState, ExecutorState, WorkerState};

/// What a worker can say of an instance.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Says {
    Accepted,
    Runs(u32),
    Exit(i32),
    Killed,
    NotFound,
    NeverRan,
    Interrupted,
}

impl Says {
    pub(super) fn is_final(self) -> bool {
        !matches!(self, Says::Accepted | Says::Runs(_))
    }
}

/// Of which application (of none: a driver), which number, and what.
pub(super) type ModelSaid = (Option<usize>, usize, Says);

#[derive(Clone, Debug)]
pub(super) struct ModelWorker {
    pub n: u16,
    pub life: u16,
    pub state: WorkerState,
    pub confirmed: u64,
    pub drain: Option<ModelDrain>,
}

#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) struct ModelDrain {
    pub deadline: u64,
    pub over: bool,
}

#[derive(Clone, Debug)]
pub(super) struct ModelDriver {
    pub supervise: bool,
    pub state: DriverState,
    pub attempt: u32,
    pub on: Option<u16>,
    pub seen: bool,
    pub restart: u32,
    pub killing: bool,
    pub wants_gpu: bool,
    pub gpu: Option<u8>,
    /// It is to stop when its worker is cut off.
    pub stops: bool,
    /// Where a lost attempt may still run.
    pub leased: Option<u16>,
    /// It is told to end where it is, and goes elsewhere.
    pub moving: bool,
}

#[derive(Clone, Debug)]
pub(super) struct ModelApp {
    pub owner: Option<(usize, u32, u32)>,
    pub over: Option<ApplicationState>,
    pub confirmed: u64,
    pub wants_gpu: bool,
    pub target: Option<u32>,
    pub retries: u32,
    pub executors: Vec<ModelExecutor>,
}

#[derive(Clone, Debug)]
pub(super) struct ModelExecutor {
    pub on: u16,
    pub state: ExecutorState,
    pub seen: bool,
    pub killing: bool,
    pub gpu: Option<u8>,
}

/// The whole of it. Drivers, applications and executors are known by their numbers.
#[derive(Clone, Debug, Default)]
pub(super) struct Model {
    pub epoch: u64,
    pub recovered: bool,
    pub workers: Vec<ModelWorker>,
    pub drivers: Vec<ModelDriver>,
    pub apps: Vec<ModelApp>,
}

pub(super) const MAX_RETRIES: u32 = 2;
pub(super) const MAX_CORES: usize = 6;

impl Model {
    pub(super) fn worker(&self, n: u16) -> Option<&ModelWorker> {
        self.workers.iter().find(|worker| worker.n == n)
    }

    fn worker_mut(&mut self, n: u16) -> Option<&mut ModelWorker> {
        self.workers.iter_mut().find(|worker| worker.n == n)
    }

    fn is_there(&self, n: u16) -> bool {
        let epoch = self.epoch;
        self.worker(n)
            .is_some_and(|w| w.state == WorkerState::Alive && w.confirmed == epoch)
    }

    fn answers(&self, n: u16) -> bool {
        let epoch = self.epoch;
        self.worker(n)
            .is_some_and(|w| w.state != WorkerState::Dead && w.confirmed == epoch)
    }

    pub(super) fn held(&self, n: u16) -> usize {
        let drivers = self
            .drivers
            .iter()
            .filter(|driver| driver.on == Some(n))
            .count();
        let executors = self.apps.iter().flat_map(|app| &app.executors);
        drivers
            + executors
                .filter(|e| e.on == n && !e.state.is_final())
                .count()
    }

    /// The gpus of a worker that something holds, one entry for each holder.
    pub(super) fn gpus_held(&self, n: u16) -> Vec<u8> {
        let drivers = self.drivers.iter().filter(|driver| driver.on == Some(n));
        let executors = self.apps.iter().flat_map(|app| &app.executors);
        let executors = executors.filter(|e| e.on == n && !e.state.is_final());
        let mut held: Vec<u8> = drivers
            .filter_map(|driver| driver.gpu)
            .chain(executors.filter_map(|e| e.gpu))
            .collect();
        held.sort_unstable();
        held
    }

    pub(super) fn live(&self, app: usize) -> Vec<usize> {
        let executors = self.apps[app].executors.iter().enumerate();
        executors
            .filter(|(_, e)| !e.state.is_final())
            .map(|(n, _)| n)
            .collect()
    }

    pub(super) fn app_state(&self, app: usize) -> ApplicationState {
        let holds = !self.live(app).is_empty();
        let live = if holds {
            ApplicationState::Running
        } else {
            ApplicationState::Waiting
        };
        self.apps[app].over.unwrap_or(live)
    }

    /// A new leader; `stops` are workers that have something to stop, which the model does not follow.
    pub(super) fn lead(&mut self, stops: &[u16]) {
        self.epoch += 1;
        let holds = |n: u16| self.held(n) > 0 || stops.contains(&n);
        self.recovered = !self.workers.iter().any(|worker| holds(worker.n));
    }

    pub(super) fn complete(&mut self, condemned: &[u16]) {
        if !self.recovered {
            for n in condemned {
                if self
                    .worker(*n)
                    .is_some_and(|worker| worker.confirmed < self.epoch)
                {
                    self.lose(*n);
                }
            }
            self.recovered = true;
        }
    }

    pub(super) fn attach(&mut self, n: u16, life: u16, said: &[ModelSaid]) {
        let known = self.worker(n).map(|worker| worker.life);
        if known.is_some_and(|known| known != life) {
            for (app, number, says) in said.iter().filter(|(_, _, says)| says.is_final()) {
                self.say(n, *app, *number, *says, true);
            }
            self.lose(n);
        }
        if known.is_none() {
            let state = WorkerState::Alive;
            self.workers.push(ModelWorker {
                n,
                life,
                state,
                confirmed: 0,
                drain: None,
            });
        }
        let epoch = self.epoch;
        let worker = self.worker_mut(n).unwrap();
        worker.state = match worker.drain {
            Some(_) => WorkerState::Decommissioned,
            None => WorkerState::Alive,
        };
        (worker.life, worker.confirmed) = (life, epoch);
        for (app, number, says) in said {
            self.say(n, *app, *number, *says, true);
        }
        for (id, driver) in self.drivers.iter_mut().enumerate() {
            let named = said.iter().any(|(app, of, _)| app.is_none() && *of == id);
            if driver.leased == Some(n) && !named {
                driver.leased = None;
            }
        }
    }

    pub(super) fn drain(&mut self, n: u16, deadline: u64) -> bool {
        let Some(worker) = self.worker_mut(n) else {
            return false;
        };
        if worker.state == WorkerState::Dead {
            return false;
        }
        worker.state = WorkerState::Decommissioned;
        let known = worker.drain.get_or_insert(ModelDrain {
            deadline,
            over: false,
        });
        if !known.over {
            known.deadline = deadline;
        }
        if deadline == 0 {
            self.end_drain(n);
        }
        true
    }

    pub(super) fn undrain(&mut self, n: u16) {
        let worker = self.worker_mut(n).unwrap();
        worker.drain = None;
        if worker.state == WorkerState::Decommissioned {
            worker.state = WorkerState::Alive;
        }
    }

    pub(super) fn end_drain(&mut self, n: u16) {
        let Some(drain) = self.worker_mut(n).and_then(|worker| worker.drain.as_mut()) else {
            return;
        };
        drain.over = true;
        let supervised = |driver: &&mut ModelDriver| driver.on == Some(n) && driver.supervise;
        for driver in self.drivers.iter_mut().filter(supervised) {
            driver.moving = true;
        }
        for executor in self.apps.iter_mut().flat_map(|app| &mut app.executors) {
            if executor.on == n && !executor.state.is_final() {
                (executor.state, executor.killing) = (ExecutorState::Decommissioned, true);
            }
        }
    }

    pub(super) fn report(&mut self, n: u16, said: &[ModelSaid]) -> bool {
        let there = self.answers(n);
        if there {
            for (app, number, says) in said {
                self.say(n, *app, *number, *says, false);
            }
        }
        there
    }

    fn say(&mut self, n: u16, app: Option<usize>, number: usize, says: Says, attaching: bool) {
        match app {
            Some(app) => self.executor_says(n, app, number, says, attaching),
            None => self.driver_says(n, number, says),
        }
    }

    fn driver_says(&mut self, n: u16, id: usize, says: Says) {
        use DriverState::{Error, Failed, Finished, Killed, Relaunching};
        if let Some(driver) = self.drivers.get_mut(id)
            && driver.leased == Some(n)
            && says.is_final()
        {
            driver.leased = None;
            return;
        }
        let Some(driver) = self
            .drivers
            .get_mut(id)
            .filter(|driver| driver.on == Some(n))
        else {
            return;
        };
        let (sup, killing, seen) = (driver.supervise, driver.killing, driver.seen);
        let again = if sup { Relaunching } else { Failed };
        let to = match says {
            Says::Accepted => return,
            Says::Runs(restart) => {
                driver.seen = true;
                driver.restart = driver.restart.max(restart);
                let run = (driver.attempt, driver.restart);
                for app in 0..self.apps.len() {
                    let owner = self.apps[app].owner;
                    if owner.is_some_and(|(of, a, r)| of == id && (a, r) < run) {
                        self.end_app(app, ApplicationState::Failed);
                    }
                }
                return;
            }
            Says::Exit(0) => Finished,
            Says::Exit(_) if killing => Failed,
            Says::Exit(_) => again,
            Says::NotFound => Error,
            Says::Killed if killing => Killed,
            Says::Killed => {
                if sup {
                    Relaunching
                } else {
                    Error
                }
            }
            Says::NeverRan | Says::Interrupted if killing => Killed,
            Says::NeverRan if !seen => Relaunching,
            Says::NeverRan | Says::Interrupted => again,
        };
        self.driver_is(id, to);
    }

    fn driver_is(&mut self, id: usize, to: DriverState) {
        let driver = &mut self.drivers[id];
        driver.state = to;
        if to != DriverState::Running {
            (driver.on, driver.seen, driver.restart) = (None, false, 0);
            driver.gpu = None;
            (driver.leased, driver.moving) = (None, false);
            let apps = match to {
                DriverState::Finished => ApplicationState::Finished,
                DriverState::Killed => ApplicationState::Killed,
                _ => ApplicationState::Failed,
            };
            for app in 0..self.apps.len() {
                if self.apps[app].owner.is_some_and(|(of, _, _)| of == id) {
                    self.end_app(app, apps);
                }
            }
        }
    }

    fn executor_says(&mut self, n: u16, app: usize, number: usize, says: Says, attaching: bool) {
        use ExecutorState::{Exited, Failed, Killed, Launching, Lost, Running};
        let Some(of) = self.apps.get_mut(app) else {
            return;
        };
        let Some(executor) = of.executors.get_mut(number) else {
            return;
        };
        if executor.on != n || executor.state.is_final() {
            return;
        }
        let (killing, seen) = (executor.killing, executor.seen);
        let (to, failed) = match says {
            Says::Accepted => return,
            Says::Runs(_) => {
                executor.seen = true;
                if executor.state == Launching {
                    executor.state = Running;
                    of.retries = 0;
                }
                return;
            }
            Says::Exit(code) => (Exited, code != 0),
            Says::NotFound => (Failed, true),
            Says::Killed if killing => (Killed, false),
            Says::Killed => (Exited, false),
            Says::NeverRan if killing => (Killed, false),
            Says::NeverRan if !seen => (Lost, false),
            Says::NeverRan | Says::Interrupted => (Failed, !attaching),
        };
        self.executor_is(app, number, to, failed && !killing);
    }

    fn executor_is(&mut self, app: usize, number: usize, to: ExecutorState, failed: bool) {
        let counted = failed && self.apps[app].confirmed == self.epoch;
        self.apps[app].executors[number].state = to;
        if self.apps[app].over.is_some() {
            return;
        }
        self.apps[app].retries += u32::from(counted);
        let live = self.live(app);
        let executors = &self.apps[app].executors;
        let none_runs = live
            .iter()
            .all(|n| executors[*n].state != ExecutorState::Running);
        let hopeless = live.is_empty() || counted && none_runs;
        if hopeless && self.apps[app].retries >= MAX_RETRIES {
            self.end_app(app, ApplicationState::Failed);
        }
    }

    pub(super) fn end_app(&mut self, app: usize, to: ApplicationState) {
        if self.apps[app].over.is_none() {
            self.apps[app].over = Some(to);
            for number in self.live(app) {
                self.apps[app].executors[number].killing = true;
            }
        }
    }

    pub(super) fn lose(&mut self, n: u16) {
        match self.worker_mut(n) {
            Some(worker) if worker.state != WorkerState::Dead => worker.state = WorkerState::Dead,
            _ => return,
        }
        for app in 0..self.apps.len() {
            for number in self.live(app) {
                if self.apps[app].executors[number].on == n {
                    self.executor_is(app, number, ExecutorState::Lost, false);
                }
            }
        }
        for id in 0..self.drivers.len() {
            let driver = &self.drivers[id];
            if driver.on == Some(n) {
                let to = match (driver.killing, driver.supervise) {
                    (true, _) => DriverState::Killed,
                    (false, true) => DriverState::Relaunching,
                    (false, false) => DriverState::Error,
                };
                self.driver_is(id, to);
                let driver = &mut self.drivers[id];
                if driver.stops && to == DriverState::Relaunching {
                    driver.leased = Some(n);
                }
            }
        }
    }

    pub(super) fn end_lease(&mut self, id: usize, attempt: u32) {
        if let Some(driver) = self.drivers.get_mut(id)
            && driver.attempt == attempt
        {
            driver.leased = None;
        }
    }

    pub(super) fn submit(&mut self, supervise: bool, wants_gpu: bool, stops: bool) {
        let state = DriverState::Submitted;
        let (attempt, on, seen, restart, killing) = (0, None, false, 0, false);
        self.drivers.push(ModelDriver {
            supervise,
            state,
            attempt,
            on,
            seen,
            restart,
            killing,
            wants_gpu,
            gpu: None,
            stops,
            leased: None,
            moving: false,
        });
    }

    pub(super) fn kill(&mut self, id: usize) {
        let driver = &mut self.drivers[id];
        driver.killing |= !driver.state.is_final();
        if driver.state.is_waiting() {
            self.driver_is(id, DriverState::Killed);
        }
    }

    pub(super) fn register(&mut self, owner: Option<(usize, u32, u32)>, wants_gpu: bool) -> bool {
        let current = owner.is_none_or(|(id, attempt, restart)| {
            let driver = self.drivers.get(id);
            driver.is_some_and(|driver| {
                driver.on.is_some() && driver.attempt == attempt && restart >= driver.restart
            })
        });
        if current {
            let (confirmed, executors) = (self.epoch, Vec::new());
            let (over, target, retries) = (None, None, 0);
            self.apps.push(ModelApp {
                owner,
                over,
                confirmed,
                wants_gpu,
                target,
                retries,
                executors,
            });
        }
        current
    }

    fn has_room(&self, n: u16, life: u16, gpu: Option<u8>) -> bool {
        let gpu_free = gpu.is_none_or(|gpu| gpu < 2 && !self.gpus_held(n).contains(&gpu));
        self.is_there(n) && self.worker(n).unwrap().life == life && self.held(n) < 8 && gpu_free
    }

    pub(super) fn place_driver(
        &mut self,
        id: usize,
        attempt: u32,
        gpu: Option<u8>,
        (n, life): (u16, u16),
    ) -> bool {
        let driver = &self.drivers[id];
        let fits = driver.state.is_waiting()
            && driver.leased.is_none()
            && attempt == driver.attempt + 1
            && driver.wants_gpu == gpu.is_some()
            && self.has_room(n, life, gpu);
        if fits {
            let driver = &mut self.drivers[id];
            (driver.state, driver.attempt, driver.on) = (DriverState::Running, attempt, Some(n));
            driver.gpu = gpu;
        }
        fits
    }

    pub(super) fn place_executor(
        &mut self,
        app: usize,
        gpu: Option<u8>,
        (n, life): (u16, u16),
    ) -> bool {
        let of = &self.apps[app];
        let live = self.live(app).len();
        let fits = of.over.is_none()
            && of.confirmed == self.epoch
            && of.retries < MAX_RETRIES
            && live < MAX_CORES
            && of.target.is_none_or(|target| live < target as usize)
            && of.wants_gpu == gpu.is_some()
            && self.has_room(n, life, gpu);
        if fits {
            let state = ExecutorState::Launching;
            let executor = ModelExecutor {
                on: n,
                state,
                seen: false,
                killing: false,
                gpu,
            };
            self.apps[app].executors.push(executor);
        }
        fits
    }
}
