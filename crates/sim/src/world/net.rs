//! The network: which messages arrive, when, and the streams between processes.
//!
//! One stream is ordered as TCP is, and can break at any message. Messages of different streams, and
//! Raft's, overtake each other.

use std::collections::VecDeque;

use rand::Rng;
use uuid::Uuid;
use vesta_proto::application::{from_application, to_application};
use vesta_proto::worker::{from_worker, to_worker};
use vesta_types::WorkerDescription;

use super::{Event, Who, World};
use crate::clock::{MS, Nanos, SECOND};

/// After so long without an answer an end of a stream takes it for broken (keepalive and its time-out).
const KEEPALIVE: (Nanos, Nanos) = (10 * SECOND, 20 * SECOND);

/// Links between sites: masters first, then workers, then clients' machines.
#[derive(Debug)]
pub struct Net {
    sites: usize,
    /// How many faults cut each one-way link.
    cut: Vec<u32>,
    /// The most that a message takes longer there, and how many of a thousand are lost.
    slow: Vec<(Nanos, u32)>,
}

impl Net {
    pub(super) fn new(sites: usize) -> Net {
        Net {
            sites,
            cut: vec![0; sites * sites],
            slow: vec![(0, 0); sites * sites],
        }
    }

    fn at(&self, from: usize, to: usize) -> usize {
        from * self.sites + to
    }

    /// Whether messages from one site reach another at all.
    pub fn is_up(&self, from: usize, to: usize) -> bool {
        self.cut[self.at(from, to)] == 0
    }

    /// Cuts a one-way link, once more.
    pub fn cut(&mut self, from: usize, to: usize) {
        let at = self.at(from, to);
        self.cut[at] += 1;
    }

    /// Takes one cut back. Whether messages pass again.
    pub fn mend(&mut self, from: usize, to: usize) -> bool {
        let at = self.at(from, to);
        self.cut[at] = self.cut[at].saturating_sub(1);
        self.cut[at] == 0
    }

    /// How a link is beside that.
    pub fn slow(&mut self, from: usize, to: usize, how: (Nanos, u32)) {
        let at = self.at(from, to);
        self.slow[at] = how;
    }
}

/// Said by a client of a stream.
#[expect(
    clippy::large_enum_variant,
    reason = "most are reports, and each lies in an event of its own"
)]
#[derive(Debug)]
pub enum Up {
    /// The first message.
    Hello,
    /// A worker's.
    Worker(from_worker::Message),
    /// An application's.
    App(from_application::Message),
    /// It hangs up, or its process ended.
    Fin,
}

/// Said by a master.
#[derive(Debug)]
pub enum Down {
    /// The session is open.
    Accepted,
    /// To a worker.
    Worker(to_worker::Message),
    /// To an application.
    App(to_application::Message),
    /// It hangs up, or its process ended.
    Fin,
}

/// A stream.
#[derive(Debug)]
pub struct Stream {
    /// Whose.
    pub who: Who,
    /// Which life of that process.
    pub life: u32,
    /// To which master.
    pub master: usize,
    /// Which life of that.
    pub master_life: u32,
    /// Its name, made by the client.
    pub name: Uuid,
    /// What a worker says of itself first.
    pub hello: Option<Box<WorkerDescription>>,
    /// The master's own number for it; 0 before the first message.
    pub session: u64,
    site: usize,
    up: VecDeque<Up>,
    down: VecDeque<Down>,
    last: [Nanos; 2],
    stalled: [u32; 2],
    /// Whether each end still holds it open.
    pub open_client: bool,
    /// The master's end.
    pub open_master: bool,
    /// Nothing arrives any more, and nobody is told.
    pub vanished: bool,
    /// The master has accepted it, as the client knows.
    pub accepted: bool,
}

impl World {
    /// How long a message takes now; `None` if it is lost.
    fn travel(&mut self, from: usize, to: usize) -> Option<Nanos> {
        let at = self.net.at(from, to);
        let (extra, loss) = self.net.slow[at];
        let most = self.options.latency;
        let mut takes = self.rng.random_range(most / 10..=most);
        if extra > 0 {
            takes += self.rng.random_range(0..=extra);
        }
        let lost = loss > 0 && self.rng.random_range(0..1000) < loss;
        (!lost && self.net.cut[at] == 0).then_some(takes)
    }

    /// A message of Raft's: lost where a link is cut, repeated now and then where it is bad.
    pub(super) fn datagram(&mut self, from: usize, to: usize, event: impl Fn() -> Event) {
        let at = self.net.at(from, to);
        let is_bad = self.net.slow[at].1 > 0;
        let Some(takes) = self.travel(from, to) else {
            return;
        };
        self.after(takes, event());
        if is_bad && self.rng.random_range(0..20) == 0 {
            let again = self.rng.random_range(0..=200 * MS);
            self.after(takes + again, event());
        }
    }

    /// A request of a client, or what is answered: it arrives at most once, since a connection repeats
    /// nothing, and what is lost is lost with its connection.
    pub(super) fn once(&mut self, from: usize, to: usize, event: Event) {
        if let Some(takes) = self.travel(from, to) {
            self.after(takes, event);
        }
    }

    /// The site of a process that dials.
    pub(super) fn site_of(&self, who: Who) -> usize {
        let masters = self.masters.len();
        match who {
            Who::Worker(worker) => masters + worker,
            Who::App(app) => self.apps[app].site,
        }
    }

    /// Opens a stream: what came of dialling is known at once, what it is good for is not.
    pub(super) fn connect(&mut self, who: Who, life: u32, master: usize) -> Option<usize> {
        let site = self.site_of(who);
        let reached = self.net.is_up(site, master) && self.net.is_up(master, site);
        if !reached || !self.masters[master].up {
            return None;
        }
        let name = self.uuid();
        self.streams.push(Stream {
            who,
            life,
            master,
            master_life: self.masters[master].life,
            name,
            hello: match who {
                Who::Worker(w) => Some(Box::new(self.workers[w].description())),
                Who::App(_) => None,
            },
            session: 0,
            site,
            up: VecDeque::new(),
            down: VecDeque::new(),
            last: [0; 2],
            stalled: [0; 2],
            open_client: true,
            open_master: true,
            vanished: false,
            accepted: false,
        });
        let stream = self.streams.len() - 1;
        self.say_up(stream, Up::Hello);
        Some(stream)
    }

    fn ends(&self, stream: usize, down: bool) -> (usize, usize) {
        let it = &self.streams[stream];
        if down {
            (it.master, it.site)
        } else {
            (it.site, it.master)
        }
    }

    fn queue(&mut self, stream: usize, down: bool) {
        let (from, to) = self.ends(stream, down);
        let at = self.net.at(from, to);
        let (extra, loss) = self.net.slow[at];
        let most = self.options.latency;
        let mut takes = self.rng.random_range(most / 10..=most);
        if extra > 0 {
            takes += self.rng.random_range(0..=extra);
        }
        if loss > 0 && self.rng.random_range(0..1000) < loss {
            // Sent again by TCP.
            takes += self.rng.random_range(200 * MS..SECOND);
        }
        let side = usize::from(down);
        let due = (self.now + takes).max(self.streams[stream].last[side] + 1);
        self.streams[stream].last[side] = due;
        self.at(due, Event::Deliver { stream, down });
    }

    /// Says something on a stream, client to master.
    pub(super) fn say_up(&mut self, stream: usize, message: Up) {
        self.streams[stream].up.push_back(message);
        self.queue(stream, false);
    }

    /// Says something on a stream, master to client.
    pub(super) fn say_down(&mut self, stream: usize, message: Down) {
        self.streams[stream].down.push_back(message);
        self.queue(stream, true);
    }

    /// Something arrives, unless its link is cut: then it waits, and at some time somebody takes the
    /// stream for broken.
    pub(super) fn deliver(&mut self, stream: usize, down: bool) {
        let (from, to) = self.ends(stream, down);
        let side = usize::from(down);
        if self.streams[stream].vanished {
            return;
        }
        if !self.net.is_up(from, to) {
            self.streams[stream].stalled[side] += 1;
            if self.streams[stream].stalled[side] == 1 {
                self.keepalive(stream);
            }
            return;
        }
        if self.streams[stream].stalled[side] > 0 {
            // What was sent before it is still to come.
            self.streams[stream].stalled[side] += 1;
            return;
        }
        if down {
            if let Some(message) = self.streams[stream].down.pop_front() {
                self.hear_down(stream, message);
            }
        } else if let Some(message) = self.streams[stream].up.pop_front() {
            self.hear_up(stream, message);
        }
    }

    /// Both ends look after a while whether it still works.
    pub(super) fn keepalive(&mut self, stream: usize) {
        let (least, most) = KEEPALIVE;
        for client in [true, false] {
            let takes = self.rng.random_range(least..=most);
            self.after(takes, Event::Keepalive { stream, client });
        }
    }

    /// An end finds that nothing comes through, or that it was a false alarm.
    pub(super) fn looked(&mut self, stream: usize, client: bool) {
        let it = &self.streams[stream];
        let broken = it.vanished || it.stalled[0] > 0 || it.stalled[1] > 0;
        let held = if client {
            it.open_client
        } else {
            it.open_master
        };
        if broken && held {
            self.after(0, Event::Broken { stream, client });
        }
    }

    /// A link works again: what waited on it arrives.
    pub(super) fn flows_again(&mut self, from: usize, to: usize) {
        for stream in 0..self.streams.len() {
            for down in [false, true] {
                let side = usize::from(down);
                let waiting = self.streams[stream].stalled[side];
                if waiting == 0 || self.ends(stream, down) != (from, to) {
                    continue;
                }
                self.streams[stream].stalled[side] = 0;
                let takes = self.rng.random_range(MS..400 * MS);
                for nth in 0..u64::from(waiting) {
                    self.after(takes + nth, Event::Deliver { stream, down });
                }
                let last = &mut self.streams[stream].last[side];
                *last = (*last).max(self.now + takes + u64::from(waiting));
            }
        }
    }

    /// A connection is reset: both ends are told, if that reaches them; what was under way is lost.
    pub(super) fn reset(&mut self, stream: usize) {
        self.streams[stream].vanished = true;
        for (down, client) in [(true, true), (false, false)] {
            let (from, to) = self.ends(stream, down);
            if self.net.is_up(from, to) {
                let takes = self.rng.random_range(0..=self.options.latency);
                self.after(takes, Event::Broken { stream, client });
            }
        }
        self.keepalive(stream);
    }

    /// A process that held one end has ended. Its machine says so, unless that is gone too.
    pub(super) fn hung_up(&mut self, stream: usize, client: bool, machine_gone: bool) {
        let it = &mut self.streams[stream];
        let (held, other) = if client {
            (&mut it.open_client, it.open_master)
        } else {
            (&mut it.open_master, it.open_client)
        };
        if !std::mem::replace(held, false) || !other {
            return;
        }
        if machine_gone {
            it.vanished = true;
            self.keepalive(stream);
        } else if client {
            self.say_up(stream, Up::Fin);
        } else {
            self.say_down(stream, Down::Fin);
        }
    }

    /// The streams of a process, by either end, that it still holds.
    pub(super) fn streams_where(&self, holds: impl Fn(&Stream) -> bool) -> Vec<usize> {
        (0..self.streams.len())
            .filter(|it| holds(&self.streams[*it]))
            .collect()
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::options::Options;
    use crate::trace::Trace;

    /// How many of a thousand messages lie in the queue of a world whose link repeats some and loses
    /// hardly any.
    fn queued(send: impl Fn(&mut World, Event)) -> usize {
        let mut world = World::new(Options::of(1, 60), (8, 48), Trace::default());
        world.net.slow(0, 1, (0, 1));
        (0..1000).for_each(|client| send(&mut world, Event::Client { client }));
        world.queue.len()
    }

    /// A request that arrived twice was written for one copy and refused for the other, and its client told
    /// that nothing was done.
    #[test]
    fn a_bad_link_repeats_messages_of_raft_and_never_a_request() {
        let requests = queued(|world, event| world.once(0, 1, event));
        assert!((950..=1000).contains(&requests), "{requests}");
        let messages = queued(|world, event| {
            let Event::Client { client } = event else {
                return;
            };
            world.datagram(0, 1, || Event::Client { client });
        });
        assert!(messages > 1000, "{messages}");
    }
}
