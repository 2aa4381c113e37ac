//! Faults end: each by itself, and in the end all of them.

use rand::Rng;
use rand::seq::SliceRandom;
use vesta_types::InstanceId;

use crate::clock::{MS, SECOND};
use crate::trace::trace;
use crate::world::{Event, World};

/// How a fault ends.
#[derive(Debug)]
pub enum Heal {
    /// A master goes on.
    ResumeMaster(usize),
    /// An agent goes on.
    ResumeAgent(usize),
    /// A supervisor goes on.
    ResumeSupervisor(usize, InstanceId, u64),
    /// These links carry messages again.
    Links(Vec<(usize, usize)>),
    /// These links are good again.
    Fast(Vec<(usize, usize)>),
    /// A disk is fast again.
    Disk(usize),
    /// Links come and go: these are cut (or mended) now, and so on, so many times.
    Flap(Vec<(usize, usize)>, u32, bool),
}

impl World {
    /// A fault ends.
    pub(in crate::world) fn heal(&mut self, heal: Heal) {
        match heal {
            Heal::ResumeMaster(m) => self.resume_master(m),
            Heal::ResumeAgent(w) => {
                if std::mem::replace(&mut self.workers[w].paused, false) {
                    trace!(self, "HEAL w{} goes on", w + 1);
                    let deferred = std::mem::take(&mut self.workers[w].deferred);
                    deferred.into_iter().for_each(|event| self.after(0, event));
                }
            }
            Heal::ResumeSupervisor(w, instance, serial) => {
                let own = self.workers[w]
                    .supervisors
                    .get_mut(&instance)
                    .filter(|own| own.serial == serial);
                if let Some(own) = own {
                    own.paused = false;
                    let deferred = std::mem::take(&mut own.deferred);
                    deferred.into_iter().for_each(|event| self.after(0, event));
                }
            }
            Heal::Links(links) => {
                trace!(self, "HEAL {} links", links.len());
                for (from, to) in links {
                    if self.net.mend(from, to) {
                        self.flows_again(from, to);
                    }
                }
            }
            Heal::Fast(links) => links
                .into_iter()
                .for_each(|(from, to)| self.net.slow(from, to, (0, 0))),
            Heal::Disk(m) => self.masters[m].disk_slow = 0,
            Heal::Flap(links, times, cut) => {
                if cut {
                    links.iter().for_each(|(from, to)| self.net.cut(*from, *to));
                } else {
                    self.heal(Heal::Links(links.clone()));
                }
                if cut || times > 0 {
                    let pause = self.rng.random_range(300 * MS..2 * SECOND);
                    self.after(
                        pause,
                        Event::Heal(Box::new(Heal::Flap(
                            links,
                            times.saturating_sub(u32::from(!cut)),
                            !cut,
                        ))),
                    );
                }
            }
        }
    }

    /// The faults are over, but for a minority of masters and some workers that never come back.
    pub(in crate::world) fn quiet(&mut self) {
        trace!(self, "HEAL everything; nothing breaks from now on");
        self.faults_are_on = false;
        self.load_is_on = false;
        let clocks = self.masters.iter_mut().map(|master| &mut master.clock);
        // A client whose clock is hours ahead is refused, and told so: that is no fault of masters.
        clocks
            .chain(&mut self.client_clocks)
            .for_each(|clock| clock.wall_off_ms = 0);
        let sites = self.masters.len() + self.workers.len() + self.options.clients;
        for from in 0..sites {
            for to in 0..sites {
                self.net.slow(from, to, (0, 0));
                while !self.net.mend(from, to) {}
                self.flows_again(from, to);
            }
        }
        let mut masters: Vec<usize> = (0..self.masters.len()).collect();
        masters.shuffle(&mut self.rng);
        let dead = self.rng.random_range(0..=(masters.len() - 1) / 2);
        for (nth, m) in masters.into_iter().enumerate() {
            self.masters[m].disk_slow = 0;
            self.masters[m].disk_fails_until = 0;
            self.resume_master(m);
            if nth < dead {
                self.master_down(m, false);
                self.masters[m].gone = true;
            } else {
                self.master_up(m);
            }
        }
        let lost = if self.rng.random_bool(0.5) {
            self.rng.random_range(0..self.workers.len())
        } else {
            0
        };
        let mut workers: Vec<usize> = (0..self.workers.len()).collect();
        workers.shuffle(&mut self.rng);
        for (nth, w) in workers.into_iter().enumerate() {
            self.workers[w].crash_in = None;
            self.heal(Heal::ResumeAgent(w));
            let paused: Vec<(InstanceId, u64)> = self.workers[w]
                .supervisors
                .iter()
                .map(|(id, own)| (id.clone(), own.serial))
                .collect();
            for (id, serial) in paused {
                self.heal(Heal::ResumeSupervisor(w, id, serial));
            }
            if nth < lost {
                self.machine_down(w);
                self.workers[w].gone = true;
            } else {
                self.machine_up(w);
                self.agent_up(w);
            }
        }
    }
}
