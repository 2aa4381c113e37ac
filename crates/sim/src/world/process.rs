//! Processes of drivers and executors, and what they really did: the ledger that is judged by.

use std::rc::Rc;

use rand::Rng;
use rand_chacha::ChaCha8Rng;
use vesta_proto::worker_convert::RunOrder;
use vesta_types::InstanceId;

use super::worker::short;
use super::{Event, World};
use crate::clock::{MS, Nanos, SECOND};
use crate::trace::trace;

/// What a process is going to do.
#[derive(Clone, Copy, Debug)]
pub struct Plan {
    /// When it ends by itself, if it does.
    pub runs: Option<Nanos>,
    /// With which code.
    pub code: i32,
    /// Whether it ignores TERM.
    pub ignores_term: bool,
}

impl Plan {
    /// As its arguments say: how many ms it runs (`-` for ever), its exit code, whether it ignores TERM,
    /// and how many of a hundred crash before.
    pub fn of(args: &[String], rng: &mut ChaCha8Rng) -> Plan {
        let arg = |at: usize| args.get(at).map_or("-", String::as_str);
        let number = |at: usize| arg(at).parse::<u64>().ok();
        let plan = Plan {
            runs: number(0).map(|ms| ms * MS),
            code: number(1).map_or(0, |code| i32::try_from(code).unwrap_or(1)),
            ignores_term: arg(2) == "ignores-term",
        };
        let crashes = number(3).unwrap_or(0);
        if rng.random_range(0..100) < crashes {
            let runs = rng.random_range(10 * MS..10 * SECOND);
            return Plan {
                runs: Some(runs),
                code: 3,
                ..plan
            };
        }
        plan
    }
}

/// A process that runs.
#[derive(Clone, Debug)]
pub struct Process {
    /// Of which instance.
    pub instance: Rc<InstanceId>,
    /// Whether it ignores TERM.
    pub ignores_term: bool,
    /// Its line in the ledger.
    pub line: usize,
}

impl World {
    /// A process begins.
    pub(super) fn execute(
        &mut self,
        w: usize,
        instance: &InstanceId,
        restart: u32,
        order: &RunOrder,
        plan: Plan,
        was_paused: bool,
    ) -> u32 {
        self.pids += 1;
        let pid = self.pids;
        trace!(
            self,
            "w{} exec {} restart {restart} pid {pid}",
            w + 1,
            short(instance)
        );
        let newest = self.current();
        let state = newest.map(|m| &self.masters[m].state);
        let line = self.truth.executed(
            self.now,
            w,
            instance,
            restart,
            order,
            was_paused,
            state,
            &mut self.broken,
        );
        let instance = Rc::new(instance.clone());
        let process = Process {
            instance,
            ignores_term: plan.ignores_term,
            line,
        };
        self.workers[w].processes.insert(pid, process);
        if let Some(runs) = plan.runs {
            self.after(
                runs,
                Event::ProcessEnds {
                    w,
                    pid,
                    code: plan.code,
                },
            );
        }
        pid
    }

    /// A process ends by itself.
    pub(super) fn process_ends(&mut self, w: usize, pid: u32, end: (Option<i32>, Option<i32>)) {
        let Some(process) = self.workers[w].processes.get(&pid).cloned() else {
            return;
        };
        trace!(
            self,
            "w{} exit {} pid {pid} {end:?}",
            w + 1,
            short(&process.instance)
        );
        self.ends.insert((w, pid), end);
        self.process_gone(w, pid);
        self.process_ended(w, &process.instance, pid);
    }

    /// It gets TERM: it ends soon, unless it ignores that.
    pub(super) fn process_told(&mut self, w: usize, pid: u32) {
        let ignores = self.workers[w]
            .processes
            .get(&pid)
            .is_none_or(|it| it.ignores_term);
        if !ignores {
            let takes = self.rng.random_range(0..200 * MS);
            self.after(takes, Event::ProcessEnds { w, pid, code: 143 });
        }
    }

    /// It gets KILL.
    pub(super) fn process_killed(&mut self, w: usize, pid: u32) {
        self.process_ends(w, pid, (None, Some(9)));
    }

    /// Nothing of it is left.
    pub(super) fn process_gone(&mut self, w: usize, pid: u32) {
        if let Some(process) = self.workers[w].processes.remove(&pid) {
            self.truth.ended(self.now, process.line);
        }
    }

    /// Whatever is left of an instance is killed.
    pub(super) fn end_processes(&mut self, w: usize, instance: &InstanceId) {
        let of = self.workers[w]
            .processes
            .iter()
            .filter(|(_, it)| *it.instance == *instance);
        let of: Vec<u32> = of.map(|(pid, _)| *pid).collect();
        for pid in of {
            self.process_killed(w, pid);
        }
    }
}
