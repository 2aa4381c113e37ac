//! The world of one run: what exists, what is to happen when, and one loop over that.

mod app;
mod client;
mod dial;
mod dispatch;
mod event;
mod judge;
mod master;
mod nemesis;
mod net;
mod phases;
mod process;
mod supervisor;
mod worker;

use std::cmp::Reverse;
use std::collections::{BTreeMap, BinaryHeap};

use rand::Rng;
use rand_chacha::ChaCha8Rng;
use rand_chacha::rand_core::SeedableRng;
use uuid::Uuid;
use vesta_types::{ClusterId, DriverId};

use crate::check::{Broken, Truth, broke};
use crate::clock::{Clock, Nanos, SECOND};
use crate::coverage::Coverage;
use crate::fault::Fault;
use crate::options::Options;
use crate::trace::Trace;

use app::App;
use client::Call;
use event::Item;
use master::Master;
use net::{Net, Stream};
use worker::Worker;

pub use event::Event;
pub use nemesis::Heal;

/// Who dials masters.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Who {
    /// A worker's agent.
    Worker(usize),
    /// An application's client.
    App(usize),
}

impl std::fmt::Display for Who {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        match self {
            Who::Worker(w) => write!(f, "w{}", w + 1),
            Who::App(a) => write!(f, "a{}", a + 1),
        }
    }
}

/// Everything of one run.
pub struct World {
    /// What the seed decided.
    pub options: Options,
    /// The simulation's own time.
    pub now: Nanos,
    order: u64,
    queue: BinaryHeap<Reverse<Item>>,
    rng: ChaCha8Rng,
    cluster: ClusterId,
    masters: Vec<Master>,
    addresses: Vec<String>,
    workers: Vec<Worker>,
    apps: Vec<App>,
    calls: Vec<Call>,
    calls_open: usize,
    submitted: Vec<DriverId>,
    probes: Vec<usize>,
    over: bool,
    streams: Vec<Stream>,
    net: Net,
    client_clocks: Vec<Clock>,
    load_is_on: bool,
    faults_are_on: bool,
    rolling: bool,
    /// The first leader of all is killed before it has opened a leadership.
    kills_first: bool,
    /// Power is cut everywhere as soon as a client is answered.
    cuts_at_answer: bool,
    serials: u64,
    pids: u32,
    ends: BTreeMap<(usize, u32), (Option<i32>, Option<i32>)>,
    /// What really happened.
    pub truth: Truth,
    /// What was met.
    pub cover: Coverage,
    /// The lines, if they are kept.
    pub trace: Trace,
    /// What is broken.
    pub broken: Broken,
    /// How many events there were.
    pub events: u64,
}

impl World {
    /// The world of a seed.
    pub fn new(options: Options, every: (u64, u64), trace: Trace) -> World {
        let mut rng = ChaCha8Rng::seed_from_u64(options.seed);
        let (masters, workers) = (options.masters, options.workers);
        let clients = options.clients;
        let clock = |rng: &mut ChaCha8Rng| {
            let most = options.drift_ppm;
            Clock {
                ppm: rng.random_range(-most..=most),
                booted: 0,
                wall_off_ms: 0,
            }
        };
        let uuid = |rng: &mut ChaCha8Rng| Uuid::from_u128(rng.random());
        let cluster = ClusterId(uuid(&mut rng));
        let master_list = (0..masters)
            .map(|m| Master::new(m as u64 + 1, clock(&mut rng)))
            .collect();
        let worker_list = (0..workers)
            .map(|w| {
                let clock = clock(&mut rng);
                let (store, boot) = (uuid(&mut rng), uuid(&mut rng));
                Worker::new(w, options.cores, clock, store, boot)
            })
            .collect();
        let client_clocks = (0..clients).map(|_| clock(&mut rng)).collect();
        World {
            now: 0,
            order: 0,
            queue: BinaryHeap::new(),
            cluster,
            masters: master_list,
            addresses: (1..=masters).map(|m| format!("m{m}:7700")).collect(),
            workers: worker_list,
            apps: Vec::new(),
            calls: Vec::new(),
            calls_open: 0,
            submitted: Vec::new(),
            probes: Vec::new(),
            over: false,
            streams: Vec::new(),
            net: Net::new(masters + workers + clients),
            client_clocks,
            load_is_on: true,
            faults_are_on: true,
            rolling: false,
            kills_first: false,
            cuts_at_answer: false,
            serials: 0,
            pids: 0,
            ends: BTreeMap::new(),
            truth: Truth::new(masters, workers, every),
            cover: Coverage::default(),
            trace,
            broken: None,
            events: 0,
            rng,
            options,
        }
    }

    /// Runs to the end, or to the first thing that is broken.
    pub fn run(&mut self) {
        self.begin();
        while let Some(Reverse(item)) = self.queue.pop() {
            self.now = item.at;
            self.events += 1;
            if let Some(event) = self.defer(item.event) {
                self.happen(event);
            }
            if self.over || self.broken.is_some() {
                return;
            }
        }
    }

    fn begin(&mut self) {
        for m in 0..self.masters.len() {
            let takes = self.rng.random_range(0..SECOND);
            self.after(takes, Event::MasterUp { m });
        }
        for w in 0..self.workers.len() {
            let takes = self.rng.random_range(0..2 * SECOND);
            self.after(takes, Event::AgentUp { w });
        }
        for client in 0..self.options.clients {
            let takes = self.rng.random_range(0..3 * SECOND);
            self.after(takes, Event::Client { client });
        }
        let takes = self.rng.random_range(0..5 * SECOND);
        self.after(takes, Event::NewApp);
        if !self.options.faults.is_empty() {
            let first = self.rng.random_range(0..self.options.fault_every);
            self.after(first, Event::Fault);
            let kills = self.options.faults.contains(&Fault::KillLeader);
            self.kills_first = kills && self.rng.random_range(0..4) == 0;
            if self.rng.random_range(0..3) == 0 {
                let at = self.rng.random_range(0..self.options.safety);
                self.after(at, Event::Roll { next: 0 });
            }
        }
        let options = &self.options;
        let (quiet, converged) = (options.safety, options.safety + options.convergence());
        let probed = converged + options.probing();
        let end = options.end();
        self.at(quiet, Event::Quiet);
        self.at(converged, Event::Judge);
        self.at(probed, Event::Probed);
        self.at(end, Event::Cleared);
    }

    fn uuid(&mut self) -> Uuid {
        Uuid::from_u128(self.rng.random())
    }

    fn broken(&mut self, what: String) {
        broke(&mut self.broken, || what);
    }

    /// The master that has applied most.
    fn newest(&self) -> usize {
        let most = (0..self.masters.len()).max_by_key(|m| (self.masters[*m].applied, Reverse(*m)));
        most.unwrap_or(0)
    }

    /// A master that has applied everything that was ever committed. Directly after all were restarted
    /// there is none: their states are those of snapshots.
    fn current(&self) -> Option<usize> {
        let newest = self.newest();
        let all = self.truth.committed_entries();
        (self.masters[newest].applied >= all).then_some(newest)
    }

    fn client_site(&self, client: usize) -> usize {
        self.masters.len() + self.workers.len() + client
    }

    fn site_clock(&self, site: usize) -> Clock {
        let first = self.masters.len() + self.workers.len();
        self.client_clocks[site - first]
    }

    /// What was met: for the summary of a run.
    pub fn met(&self) -> (u64, u64, usize) {
        (
            self.truth.leaderships,
            self.truth.committed_entries(),
            self.truth.ledger.lines().len(),
        )
    }

    fn note_fault(&mut self, fault: Fault) {
        let phases = self.phases();
        self.cover.met(fault, phases);
    }
}
