//! One seed from its beginning to its verdict.

use std::cell::Cell;
use std::rc::Rc;
use std::sync::Arc;
use std::time::{Duration, UNIX_EPOCH};

use rand::rngs::StdRng;
use rand::seq::SliceRandom;
use rand::{Rng, SeedableRng};
use turmoil::Sim;

use crate::check::{Checks, Settled, judge, settled};
use crate::faults::Faults;
use crate::history::History;
use crate::machine::{EPOCH_MS, Machine};
use crate::options::{HEALED_WITHIN, Options};
use crate::story::Story;
use crate::submitter::Submitter;

/// One step of simulated time.
const TICK: Duration = Duration::from_millis(1);

/// What came of a run.
pub struct Outcome {
    /// What was found wrong; nothing is what should be found.
    pub violations: Vec<String>,
    /// What the run has seen, for people.
    pub summary: String,
}

/// A run while it goes on.
struct Run<'a> {
    sim: Sim<'a>,
    options: Options,
    machines: Vec<Arc<Machine>>,
    faults: Faults,
    checks: Checks,
    history: History,
    story: Story,
    random: StdRng,
    /// Whether every client has had its last answer.
    clients_ended: bool,
}

/// Runs one seed. The process's randomness has to be of that seed too; see [`crate::seeded`].
pub fn run(options: &Options, story: &Story) -> Outcome {
    let watched = story.clone();
    // A task that panics is caught by tokio and forgotten.
    std::panic::set_hook(Box::new(move |panic| {
        let at = turmoil::sim_elapsed().unwrap_or_default();
        watched.violation(at, "panic", panic);
    }));
    let stop = Rc::new(Cell::new(false));
    let mut run = Run::new(options, story, &stop);
    let finished = run.safety() && run.liveness(&stop);
    let _ = std::panic::take_hook();
    let summary = run.summary();
    if !finished {
        story.say_at(run.sim.elapsed(), "end", "not reached");
    }
    Outcome {
        violations: story.violations(),
        summary,
    }
}

impl<'a> Run<'a> {
    fn new(options: &Options, story: &Story, stop: &Rc<Cell<bool>>) -> Run<'a> {
        let mut random = StdRng::seed_from_u64(options.seed.wrapping_add(1));
        let mut sim = turmoil::Builder::new()
            .epoch(UNIX_EPOCH + Duration::from_millis(EPOCH_MS))
            .simulation_duration(Duration::from_secs(3_600))
            .tick_duration(TICK)
            .min_message_latency(Duration::from_millis(1))
            .max_message_latency(options.latency)
            .tcp_capacity(4_096)
            .enable_random_order()
            .rng_seed(random.random())
            .build();
        let machines: Vec<Arc<Machine>> = (1..=options.masters)
            .map(|id| Machine::new(id, options, story))
            .collect();
        for machine in &machines {
            let started = Arc::clone(machine);
            sim.host(machine.name.as_str(), move || Arc::clone(&started).live());
        }
        let history = History::default();
        for number in 1..=options.workers {
            let (options, machines) = (options.clone(), machines.clone());
            let (history, story) = (history.clone(), story.clone());
            sim.host(crate::worker::name(number), move || {
                crate::worker::live(
                    number,
                    options.clone(),
                    machines.clone(),
                    history.clone(),
                    story.clone(),
                )
            });
        }
        for number in 1..=options.clients {
            let submitter = Submitter::new(number, options, &history, story);
            sim.client(format!("c{number}"), submitter.work(Rc::clone(stop)));
        }
        Run {
            faults: Faults::new(options, &machines, story),
            sim,
            options: options.clone(),
            machines,
            checks: Checks::new(),
            history,
            story: story.clone(),
            random,
            clients_ended: false,
        }
    }

    /// One step, and a look at everything. Returns false once something was found wrong.
    fn step(&mut self) -> bool {
        match self.sim.step() {
            Ok(clients_ended) => self.clients_ended = clients_ended,
            Err(error) => self.story.violation(self.sim.elapsed(), "sim", error),
        }
        let at = self.sim.elapsed();
        self.checks.look(at, &self.machines, &self.story);
        self.story.violations().is_empty()
    }

    /// Faults everywhere.
    fn safety(&mut self) -> bool {
        while self.sim.elapsed() < self.options.safety {
            if !self.step() {
                return false;
            }
            let at = self.sim.elapsed();
            self.faults.step(at, &mut self.sim, &mut self.random);
        }
        true
    }

    /// Everything is healed, first but for a minority if the seed says so, and must work again.
    fn liveness(&mut self, stop: &Rc<Cell<bool>>) -> bool {
        if self.options.minority_stays_away {
            let mut ids: Vec<u64> = self.machines.iter().map(|machine| machine.id).collect();
            ids.shuffle(&mut self.random);
            ids.truncate(self.options.minority());
            self.heal(&ids);
            if !self.serves() {
                return false;
            }
        }
        self.heal(&[]);
        if !self.serves() {
            return false;
        }
        stop.set(true);
        self.settles()
    }

    fn heal(&mut self, away: &[u64]) {
        let at = self.sim.elapsed();
        let away_names: Vec<String> = away.iter().map(|id| format!("m{id}")).collect();
        let but = if away.is_empty() {
            String::new()
        } else {
            format!(", but {} stays away", away_names.join(" "))
        };
        self.story.say_at(at, "heal", format!("everything{but}"));
        self.faults.heal(at, &mut self.sim, away);
    }

    /// A submission that begins now must be acknowledged and executed in time.
    fn serves(&mut self) -> bool {
        let healed = self.sim.elapsed();
        let mut acknowledged = None;
        while self.sim.elapsed() < healed + HEALED_WITHIN {
            if !self.step() {
                return false;
            }
            let asked = self.history.lock();
            let at = self.sim.elapsed();
            if acknowledged.is_none()
                && let Some(answered) = asked.served_after(healed)
            {
                acknowledged = Some(answered);
                let took = (answered - healed).as_secs_f64();
                let text = format!("a submission was acknowledged {took:.3} s after healing");
                self.story.say_at(at, "heal", text);
            }
            if acknowledged.is_some() && asked.executed_after(healed) {
                let took = (at - healed).as_secs_f64();
                let text = format!("its driver was executed {took:.3} s after healing");
                self.story.say_at(at, "heal", text);
                return true;
            }
        }
        let what = if acknowledged.is_some() {
            "executed, though one was acknowledged,"
        } else {
            "acknowledged"
        };
        let text = format!("no submission was {what} within {HEALED_WITHIN:?} after healing");
        self.story.violation(self.sim.elapsed(), "end", text);
        false
    }

    /// All must agree in time, and what they agree on must be what the clients were told.
    fn settles(&mut self) -> bool {
        let since = self.sim.elapsed();
        let mut last = Settled::Yes;
        while self.sim.elapsed() < since + HEALED_WITHIN {
            // States are encoded to compare them: not at every step.
            for _ in 0..50 {
                if !self.step() {
                    return false;
                }
            }
            if !self.clients_ended {
                last = Settled::NotYet("a client still waits for an answer".to_owned());
                continue;
            }
            last = settled(&self.machines);
            if last == Settled::Yes {
                let at = self.sim.elapsed();
                let took = (at - since).as_secs_f64();
                let text = format!("all masters agree, {took:.3} s after the load ended");
                self.story.say_at(at, "end", text);
                if let Some(master) = self.machines.iter().find_map(|machine| machine.master()) {
                    let state = master.shared.state();
                    judge(at, &state, &self.history.lock(), &self.story);
                }
                return true;
            }
        }
        if let Settled::NotYet(why) = last {
            let text = format!("the masters don't agree within {HEALED_WITHIN:?}: {why}");
            self.story.violation(self.sim.elapsed(), "end", text);
        }
        false
    }

    fn summary(&self) -> String {
        let asked = self.history.lock();
        let acknowledged = asked
            .submissions
            .values()
            .filter(|submission| !submission.acknowledged.is_empty())
            .count();
        format!(
            "{:.0} s simulated; {} of {} submissions acknowledged, {} instances executed, {} kills, {} answers in all, longest pause {:.1} s; {}",
            self.sim.elapsed().as_secs_f64(),
            acknowledged,
            asked.submissions.len(),
            asked.executed.len(),
            asked.killed.len(),
            asked.answers,
            asked.longest_gap(self.sim.elapsed()).as_secs_f64(),
            self.checks.summary()
        )
    }
}
