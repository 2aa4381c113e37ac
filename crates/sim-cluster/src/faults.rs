//! What goes wrong, and when: chosen as the run goes, by the seed alone.

use std::collections::BTreeMap;
use std::sync::Arc;
use std::sync::atomic::Ordering;
use std::time::Duration;

use rand::Rng;
use rand::rngs::StdRng;
use rand::seq::SliceRandom;
use turmoil::Sim;

use crate::machine::Machine;
use crate::options::{Options, pick};
use crate::story::Story;

/// The kinds of faults, each as often as it stands here.
const KINDS: [Kind; 17] = [
    Kind::Crash,
    Kind::Crash,
    Kind::Crash,
    Kind::CrashLeader,
    Kind::CrashLeader,
    Kind::CrashAll,
    Kind::StopInOrder,
    Kind::Cut,
    Kind::Cut,
    Kind::CutOneWay,
    Kind::CutOneWay,
    Kind::Hold,
    Kind::CutWorker,
    Kind::CutWorker,
    Kind::Loss,
    Kind::Slow,
    Kind::Clock,
];

#[derive(Clone, Copy)]
enum Kind {
    /// A machine loses its power.
    Crash,
    /// The one that leads does.
    CrashLeader,
    /// All do at one moment.
    CrashAll,
    /// A master is asked to stop.
    StopInOrder,
    /// Two parts of the masters don't hear each other; what was under way is lost.
    Cut,
    /// One part hears the other and is not heard.
    CutOneWay,
    /// A machine's messages come later, all at once: a short partition as TCP lives through it.
    Hold,
    /// A worker is cut off from some or all masters, for up to longer than it takes to be declared lost.
    CutWorker,
    /// Some segments to and from a machine are lost, and with them their connections.
    Loss,
    /// A slow disk, or slow links.
    Slow,
    /// A wall clock is set, or a machine has slept.
    Clock,
}

/// A fault of the network; one at a time, for turmoil's don't combine.
enum Network {
    Cut(Vec<String>, Vec<String>),
    OneWay(Vec<String>, Vec<String>),
    Hold(Vec<String>, Vec<String>),
    Loss(Vec<String>, Vec<String>),
    Slow(Vec<String>, Vec<String>),
}

/// The faults of a run.
pub struct Faults {
    options: Options,
    story: Story,
    machines: Vec<Arc<Machine>>,
    next: Duration,
    network: Option<(Duration, Network)>,
    /// When a machine that is down comes up again.
    down: BTreeMap<u64, Duration>,
    slow_disks: BTreeMap<u64, Duration>,
    /// Until when a worker is cut off.
    workers: BTreeMap<u64, Duration>,
}

impl Faults {
    /// The faults of a run on `machines`; the first comes when a cluster has had the time to form.
    pub fn new(options: &Options, machines: &[Arc<Machine>], story: &Story) -> Faults {
        Faults {
            options: options.clone(),
            story: story.clone(),
            machines: machines.to_vec(),
            next: Duration::from_millis(2_500),
            network: None,
            down: BTreeMap::new(),
            slow_disks: BTreeMap::new(),
            workers: BTreeMap::new(),
        }
    }

    /// Whether this machine is down by a fault.
    pub fn is_down(&self, id: u64) -> bool {
        self.down.contains_key(&id)
    }

    /// Ends what is over, and begins what comes next.
    pub fn step(&mut self, at: Duration, sim: &mut Sim<'_>, random: &mut StdRng) {
        self.end(at, sim);
        if at < self.next {
            return;
        }
        let mean = u64::try_from(self.options.fault_every.as_millis()).unwrap_or(u64::MAX);
        self.next = at + Duration::from_millis(random.random_range(mean / 4..mean * 2));
        let kind = *pick(random, &KINDS);
        self.begin(kind, at, sim, random);
    }

    /// Ends every fault, but for these machines, which stay down.
    pub fn heal(&mut self, at: Duration, sim: &mut Sim<'_>, away: &[u64]) {
        for id in away {
            if !self.is_down(*id) {
                self.power_off(*id, at, sim);
            }
        }
        self.down.retain(|id, until| {
            if !away.contains(id) {
                *until = at;
            }
            !away.contains(id)
        });
        if let Some((until, _)) = &mut self.network {
            *until = at;
        }
        self.slow_disks.values_mut().for_each(|until| *until = at);
        self.workers.values_mut().for_each(|until| *until = at);
        self.end(at, sim);
        // Down for good, as far as this phase goes.
        for id in away {
            self.down.insert(*id, Duration::MAX);
        }
    }

    fn end(&mut self, at: Duration, sim: &mut Sim<'_>) {
        if self.network.as_ref().is_some_and(|(until, _)| at >= *until)
            && let Some((_, network)) = self.network.take()
        {
            match network {
                Network::Cut(a, b) => each(&a, &b, |a, b| sim.repair(a, b)),
                Network::OneWay(a, b) => each(&a, &b, |a, b| sim.repair_oneway(a, b)),
                Network::Hold(a, b) => each(&a, &b, |a, b| sim.release(a, b)),
                Network::Loss(a, b) => each(&a, &b, |a, b| sim.set_link_fail_rate(a, b, 0.0)),
                Network::Slow(a, b) => {
                    let usual = self.options.latency;
                    each(&a, &b, |a, b| sim.set_link_max_message_latency(a, b, usual));
                }
            }
            self.story.say_at(at, "net", "as it should be");
        }
        let up: Vec<u64> = due(&self.down, at);
        for id in up {
            self.down.remove(&id);
            let machine = self.machine(id);
            // One that was asked to stop and has not is cut off now.
            if sim.is_host_running(machine.name.as_str()) {
                sim.crash(machine.name.as_str());
                let lost = machine.power_off();
                self.story
                    .say_at(at, &machine.name, format!("down, {lost} entries lost"));
            }
            sim.bounce(machine.name.as_str());
        }
        for number in due(&self.workers, at) {
            self.workers.remove(&number);
            let worker = crate::worker::name(number);
            for machine in &self.machines {
                sim.repair(worker.as_str(), machine.name.as_str());
            }
            self.story.say_at(at, &worker, "is reached again");
        }
        for id in due(&self.slow_disks, at) {
            self.slow_disks.remove(&id);
            self.machine(id).slow_disk_ms.store(0, Ordering::Relaxed);
        }
    }

    fn begin(&mut self, kind: Kind, at: Duration, sim: &mut Sim<'_>, random: &mut StdRng) {
        let id = random.random_range(1..=self.options.masters);
        match kind {
            Kind::Crash => self.crash(&[id], at, sim, random),
            Kind::CrashLeader => {
                let leads = |machine: &&Arc<Machine>| {
                    machine.master().is_some_and(|master| master.is_leader())
                };
                let leader = self.machines.iter().find(leads).map(|machine| machine.id);
                self.crash(&[leader.unwrap_or(id)], at, sim, random);
            }
            Kind::CrashAll => {
                let all: Vec<u64> = self.machines.iter().map(|machine| machine.id).collect();
                self.crash(&all, at, sim, random);
            }
            Kind::StopInOrder => {
                if !self.is_down(id) {
                    let machine = self.machine(id);
                    machine.ask_to_stop();
                    self.story.say_at(at, &machine.name, "is asked to stop");
                    let pause = Duration::from_millis(random.random_range(1_000..6_000));
                    self.down.insert(id, at + pause);
                }
            }
            Kind::Clock => {
                let machine = self.machine(id);
                let ahead = random.random_range(-300_000..300_000);
                machine.wall_ahead_ms.store(ahead, Ordering::Relaxed);
                let slept = random.random_range(0..3_000);
                machine.slept_ms.fetch_add(slept, Ordering::Relaxed);
                let text = format!("has slept {slept} ms, its wall clock is {ahead} ms ahead");
                self.story.say_at(at, &machine.name, text);
            }
            Kind::Slow if random.random_ratio(1, 2) => {
                let slow = random.random_range(50..800);
                let machine = self.machine(id);
                machine.slow_disk_ms.store(slow, Ordering::Relaxed);
                let text = format!("disk: syncs take {slow} ms more");
                self.story.say_at(at, &machine.name, text);
                let until = at + Duration::from_millis(random.random_range(500..3_000));
                self.slow_disks.insert(id, until);
            }
            Kind::CutWorker => self.cut_worker(at, sim, random),
            Kind::Cut | Kind::CutOneWay | Kind::Hold | Kind::Loss | Kind::Slow => {
                self.disturb(kind, at, sim, random);
            }
        }
    }

    fn crash(&mut self, ids: &[u64], at: Duration, sim: &mut Sim<'_>, random: &mut StdRng) {
        for id in ids {
            if !self.is_down(*id) {
                self.power_off(*id, at, sim);
            }
            let pause = Duration::from_millis(random.random_range(100..3_000));
            self.down.entry(*id).or_insert(at + pause);
        }
    }

    fn power_off(&self, id: u64, at: Duration, sim: &mut Sim<'_>) {
        let machine = self.machine(id);
        sim.crash(machine.name.as_str());
        let lost = machine.power_off();
        self.story
            .say_at(at, &machine.name, format!("down, {lost} entries lost"));
    }

    fn disturb(&mut self, kind: Kind, at: Duration, sim: &mut Sim<'_>, random: &mut StdRng) {
        if self.network.is_some() {
            return;
        }
        let mut names: Vec<String> = self
            .machines
            .iter()
            .map(|machine| machine.name.clone())
            .collect();
        names.shuffle(random);
        let others = names.split_off(random.random_range(1..=self.options.minority()));
        let (a, b) = if random.random_ratio(1, 2) {
            (names, others)
        } else {
            (others, names)
        };
        let between = format!("{} and {}", a.join(" "), b.join(" "));
        let (text, network) = match kind {
            Kind::CutOneWay => {
                each(&a, &b, |a, b| sim.partition_oneway(a, b));
                let text = format!("{} no longer reaches {}", a.join(" "), b.join(" "));
                (text, Network::OneWay(a, b))
            }
            Kind::Hold => {
                each(&a, &b, |a, b| sim.hold(a, b));
                (
                    format!("nothing moves between {between}"),
                    Network::Hold(a, b),
                )
            }
            Kind::Loss => {
                let rate = random.random_range(0.002..0.05);
                each(&a, &b, |a, b| sim.set_link_fail_rate(a, b, rate));
                let text = format!("{:.1} % lost between {between}", rate * 100.0);
                (text, Network::Loss(a, b))
            }
            Kind::Slow => {
                let most = Duration::from_millis(random.random_range(50..500));
                each(&a, &b, |a, b| sim.set_link_max_message_latency(a, b, most));
                let text = format!("up to {} ms between {between}", most.as_millis());
                (text, Network::Slow(a, b))
            }
            _ => {
                each(&a, &b, |a, b| sim.partition(a, b));
                (format!("cut between {between}"), Network::Cut(a, b))
            }
        };
        self.story.say_at(at, "net", text);
        let until = at + Duration::from_millis(random.random_range(200..4_000));
        self.network = Some((until, network));
    }

    fn cut_worker(&mut self, at: Duration, sim: &mut Sim<'_>, random: &mut StdRng) {
        let number = random.random_range(1..=self.options.workers);
        if self.workers.contains_key(&number) {
            return;
        }
        let mut masters: Vec<String> = self
            .machines
            .iter()
            .map(|machine| machine.name.clone())
            .collect();
        masters.shuffle(random);
        if random.random_ratio(1, 3) {
            masters.truncate(random.random_range(1..masters.len()));
        }
        let worker = vec![crate::worker::name(number)];
        each(&worker, &masters, |a, b| sim.partition(a, b));
        let text = format!("cut between {} and {}", worker[0], masters.join(" "));
        self.story.say_at(at, "net", text);
        let until = at + Duration::from_millis(random.random_range(500..9_000));
        self.workers.insert(number, until);
    }

    fn machine(&self, id: u64) -> &Arc<Machine> {
        let found = self.machines.iter().find(|machine| machine.id == id);
        found.expect("only machines of this run are named")
    }
}

fn due(by_id: &BTreeMap<u64, Duration>, at: Duration) -> Vec<u64> {
    let over = by_id.iter().filter(|(_, until)| at >= **until);
    over.map(|(id, _)| *id).collect()
}

fn each(a: &[String], b: &[String], mut act: impl FnMut(&str, &str)) {
    for one in a {
        for other in b {
            act(one, other);
        }
    }
}
