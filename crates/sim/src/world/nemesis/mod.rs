//! Who breaks things: when, what, and for how long.

mod heal;
mod links;
mod masters;
mod workers;

use rand::Rng;
use rand::seq::IndexedRandom;

use crate::clock::{MS, Nanos, SECOND};
use crate::fault::Fault;
use crate::trace::trace;
use crate::world::{Event, World};

pub use heal::Heal;

impl World {
    fn duration(&mut self) -> Nanos {
        let most = self.options.fault_lasts * 2;
        self.rng.random_range(most / 20..=most)
    }

    fn raft_leader(&self) -> Option<usize> {
        let leads = |m: &usize| self.masters[*m].up && self.masters[*m].is_raft_leader();
        let of = (0..self.masters.len()).filter(leads);
        of.max_by_key(|m| self.masters[*m].disk.written.term)
    }

    fn some_master(&mut self) -> usize {
        self.rng.random_range(0..self.masters.len())
    }

    fn some_worker(&mut self) -> usize {
        self.rng.random_range(0..self.workers.len())
    }

    /// Something breaks.
    pub(super) fn fault(&mut self) {
        if !self.faults_are_on {
            return;
        }
        let every = self.options.fault_every;
        let pause = self.rng.random_range(every / 10..=every * 19 / 10);
        self.after(pause, Event::Fault);
        let fault = *self
            .options
            .faults
            .choose(&mut self.rng)
            .expect("there are faults");
        if self.inject(fault) {
            self.note_fault(fault);
        }
    }

    /// Power is cut for every master.
    pub(super) fn cut_all(&mut self) {
        if self.faults_are_on {
            self.note_fault(Fault::PowerCutAll);
            (0..self.masters.len()).for_each(|m| self.kill_master(m, true));
        }
    }

    /// The first leader of all is elected: it dies before anybody knows of its leadership.
    pub(super) fn kill_first_leader(&mut self, m: usize) {
        trace!(self, "FAULT {} at once", Fault::KillLeader.name());
        self.note_fault(Fault::KillLeader);
        self.kill_master(m, false);
    }

    fn inject(&mut self, fault: Fault) -> bool {
        // Before, since afterwards the phase may be another one.
        trace!(self, "FAULT {}", fault.name());
        match fault {
            Fault::KillLeader => {
                let Some(m) = self.raft_leader() else {
                    return self.kill_some_master();
                };
                self.note_fault(fault);
                self.kill_master(m, false);
                return false;
            }
            Fault::KillMasters => {
                self.note_fault(fault);
                if self.rng.random_range(0..3) == 0 {
                    (0..self.masters.len()).for_each(|m| self.kill_master(m, false));
                } else {
                    self.kill_some_master();
                }
                return false;
            }
            Fault::PauseLeader => {
                let m = self.raft_leader().unwrap_or_else(|| self.some_master());
                return self.pause_master(m);
            }
            Fault::HandOver => {
                let Some(m) = self.raft_leader() else {
                    return false;
                };
                self.note_fault(fault);
                self.hand_over(m);
                return false;
            }
            Fault::KillAgent => return self.kill_agent(),
            Fault::PauseAgent => return self.pause_agent(),
            Fault::Supervisor => return self.break_supervisor(),
            Fault::LoseMachine | Fault::PowerCutWorker => {
                let w = self.some_worker();
                self.note_fault(fault);
                self.machine_down(w);
                let away = self.duration()
                    + if fault == Fault::LoseMachine {
                        self.duration() * 2
                    } else {
                        0
                    };
                self.after(away, Event::MachineUp { w });
                return false;
            }
            Fault::Process => return self.crash_process(),
            Fault::Partition => self.partition(),
            Fault::Bridge => self.bridge(),
            Fault::OneWay => self.one_way(),
            Fault::OldLeader => self.old_leader(),
            Fault::SlowNetwork => self.slow_network(),
            Fault::Reset | Fault::HalfOpen => return self.break_streams(fault),
            Fault::PowerCut => {
                let m = match self.raft_leader() {
                    Some(m) if self.rng.random_bool(0.5) => m,
                    _ => self.some_master(),
                };
                self.note_fault(fault);
                self.kill_master(m, true);
                return false;
            }
            Fault::PowerCutAll => {
                // At any time, or in the moment in which somebody relies on what was written.
                if self.rng.random_bool(0.5) {
                    self.cuts_at_answer = true;
                } else {
                    self.cut_all();
                }
                return false;
            }
            Fault::DiskFails => {
                let m = self.some_master();
                let lasts = self.duration();
                self.masters[m].disk_fails_until = self.now + lasts;
            }
            Fault::SlowDisk => {
                let m = self.some_master();
                self.masters[m].disk_slow = *[20 * MS, 200 * MS, 5 * SECOND]
                    .choose(&mut self.rng)
                    .expect("not empty");
                let lasts = self.duration();
                self.after(lasts, Event::Heal(Box::new(Heal::Disk(m))));
            }
            Fault::WallClock => {
                let off = *[-7_200_000, 0, 7_200_000, 5_000]
                    .choose(&mut self.rng)
                    .expect("not empty");
                let nth = self
                    .rng
                    .random_range(0..self.masters.len() + self.client_clocks.len());
                match self.masters.get_mut(nth) {
                    Some(master) => master.clock.wall_off_ms = off,
                    None => self.client_clocks[nth - self.masters.len()].wall_off_ms = off,
                }
            }
            Fault::SlowMember => {
                let m = self.some_master();
                self.masters[m].disk_slow = 200 * MS;
                let others: Vec<usize> = (0..self.masters.len()).filter(|it| *it != m).collect();
                let links: Vec<(usize, usize)> =
                    others.iter().flat_map(|it| [(m, *it), (*it, m)]).collect();
                let delay = self.rng.random_range(50 * MS..SECOND);
                links
                    .iter()
                    .for_each(|(a, b)| self.net.slow(*a, *b, (delay, 50)));
                let lasts = self.duration();
                self.after(lasts, Event::Heal(Box::new(Heal::Disk(m))));
                self.after(lasts, Event::Heal(Box::new(Heal::Fast(links))));
            }
            Fault::Client => {
                let alive: Vec<usize> = (0..self.apps.len())
                    .filter(|it| self.apps[*it].up)
                    .collect();
                if let Some(app) = alive.choose(&mut self.rng) {
                    self.app_gone(*app);
                }
            }
        }
        true
    }
}
