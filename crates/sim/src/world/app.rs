//! Applications' clients: they register, follow the leader with the real judgement of messages, change
//! their targets, and end, or go away without a word.

use std::collections::BTreeMap;

use rand::Rng;
use vesta_client::application::follow::{Follow, Step};
use vesta_core::{Answer, Reply, Request as Body};
use vesta_proto::application::{
    Acknowledge, Heartbeat, ToApplication, from_application, to_application,
};
use vesta_types::{AppId, ApplicationDescription, Launch, ProfileRequest, ResourceProfile};

use super::client::Purpose;
use super::dial::Dials;
use super::net::Up;
use super::{Event, Who, World};
use crate::clock::{Nanos, SECOND};
use crate::trace::trace;

/// Pause between two heartbeats of a session.
const HEARTBEAT: Nanos = 5 * SECOND;

/// An application's client.
pub struct App {
    /// The machine that it is on.
    pub site: usize,
    /// Its id, once it is registered.
    pub registered: Option<AppId>,
    /// Its sessions, while its process is there.
    pub(super) dials: Option<Dials>,
    /// What it knows.
    pub follow: Follow,
    /// Whether its process is there.
    pub up: bool,
    /// Whether it has said that it is over.
    pub leaving: bool,
    sequence: u64,
}

impl App {
    /// Its id; only a registered one has streams.
    pub(super) fn id(&self) -> AppId {
        self.registered
            .clone()
            .expect("only a registered application dials")
    }
}

impl World {
    /// A new application begins.
    pub(super) fn app_begins(&mut self) {
        if !self.load_is_on {
            return;
        }
        let most = self.options.app_every;
        let pause = self.rng.random_range(most / 4..=most * 7 / 4);
        self.after(pause, Event::NewApp);
        let client = self.rng.random_range(0..self.options.clients);
        let site = self.client_site(client);
        self.apps.push(App {
            site,
            registered: None,
            dials: None,
            follow: Follow::default(),
            up: true,
            leaving: false,
            sequence: 0,
        });
        let app = self.apps.len() - 1;
        let rng = &mut self.rng;
        let profile = ResourceProfile {
            id: 0,
            cores: Some(1),
            memory_mib: 64,
            named: BTreeMap::new(),
        };
        let target = rng.random_bool(0.7).then(|| rng.random_range(0..6));
        let completes = rng.random_range(0..5) == 0 && target.is_some();
        let runs = if completes {
            rng.random_range(100..3_000).to_string()
        } else {
            "-".to_owned()
        };
        let crashes = if rng.random_range(0..3) == 0 {
            "30"
        } else {
            "0"
        };
        let term = if rng.random_range(0..8) == 0 {
            "ignores-term"
        } else {
            "-"
        };
        let args = vec![runs, "0".to_owned(), term.to_owned(), crashes.to_owned()];
        let description = ApplicationDescription {
            name: "application".to_owned(),
            launch: Launch {
                program: "it".to_owned(),
                args,
                ..Launch::default()
            },
            max_cores: Some(rng.random_range(1..8)),
            profiles: BTreeMap::from([(0, ProfileRequest { profile, target })]),
            max_executor_retries: if rng.random_bool(0.5) { 10 } else { -1 },
            run_to_completion: completes,
            owner: None,
            ui_url: String::new(),
            payload: Vec::new(),
            spark: None,
        };
        self.call(
            Purpose::App(app),
            site,
            Body::RegisterApplication { description },
        );
    }

    /// What came of a call of an application's client.
    pub(super) fn app_answered(&mut self, app: usize, body: &Body, reply: Option<Reply>) {
        let answer = match reply {
            Some(Ok(Answer::Repeated(answer))) => Some(*answer),
            Some(Ok(answer)) => Some(answer),
            _ => None,
        };
        if let (Body::RegisterApplication { .. }, Some(Answer::Registered { app: id })) =
            (body, answer)
        {
            trace!(self, "a{} is {id}", app + 1);
            self.apps[app].registered = Some(id);
            if self.apps[app].up {
                self.apps[app].dials = Some(Dials::new(self.masters.len()));
                self.dial_all(Who::App(app));
                let lives = self.rng.random_range(5 * SECOND..60 * SECOND);
                self.after(lives, Event::AppEnds { app });
                self.after(HEARTBEAT, Event::AppBeat { app });
            }
        }
    }

    pub(super) fn app_session_opened(&mut self, app: usize, stream: usize) {
        let sequence = self.apps[app].sequence;
        self.say_up(
            stream,
            Up::App(from_application::Message::Heartbeat(Heartbeat { sequence })),
        );
    }

    pub(super) fn app_beats(&mut self, app: usize) {
        if !self.apps[app].up {
            return;
        }
        self.apps[app].sequence += 1;
        let sequence = self.apps[app].sequence;
        let Some(dials) = &self.apps[app].dials else {
            return;
        };
        let streams: Vec<usize> = dials
            .streams()
            .filter(|it| self.streams[*it].accepted)
            .collect();
        for stream in streams {
            self.say_up(
                stream,
                Up::App(from_application::Message::Heartbeat(Heartbeat { sequence })),
            );
        }
        self.after(HEARTBEAT, Event::AppBeat { app });
        if self.load_is_on && self.rng.random_range(0..3) == 0 {
            self.app_changes_target(app);
        }
    }

    fn app_changes_target(&mut self, app: usize) {
        let Some(id) = self.apps[app]
            .registered
            .clone()
            .filter(|_| !self.apps[app].leaving)
        else {
            return;
        };
        let target = self.rng.random_range(0..6);
        let site = self.apps[app].site;
        self.call(
            Purpose::App(app),
            site,
            Body::SetExecutorTarget {
                app: id,
                profile: 0,
                target,
            },
        );
    }

    pub(super) fn app_hears(
        &mut self,
        app: usize,
        stream: usize,
        message: to_application::Message,
    ) {
        let welcome = match &message {
            to_application::Message::Welcome(welcome) => welcome.leader,
            _ => None,
        };
        if let Some(leader) = welcome {
            self.leader_is_at(Who::App(app), usize::try_from(leader - 1).unwrap_or(0));
        }
        let before = (
            self.apps[app].follow.epoch,
            self.apps[app].follow.table.index,
        );
        let step = self.apps[app].follow.take(ToApplication {
            message: Some(message),
        });
        let follow = &self.apps[app].follow;
        if (follow.epoch, follow.table.index) < before && follow.epoch < before.0 {
            self.broken(format!(
                "application a{}: its epoch went back from {}",
                app + 1,
                before.0
            ));
        }
        match step {
            Ok(Step::Acknowledge(epoch)) => {
                let answer = from_application::Message::Acknowledge(Acknowledge { epoch });
                self.say_up(stream, Up::App(answer));
            }
            Ok(Step::Changed) if self.apps[app].follow.ended.is_some() => self.app_ended(app),
            _ => {}
        }
    }

    /// It was told that it is over.
    fn app_ended(&mut self, app: usize) {
        let ended = self.apps[app].follow.ended.clone();
        if let (Some(ended), Some(id)) = (ended, self.apps[app].registered.clone()) {
            let newest = self.current();
            self.truth.told_ended(
                &id,
                &ended.state,
                newest.map(|m| &self.masters[m].state),
                &mut self.broken,
            );
        }
        self.app_gone(app);
    }

    /// Its process is gone.
    pub(super) fn app_gone(&mut self, app: usize) {
        if !std::mem::replace(&mut self.apps[app].up, false) {
            return;
        }
        if let Some(dials) = self.apps[app].dials.take() {
            for stream in dials.streams().collect::<Vec<_>>() {
                self.hung_up(stream, true, false);
            }
        }
    }

    /// It has done what it was for; now and then it goes away without saying so.
    pub(super) fn app_ends(&mut self, app: usize) {
        if !self.apps[app].up {
            return;
        }
        if self.load_is_on && self.rng.random_range(0..6) == 0 {
            trace!(self, "a{} goes away without a word", app + 1);
            return self.app_gone(app);
        }
        if !self.load_is_on {
            // Nothing ends between the end of the faults and the judgement.
            return;
        }
        self.app_says_end(app);
    }

    pub(super) fn app_says_end(&mut self, app: usize) {
        let Some(id) = self.apps[app].registered.clone() else {
            return;
        };
        self.apps[app].leaving = true;
        let failed = self.rng.random_bool(0.2);
        let body = Body::UnregisterApplication {
            app: id,
            failed,
            message: String::new(),
        };
        let site = self.apps[app].site;
        self.call(Purpose::App(app), site, body);
    }
}
