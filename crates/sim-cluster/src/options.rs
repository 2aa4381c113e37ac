//! What a seed decides before its run begins.

use std::fmt;
use std::time::Duration;

use rand::rngs::StdRng;
use rand::{Rng, SeedableRng};

/// How long the phase with faults lasts.
const SAFETY: Duration = Duration::from_secs(12);

/// A served submission, one leader and equal states are demanded within this time after healing. The largest
/// part of it: a connection that has lost a segment is noticed by its HTTP/2 pings alone, after two times 5 s,
/// for turmoil's TCP repeats nothing.
pub const HEALED_WITHIN: Duration = Duration::from_secs(20);

/// The cluster and its surroundings, as a seed makes them.
#[derive(Clone, Debug)]
pub struct Options {
    /// The seed itself.
    pub seed: u64,
    /// How many masters.
    pub masters: u64,
    /// How many workers.
    pub workers: u64,
    /// How many clients.
    pub clients: u64,
    /// Entries between two snapshots.
    pub snapshot_every: u64,
    /// The shortest and longest time that a sync takes, in milliseconds.
    pub sync_ms: (u64, u64),
    /// The longest time that a message takes on an undisturbed link.
    pub latency: Duration,
    /// The mean time between two faults.
    pub fault_every: Duration,
    /// How long faults go on.
    pub safety: Duration,
    /// Whether one master (or two of five) stay away when all else is healed.
    pub minority_stays_away: bool,
}

impl Options {
    /// The options of `seed`.
    pub fn of(seed: u64) -> Options {
        let mut random = StdRng::seed_from_u64(seed);
        Options {
            seed,
            masters: if random.random_ratio(1, 6) { 5 } else { 3 },
            workers: 2,
            clients: 3,
            snapshot_every: *pick(&mut random, &[15, 40, 150, 10_000]),
            sync_ms: *pick(&mut random, &[(0, 1), (1, 5), (5, 20), (1, 60)]),
            latency: Duration::from_millis(*pick(&mut random, &[2, 5, 20, 40])),
            fault_every: Duration::from_millis(*pick(&mut random, &[500, 1_000, 2_000])),
            safety: SAFETY,
            minority_stays_away: random.random_ratio(1, 2),
        }
    }

    /// How many masters may be away without costing the quorum.
    pub fn minority(&self) -> usize {
        usize::try_from((self.masters - 1) / 2).expect("there are at most five")
    }
}

impl fmt::Display for Options {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(
            f,
            "seed {}: {} masters, {} workers, {} clients, a snapshot every {} entries, syncs of {}-{} ms, messages of up to \
             {} ms, a fault about every {} ms for {} s{}",
            self.seed,
            self.masters,
            self.workers,
            self.clients,
            self.snapshot_every,
            self.sync_ms.0,
            self.sync_ms.1,
            self.latency.as_millis(),
            self.fault_every.as_millis(),
            self.safety.as_secs(),
            if self.minority_stays_away {
                ", then a minority stays away"
            } else {
                ""
            }
        )
    }
}

/// One of `choices`, which must not be empty.
pub fn pick<'a, T>(random: &mut StdRng, choices: &'a [T]) -> &'a T {
    &choices[random.random_range(0..choices.len())]
}
