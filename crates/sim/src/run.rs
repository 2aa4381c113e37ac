//! One seed: its run and its verdict.

use std::panic::{AssertUnwindSafe, catch_unwind};

use crate::coverage::Coverage;
use crate::options::Options;
use crate::trace::Trace;
use crate::world::World;

/// What came of a seed.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Verdict {
    /// The seed.
    pub seed: u64,
    /// The first thing that was broken.
    pub broken: Option<String>,
    /// What was met.
    pub coverage: Coverage,
    /// How much time was simulated, in nanoseconds.
    pub simulated: u64,
    /// Leaderships, committed entries and processes.
    pub met: (u64, u64, usize),
    /// How many events there were.
    pub events: u64,
    /// What happened, if that was kept.
    pub lines: Vec<String>,
}

/// How a seed is run.
#[derive(Clone, Copy, Debug)]
pub struct How {
    /// Simulated seconds.
    pub seconds: u64,
    /// The whole state is checked after so many entries, and a step of so many.
    pub every: (u64, u64),
    /// Whether what happens is kept.
    pub traced: bool,
}

impl Default for How {
    fn default() -> How {
        let every = if cfg!(debug_assertions) {
            (1, 4)
        } else {
            (8, 48)
        };
        How {
            seconds: 300,
            every,
            traced: false,
        }
    }
}

/// Runs one seed. A panic of what is simulated is a verdict like any other.
pub fn seed(seed: u64, how: How) -> Verdict {
    let trace = if how.traced {
        Trace::on()
    } else {
        Trace::default()
    };
    let mut world = World::new(Options::of(seed, how.seconds), how.every, trace);
    let ran = catch_unwind(AssertUnwindSafe(|| world.run()));
    let panicked = ran.err().map(|panic| {
        let text = panic.downcast_ref::<String>().cloned();
        let text = text.or_else(|| panic.downcast_ref::<&str>().map(|text| (*text).to_owned()));
        format!("panic: {}", text.unwrap_or_default())
    });
    Verdict {
        seed,
        broken: panicked.or(world.broken.take()),
        coverage: world.cover.clone(),
        simulated: world.now,
        met: world.met(),
        events: world.events,
        lines: world.trace.lines().to_vec(),
    }
}
