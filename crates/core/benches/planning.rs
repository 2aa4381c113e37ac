//! What planning, applying and encoding cost, by the size of the cluster: `cargo bench -p vesta-core`.
//!
//! Every state here was made by `apply`, entry after entry, as a master's is. What is measured is the
//! thread's CPU time: nothing here waits, and another process on the machine should not count. Prints a
//! table; asserts no number, only that what was measured is what was meant.

use std::collections::BTreeMap;
use std::time::Duration;

use rustix::time::{ClockId, clock_gettime};
use uuid::{Builder, Uuid};
use vesta_core::command::{Command, Entry, Request};
use vesta_core::plan::{Plan, Planner, Policy, Reasons, plan};
use vesta_core::{Answer, ClusterState, Reply, codec, orders};
use vesta_types::{
    Capacity, ClusterId, DriverDescription, DriverId, ExecutorSize, Exit, Incarnation, InstanceId,
    InstanceReport, InstanceStatus, Launch, SubmissionKey, Timestamp, WorkerDescription, WorkerId,
};

const START: Timestamp = Timestamp(1_795_258_800_000);
const CORES: u32 = 8;
const MEMORY_MIB: u64 = 16_384;

/// A state, and the log's end.
struct Cluster {
    state: ClusterState,
    index: u64,
    keys: u64,
    spent: BTreeMap<&'static str, Vec<Duration>>,
}

impl Cluster {
    /// `workers` workers that are all full, and `waiting` drivers behind them.
    fn full(workers: usize, waiting: usize, sized: bool) -> Cluster {
        let mut cluster = Cluster::with_workers(workers);
        for _ in 0..workers {
            cluster.submit(driver(CORES, 1_024, false));
        }
        let mut planner = Planner::default();
        while cluster.place(&mut planner) > 0 {}
        assert!(cluster.state.driver_queue.is_empty(), "all are placed");
        cluster.wait(waiting, sized);
        cluster
    }

    fn with_workers(workers: usize) -> Cluster {
        let mut cluster = Cluster {
            state: ClusterState::default(),
            index: 0,
            keys: 0,
            spent: BTreeMap::new(),
        };
        let started = Command::LeaderStarted {
            cluster: cluster_id(),
            term: 1,
            node: 1,
            leaderless_ms: 0,
        };
        cluster
            .apply("LeaderStarted", started)
            .expect("the first leader");
        for number in 0..workers {
            let attach = Command::AttachWorker {
                epoch: cluster.state.epoch,
                worker: worker(number),
                reports: Vec::new(),
            };
            cluster.apply("AttachWorker", attach).expect("it registers");
        }
        cluster
    }

    /// Drivers of 16 sizes, of which none fits beside what fills a worker.
    fn wait(&mut self, drivers: usize, sized: bool) {
        for number in 0..drivers {
            let cores = 1 + u32::try_from(number % 4).unwrap_or(0);
            let memory = 512 * (1 + (number as u64 / 4) % 4);
            self.submit(driver(cores, memory, sized));
        }
    }

    fn apply(&mut self, what: &'static str, command: Command) -> Reply {
        self.index += 1;
        let at = START;
        let entry = Entry { at, command };
        let begun = now();
        let reply = self.state.apply(self.index, &entry);
        self.spent
            .entry(what)
            .or_default()
            .push(now().saturating_sub(begun));
        reply
    }

    fn submit(&mut self, description: DriverDescription) -> DriverId {
        self.keys += 1;
        let mut random = [0; 10];
        random[2..].copy_from_slice(&self.keys.to_be_bytes());
        let uuid = Builder::from_unix_timestamp_millis(START.0, &random).into_uuid();
        let key = SubmissionKey::new(uuid).expect("of version 7");
        let request = Request::SubmitDriver { description };
        match self.apply("SubmitDriver", Command::Client { key, request }) {
            Ok(Answer::Submitted { driver }) => driver,
            other => unreachable!("a driver is accepted: {other:?}"),
        }
    }

    /// Plans and applies the plan; how much was placed.
    fn place(&mut self, planner: &mut Planner) -> usize {
        let plan = planner.plan(&self.state, &Policy::default());
        self.carry_out(plan)
    }

    fn carry_out(&mut self, Plan { placements, cursor }: Plan) -> usize {
        let wanted = placements.len();
        let epoch = self.state.epoch;
        let place = Command::Place {
            epoch,
            placements,
            cursor,
        };
        let what = if wanted == 1 {
            "Place of one"
        } else {
            "Place of many"
        };
        match self.apply(what, place) {
            Ok(Answer::Placed { placed, refused: 0 }) => placed as usize,
            other => unreachable!("all of a plan holds: {other:?}"),
        }
    }

    /// The driver on the `n`th worker ends.
    fn end_one(&mut self, n: usize) {
        let worker = worker(n);
        let id = self.state.workers[&worker.id].drivers.first();
        let id = id.expect("every worker has one").clone();
        let attempt = self.state.drivers[&id].attempt;
        let exit = Exit {
            code: Some(0),
            ..Exit::default()
        };
        let report = InstanceReport {
            instance: InstanceId::driver(cluster_id(), id, attempt),
            status: InstanceStatus::Ended {
                exit,
                at: START,
                ran: None,
            },
            restart: 0,
        };
        let ended = Command::ReportInstances {
            epoch: self.state.epoch,
            worker: worker.id,
            incarnation: worker.incarnation,
            reports: vec![report],
        };
        self.apply("ReportInstances of one end", ended)
            .expect("the worker has answered");
    }
}

/// The CPU time of this thread.
fn now() -> Duration {
    let time = clock_gettime(ClockId::ThreadCPUTime);
    Duration::try_from(time).unwrap_or_default()
}

fn cluster_id() -> ClusterId {
    ClusterId(Uuid::from_u128(0xC1))
}

fn worker(number: usize) -> WorkerDescription {
    let id = format!("worker-20261121110000-host{number:05}-7710");
    WorkerDescription {
        id: id.parse::<WorkerId>().expect("an id"),
        incarnation: Incarnation {
            store: Uuid::from_u128(number as u128),
            boot: Uuid::from_u128(number as u128),
        },
        host: format!("host{number:05}"),
        port: 7710,
        containment: Default::default(),
        capacity: Capacity {
            cores: CORES,
            memory_mib: MEMORY_MIB,
            named: BTreeMap::new(),
        },
        spark: None,
        spark_homes: Default::default(),
    }
}

fn driver(cores: u32, memory_mib: u64, sized: bool) -> DriverDescription {
    DriverDescription {
        name: "driver".to_owned(),
        launch: Launch {
            program: "/bin/true".to_owned(),
            ..Launch::default()
        },
        cores,
        memory_mib,
        supervise: false,
        conf: BTreeMap::new(),
        executor: sized.then_some(ExecutorSize {
            cores: 1,
            memory_mib: 512,
        }),
        on_disconnect: None,
        lease: None,
        total_executor_cores: None,
        named: BTreeMap::new(),
    }
}

/// One line of the table.
fn line(what: &str, size: &str, spent: &mut [Duration]) {
    spent.sort_unstable();
    let at = |share: usize| spent[(spent.len() - 1) * share / 100];
    let ms = |time: Duration| format!("{:.4}", time.as_secs_f64() * 1_000.0);
    let n = spent.len();
    println!(
        "| {what} | {size} | {} | {} | {} | {n} |",
        ms(at(50)),
        ms(at(99)),
        ms(spent[n - 1])
    );
}

fn measure(times: usize, mut what: impl FnMut()) -> Vec<Duration> {
    let once = |_| {
        let begun = now();
        what();
        now().saturating_sub(begun)
    };
    (0..times).map(once).collect()
}

fn from_scratch(size: usize, label: &str) {
    let policy = Policy::default();
    let full = Cluster::full(size, size, false);
    let mut spent = measure(20, || {
        assert!(Planner::default().plan(&full.state, &policy).is_empty());
    });
    line("plan from scratch, cluster full", label, &mut spent);
    let mut spent = measure(3, || assert!(plan(&full.state, &policy).is_empty()));
    line("… by the plain form", label, &mut spent);
    let mut spent = measure(20, || {
        codec::encode(&full.state);
    });
    let bytes = codec::encode(&full.state).len();
    let what = format!("encode the state ({:.1} MiB)", bytes as f64 / 1_048_576.0);
    line(&what, label, &mut spent);
    // What a snapshot keeps entries waiting for.
    let mut spent = measure(20, || drop(std::hint::black_box(full.state.clone())));
    line("copy the state", label, &mut spent);

    let mut empty = Cluster::with_workers(size);
    empty.wait(size, false);
    let mut spent = measure(20, || {
        let plan = Planner::default().plan(&empty.state, &policy);
        assert_eq!(plan.placements.len(), size.min(1_000));
    });
    line("plan from scratch, cluster empty", label, &mut spent);
}

fn after_one_change(size: usize, label: &str, sized: bool) {
    let policy = Policy::default();
    let mut cluster = Cluster::full(size, size, sized);
    let mut planner = Planner::default();
    assert!(planner.plan(&cluster.state, &policy).is_empty());
    let with = if sized {
        ", all with executor sizes"
    } else {
        ""
    };

    let mut submitted = Vec::new();
    for _ in 0..500 {
        cluster.submit(driver(3, 768, sized));
        let begun = now();
        let plan = planner.plan(&cluster.state, &policy);
        submitted.push(now().saturating_sub(begun));
        assert!(plan.is_empty());
    }
    line(
        &format!("plan after a submission{with}"),
        label,
        &mut submitted,
    );

    let mut ended = Vec::new();
    let mut again = Vec::new();
    for number in 0..size.min(500) {
        cluster.end_one(number * (size / size.min(500)));
        let begun = now();
        let plan = planner.plan(&cluster.state, &policy);
        ended.push(now().saturating_sub(begun));
        assert!(!plan.is_empty());
        cluster.carry_out(plan);
        let begun = now();
        let plan = planner.plan(&cluster.state, &policy);
        again.push(now().saturating_sub(begun));
        assert!(plan.is_empty());
    }
    line(
        &format!("plan after a driver's end{with}"),
        label,
        &mut ended,
    );
    line(
        &format!("plan after that plan was applied{with}"),
        label,
        &mut again,
    );
    if sized {
        return;
    }
    let queue = cluster.state.driver_queue.values().rev().take(1_000);
    let newest: Vec<_> = queue.map(|id| &cluster.state.drivers[id]).collect();
    let mut spent = measure(20, || {
        let reasons = Reasons::of(&cluster.state, &policy);
        assert!(newest.iter().all(|driver| reasons.driver(driver).is_some()));
    });
    let what = format!("why the newest {} wait (one list)", newest.len());
    line(&what, label, &mut spent);
    let ids: Vec<WorkerId> = cluster.state.workers.keys().cloned().collect();
    let mut each = ids.iter().cycle();
    let mut spent = measure(500, || {
        let id = each.next().expect("it goes round");
        assert!(!orders::for_worker(&cluster.state, id).run.is_empty());
    });
    line("orders for one worker", label, &mut spent);
    let mut spent = std::mem::take(&mut cluster.spent);
    for what in ["AttachWorker", "SubmitDriver", "ReportInstances of one end"] {
        let spent = spent.get_mut(what).expect("it was applied");
        // Of a cluster that is as large as it gets.
        let newest = spent.len() - spent.len().min(500);
        line(&format!("apply {what}"), label, &mut spent[newest..]);
    }
}

fn main() {
    let first = |path: &str, field: &str| {
        let text = std::fs::read_to_string(path).unwrap_or_default();
        let line = text.lines().find(|line| line.starts_with(field));
        let value = line.and_then(|line| line.split_once(':'));
        value.map_or_else(|| "unknown".to_owned(), |(_, it)| it.trim().to_owned())
    };
    let cores = std::thread::available_parallelism().map_or(0, usize::from);
    println!(
        "{cores} cores, {}, {}\n",
        first("/proc/cpuinfo", "model name"),
        first("/proc/meminfo", "MemTotal")
    );
    println!("| what | workers × waiting | median ms | p99 ms | longest ms | n |");
    println!("|---|---|---|---|---|---|");
    for size in [100, 1_000, 10_000] {
        let label = format!("{size} × {size}");
        from_scratch(size, &label);
        after_one_change(size, &label, false);
        after_one_change(size, &label, true);
    }
}
