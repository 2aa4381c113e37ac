//! Who handles what happens, and what waits because its process is stopped.

use super::{Event, Who, World};

impl World {
    /// Events of a stopped process wait until it goes on.
    pub(super) fn defer(&mut self, event: Event) -> Option<Event> {
        let queue = match &event {
            Event::Rpc { to: m, .. }
            | Event::RaftTimer { m }
            | Event::Flushed { m, .. }
            | Event::VoteSaved { m, .. }
            | Event::Installed { m, .. }
            | Event::SnapshotTaken { m, .. }
            | Event::Wake { m, .. }
            | Event::Done { m, .. }
            | Event::Asked { m, .. }
            | Event::PassedOn { via: m, .. } => {
                let master = &mut self.masters[*m];
                master.paused.then_some(&mut master.deferred)
            }
            Event::Deliver {
                stream,
                down: false,
            }
            | Event::Broken {
                stream,
                client: false,
            } => {
                let master = &mut self.masters[self.streams[*stream].master];
                master.paused.then_some(&mut master.deferred)
            }
            Event::Deliver { stream, .. } | Event::Broken { stream, .. } => {
                match self.streams[*stream].who {
                    Who::Worker(w) => {
                        let worker = &mut self.workers[w];
                        worker.paused.then_some(&mut worker.deferred)
                    }
                    Who::App(_) => None,
                }
            }
            Event::AgentTick { w, .. }
            | Event::Accept { w, .. }
            | Event::Spawn { w, .. }
            | Event::Observe { w, .. }
            | Event::KillSupervisor { w, .. }
            | Event::Dial {
                who: Who::Worker(w),
                ..
            } => {
                let worker = &mut self.workers[*w];
                worker.paused.then_some(&mut worker.deferred)
            }
            Event::Supervisor { w, instance, .. } => {
                let own = self.workers[*w].supervisors.get_mut(&**instance);
                own.filter(|own| own.paused).map(|own| &mut own.deferred)
            }
            _ => None,
        };
        match queue {
            Some(queue) => {
                queue.push(event);
                None
            }
            None => Some(event),
        }
    }

    pub(super) fn happen(&mut self, event: Event) {
        match event {
            Event::MasterUp { m } => self.master_up(m),
            Event::Rpc { to, from, rpc } => self.rpc(to, from, *rpc),
            Event::RaftTimer { m } => self.raft_timer(m),
            Event::Flushed { m, life } => self.flushed(m, life),
            Event::VoteSaved {
                m,
                life,
                saved,
                then,
            } => self.vote_saved(m, life, saved, *then),
            Event::Installed { m, life, snapshot } => self.snapshot_installed(m, life, *snapshot),
            Event::SnapshotTaken {
                m,
                life,
                snapshot,
                purged,
            } => {
                self.snapshot_taken(m, life, snapshot, purged);
            }
            Event::Wake { m, life } => self.master_round(m, life),
            Event::Done { m, life, done } => self.done(m, life, *done),
            Event::Deliver { stream, down } => self.deliver(stream, down),
            Event::Keepalive { stream, client } => self.looked(stream, client),
            Event::Broken {
                stream,
                client: true,
            } => self.broken_at_client(stream),
            Event::Broken { stream, .. } => self.broken_at_master(stream),
            Event::Dial {
                who,
                life,
                master,
                serial,
            } => self.dial(who, life, master, serial),
            Event::OpenTimeout { stream } => self.open_timeout(stream),
            Event::MachineUp { w } => self.machine_up(w),
            Event::AgentUp { w } => self.agent_up(w),
            Event::AgentTick { w, life } => self.agent_tick(w, life),
            Event::Accept {
                w,
                life,
                order,
                epoch,
            } => self.accept(w, life, order, epoch),
            Event::Spawn { w, life, instance } => self.spawn(w, life, &instance),
            Event::Observe { w, life, instance } => self.observe(w, life, &instance),
            Event::KillSupervisor { w, life, instance } => self.kill_supervisor(w, life, &instance),
            Event::Supervisor {
                w,
                instance,
                serial,
                next,
            } => {
                self.supervisor_acts(w, &instance, serial, next);
            }
            Event::ProcessEnds { w, pid, code } => self.process_ends(w, pid, (Some(code), None)),
            Event::Client { client } => self.client_acts(client),
            Event::Attempt { call } => self.try_again(call),
            Event::AttemptOver { call, attempt } => self.attempt_over(call, attempt),
            Event::Asked { m, request } => self.asked(m, request),
            Event::PassedOn { via, request, said } => self.passed_on(via, &request, *said),
            Event::Answered { request, said } => self.answered(&request, *said),
            Event::NewApp => self.app_begins(),
            Event::AppBeat { app } => self.app_beats(app),
            Event::AppEnds { app } => self.app_ends(app),
            Event::Fault => self.fault(),
            Event::CutAll => self.cut_all(),
            Event::FirstLeader { m } => self.kill_first_leader(m),
            Event::Heal(heal) => self.heal(*heal),
            Event::Roll { next } => self.roll(next),
            Event::Quiet => self.quiet(),
            Event::Judge => self.judge(),
            Event::Probed => self.probed(),
            Event::Cleared => self.cleared(),
        }
    }
}
