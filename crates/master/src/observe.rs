//! What a master shows on its port for observers.

use std::collections::BTreeMap;
use std::sync::Arc;
use std::time::Duration;

use vesta_consensus::{Role, Status};
use vesta_core::ClusterState;
use vesta_observe::prometheus::core::Collector;
use vesta_observe::prometheus::process_collector::ProcessCollector;
use vesta_observe::prometheus::proto::MetricFamily;
use vesta_observe::{Observed, by_state, counter, gauge};
use vesta_types::lifecycle::UNKNOWN;
use vesta_types::{ApplicationState, DriverState, ExecutorState, RecoveryState, WorkerState};

use crate::context::Context;

/// A leader's loop that has not gone round for this long stands still.
const STANDSTILL: Duration = Duration::from_secs(15);

/// A master as its observers see it.
pub struct Page(pub Arc<Context>);

impl Observed for Page {
    fn metrics(&self) -> Vec<MetricFamily> {
        let context = &self.0;
        let status = context.node.status();
        let mut all = about_raft(&status);
        all.extend(context.node.syncs().collect());
        all.extend(about_this(context));
        all.extend(about_state(&context.shared.state()));
        all.extend(context.meters.collect());
        all.extend(ProcessCollector::for_self().collect());
        all.retain(|family| !family.get_metric().is_empty());
        all
    }

    async fn ready(&self) -> Result<(), String> {
        let context = &self.0;
        let status = context.node.status();
        if context.cluster().is_none() {
            return Err("this master belongs to no cluster yet".to_owned());
        }
        if !status.members.iter().any(|it| it.node_id == status.node_id) {
            let own = status.node_id;
            return Err(format!("node {own} is no member of its cluster (any more)"));
        }
        // A quorum answers, and what it had committed by then is applied here.
        match context.read_point(true).await {
            Ok(_) => Ok(()),
            Err(why) => Err(why.message().to_owned()),
        }
    }

    fn live(&self) -> Result<(), String> {
        let still = self.0.pulse.age();
        if still < STANDSTILL {
            return Ok(());
        }
        Err(format!(
            "this master's loop has not gone round for {still:?}"
        ))
    }
}

type Families = Vec<MetricFamily>;

fn about_raft(status: &Status) -> Families {
    let of = |name: &str, help: &str, value: u64| gauge(name, help, float(value));
    let voters = status.members.iter().filter(|member| member.voter).count();
    let mut all = [
        of(
            "vesta_raft_term",
            "The highest term that this master has seen.",
            status.term,
        ),
        of(
            "vesta_raft_is_leader",
            "Whether this master is Raft's leader.",
            (status.role == Role::Leader).into(),
        ),
        of(
            "vesta_raft_leader",
            "Node id of the leader that this master follows; 0 while none is known.",
            status.leader.unwrap_or(0),
        ),
        of(
            "vesta_raft_voters",
            "Voting members of the cluster.",
            voters as u64,
        ),
        of(
            "vesta_raft_last_log_index",
            "Index of the last log entry here.",
            status.last_log_index,
        ),
        of(
            "vesta_raft_commit_index",
            "Up to where entries are known to be committed.",
            status.committed,
        ),
        of(
            "vesta_raft_snapshot_index",
            "Up to where the newest snapshot reaches.",
            status.snapshot_index,
        ),
        of(
            "vesta_apply_index",
            "Up to where entries are applied here.",
            status.applied,
        ),
    ]
    .concat();
    if let Some(ack) = status.last_quorum_ack {
        let age = ack.elapsed().as_secs_f64();
        let help = "Age of the newest message of this leader that a quorum has acknowledged.";
        all.extend(gauge("vesta_raft_quorum_age_seconds", help, age));
    }
    all
}

/// What only this process knows.
fn about_this(context: &Context) -> Families {
    let shown = context.shown();
    let statuses = RecoveryState::ALL.iter().map(|it| {
        let is_this = f64::from(u8::from(*it == shown.status));
        (it.as_str(), is_this)
    });
    let (workers, applications) = context.sessions.count();
    let sessions = [
        ("worker", float_of(workers)),
        ("application", float_of(applications)),
    ];
    let mut all = [
        by_state(
            "vesta_master_status",
            "1 for the status that this master has as Spark names it, else 0.",
            "status",
            statuses,
        ),
        by_state(
            "vesta_sessions",
            "Open streams to this master, by kind of peer.",
            "kind",
            sessions,
        ),
    ]
    .concat();
    if shown.status != RecoveryState::Standby {
        let suspect = shown.workers.values().filter(|it| it.suspect).count();
        let help = "Workers whose connection to the leader is broken, and whose time is not over.";
        all.extend(gauge("vesta_suspect_workers", help, float_of(suspect)));
        let stale = shown.workers.values().map(|it| it.stale_orders).sum();
        let help = "Orders that the workers connected to this leader have refused as stale.";
        all.extend(gauge("vesta_refused_orders", help, float(stale)));
    }
    all
}

fn about_state(state: &ClusterState) -> Families {
    let mut workers = zeros(WorkerState::ALL.iter().map(|it| it.as_str()));
    let (mut cores, mut cores_used, mut mib, mut mib_used) = (0_u64, 0_u64, 0_u64, 0_u64);
    for worker in state.workers.values() {
        *workers.entry(state.show_worker(worker)).or_default() += 1;
        if worker.is_alive() {
            let capacity = &worker.description.capacity;
            cores += u64::from(capacity.cores);
            cores_used += u64::from(worker.booked.cores);
            mib += capacity.memory_mib;
            mib_used += worker.booked.memory_mib;
        }
    }
    let mut drivers = zeros(DriverState::ALL.iter().map(|it| it.as_str()));
    for driver in state.drivers.values() {
        *drivers.entry(state.show_driver(driver)).or_default() += 1;
    }
    let mut applications = zeros(ApplicationState::ALL.iter().map(|it| it.as_str()));
    let mut executors = zeros(
        ExecutorState::ALL
            .iter()
            .filter(|it| !it.is_final())
            .map(|it| it.as_str()),
    );
    let mut waiting = 0_u64;
    for app in state.applications.values() {
        let shown = state.show_application(app);
        *applications.entry(shown).or_default() += 1;
        waiting += u64::from(shown == ApplicationState::Waiting.as_str());
        for executor in app.executors.values() {
            *executors.entry(state.show_executor(executor)).or_default() += 1;
        }
    }
    let mebibytes = |mib: u64| float(mib) * 1_048_576.0;
    let amounts = |all: f64, used: f64| [("all", all), ("used", used)];
    [
        counter(
            "vesta_elections_total",
            "Leaderships in this cluster: its epoch.",
            state.epoch.0,
        ),
        gauge(
            "vesta_recovered",
            "Whether this epoch's recovery is complete.",
            f64::from(u8::from(state.recovered)),
        ),
        by_count(
            "vesta_workers",
            "Registered workers, by state as shown.",
            &workers,
        ),
        by_count(
            "vesta_drivers",
            "Drivers in the state, ended ones too, by state as shown.",
            &drivers,
        ),
        by_count(
            "vesta_applications",
            "Applications in the state, ended ones too, by state as shown.",
            &applications,
        ),
        by_count(
            "vesta_executors",
            "Executors that have not ended, by state as shown.",
            &executors,
        ),
        gauge(
            "vesta_waiting_drivers",
            "Drivers that wait for a worker.",
            float_of(state.driver_queue.len()),
        ),
        gauge(
            "vesta_waiting_apps",
            "Applications without executors.",
            float(waiting),
        ),
        by_state(
            "vesta_cores",
            "Cores of ALIVE workers.",
            "kind",
            amounts(float(cores), float(cores_used)),
        ),
        by_state(
            "vesta_memory_bytes",
            "Memory of ALIVE workers, as booked.",
            "kind",
            amounts(mebibytes(mib), mebibytes(mib_used)),
        ),
        gauge(
            "vesta_described_bytes",
            "What all descriptions in the state take.",
            float(state.described_bytes),
        ),
        gauge(
            "vesta_submission_keys",
            "Submission keys remembered.",
            float_of(state.keys.answered.len()),
        ),
    ]
    .concat()
}

/// Every state that can be shown, with nothing in it: a state must not vanish when it is empty.
fn zeros(states: impl Iterator<Item = &'static str>) -> BTreeMap<&'static str, u64> {
    states.chain([UNKNOWN]).map(|state| (state, 0)).collect()
}

fn by_count(name: &str, help: &str, counts: &BTreeMap<&'static str, u64>) -> Families {
    let values = counts.iter().map(|(state, count)| (*state, float(*count)));
    by_state(name, help, "state", values)
}

/// As a metric has it: exact up to 2^53.
#[expect(clippy::cast_precision_loss, reason = "a metric is a float")]
fn float(value: u64) -> f64 {
    value as f64
}

fn float_of(count: usize) -> f64 {
    float(count as u64)
}
