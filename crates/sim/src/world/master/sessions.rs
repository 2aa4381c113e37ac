//! The streams of workers and applications, at a master's end.

use vesta_master::leader::{Input, SessionId};
use vesta_master::services::worker::checked;
use vesta_proto::application::{self, from_application, to_application};
use vesta_proto::worker::{self, from_worker, to_worker};
use vesta_types::{Epoch, RecoveryState, WorkerDescription, WorkerId};

use crate::world::net::{Down, Up};
use crate::world::{Who, World};

impl World {
    pub(super) fn said_at_first(&self, w: usize, stream: usize) -> WorkerDescription {
        let hello = self.streams[stream].hello.as_deref().cloned();
        hello.unwrap_or_else(|| self.workers[w].description())
    }

    pub(super) fn announce(&mut self, m: usize) {
        let master = &mut self.masters[m];
        let leader = master.raft.as_ref().and_then(|raft| raft.leader);
        let now = (master.standing.leader().is_some(), leader);
        if master.announced == Some(now) {
            return;
        }
        master.announced = Some(now);
        let streams: Vec<usize> = master
            .sessions
            .values()
            .map(|(stream, _)| *stream)
            .collect();
        for stream in streams {
            self.welcome(m, stream);
        }
    }

    fn welcome(&mut self, m: usize, stream: usize) {
        let master = &self.masters[m];
        let leader = master.raft.as_ref().and_then(|raft| raft.leader);
        let leads = master.shown() != RecoveryState::Standby;
        let (epoch, cluster_id) = (
            master.state.epoch.0,
            master.state.cluster.map(|id| id.to_string()),
        );
        let cluster_id = cluster_id.unwrap_or_default();
        let leader = leader.map(|leader| leader as u64 + 1);
        let down = match self.streams[stream].who {
            Who::Worker(_) => Down::Worker(to_worker::Message::Welcome(worker::Welcome {
                cluster_id,
                epoch,
                leading: leads,
                leader,
                members: Vec::new(),
            })),
            Who::App(_) => Down::App(to_application::Message::Welcome(application::Welcome {
                cluster_id,
                epoch,
                leading: leads,
                leader,
                members: Vec::new(),
            })),
        };
        self.say_down(stream, down);
    }

    /// A master reads what a client of a stream said.
    pub(in crate::world) fn hear_up(&mut self, stream: usize, message: Up) {
        let (m, session) = (self.streams[stream].master, self.streams[stream].session);
        let life = self.streams[stream].master_life;
        if !self.masters[m].up || self.masters[m].life != life || !self.streams[stream].open_master
        {
            return;
        }
        self.follow(m);
        if let Who::Worker(w) = self.streams[stream].who
            && !matches!(message, Up::Fin)
        {
            let worker = self.workers[w].id.clone();
            self.masters[m].hears(&worker);
        }
        match message {
            Up::Hello => self.greet(m, stream),
            Up::Fin => self.broken_at_master(stream),
            Up::Worker(from_worker::Message::Heartbeat(beat)) => {
                self.feed(m, Input::WorkerHeartbeat(session, beat.sequence));
            }
            Up::Worker(from_worker::Message::Report(report)) => match checked(report) {
                Ok((report, _)) => self.feed(m, Input::WorkerReport(session, report)),
                Err(why) => self.broken(format!("a report of a worker can't be read: {why}")),
            },
            Up::App(from_application::Message::Heartbeat(_)) => {
                self.feed(m, Input::AppHeartbeat(session));
            }
            Up::App(from_application::Message::Acknowledge(answer)) => {
                self.feed(m, Input::AppAcknowledged(session, Epoch(answer.epoch)));
            }
            Up::Worker(_) | Up::App(_) => {}
        }
    }

    /// A session begins; an older one of the same worker is closed.
    fn greet(&mut self, m: usize, stream: usize) {
        let who = self.streams[stream].who;
        let master = &mut self.masters[m];
        let session = master.next_session;
        master.next_session += 1;
        self.streams[stream].session = session;
        self.say_down(stream, Down::Accepted);
        let opened = match who {
            Who::Worker(w) => {
                let description = self.said_at_first(w, stream);
                let id = description.id.clone();
                let same = |(_, (_, own)): &(&SessionId, &(usize, Option<WorkerId>))| {
                    own.as_ref() == Some(&id)
                };
                let older = self.masters[m]
                    .sessions
                    .iter()
                    .find(same)
                    .map(|(id, (stream, _))| (*id, *stream));
                self.masters[m].sessions.insert(session, (stream, Some(id)));
                self.welcome(m, stream);
                if let Some((older, old_stream)) = older {
                    self.masters[m].sessions.remove(&older);
                    self.hung_up(old_stream, false, false);
                    self.feed(m, Input::WorkerClosed(older));
                }
                Input::WorkerOpened(session, description)
            }
            Who::App(a) => {
                self.masters[m].sessions.insert(session, (stream, None));
                self.welcome(m, stream);
                Input::AppOpened(session, self.apps[a].id())
            }
        };
        self.feed(m, opened);
    }

    /// A master finds a stream broken.
    pub(in crate::world) fn broken_at_master(&mut self, stream: usize) {
        let it = &mut self.streams[stream];
        if !std::mem::replace(&mut it.open_master, false) {
            return;
        }
        let (m, session, life, who) = (it.master, it.session, it.master_life, it.who);
        if it.open_client && !it.vanished {
            // The machine says so to the other end.
            self.say_down(stream, Down::Fin);
        }
        if self.masters[m].life != life || !self.masters[m].up || session == 0 {
            return;
        }
        self.masters[m].sessions.remove(&session);
        let input = match who {
            Who::Worker(_) => Input::WorkerClosed(session),
            Who::App(_) => Input::AppClosed(session),
        };
        self.feed(m, input);
    }
}
