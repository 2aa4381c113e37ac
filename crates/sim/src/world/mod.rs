//! The world of one run: what exists, what is to happen when, and one loop over that.

mod app;
mod client;
mod dial;
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
use std::rc::Rc;

use rand::Rng;
use rand_chacha::ChaCha8Rng;
use rand_chacha::rand_core::SeedableRng;
use uuid::Uuid;
use vesta_proto::worker_convert::RunOrder;
use vesta_types::{ClusterId, DriverId, Epoch, InstanceId};

use crate::check::{Broken, Truth, broke};
use crate::clock::{Clock, Nanos, SECOND};
use crate::coverage::Coverage;
use crate::fault::Fault;
use crate::options::Options;
use crate::raft::{Rpc, Snapshot};
use crate::trace::Trace;

use app::App;
use client::{Call, Request, Said};
use master::{Done, Master};
use net::{Net, Stream};
use supervisor::Next;
use worker::Worker;

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

/// What happens at a moment. `life`: only in that life of its process.
#[derive(Debug)]
#[expect(missing_docs, reason = "each is named like what handles it")]
pub enum Event {
    MasterUp {
        m: usize,
    },
    Rpc {
        to: usize,
        from: usize,
        rpc: Box<Rpc>,
    },
    RaftTimer {
        m: usize,
    },
    Flushed {
        m: usize,
        life: u32,
    },
    VoteSaved {
        m: usize,
        life: u32,
        saved: (u64, Option<usize>),
        then: Box<Vec<(usize, Rpc)>>,
    },
    Installed {
        m: usize,
        life: u32,
        snapshot: Box<(Rc<Snapshot>, usize, Nanos)>,
    },
    SnapshotTaken {
        m: usize,
        life: u32,
        snapshot: Rc<Snapshot>,
        purged: u64,
    },
    Wake {
        m: usize,
        life: u32,
    },
    Done {
        m: usize,
        life: u32,
        done: Box<Done>,
    },
    Deliver {
        stream: usize,
        down: bool,
    },
    Keepalive {
        stream: usize,
        client: bool,
    },
    Broken {
        stream: usize,
        client: bool,
    },
    Dial {
        who: Who,
        life: u32,
        master: usize,
        serial: u32,
    },
    OpenTimeout {
        stream: usize,
    },
    MachineUp {
        w: usize,
    },
    AgentUp {
        w: usize,
    },
    AgentTick {
        w: usize,
        life: u32,
    },
    Accept {
        w: usize,
        life: u32,
        order: Rc<RunOrder>,
        epoch: Epoch,
    },
    Spawn {
        w: usize,
        life: u32,
        instance: Rc<InstanceId>,
    },
    Observe {
        w: usize,
        life: u32,
        instance: Rc<InstanceId>,
    },
    KillSupervisor {
        w: usize,
        life: u32,
        instance: Rc<InstanceId>,
    },
    Supervisor {
        w: usize,
        instance: Rc<InstanceId>,
        serial: u64,
        next: Next,
    },
    ProcessEnds {
        w: usize,
        pid: u32,
        code: i32,
    },
    Client {
        client: usize,
    },
    Attempt {
        call: usize,
    },
    AttemptOver {
        call: usize,
        attempt: u32,
    },
    Asked {
        m: usize,
        request: Request,
    },
    PassedOn {
        via: usize,
        request: Request,
        said: Box<Said>,
    },
    Answered {
        request: Request,
        said: Box<Said>,
    },
    NewApp,
    AppBeat {
        app: usize,
    },
    AppEnds {
        app: usize,
    },
    Fault,
    FirstLeader {
        m: usize,
    },
    CutAll,
    Heal(Box<Heal>),
    Roll {
        next: usize,
    },
    Quiet,
    Judge,
    Probed,
    Cleared,
}

struct Item {
    at: Nanos,
    order: u64,
    event: Event,
}

impl PartialEq for Item {
    fn eq(&self, other: &Item) -> bool {
        (self.at, self.order) == (other.at, other.order)
    }
}

impl Eq for Item {}

impl PartialOrd for Item {
    fn partial_cmp(&self, other: &Item) -> Option<std::cmp::Ordering> {
        Some(self.cmp(other))
    }
}

impl Ord for Item {
    fn cmp(&self, other: &Item) -> std::cmp::Ordering {
        (self.at, self.order).cmp(&(other.at, other.order))
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

    fn at(&mut self, at: Nanos, event: Event) {
        self.order += 1;
        let order = self.order;
        self.queue.push(Reverse(Item { at, order, event }));
    }

    fn after(&mut self, takes: Nanos, event: Event) {
        self.at(self.now.saturating_add(takes), event);
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

    /// Events of a stopped process wait until it goes on.
    fn defer(&mut self, event: Event) -> Option<Event> {
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

    fn happen(&mut self, event: Event) {
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
