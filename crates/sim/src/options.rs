//! What one seed decides before its run begins: sizes, times, load, which faults there are.
//!
//! Swarm testing: each run has some kinds of faults, often few, and its own intensities, because faults
//! hide each other: a cluster that is always partitioned never finishes a recovery.

use std::fmt;
use std::time::Duration;

use rand::Rng;
use rand::seq::IndexedRandom;
use rand::seq::SliceRandom;
use rand_chacha::ChaCha8Rng;
use rand_chacha::rand_core::SeedableRng;

use crate::clock::{MS, Nanos, SECOND};
use crate::fault::Fault;

/// What a seed decides.
#[derive(Clone, Debug)]
pub struct Options {
    /// The seed.
    pub seed: u64,
    /// How long faults go on, in simulated time; convergence and the rest come after it.
    pub safety: Nanos,
    /// Masters: 3 or 5.
    pub masters: usize,
    /// Workers, 2 to 8.
    pub workers: usize,
    /// Cores of a worker.
    pub cores: u32,
    /// Clients that submit, kill and ask.
    pub clients: usize,
    /// What scales every time-out, in thousandths.
    pub scale: u32,
    /// Raft's heartbeat, and the shortest and longest patience.
    pub raft: (Nanos, Nanos, Nanos),
    /// A snapshot is taken after so many entries.
    pub snapshot_every: u64,
    /// How long a flush takes at most, usually.
    pub fsync: Nanos,
    /// How long a message takes at most, usually.
    pub latency: Nanos,
    /// How wrong clocks are at most, in millionths.
    pub drift_ppm: i64,
    /// Pause between two requests of one client, on average.
    pub request_every: Nanos,
    /// Pause between two applications, on average.
    pub app_every: Nanos,
    /// Pause between two faults, on average.
    pub fault_every: Nanos,
    /// How long a fault lasts, on average.
    pub fault_lasts: Nanos,
    /// Which faults there are.
    pub faults: Vec<Fault>,
}

impl Options {
    /// The options of a seed, for a run of `seconds` in all.
    pub fn of(seed: u64, seconds: u64) -> Options {
        let mut rng = ChaCha8Rng::seed_from_u64(seed ^ 0x7E57_0000);
        let rng = &mut rng;
        let pick = |rng: &mut ChaCha8Rng, of: &[u64]| *of.choose(rng).expect("it is not empty");
        let heartbeat = pick(rng, &[100, 100, 150, 250]);
        let least = heartbeat * pick(rng, &[3, 4, 6]);
        let scale = u32::try_from(pick(rng, &[50, 80, 100, 150])).unwrap_or(100);
        let mut faults = Fault::ALL.to_vec();
        faults.shuffle(rng);
        let share = *[0, 2, 3, 5, 8, 12, faults.len()]
            .choose(rng)
            .expect("it is not empty");
        faults.truncate(share);
        faults.sort_unstable();
        let mut options = Options {
            seed,
            safety: 0,
            masters: if rng.random_bool(0.7) { 3 } else { 5 },
            workers: rng.random_range(2..=8),
            cores: rng.random_range(3..=8),
            clients: rng.random_range(1..=3),
            scale,
            raft: (heartbeat * MS, least * MS, 2 * least * MS),
            snapshot_every: pick(rng, &[20, 50, 100, 400]),
            fsync: pick(rng, &[1, 2, 5, 20]) * MS,
            latency: pick(rng, &[1, 2, 5, 30]) * MS,
            drift_ppm: *[0, 100, 40_000].choose(rng).expect("it is not empty"),
            request_every: pick(rng, &[1_500, 3_000, 6_000, 12_000]) * MS,
            app_every: pick(rng, &[10, 20, 40]) * SECOND,
            fault_every: pick(rng, &[2_000, 4_000, 8_000, 15_000]) * MS,
            fault_lasts: pick(rng, &[500, 2_000, 5_000, 12_000]) * MS,
            faults,
        };
        let after = options.convergence() + options.probing() + options.clearing();
        options.safety = (seconds * SECOND)
            .saturating_sub(after)
            .max(seconds * SECOND / 4);
        options
    }

    fn scaled(&self, ms: u64) -> Duration {
        Duration::from_millis(ms * u64::from(self.scale) / 1000)
    }

    /// How often a worker says that it lives.
    pub fn heartbeat(&self) -> Duration {
        self.scaled(5_000)
    }

    /// How long after its sending a confirmed heartbeat allows starts.
    pub fn order_ttl(&self) -> Duration {
        self.scaled(15_000)
    }

    /// Silence after which a worker is lost; how long recovery waits, too.
    pub fn worker_timeout(&self) -> Duration {
        self.scaled(60_000)
            .max(self.order_ttl().mul_f64(1.1) + Duration::from_secs(1))
    }

    /// Silence after which an application is over.
    pub fn app_lease(&self) -> Duration {
        self.scaled(300_000)
    }

    /// The lease of a driver that is to stop when it is cut off.
    pub fn stop_lease(&self) -> Duration {
        self.scaled(120_000)
    }

    /// How long a process may take to end after TERM.
    pub fn grace(&self) -> Duration {
        self.scaled(10_000)
    }

    /// After so long without new faults everything must have come right: an election, a recovery, a
    /// verdict that was held back once, and what it takes to reconnect.
    pub fn convergence(&self) -> Nanos {
        let verdict = crate::clock::nanos(self.worker_timeout());
        let election = 10 * self.raft.2;
        election + 3 * verdict + 3 * crate::clock::nanos(self.heartbeat()) + 25 * SECOND
    }

    /// How long new work may take to its end after that.
    pub fn probing(&self) -> Nanos {
        20 * SECOND
    }

    /// How long it may take until nothing is left once everything was told to end.
    pub fn clearing(&self) -> Nanos {
        20 * SECOND + 2 * crate::clock::nanos(self.grace())
    }

    /// When the run ends.
    pub fn end(&self) -> Nanos {
        self.safety + self.convergence() + self.probing() + self.clearing()
    }
}

impl fmt::Display for Options {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let ms = |nanos: Nanos| nanos / MS;
        let names: Vec<&str> = self.faults.iter().map(|fault| fault.name()).collect();
        let (beat, least, most) = self.raft;
        writeln!(
            f,
            "masters {}, workers {} with {} cores, clients {}, times x {}/1000, raft {}/{}-{} ms",
            self.masters,
            self.workers,
            self.cores,
            self.clients,
            self.scale,
            ms(beat),
            ms(least),
            ms(most)
        )?;
        writeln!(
            f,
            "snapshot every {}, fsync <= {} ms, latency <= {} ms, drift <= {} ppm, requests every {} ms, \
             applications every {} ms",
            self.snapshot_every,
            ms(self.fsync),
            ms(self.latency),
            self.drift_ppm,
            ms(self.request_every),
            ms(self.app_every)
        )?;
        write!(
            f,
            "{} s of faults every {} ms for about {} ms: {}",
            self.safety / SECOND,
            ms(self.fault_every),
            ms(self.fault_lasts),
            if names.is_empty() {
                "none".to_owned()
            } else {
                names.join(", ")
            }
        )
    }
}
