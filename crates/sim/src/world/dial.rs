//! Sessions from the side of those that dial: workers' agents and applications' clients.

use rand::Rng;

use super::net::Down;
use super::{Event, Who, World};
use crate::clock::{MS, Nanos, SECOND};
use crate::trace::trace;

const BACKOFF_FIRST: Nanos = 100 * MS;
const BACKOFF_MOST: Nanos = 2 * SECOND;
const CONNECT_TIMEOUT: Nanos = SECOND;
const OPEN_TIMEOUT: Nanos = 5 * SECOND;

/// What a process knows of its session with one master.
#[derive(Clone, Debug)]
pub struct Dialled {
    /// The stream, from dialling on.
    pub stream: Option<usize>,
    serial: u32,
    wait: Nanos,
}

/// One for each master.
#[derive(Clone, Debug)]
pub struct Dials(Vec<Dialled>);

impl Dials {
    pub(super) fn new(masters: usize) -> Dials {
        Dials(vec![
            Dialled {
                stream: None,
                serial: 0,
                wait: BACKOFF_FIRST
            };
            masters
        ])
    }

    /// The session with a master.
    pub(super) fn of(&self, master: usize) -> &Dialled {
        &self.0[master]
    }

    /// Every stream.
    pub(super) fn streams(&self) -> impl Iterator<Item = usize> + '_ {
        self.0.iter().filter_map(|dialled| dialled.stream)
    }
}

impl World {
    fn dials(&mut self, who: Who) -> Option<&mut Dials> {
        match who {
            Who::Worker(w) => self.workers[w].agent.as_mut().map(|agent| &mut agent.dials),
            Who::App(a) => self.apps[a].dials.as_mut(),
        }
    }

    fn life_of(&self, who: Who) -> u32 {
        match who {
            Who::Worker(w) => self.workers[w].life,
            Who::App(_) => 0,
        }
    }

    /// Dials every master.
    pub(super) fn dial_all(&mut self, who: Who) {
        for master in 0..self.masters.len() {
            self.dial_after(who, master, 0);
        }
    }

    fn dial_after(&mut self, who: Who, master: usize, takes: Nanos) {
        let life = self.life_of(who);
        if let Some(dials) = self.dials(who) {
            let dialled = &mut dials.0[master];
            dialled.serial += 1;
            let serial = dialled.serial;
            self.after(
                takes,
                Event::Dial {
                    who,
                    life,
                    master,
                    serial,
                },
            );
        }
    }

    /// It is time to dial.
    pub(super) fn dial(&mut self, who: Who, life: u32, master: usize, serial: u32) {
        if self.life_of(who) != life {
            return;
        }
        let stale = |dials: &mut Dials| {
            dials.0[master].serial != serial || dials.0[master].stream.is_some()
        };
        if self.dials(who).is_none_or(stale) {
            return;
        }
        let reached = self.connect(who, life, master);
        trace!(
            self,
            "{who} dials m{}: {}",
            master + 1,
            if reached.is_some() {
                "a stream"
            } else {
                "nobody"
            }
        );
        match reached {
            Some(stream) => {
                if let Some(dials) = self.dials(who) {
                    dials.0[master].stream = Some(stream);
                }
                self.after(OPEN_TIMEOUT, Event::OpenTimeout { stream });
            }
            None => {
                let site = self.site_of(who);
                let refused = self.net.is_up(site, master) && self.net.is_up(master, site);
                self.redial(who, master, if refused { 0 } else { CONNECT_TIMEOUT });
            }
        }
    }

    fn redial(&mut self, who: Who, master: usize, after: Nanos) {
        let jitter = self.rng.random_range(500..1500);
        let Some(dials) = self.dials(who) else { return };
        let dialled = &mut dials.0[master];
        let wait = dialled.wait / 1000 * jitter;
        dialled.wait = (dialled.wait * 2).min(BACKOFF_MOST);
        self.dial_after(who, master, after + wait);
    }

    /// Another master says who leads: whoever waits to dial that one waits no longer.
    pub(super) fn leader_is_at(&mut self, who: Who, master: usize) {
        let idle = |dials: &mut Dials| dials.0[master].stream.is_none();
        if self.dials(who).is_some_and(idle) {
            self.dial_after(who, master, 0);
        }
    }

    /// A stream was not accepted in time.
    pub(super) fn open_timeout(&mut self, stream: usize) {
        if !self.streams[stream].accepted && self.streams[stream].open_client {
            self.hung_up(stream, true, false);
            self.closed_at_client(stream);
        }
    }

    /// A client reads what a master said.
    pub(super) fn hear_down(&mut self, stream: usize, message: Down) {
        let it = &self.streams[stream];
        let (who, life, master) = (it.who, it.life, it.master);
        let known = it.open_client
            && self.life_of(who) == life
            && self
                .dials(who)
                .is_some_and(|dials| dials.0[master].stream == Some(stream));
        if !known {
            return;
        }
        match message {
            Down::Accepted => {
                self.streams[stream].accepted = true;
                if let Some(dials) = self.dials(who) {
                    dials.0[master].wait = BACKOFF_FIRST;
                }
                match who {
                    Who::Worker(w) => self.session_opened(w, stream),
                    Who::App(a) => self.app_session_opened(a, stream),
                }
            }
            Down::Fin => self.broken_at_client(stream),
            Down::Worker(message) => {
                if let Who::Worker(w) = who {
                    self.worker_hears(w, stream, message);
                }
            }
            Down::App(message) => {
                if let Who::App(a) = who {
                    self.app_hears(a, stream, message);
                }
            }
        }
    }

    /// A client finds a stream broken.
    pub(super) fn broken_at_client(&mut self, stream: usize) {
        let it = &mut self.streams[stream];
        if std::mem::replace(&mut it.open_client, false) {
            if it.open_master && !it.vanished {
                // The machine says so to the other end.
                it.open_client = true;
                self.hung_up(stream, true, false);
            }
            self.closed_at_client(stream);
        }
    }

    fn closed_at_client(&mut self, stream: usize) {
        let it = &self.streams[stream];
        let (who, life, master, accepted) = (it.who, it.life, it.master, it.accepted);
        let known = self.life_of(who) == life
            && self
                .dials(who)
                .is_some_and(|dials| dials.0[master].stream == Some(stream));
        if !known {
            return;
        }
        trace!(self, "{who}: the stream to m{} is over", master + 1);
        if let Some(dials) = self.dials(who) {
            dials.0[master].stream = None;
        }
        if accepted && let Who::Worker(w) = who {
            self.session_closed(w, stream);
        }
        self.redial(who, master, 0);
    }
}
