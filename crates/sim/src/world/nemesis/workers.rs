//! Faults of agents, supervisors and processes.

use rand::Rng;
use rand::seq::IndexedRandom;
use vesta_types::InstanceId;

use super::heal::Heal;
use crate::fault::Fault;
use crate::world::{Event, World};

impl World {
    pub(super) fn kill_agent(&mut self) -> bool {
        let w = self.some_worker();
        if self.workers[w].agent.is_none() {
            return false;
        }
        if self.rng.random_bool(0.6) {
            self.workers[w].crash_in = Some(self.rng.random_range(0..12));
            return true;
        }
        self.note_fault(Fault::KillAgent);
        self.agent_down(w, false);
        let away = self.duration();
        self.after(away, Event::AgentUp { w });
        false
    }

    pub(super) fn pause_agent(&mut self) -> bool {
        let w = self.some_worker();
        if self.workers[w].agent.is_none() || self.workers[w].paused {
            return false;
        }
        self.workers[w].paused = true;
        let lasts = self.duration();
        self.after(lasts, Event::Heal(Box::new(Heal::ResumeAgent(w))));
        true
    }

    pub(super) fn break_supervisor(&mut self) -> bool {
        let all: Vec<(usize, InstanceId)> = self
            .workers
            .iter()
            .enumerate()
            .flat_map(|(w, worker)| worker.supervisors.keys().map(move |id| (w, id.clone())))
            .collect();
        let Some((w, instance)) = all.choose(&mut self.rng).cloned() else {
            return false;
        };
        if self.rng.random_range(0..3) == 0 {
            self.note_fault(Fault::Supervisor);
            self.supervisor_down(w, &instance);
            return false;
        }
        let Some(own) = self.workers[w]
            .supervisors
            .get_mut(&instance)
            .filter(|own| !own.paused)
        else {
            return false;
        };
        (own.paused, own.was_paused) = (true, true);
        let serial = own.serial;
        self.truth.unsupervised(w, &instance);
        let lasts = self.duration();
        self.after(
            lasts,
            Event::Heal(Box::new(Heal::ResumeSupervisor(w, instance, serial))),
        );
        true
    }

    pub(super) fn crash_process(&mut self) -> bool {
        let all: Vec<(usize, u32)> = self
            .workers
            .iter()
            .enumerate()
            .flat_map(|(w, worker)| worker.processes.keys().map(move |pid| (w, *pid)))
            .collect();
        let Some((w, pid)) = all.choose(&mut self.rng).copied() else {
            return false;
        };
        self.note_fault(Fault::Process);
        let end = match self.rng.random_range(0..3) {
            0 => (Some(0), None),
            1 => (Some(7), None),
            _ => (None, Some(11)),
        };
        self.process_ends(w, pid, end);
        false
    }
}
