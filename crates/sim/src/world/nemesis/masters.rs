//! Faults of masters' processes, and restarts one after the other.

use rand::Rng;

use super::heal::Heal;
use crate::clock::{MS, SECOND};
use crate::trace::trace;
use crate::world::{Event, World};

impl World {
    pub(super) fn kill_some_master(&mut self) -> bool {
        let m = self.some_master();
        self.kill_master(m, false);
        false
    }

    pub(super) fn kill_master(&mut self, m: usize, power: bool) {
        if !self.masters[m].up {
            return;
        }
        self.master_down(m, power);
        let away = self.duration();
        self.after(away, Event::MasterUp { m });
    }

    pub(super) fn pause_master(&mut self, m: usize) -> bool {
        if !self.masters[m].up || self.masters[m].paused {
            return false;
        }
        self.masters[m].paused = true;
        let lasts = self.duration();
        self.after(lasts, Event::Heal(Box::new(Heal::ResumeMaster(m))));
        true
    }

    pub(super) fn hand_over(&mut self, m: usize) {
        let master = &mut self.masters[m];
        let Some(raft) = &mut master.raft else { return };
        raft.hand_over(&master.disk);
        self.raft_acts(m);
        if self.rng.random_bool(0.5) {
            self.kill_master(m, false);
        }
    }

    pub(in crate::world) fn resume_master(&mut self, m: usize) {
        if std::mem::replace(&mut self.masters[m].paused, false) {
            trace!(self, "HEAL m{} goes on", m + 1);
            let deferred = std::mem::take(&mut self.masters[m].deferred);
            deferred.into_iter().for_each(|event| self.after(0, event));
        }
    }

    /// Masters are restarted one after the other, as for an upgrade.
    pub(in crate::world) fn roll(&mut self, next: usize) {
        self.rolling = next < self.masters.len() && self.faults_are_on;
        if !self.rolling {
            return;
        }
        trace!(self, "FAULT restart of m{} for an upgrade", next + 1);
        if self.masters[next].up {
            if self.masters[next].is_raft_leader() {
                self.hand_over(next);
            }
            self.master_down(next, false);
            let away = self.rng.random_range(200 * MS..2 * SECOND);
            self.after(away, Event::MasterUp { m: next });
        }
        let pause = self.rng.random_range(SECOND..6 * SECOND);
        self.after(pause, Event::Roll { next: next + 1 });
    }
}
