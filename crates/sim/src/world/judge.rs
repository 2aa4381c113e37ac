//! After the faults: everything comes right within a stated time, new work runs, and in the end nothing
//! is left: I1–I3, I9, I16, I17, I19, I25–I28.

use vesta_core::plan::{Policy, plan};
use vesta_core::{ClusterState, Request as Body, invariants};
use vesta_types::{AppId, DriverId, DriverState, InstanceId, RecoveryState, Work, WorkerState};

use super::client::Purpose;
use super::worker::short;
use super::{Event, World};
use crate::check::broke;
use crate::clock::{MS, SECOND};
use crate::trace::trace;

/// New submissions after the faults.
const PROBES: usize = 5;

impl World {
    /// What is not right is looked at again a little later, until the time for it is over.
    fn must_hold(&mut self, complaints: &[String], until: u64, again: Event) -> bool {
        let Some(first) = complaints.first() else {
            return true;
        };
        if self.now >= until {
            let (first, more) = (first.clone(), complaints.len() - 1);
            broke(&mut self.broken, || format!("{first} (and {more} more)"));
        } else {
            self.after(500 * MS, again);
        }
        false
    }

    fn the_leader(&self, complaints: &mut Vec<String>) -> Option<usize> {
        let leads =
            |m: &usize| self.masters[*m].up && self.masters[*m].shown() != RecoveryState::Standby;
        let leaders: Vec<usize> = (0..self.masters.len()).filter(leads).collect();
        if leaders.len() != 1 {
            complaints.push(format!(
                "I26: {} masters lead after the faults",
                leaders.len()
            ));
            return None;
        }
        Some(leaders[0])
    }

    /// Everything has come right.
    pub(super) fn judge(&mut self) {
        let mut complaints = Vec::new();
        if let Some(leader) = self.the_leader(&mut complaints) {
            self.judge_masters(leader, &mut complaints);
            self.judge_workers(leader, &mut complaints);
            let state = &self.masters[leader].state;
            if !plan(state, &Policy::default()).is_empty() {
                complaints.push("I25: something waits that would fit".to_owned());
            }
        }
        let until = self.options.safety + self.options.convergence() + 5 * SECOND;
        if !self.must_hold(&complaints, until, Event::Judge) {
            return;
        }
        trace!(self, "everything has come right");
        self.judge_history();
        for _ in 0..PROBES {
            let args = ["300", "0", "-", "0"].map(str::to_owned).to_vec();
            let description = self.driver(args, 1, false, false);
            let site = self.client_site(0);
            let call = self.call(Purpose::Own(0), site, Body::SubmitDriver { description });
            self.probes.push(call);
        }
    }

    fn judge_masters(&self, leader: usize, complaints: &mut Vec<String>) {
        let state = &self.masters[leader].state;
        if !state.recovered || self.masters[leader].shown() != RecoveryState::Alive {
            complaints.push(format!(
                "I16: the recovery of epoch {} is not complete",
                state.epoch
            ));
        }
        for (m, master) in self.masters.iter().enumerate().filter(|(_, it)| it.up) {
            if master.applied + 40 < self.masters[leader].applied {
                complaints.push(format!(
                    "m{} has applied {} of {}",
                    m + 1,
                    master.applied,
                    self.masters[leader].applied
                ));
            }
            let (streams, waiting) = master.held();
            let most = self.workers.len() + 2 * self.apps.len();
            if streams > most || waiting > 64 {
                complaints.push(format!(
                    "I28: m{} holds {streams} streams and {waiting} proposals",
                    m + 1
                ));
            }
        }
    }

    fn judge_workers(&self, leader: usize, complaints: &mut Vec<String>) {
        let state = &self.masters[leader].state;
        for (w, worker) in self.workers.iter().enumerate() {
            let known = state.workers.get(&worker.id);
            let dead = known.is_none_or(|known| known.state == WorkerState::Dead);
            if worker.gone && !dead {
                complaints.push(format!("I27: w{} is gone, and is not DEAD", w + 1));
            }
            if !worker.gone && (dead || known.is_some_and(|known| !state.is_confirmed(known))) {
                complaints.push(format!("I27: w{} lives, and is not known as that", w + 1));
            }
            if worker.gone {
                continue;
            }
            for process in worker.processes.values() {
                if !is_wanted(state, w, self, &process.instance) {
                    complaints.push(format!(
                        "I9: nobody wants {} that runs on w{}",
                        short(&process.instance),
                        w + 1
                    ));
                }
            }
            for (instance, _) in state.placed_on(&worker.id) {
                let runs = worker.processes.values().any(|it| *it.instance == instance);
                if !runs && !worker.supervisors.contains_key(&instance) {
                    complaints.push(format!(
                        "I9: {} is to run on w{}, and does not",
                        short(&instance),
                        w + 1
                    ));
                }
            }
        }
    }

    /// What was acknowledged holds.
    fn judge_history(&mut self) {
        let newest = self.newest();
        let applied = self.masters[newest].applied;
        for m in 0..self.masters.len() {
            if self.masters[m].up {
                let index = self.masters[m].applied;
                self.truth
                    .compared(index, &self.masters[m].state, &mut self.broken);
            }
        }
        let state = &self.masters[newest].state;
        self.truth.told.judge(state, &mut self.broken);
        if let Err(lines) = invariants::check(state) {
            broke(&mut self.broken, || {
                format!("the state at {applied}: {}", lines.join("; "))
            });
        }
        for report in &state.failovers {
            if report.executors_killed > 0 {
                broke(&mut self.broken, || {
                    format!(
                        "I17: the fail-over of epoch {} killed executors",
                        report.epoch
                    )
                });
            }
        }
    }

    /// New work has run to its end.
    pub(super) fn probed(&mut self) {
        let mut complaints = Vec::new();
        if let Some(leader) = self.the_leader(&mut complaints) {
            let state = &self.masters[leader].state;
            let drivers = state.drivers.values();
            let keys: Vec<_> = self
                .probes
                .iter()
                .map(|call| self.calls[*call].key)
                .collect();
            let mut found = 0;
            for driver in drivers.filter(|driver| keys.contains(&driver.key)) {
                found += 1;
                let waits = driver.state.is_waiting() && plan(state, &Policy::default()).is_empty();
                if driver.state != DriverState::Finished && !waits {
                    complaints.push(format!(
                        "I26: the new driver {} is {}",
                        driver.id, driver.state
                    ));
                }
            }
            if found != self.probes.len() || self.probes.is_empty() {
                complaints.push(format!(
                    "I26: {found} of {} new submissions were taken",
                    self.probes.len()
                ));
            }
        }
        let until = self.options.end() - self.options.clearing() + 5 * SECOND;
        if self.must_hold(&complaints, until, Event::Probed) {
            trace!(self, "new work has run");
            self.end_all();
        }
    }

    /// Everything is told to end.
    fn end_all(&mut self) {
        let newest = self.newest();
        let state = &self.masters[newest].state;
        let drivers: Vec<DriverId> = state
            .drivers
            .values()
            .filter(|it| !it.state.is_final())
            .map(|it| it.id.clone())
            .collect();
        let apps: Vec<AppId> = state
            .applications
            .values()
            .filter(|it| it.is_live())
            .map(|it| it.id.clone())
            .collect();
        for driver in drivers {
            self.kill_driver(driver);
        }
        for app in apps {
            self.kill_application(app);
        }
    }

    /// Nothing is left.
    pub(super) fn cleared(&mut self) {
        let mut complaints = Vec::new();
        if let Some(leader) = self.the_leader(&mut complaints) {
            let state = &self.masters[leader].state;
            let live = state.drivers.values().filter(|it| !it.state.is_final());
            complaints.extend(
                live.map(|it| format!("I19: {} was told to end and is {}", it.id, it.state)),
            );
            let live = state.applications.values().filter(|it| it.is_live());
            complaints.extend(
                live.map(|it| format!("I18: {} was told to end and is {}", it.id, it.state)),
            );
            for worker in state
                .workers
                .values()
                .filter(|it| it.state != WorkerState::Dead)
            {
                if worker.booked.cores > 0 || worker.booked.memory_mib > 0 {
                    let (id, cores) = (&worker.description.id, worker.booked.cores);
                    complaints.push(format!(
                        "I11: {cores} cores of {id} are booked, and nothing is left"
                    ));
                }
            }
            for (w, worker) in self.workers.iter().enumerate().filter(|(_, it)| it.up) {
                let left = worker.processes.values().map(|it| &it.instance);
                complaints
                    .extend(left.map(|it| format!("I9: {} is left on w{}", short(it), w + 1)));
            }
        }
        let until = self.options.end() + 5 * SECOND;
        if self.must_hold(&complaints, until, Event::Cleared) {
            self.judge_history();
            self.over = true;
        }
    }
}

fn is_wanted(state: &ClusterState, w: usize, world: &World, instance: &InstanceId) -> bool {
    let here = &world.workers[w].id;
    match &instance.work {
        Work::Driver { driver, attempt } => state.drivers.get(driver).is_some_and(|driver| {
            let placed = driver
                .placement
                .as_ref()
                .is_some_and(|placement| placement.worker == *here);
            driver.attempt == *attempt && placed
        }),
        Work::Executor { app, number } => state.applications.get(app).is_some_and(|app| {
            app.executors
                .get(number)
                .is_some_and(|executor| executor.worker == *here)
        }),
    }
}
