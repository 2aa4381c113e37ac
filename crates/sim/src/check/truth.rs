//! The replicated log as it was committed first, and what everybody else made of it: I8, I15, I20, I21,
//! I22 and the invariants of the state (I2, I4–I6, I10–I15, I18, I19, by `vesta_core::invariants`).

use std::collections::{BTreeMap, BTreeSet};
use std::rc::Rc;

use vesta_core::{Answer, Reply};
use vesta_core::{ClusterState, Command, Entry, Request, invariants};
use vesta_proto::worker_convert::RunOrder;
use vesta_types::{AppId, Epoch, InstanceId, SubmissionKey, Work, WorkerId};

use super::{Broken, Ledger, Told, broke};
use crate::clock::Nanos;
use crate::raft::{LogEntry, Snapshot};

/// After so many entries the states of all masters are compared.
const COMPARED_EVERY: u64 = 256;

/// So many snapshots are remembered, to compare those of other masters with them.
const REMEMBERED: usize = 16;

/// Of so many snapshots one is read back and compared: that is the dearest check of all.
const SNAPSHOTS_PER_LOOK: u64 = 4;

/// What really happened.
pub struct Truth {
    leaders: BTreeMap<u64, usize>,
    terms: Vec<u64>,
    votes: Vec<(u64, usize)>,
    log: Vec<LogEntry>,
    digests: BTreeMap<u64, u64>,
    snapshots: BTreeMap<u64, Rc<Snapshot>>,
    epochs: Vec<Epoch>,
    recovered: BTreeMap<Epoch, Option<u64>>,
    verdicts: BTreeSet<(Epoch, WorkerId)>,
    /// When a leadership was opened last.
    pub opened_at: Nanos,
    /// How many were.
    pub leaderships: u64,
    /// How often the whole state is checked, and how often a step is, in entries.
    pub every: (u64, u64),
    saves: u64,
    /// What processes did.
    pub ledger: Ledger,
    /// What clients were told.
    pub told: Told,
}

impl Truth {
    /// Nothing happened yet.
    pub fn new(masters: usize, workers: usize, every: (u64, u64)) -> Truth {
        Truth {
            leaders: BTreeMap::new(),
            terms: vec![0; masters],
            votes: vec![(0, 0); masters],
            log: Vec::new(),
            digests: BTreeMap::new(),
            snapshots: BTreeMap::new(),
            epochs: vec![Epoch(0); workers],
            recovered: BTreeMap::new(),
            verdicts: BTreeSet::new(),
            opened_at: 0,
            leaderships: 0,
            every,
            saves: 0,
            ledger: Ledger::default(),
            told: Told::default(),
        }
    }

    /// How many entries were committed.
    pub fn committed_entries(&self) -> u64 {
        self.log.len() as u64
    }

    /// A term that a master has on its disk, or begins with.
    pub fn term_seen(&mut self, m: usize, term: u64, broken: &mut Broken) {
        let known = self.terms[m];
        if term < known {
            broke(broken, || {
                format!(
                    "I22: the term of m{} went back from {known} to {term}",
                    m + 1
                )
            });
        }
        self.terms[m] = known.max(term);
    }

    /// A master has voted for another one, or for itself, and the others hear of it.
    pub fn voted(&mut self, m: usize, term: u64, to: usize, broken: &mut Broken) {
        self.remembers(m, term, Some(to), broken);
        self.votes[m] = self.votes[m].max((term, to));
    }

    /// The vote that a master has on its disk as it begins, or gives now: I22, in one term it is one.
    pub fn remembers(&mut self, m: usize, term: u64, vote: Option<usize>, broken: &mut Broken) {
        let (last, given) = self.votes[m];
        if term == last && last > 0 && vote != Some(given) {
            broke(broken, || {
                format!(
                    "I22: m{} has voted for m{} in term {term}, and has {} then",
                    m + 1,
                    given + 1,
                    vote.map_or("no vote".to_owned(), |vote| format!("m{}", vote + 1))
                )
            });
        }
    }

    /// A master leads in a term.
    pub fn leads(&mut self, m: usize, term: u64, broken: &mut Broken) {
        let first = *self.leaders.entry(term).or_insert(m);
        if first != m {
            broke(broken, || {
                format!(
                    "I20: m{} and m{} both lead in term {term}",
                    first + 1,
                    m + 1
                )
            });
        }
    }

    /// A leadership was opened.
    pub fn opened(&mut self, now: Nanos, _m: usize) {
        self.opened_at = now;
        self.leaderships += 1;
    }

    /// A master is about to apply an entry. Whether it is the first that does.
    pub fn committed(
        &mut self,
        m: usize,
        index: u64,
        entry: &LogEntry,
        broken: &mut Broken,
    ) -> bool {
        let at = usize::try_from(index - 1).unwrap_or(usize::MAX);
        let Some(known) = self.log.get(at) else {
            self.log.push(entry.clone());
            return true;
        };
        let same = known.term == entry.term
            && match (&known.command, &entry.command) {
                (Some(known), Some(entry)) => Rc::ptr_eq(known, entry),
                (None, None) => true,
                _ => false,
            };
        if !same {
            broke(broken, || {
                format!(
                    "I20: entry {index} was committed in term {}, and m{} applies another one there, of term {}",
                    known.term,
                    m + 1,
                    entry.term
                )
            });
        }
        false
    }

    /// Whether the step that entry `index` makes is looked at.
    pub fn wants_step(&self, index: u64) -> bool {
        index.is_multiple_of(self.every.1)
    }

    /// A master has applied an entry.
    #[expect(clippy::too_many_arguments, reason = "all that is known of one step")]
    pub fn applied(
        &mut self,
        index: u64,
        state: &ClusterState,
        reply: &Reply,
        entry: &Entry,
        first: bool,
        before: Option<&ClusterState>,
        broken: &mut Broken,
    ) {
        if index.is_multiple_of(COMPARED_EVERY) {
            self.compare(index, state, broken);
        }
        if !first {
            return;
        }
        if index.is_multiple_of(self.every.0)
            && let Err(lines) = invariants::check(state)
        {
            broke(broken, || {
                format!("the state after entry {index}: {}", lines.join("; "))
            });
        }
        if let Some(before) = before
            && let Err(lines) = invariants::check_step(before, state)
        {
            broke(broken, || {
                format!("the step of entry {index}: {}", lines.join("; "))
            });
        }
        let decided = epoch_of(&entry.command);
        if reply.is_ok()
            && let Some(epoch) = decided
            && epoch != state.epoch
        {
            broke(broken, || {
                format!(
                    "I8: entry {index} was decided under epoch {epoch} and took effect in epoch {}",
                    state.epoch
                )
            });
        }
        self.recovery(state, broken);
    }

    /// I15: a recovery is complete once.
    fn recovery(&mut self, state: &ClusterState, broken: &mut Broken) {
        let Some(report) = state.failovers.back() else {
            return;
        };
        let known = self.recovered.entry(report.epoch).or_default();
        match (*known, report.recovery_ms) {
            (None, now) => *known = now,
            (Some(before), Some(now)) if before == now => {}
            (Some(_), _) => broke(broken, || {
                format!(
                    "I15: the recovery of epoch {} was completed twice",
                    report.epoch
                )
            }),
        }
    }

    fn compare(&mut self, index: u64, state: &ClusterState, broken: &mut Broken) {
        let digest = state.digest();
        let known = *self.digests.entry(index).or_insert(digest);
        if known != digest {
            broke(broken, || {
                format!("I20: two masters have different states at entry {index}")
            });
        }
    }

    /// The states of two masters that have applied the same.
    pub fn compared(&mut self, index: u64, state: &ClusterState, broken: &mut Broken) {
        self.compare(index, state, broken);
    }

    /// A snapshot was made of this state.
    pub fn saved(&mut self, made: &Rc<Snapshot>, state: &ClusterState, broken: &mut Broken) {
        let (index, bytes) = (made.at.0, &made.bytes);
        let known = self
            .snapshots
            .entry(index)
            .or_insert_with(|| Rc::clone(made));
        if known.bytes != *bytes {
            broke(broken, || {
                format!("I20: two masters have different snapshots at entry {index}")
            });
        }
        if self.snapshots.len() > REMEMBERED {
            self.snapshots.pop_first();
        }
        self.saves += 1;
        if !self.saves.is_multiple_of(SNAPSHOTS_PER_LOOK) {
            return;
        }
        match vesta_master::machine::load(index, bytes) {
            Ok(back) if back == *state => {}
            Ok(_) => broke(broken, || {
                format!("I21: the snapshot at {index} is not the state that it was made of")
            }),
            Err(why) => broke(broken, || format!("I21: {why}")),
        }
    }

    /// A master has taken its state from a snapshot.
    pub fn restored(&mut self, m: usize, index: u64, state: &ClusterState, broken: &mut Broken) {
        if let Some(known) = self.digests.get(&index)
            && *known != state.digest()
        {
            broke(broken, || {
                format!(
                    "I21: m{} has another state from the snapshot at {index}",
                    m + 1
                )
            });
        }
    }

    /// The epoch that a worker has on its disk.
    pub fn epoch_met(&mut self, w: usize, epoch: Epoch, broken: &mut Broken) {
        let known = self.epochs[w];
        if epoch < known {
            broke(broken, || {
                format!(
                    "I8: the epoch on the disk of w{} went back from {known} to {epoch}",
                    w + 1
                )
            });
        }
        self.epochs[w] = known.max(epoch);
    }

    /// A worker accepts an order.
    pub fn ordered(
        &mut self,
        w: usize,
        instance: &InstanceId,
        epoch: Epoch,
        met: Epoch,
        broken: &mut Broken,
    ) {
        if epoch < met {
            broke(broken, || {
                format!(
                    "I8: w{} takes the order to run {instance} of epoch {epoch}, and has met {met}",
                    w + 1
                )
            });
        }
    }

    /// Whether this is the first verdict of an epoch over a worker.
    pub fn is_new_verdict(&mut self, epoch: Epoch, worker: &WorkerId) -> bool {
        self.verdicts.insert((epoch, worker.clone()))
    }

    /// A process begins.
    #[expect(clippy::too_many_arguments, reason = "all that is known of it")]
    pub fn executed(
        &mut self,
        now: Nanos,
        w: usize,
        instance: &InstanceId,
        restart: u32,
        order: &RunOrder,
        was_paused: bool,
        state: Option<&ClusterState>,
        broken: &mut Broken,
    ) -> usize {
        let is_over = state.is_some_and(|state| is_terminal(instance, state));
        if !was_paused && is_over {
            broke(broken, || {
                format!(
                    "{instance} is executed on w{} after its worker was declared lost (order freshness)",
                    w + 1
                )
            });
        }
        self.ledger
            .executed(now, w, instance, restart, order, broken)
    }

    /// A process has ended.
    pub fn ended(&mut self, now: Nanos, line: usize) {
        self.ledger.ended(now, line);
    }

    /// Nobody supervises this any more.
    pub fn unsupervised(&mut self, _w: usize, instance: &InstanceId) {
        self.ledger.exempt(instance);
    }

    /// An instance is told to end: I17, that must have a reason in the newest state.
    pub fn stopped(
        &mut self,
        w: usize,
        instance: &InstanceId,
        state: Option<&ClusterState>,
        broken: &mut Broken,
    ) {
        let Some(state) = state else { return };
        let unwanted = match &instance.work {
            Work::Driver { driver, attempt } => state.drivers.get(driver).is_none_or(|driver| {
                driver.attempt != *attempt
                    || driver.kill_requested
                    || driver
                        .placement
                        .as_ref()
                        .is_none_or(|placement| placement.moving)
            }),
            Work::Executor { app, number } => state.applications.get(app).is_none_or(|app| {
                app.executors
                    .get(number)
                    .is_none_or(|executor| executor.kill_requested)
            }),
        };
        if !unwanted {
            broke(broken, || {
                format!(
                    "I17: w{} is told to end {instance}, which is to run there",
                    w + 1
                )
            });
        }
    }

    /// An application's client is told that it is over.
    pub fn told_ended(
        &mut self,
        app: &AppId,
        said: &str,
        state: Option<&ClusterState>,
        broken: &mut Broken,
    ) {
        let Some(state) = state else { return };
        let live = state.applications.get(app).is_some_and(|app| app.is_live());
        if live {
            broke(broken, || {
                format!("{app} is told that it is {said}, and it is not over")
            });
        }
    }

    /// A client asks for something.
    pub fn asked(&mut self, key: SubmissionKey, body: &Rc<Request>) {
        self.told.asked(key, body);
    }

    /// A client's call is over.
    pub fn answered(
        &mut self,
        _now: Nanos,
        key: SubmissionKey,
        body: &Request,
        reply: Option<&Reply>,
        may_be_done: bool,
        broken: &mut Broken,
    ) {
        self.told.answered(key, body, reply, may_be_done, broken);
    }
}

/// Whether nothing of it may run any more, as the state knows.
fn is_terminal(instance: &InstanceId, state: &ClusterState) -> bool {
    match &instance.work {
        Work::Driver { driver, attempt } => state
            .drivers
            .get(driver)
            .is_none_or(|driver| driver.attempt != *attempt || driver.placement.is_none()),
        Work::Executor { app, number } => state
            .applications
            .get(app)
            .is_none_or(|app| !app.executors.contains_key(number)),
    }
}

/// The epoch that a leader decided a command under.
fn epoch_of(command: &Command) -> Option<Epoch> {
    match command {
        Command::CompleteRecovery { epoch, .. }
        | Command::AttachWorker { epoch, .. }
        | Command::ReportInstances { epoch, .. }
        | Command::LoseWorkers { epoch, .. }
        | Command::EndLeases { epoch, .. }
        | Command::EndDrains { epoch, .. }
        | Command::Place { epoch, .. }
        | Command::ConfirmApplication { epoch, .. }
        | Command::ExpireApplications { epoch, .. }
        | Command::NoteMaster { epoch, .. }
        | Command::RaiseVersion { epoch, .. }
        | Command::FromSparkDriver { epoch, .. } => Some(*epoch),
        Command::LeaderStarted { .. } | Command::Client { .. } => None,
    }
}

/// The answer itself, whether it was given before or not.
pub(super) fn first_said(answer: &Answer) -> &Answer {
    match answer {
        Answer::Repeated(answer) => answer,
        answer => answer,
    }
}
