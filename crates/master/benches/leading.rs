//! What one decision of a leader costs, by the size of the cluster: `cargo bench -p vesta-master`.
//!
//! The leader has a stream to every worker; every worker is full, and as many drivers wait. Time moves
//! with the steps, so what a leader does at a pace (who is silent, a look at everybody) is in the
//! longest ones. What is measured is the thread's CPU time: nothing here waits, and another process on
//! the machine should not count. Prints a table; asserts no number.

use std::collections::BTreeMap;
use std::time::Duration;

use rustix::time::{ClockId, clock_gettime};
use uuid::{Builder, Uuid};
use vesta_core::{Answer, ClusterState, Command, Entry, Policy, Reply, Request};
use vesta_master::leader::{Input, Leader, Now, Output, Timing, WorkerReport};
use vesta_types::{
    Capacity, ClusterId, DriverDescription, Exit, Incarnation, InstanceId, InstanceReport,
    InstanceStatus, Launch, SubmissionKey, Timestamp, WorkerDescription,
};

const START: Timestamp = Timestamp(1_795_258_800_000);

struct Play {
    state: ClusterState,
    leader: Option<Leader>,
    now: Duration,
    keys: u64,
    workers: usize,
}

impl Play {
    fn new(workers: usize) -> Play {
        let mut play = Play {
            state: ClusterState::default(),
            leader: None,
            now: Duration::from_secs(10),
            keys: 0,
            workers,
        };
        let started = Command::LeaderStarted {
            cluster: cluster_id(),
            term: 1,
            node: 1,
            leaderless_ms: 0,
        };
        play.commit(started).expect("the first leader");
        play.leader = Some(Leader::open(
            cluster_id(),
            timing(),
            Policy::default(),
            play.now(),
            &play.state,
        ));
        for number in 0..workers {
            play.take(Input::WorkerOpened(number as u64 + 1, worker(number)));
            play.report(number, Vec::new());
        }
        play.settle();
        for _ in 0..workers {
            play.submit(8);
        }
        play.settle();
        assert!(play.state.driver_queue.is_empty(), "every worker is full");
        for number in 0..workers {
            play.says(number, false);
        }
        play.settle();
        for number in 0..workers {
            play.submit(1 + u32::try_from(number % 4).unwrap_or(0));
        }
        play.settle();
        play
    }

    fn commit(&mut self, command: Command) -> Reply {
        let (index, at) = (self.state.applied + 1, START);
        self.state.apply(index, &Entry { at, command })
    }

    fn submit(&mut self, cores: u32) {
        self.keys += 1;
        let mut random = [0; 10];
        random[2..].copy_from_slice(&self.keys.to_be_bytes());
        let uuid = Builder::from_unix_timestamp_millis(START.0, &random).into_uuid();
        let key = SubmissionKey::new(uuid).expect("of version 7");
        let description = DriverDescription {
            name: "driver".to_owned(),
            launch: Launch {
                program: "/bin/true".to_owned(),
                ..Launch::default()
            },
            cores,
            memory_mib: 512,
            supervise: false,
            conf: BTreeMap::new(),
            executor: None,
            on_disconnect: None,
            lease: None,
            total_executor_cores: None,
            named: BTreeMap::new(),
        };
        let request = Request::SubmitDriver { description };
        self.commit(Command::Client { key, request })
            .expect("it is accepted");
    }

    fn now(&self) -> Now {
        Now {
            boot: self.now,
            mono: self.now,
            quorum_ack: Some(self.now + Duration::from_millis(1)),
            sole_voter: false,
        }
    }

    fn take(&mut self, input: Input) {
        let now = self.now();
        let leader = self.leader.as_mut().expect("it leads");
        leader.take(now, input, &self.state);
    }

    /// One decision, and how long it took.
    fn act(&mut self) -> (Vec<Output>, Duration) {
        self.now += Duration::from_millis(5);
        let now = self.now();
        let leader = self.leader.as_mut().expect("it leads");
        let begun = cpu();
        let outputs = leader.act(now, &self.state);
        (outputs, cpu().saturating_sub(begun))
    }

    /// Decisions until nothing follows from them.
    fn settle(&mut self) {
        loop {
            let mut proposed = false;
            for output in self.act().0 {
                if let Output::Propose(ticket, command) = output {
                    let reply = self.commit(command);
                    assert!(reply.is_ok(), "{reply:?}");
                    if let Ok(Answer::Placed { refused, .. }) = &reply {
                        assert_eq!(*refused, 0);
                    }
                    self.take(Input::Proposed(ticket, Some(reply)));
                    proposed = true;
                }
            }
            if !proposed {
                return;
            }
        }
    }

    /// What is placed on a worker.
    fn instances(&self, number: usize) -> Vec<InstanceId> {
        let placed = self.state.placed_on(&worker(number).id).into_iter();
        placed.map(|(instance, _)| instance).collect()
    }

    /// The worker says that all of it runs, or that the first of it has ended.
    fn says(&mut self, number: usize, ended: bool) {
        let reports = self.instances(number).into_iter().enumerate();
        let reports = reports.map(|(at, instance)| InstanceReport {
            instance,
            status: if ended && at == 0 { exited() } else { runs() },
            restart: 0,
        });
        let reports = reports.collect();
        self.report(number, reports);
    }

    fn report(&mut self, number: usize, reports: Vec<InstanceReport>) {
        let report = WorkerReport {
            epoch: self.state.epoch,
            description: worker(number),
            reports,
            stale_orders: 0,
            leaving: false,
        };
        self.take(Input::WorkerReport(number as u64 + 1, report));
    }

    /// How long the decision took that followed each of these.
    fn measure(&mut self, what: &str, mut happens: impl FnMut(&mut Play, usize)) {
        let mut spent = Vec::new();
        for round in 0..500 {
            let number = round % self.workers;
            happens(self, number);
            spent.push(self.act_and_settle());
            // What this has placed runs.
            self.says(number, false);
            self.settle();
        }
        spent.sort_unstable();
        let ms = |time: Duration| format!("{:.4}", time.as_secs_f64() * 1_000.0);
        let at = |share: usize| ms(spent[(spent.len() - 1) * share / 100]);
        let size = self.workers;
        println!(
            "| {what} | {size} × {size} | {} | {} | {} | 500 |",
            at(50),
            at(99),
            at(100)
        );
    }

    fn act_and_settle(&mut self) -> Duration {
        let (outputs, spent) = self.act();
        for output in outputs {
            if let Output::Propose(ticket, command) = output {
                let reply = self.commit(command);
                self.take(Input::Proposed(ticket, Some(reply)));
            }
        }
        self.settle();
        spent
    }
}

fn timing() -> Timing {
    Timing {
        worker_timeout: Duration::from_secs(60),
        recovery_timeout: Duration::from_secs(60),
        app_lease: Duration::from_secs(300),
        lease: Duration::from_millis(600),
        gap: Duration::from_secs(1),
        repeat: Duration::from_secs(2),
    }
}

/// The CPU time of this thread.
fn cpu() -> Duration {
    let time = clock_gettime(ClockId::ThreadCPUTime);
    Duration::try_from(time).unwrap_or_default()
}

fn cluster_id() -> ClusterId {
    ClusterId(Uuid::from_u128(0xC1))
}

fn worker(number: usize) -> WorkerDescription {
    let id = format!("worker-20261121110000-host{number:05}-7710");
    WorkerDescription {
        id: id.parse().expect("an id"),
        incarnation: Incarnation {
            store: Uuid::from_u128(number as u128),
            boot: Uuid::from_u128(number as u128),
        },
        host: format!("host{number:05}"),
        port: 7710,
        containment: Default::default(),
        capacity: Capacity {
            cores: 8,
            memory_mib: 16_384,
            named: BTreeMap::new(),
        },
        spark: None,
        spark_homes: Default::default(),
    }
}

fn main() {
    println!(
        "| a leader's decision after | workers × waiting | median ms | p99 ms | longest ms | n |"
    );
    println!("|---|---|---|---|---|---|");
    for size in [100, 1_000, 10_000] {
        let mut play = Play::new(size);
        play.measure("nothing", |_, _| {});
        play.measure("a heartbeat", |play, number| {
            play.take(Input::WorkerHeartbeat(number as u64 + 1, 1));
        });
        play.measure("a submission", |play, _| play.submit(8));
        play.measure("the end of a driver", |play, number| {
            play.says(number, true);
        });
        play.measure("the commit of that end", |play, number| {
            play.says(number, true);
            let reports = play.act().0;
            for report in reports {
                if let Output::Propose(ticket, command) = report {
                    let reply = play.commit(command);
                    play.take(Input::Proposed(ticket, Some(reply)));
                }
            }
        });
    }
}

fn runs() -> InstanceStatus {
    InstanceStatus::Running {
        pid: 7,
        since: START,
    }
}

fn exited() -> InstanceStatus {
    let exit = Exit {
        code: Some(0),
        ..Exit::default()
    };
    InstanceStatus::Ended {
        exit,
        at: START,
        ran: None,
    }
}
