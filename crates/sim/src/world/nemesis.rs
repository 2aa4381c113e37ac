//! Who breaks things.

use rand::Rng;
use rand::seq::{IndexedRandom, SliceRandom};
use vesta_types::InstanceId;

use super::{Event, World};
use crate::clock::{MS, Nanos, SECOND};
use crate::fault::Fault;
use crate::trace::trace;

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

    fn kill_some_master(&mut self) -> bool {
        let m = self.some_master();
        self.kill_master(m, false);
        false
    }

    fn kill_master(&mut self, m: usize, power: bool) {
        if !self.masters[m].up {
            return;
        }
        self.master_down(m, power);
        let away = self.duration();
        self.after(away, Event::MasterUp { m });
    }

    fn pause_master(&mut self, m: usize) -> bool {
        if !self.masters[m].up || self.masters[m].paused {
            return false;
        }
        self.masters[m].paused = true;
        let lasts = self.duration();
        self.after(lasts, Event::Heal(Box::new(Heal::ResumeMaster(m))));
        true
    }

    fn hand_over(&mut self, m: usize) {
        let master = &mut self.masters[m];
        let Some(raft) = &mut master.raft else { return };
        raft.hand_over(&master.disk);
        self.raft_acts(m);
        if self.rng.random_bool(0.5) {
            self.kill_master(m, false);
        }
    }

    fn kill_agent(&mut self) -> bool {
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

    fn pause_agent(&mut self) -> bool {
        let w = self.some_worker();
        if self.workers[w].agent.is_none() || self.workers[w].paused {
            return false;
        }
        self.workers[w].paused = true;
        let lasts = self.duration();
        self.after(lasts, Event::Heal(Box::new(Heal::ResumeAgent(w))));
        true
    }

    fn break_supervisor(&mut self) -> bool {
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

    fn crash_process(&mut self) -> bool {
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

    fn cut_for_a_while(&mut self, links: Vec<(usize, usize)>) {
        for (from, to) in &links {
            self.net.cut(*from, *to);
        }
        let lasts = self.duration();
        self.after(lasts, Event::Heal(Box::new(Heal::Links(links))));
    }

    fn both_ways(one: &[usize], other: &[usize]) -> Vec<(usize, usize)> {
        let pairs = one.iter().flat_map(|a| other.iter().map(move |b| (*a, *b)));
        pairs.flat_map(|(a, b)| [(a, b), (b, a)]).collect()
    }

    /// Masters fall into two parts; workers and clients are with either, or with both.
    fn partition(&mut self) {
        let mut masters: Vec<usize> = (0..self.masters.len()).collect();
        masters.shuffle(&mut self.rng);
        if let Some(leader) = self.raft_leader() {
            // The leader with a minority, or with the majority.
            masters.retain(|m| *m != leader);
            let at = if self.rng.random_bool(0.6) {
                0
            } else {
                masters.len()
            };
            masters.insert(at, leader);
        }
        let few = self.rng.random_range(1..=masters.len() / 2);
        let (minority, majority) = masters.split_at(few);
        let mut links = World::both_ways(minority, majority);
        let others: Vec<usize> = (self.masters.len()
            ..self.masters.len() + self.workers.len() + self.options.clients)
            .collect();
        for other in others {
            match self.rng.random_range(0..4) {
                0 => links.extend(World::both_ways(&[other], majority)),
                1 | 2 => links.extend(World::both_ways(&[other], minority)),
                _ => {}
            }
        }
        self.cut_for_a_while(links);
    }

    /// All links between masters but those of one are cut; or one link comes and goes.
    fn bridge(&mut self) {
        let masters: Vec<usize> = (0..self.masters.len()).collect();
        let middle = self.some_master();
        let rest: Vec<usize> = masters.into_iter().filter(|m| *m != middle).collect();
        if self.rng.random_bool(0.5) {
            let (one, other) = rest.split_at(rest.len() / 2);
            let links = World::both_ways(one, other);
            self.cut_for_a_while(links);
        } else {
            let links = World::both_ways(&[middle], &rest);
            let times = self.rng.random_range(2..8);
            self.heal(Heal::Flap(links, times, true));
        }
    }

    /// Messages go one way only, between a master and some workers, or two masters.
    fn one_way(&mut self) {
        let m = self.raft_leader().unwrap_or_else(|| self.some_master());
        let first = self.masters.len();
        let mut links = Vec::new();
        let out = self.rng.random_bool(0.5);
        for w in 0..self.workers.len() {
            if self.rng.random_bool(0.5) {
                links.push(if out { (m, first + w) } else { (first + w, m) });
            }
        }
        if self.rng.random_range(0..3) == 0 {
            let other = self.some_master();
            if other != m {
                links.push(if out { (m, other) } else { (other, m) });
            }
        }
        self.cut_for_a_while(links);
    }

    /// Some workers see none but the leader, and that is cut off from the other masters.
    fn old_leader(&mut self) {
        let m = self.raft_leader().unwrap_or_else(|| self.some_master());
        let rest: Vec<usize> = (0..self.masters.len()).filter(|it| *it != m).collect();
        let mut links = World::both_ways(&[m], &rest);
        for w in 0..self.workers.len() {
            if self.rng.random_bool(0.5) {
                links.extend(World::both_ways(&[self.masters.len() + w], &rest));
            }
        }
        self.cut_for_a_while(links);
    }

    fn slow_network(&mut self) {
        let sites = self.masters.len() + self.workers.len() + self.options.clients;
        let delay = *[50 * MS, 300 * MS, 2 * SECOND]
            .choose(&mut self.rng)
            .expect("not empty");
        let loss = *[0, 20, 200].choose(&mut self.rng).expect("not empty");
        let share = self.rng.random_range(0.1..1.0);
        let mut links = Vec::new();
        for from in 0..sites {
            for to in 0..sites {
                if from != to && self.rng.random_bool(share) {
                    self.net.slow(from, to, (delay, loss));
                    links.push((from, to));
                }
            }
        }
        let lasts = self.duration();
        self.after(lasts, Event::Heal(Box::new(Heal::Fast(links))));
    }

    fn break_streams(&mut self, fault: Fault) -> bool {
        let open = self.streams_where(|it| it.open_client && it.open_master && !it.vanished);
        if open.is_empty() {
            return false;
        }
        let many = self.rng.random_range(1..=open.len().min(6));
        for stream in open
            .choose_multiple(&mut self.rng, many)
            .copied()
            .collect::<Vec<_>>()
        {
            if fault == Fault::Reset {
                self.reset(stream);
            } else {
                self.streams[stream].vanished = true;
                self.keepalive(stream);
            }
        }
        true
    }

    /// A fault ends.
    pub(super) fn heal(&mut self, heal: Heal) {
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

    pub(super) fn resume_master(&mut self, m: usize) {
        if std::mem::replace(&mut self.masters[m].paused, false) {
            trace!(self, "HEAL m{} goes on", m + 1);
            let deferred = std::mem::take(&mut self.masters[m].deferred);
            deferred.into_iter().for_each(|event| self.after(0, event));
        }
    }

    /// Masters are restarted one after the other, as for an upgrade.
    pub(super) fn roll(&mut self, next: usize) {
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

    /// The faults are over, but for a minority of masters and some workers that never come back.
    pub(super) fn quiet(&mut self) {
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
