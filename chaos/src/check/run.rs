//! What a run's directory says, in memory.

use std::collections::{BTreeMap, HashMap};

use vesta_local::ledger::{self, Record};
use vesta_types::instance::Work;
use vesta_types::{AppId, DriverId, InstanceId, SubmissionKey};

use super::calls::{Call, calls};
use super::logs::{self, MasterLog};
use crate::record::{
    Answer, Clock, Event, FinalState, MasterState, Moment, NodeSample, Observation, Op, Options,
    Phase, RecordError, RunDir, Submit, What, read_json, read_lines,
};
use crate::work::ON;

/// A run.
#[derive(Clone, Debug)]
pub struct Run {
    /// What was run.
    pub options: Options,
    /// Its phases, in order.
    pub phases: Vec<(Moment, Phase)>,
    /// Faults that the plan held, by number.
    pub planned: BTreeMap<u32, String>,
    /// Faults that began, in order.
    pub faults: Vec<Fault>,
    /// What masters said of themselves, in order.
    pub observations: Vec<(Moment, Observation)>,
    /// What nodes took, in order.
    pub samples: Vec<(Moment, NodeSample)>,
    /// Every call, in the order in which they were sent.
    pub calls: Vec<Call>,
    /// What ran, in the order in which it started.
    pub executions: Vec<Execution>,
    /// Why the ledger can't be trusted, if so.
    pub ledger_error: Option<String>,
    /// What masters said at the end, if that was collected.
    pub state: Option<FinalState>,
    /// The masters' logs, as far as they could be read back.
    pub logs: Vec<MasterLog>,
    /// The last moment of anything.
    pub end: Moment,
}

/// A fault that began.
#[derive(Clone, Debug, PartialEq)]
pub struct Fault {
    /// Its number.
    pub id: u32,
    /// Its name.
    pub name: String,
    /// The nodes that it touches.
    pub targets: Vec<String>,
    /// Who led.
    pub leader: Option<String>,
    /// What was under way.
    pub phases: Vec<crate::record::Letter>,
    /// When it began.
    pub began: Moment,
    /// By what it was seen to have happened.
    pub seen: Option<String>,
    /// When it ended.
    pub ended: Option<Moment>,
}

impl Fault {
    /// Whether it touches anything but masters.
    pub fn touches_workers(&self) -> bool {
        self.targets.is_empty() || self.targets.iter().any(|it| !it.starts_with("master"))
    }

    /// Whether it may cost something that runs on one of these nodes: by its own targets, or because it breaks
    /// the links of masters, whom workers then can't reach. `None` is a node that is not known.
    pub fn may_cost(&self, nodes: &[Option<&str>]) -> bool {
        let hits = |target: &str| {
            let on = |node: &Option<&str>| node.is_none_or(|node| node == target);
            target.starts_with("worker") && nodes.iter().any(on)
                || !target.starts_with("worker") && !target.starts_with("master")
        };
        self.targets.is_empty()
            || LINKS.contains(&self.name.as_str())
            || self.targets.iter().any(|target| hits(target))
    }

    /// Whether it hits the master that led, and no worker.
    pub fn hits_leader(&self) -> bool {
        let master = |it: &String| it.starts_with("master");
        self.targets.iter().all(master)
            && self
                .leader
                .as_ref()
                .is_some_and(|leader| self.targets.contains(leader))
    }

    /// The line that a person reads.
    pub fn line(&self) -> String {
        let ended = match self.ended {
            Some(at) => at.to_string(),
            None => "never".to_owned(),
        };
        let (began, id, name) = (self.began, self.id, &self.name);
        format!(
            "{began} fault {id} {name} at {}, ended {ended}",
            self.targets.join(", ")
        )
    }
}

/// Faults whose targets are masters, and which a worker feels: it hears nothing of the leader.
const LINKS: [&str; 11] = [
    "corrupt",
    "delay",
    "drip",
    "flapping",
    "half-open",
    "hold",
    "isolate-leader",
    "loss",
    "old-leader-only",
    "reset",
    "stalls",
];

/// One process that ran as an instance.
#[derive(Clone, Debug, PartialEq)]
pub struct Execution {
    /// The instance.
    pub instance: InstanceId,
    /// The worker's restart of it.
    pub restart: u32,
    /// Its process id.
    pub pid: u32,
    /// The key of its driver.
    pub key: Option<SubmissionKey>,
    /// The leadership whose order started it.
    pub epoch: u64,
    /// The node that it ran on, as far as it said so.
    pub node: Option<String>,
    /// When it wrote its first line; `None` if all that is known of it are beats.
    pub started: Option<Moment>,
    /// When it, or what it left behind, wrote its last line.
    pub last: Moment,
    /// When it said that it ends, and why.
    pub ended: Option<(Moment, String)>,
}

impl Execution {
    /// The driver, if it is one's.
    pub fn driver(&self) -> Option<&DriverId> {
        match &self.instance.work {
            Work::Driver { driver, .. } => Some(driver),
            Work::Executor { .. } => None,
        }
    }

    /// The driver's attempt; 0 for an executor.
    pub fn attempt(&self) -> u32 {
        match self.instance.work {
            Work::Driver { attempt, .. } => attempt,
            Work::Executor { .. } => 0,
        }
    }

    /// The application, if it is an executor.
    pub fn application(&self) -> Option<&AppId> {
        match &self.instance.work {
            Work::Executor { app, .. } => Some(app),
            Work::Driver { .. } => None,
        }
    }

    /// The line that a person reads.
    pub fn line(&self) -> String {
        let started = match self.started {
            Some(at) => format!("started {at}"),
            None => "no start written".to_owned(),
        };
        let ended = match &self.ended {
            Some((at, why)) => format!(", said that it ends {at} ({why})"),
            None => String::new(),
        };
        format!(
            "ledger: {} restart {} pid {} epoch {}: {started}, last seen {}{ended}",
            self.instance, self.restart, self.pid, self.epoch, self.last
        )
    }
}

impl Run {
    /// Reads a run's directory.
    ///
    /// # Errors
    /// When options, events or history can't be read. What else is missing, checks have to do without.
    pub fn read(dir: &RunDir) -> Result<Run, RecordError> {
        let options: Options = read_json(&dir.options())?;
        let mut run = Run::new(options);
        for event in read_lines::<Event>(&dir.events())? {
            run.add(event?);
        }
        if dir.history().exists() {
            run.calls = calls(read_lines(&dir.history())?)?;
        }
        run.read_ledger(dir);
        run.state = match dir.state().exists() {
            true => Some(read_json(&dir.state())?),
            false => None,
        };
        run.logs = logs::read(dir, run.options.masters);
        let last = run
            .calls
            .iter()
            .map(|it| it.returned.as_ref().map_or(it.invoked, |it| it.0));
        let last = last.chain(run.executions.iter().map(|it| it.last)).max();
        run.end = run.end.max(last.unwrap_or_default());
        Ok(run)
    }

    /// A run of which nothing is known but what it was told.
    pub fn new(options: Options) -> Run {
        Run {
            options,
            phases: Vec::new(),
            planned: BTreeMap::new(),
            faults: Vec::new(),
            observations: Vec::new(),
            samples: Vec::new(),
            calls: Vec::new(),
            executions: Vec::new(),
            ledger_error: None,
            state: None,
            logs: Vec::new(),
            end: Moment::default(),
        }
    }

    /// Takes in one event more.
    pub fn add(&mut self, event: Event) {
        let Event { at, what } = event;
        self.end = self.end.max(at);
        match what {
            What::Phase { phase } => self.phases.push((at, phase)),
            What::FaultPlanned { id, fault } => {
                self.planned.insert(id, fault);
            }
            What::FaultBegan {
                id,
                fault,
                targets,
                leader,
                phases,
            } => self.faults.push(Fault {
                id,
                name: fault,
                targets,
                leader,
                phases,
                began: at,
                seen: None,
                ended: None,
            }),
            What::FaultSeen { id, by } => {
                if let Some(fault) = self.faults.iter_mut().rfind(|it| it.id == id) {
                    fault.seen.get_or_insert(by);
                }
            }
            What::FaultEnded { id } => {
                if let Some(fault) = self.faults.iter_mut().rfind(|it| it.id == id) {
                    fault.ended = Some(at);
                }
            }
            What::Observation(it) => self.observations.push((at, it)),
            What::Sample(it) => self.samples.push((at, it)),
            What::Note { .. } => {}
        }
    }

    /// Millions of lines: kept is one value per process.
    fn read_ledger(&mut self, dir: &RunDir) {
        let mut ran = Ran::new(self.options.clock());
        let records = match ledger::records(&dir.ledger()) {
            Ok(records) => records,
            Err(error) => {
                self.ledger_error = Some(error.to_string());
                return;
            }
        };
        for record in records {
            match record {
                Ok(record) => ran.add(record),
                Err(error) => {
                    self.ledger_error = Some(error.to_string());
                    break;
                }
            }
        }
        self.executions = ran.done();
    }

    /// What was submitted under each key.
    pub fn submissions(&self) -> HashMap<SubmissionKey, &Submit> {
        let submits = self.calls.iter().filter_map(|call| match &call.op {
            Op::Submit(submit) => Some((submit.key, submit)),
            _ => None,
        });
        submits.collect()
    }

    /// When each key was first used.
    pub fn asked(&self) -> HashMap<SubmissionKey, Moment> {
        let mut asked = HashMap::new();
        for call in &self.calls {
            if let Op::Submit(submit) = &call.op {
                asked.entry(submit.key).or_insert(call.invoked);
            }
        }
        asked
    }

    /// Every answer that names the driver of a key.
    pub fn named(&self) -> impl Iterator<Item = (SubmissionKey, DriverId, &Call)> {
        self.calls
            .iter()
            .filter_map(|call| match (&call.op, call.ok()?.1) {
                (Op::Submit(submit), Answer::Submitted { driver, .. }) => {
                    Some((submit.key, driver.clone(), call))
                }
                (Op::FindKey { key }, Answer::Found { id, .. }) => {
                    Some((*key, id.parse().ok()?, call))
                }
                _ => None,
            })
    }

    /// What was submitted as each driver, by answers and by what ran.
    pub fn drivers(&self) -> HashMap<DriverId, &Submit> {
        let submissions = self.submissions();
        let named = self.named().map(|(key, driver, _)| (key, driver));
        let ran = self.executions.iter();
        let ran = ran.filter_map(|it| Some((it.key?, it.driver()?.clone())));
        named
            .chain(ran)
            .filter_map(|(key, driver)| Some((driver, *submissions.get(&key)?)))
            .collect()
    }

    /// The state of the master that led at the end, or of the one that had applied the most.
    pub fn last_state(&self) -> Option<&MasterState> {
        let masters = self.state.as_ref()?.masters.iter();
        masters
            .filter(|it| it.error.is_none())
            .max_by_key(|it| (it.leader, it.hash.0))
    }

    /// When the first of this phase began.
    pub fn phase(&self, phase: Phase) -> Option<Moment> {
        let first = self.phases.iter().find(|(_, it)| *it == phase);
        first.map(|(at, _)| *at)
    }

    /// Every stretch of this phase.
    pub fn stretches(&self, phase: Phase) -> Vec<(Moment, Moment)> {
        let ends = self.phases.iter().skip(1).map(|(at, _)| *at);
        let ends = ends.chain([self.end]);
        let all = self.phases.iter().zip(ends);
        all.filter(|((_, it), _)| *it == phase)
            .map(|((begin, _), end)| (*begin, end))
            .collect()
    }
}

/// Puts the lines of a ledger together.
pub(super) struct Ran {
    clock: Clock,
    /// One of an instance and restart and process; what it leaves behind counts as it.
    all: HashMap<(InstanceId, u32, u32), Execution>,
}

impl Ran {
    pub(super) fn new(clock: Clock) -> Ran {
        let all = HashMap::new();
        Ran { clock, all }
    }

    pub(super) fn add(&mut self, record: Record) {
        let at = self.clock.moment(record.boot_us);
        // What a process left behind has another process id: it goes by the name of the process alone.
        let pid = if record.note == "child" {
            0
        } else {
            record.pid
        };
        let id = (record.instance.clone(), record.restart, pid);
        let one = self.all.entry(id).or_insert_with(|| Execution {
            instance: record.instance,
            restart: record.restart,
            pid: record.pid,
            key: record.key,
            epoch: record.epoch,
            node: None,
            started: None,
            last: at,
            ended: None,
        });
        one.last = one.last.max(at);
        match record.event {
            ledger::Event::Started => {
                one.started = Some(one.started.map_or(at, |it| it.min(at)));
                one.node = record.note.strip_prefix(ON).map(str::to_owned);
            }
            ledger::Event::Beat => {}
            ledger::Event::Ended => one.ended = Some((at, record.note)),
        }
    }

    pub(super) fn done(self) -> Vec<Execution> {
        let mut all: Vec<Execution> = self.all.into_values().collect();
        all.sort_by_key(|it| (it.started.unwrap_or(it.last), it.pid));
        all
    }
}
