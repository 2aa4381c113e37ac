//! Schedules of crashes, pauses and cuts, played to a leader without any IO.

mod applications;
mod drains;
mod fleet;
mod leases;
mod orders;
mod planning;
mod recovery;
mod sessions;
mod spark;
mod verdicts;

use std::collections::{BTreeMap, BTreeSet};
use std::time::Duration;

use uuid::Uuid;
use vesta_core::{Answer, ClusterState, Command, Entry, Policy, Request};
use vesta_proto::application::to_application;
use vesta_proto::worker::{Orders, to_worker};
use vesta_types::{
    ApplicationDescription, Capacity, ClusterId, DriverDescription, Epoch, Incarnation,
    InstanceReport, InstanceStatus, Launch, Lease, ProfileRequest, ResourceProfile, SubmissionKey,
    Timestamp, WorkerDescription,
};

use super::*;

const START: u64 = 1_795_258_800_000;

/// A leader over a state, with a log that commits at once, and hands on the clock.
struct Play {
    state: ClusterState,
    leader: Leader,
    ms: u64,
    quorum: bool,
    keys: u32,
    said: Vec<(SessionId, to_worker::Message)>,
    told: Vec<(SessionId, to_application::Message)>,
    proposed: Vec<Command>,
}

fn cluster() -> ClusterId {
    ClusterId(Uuid::from_u128(7))
}

fn worker(name: &str) -> WorkerDescription {
    WorkerDescription {
        id: format!("worker-{name}").parse().unwrap(),
        incarnation: Incarnation {
            store: Uuid::from_u128(1),
            boot: Uuid::from_u128(2),
        },
        host: name.to_owned(),
        port: 7710,
        containment: Default::default(),
        capacity: Capacity {
            cores: 4,
            memory_mib: 4096,
            named: BTreeMap::new(),
        },
        spark: None,
        spark_homes: Default::default(),
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

impl Play {
    fn new() -> Play {
        let mut state = ClusterState::default();
        begin(&mut state, 1);
        let now = now_at(0, true);
        let leader = Leader::open(cluster(), timing(), Policy::default(), now, &state);
        Play {
            state,
            leader,
            ms: 0,
            quorum: true,
            keys: 0,
            said: Vec::new(),
            told: Vec::new(),
            proposed: Vec::new(),
        }
    }

    /// The next leader, over the same state.
    fn fail_over(&mut self, term: u64) {
        begin(&mut self.state, term);
        let now = now_at(self.ms, true);
        self.leader = Leader::open(cluster(), timing(), Policy::default(), now, &self.state);
    }

    fn commit(&mut self, command: Command) -> vesta_core::Reply {
        let index = self.state.applied + 1;
        let entry = Entry {
            at: Timestamp(START + self.ms),
            command,
        };
        self.state.apply(index, &entry)
    }

    fn key(&mut self) -> SubmissionKey {
        self.keys += 1;
        let time = uuid::Timestamp::from_unix(
            uuid::NoContext,
            (START + self.ms) / 1000,
            self.keys * 1_000_000,
        );
        SubmissionKey::new(Uuid::new_v7(time)).unwrap()
    }

    fn register(&mut self) -> AppId {
        self.register_with(None, Vec::new())
    }

    fn register_with(&mut self, target: Option<u32>, payload: Vec<u8>) -> AppId {
        let key = self.key();
        let profile = ResourceProfile {
            id: 0,
            cores: Some(1),
            memory_mib: 64,
            named: BTreeMap::new(),
        };
        let wanted = ProfileRequest { profile, target };
        let description = ApplicationDescription {
            name: "test".to_owned(),
            launch: Launch {
                program: "true".to_owned(),
                ..Launch::default()
            },
            max_cores: None,
            profiles: BTreeMap::from([(0, wanted)]),
            max_executor_retries: 10,
            run_to_completion: false,
            owner: None,
            ui_url: String::new(),
            payload,
            spark: None,
        };
        let request = Request::RegisterApplication { description };
        match self.commit(Command::Client { key, request }) {
            Ok(Answer::Registered { app }) => app,
            other => panic!("an application: {other:?}"),
        }
    }

    fn submit(&mut self) {
        self.submit_with(false, None);
    }

    fn submit_with(&mut self, supervise: bool, lease: Option<Lease>) {
        let key = self.key();
        let description = DriverDescription {
            name: "test".to_owned(),
            launch: Launch {
                program: "true".to_owned(),
                ..Launch::default()
            },
            cores: 1,
            memory_mib: 64,
            supervise,
            conf: BTreeMap::new(),
            executor: None,
            on_disconnect: None,
            lease,
            total_executor_cores: None,
            named: Default::default(),
        };
        let request = Request::SubmitDriver { description };
        self.commit(Command::Client { key, request }).unwrap();
    }

    fn now(&self) -> Now {
        now_at(self.ms, self.quorum)
    }

    fn take(&mut self, input: Input) {
        let now = self.now();
        self.leader.take(now, input, &self.state);
    }

    /// Acts until nothing more follows; what is proposed is committed at once.
    fn act(&mut self) {
        loop {
            let now = self.now();
            let outputs = self.leader.act(now, &self.state);
            let mut proposals = Vec::new();
            for output in outputs {
                match output {
                    Output::Propose(ticket, command) => proposals.push((ticket, command)),
                    Output::ToWorker(session, message) => self.said.push((session, message)),
                    Output::ToApp(session, message) => self.told.push((session, message)),
                }
            }
            if proposals.is_empty() {
                return;
            }
            for (ticket, command) in proposals {
                self.proposed.push(command.clone());
                let reply = self.commit(command);
                self.take(Input::Proposed(ticket, Some(reply)));
            }
        }
    }

    fn pass_ms(&mut self, ms: u64) {
        self.ms += ms;
        self.act();
    }

    /// Time passes in steps of 100 ms.
    fn pass(&mut self, seconds: u64) {
        for _ in 0..seconds * 10 {
            self.pass_ms(100);
        }
    }

    /// As [`Play::pass`], while these sessions send heartbeats.
    fn pass_with(&mut self, seconds: u64, beating: &[SessionId]) {
        for _ in 0..seconds {
            for session in beating {
                self.take(Input::WorkerHeartbeat(*session, self.ms + 1));
            }
            self.pass(1);
        }
    }

    fn report(&mut self, session: SessionId, name: &str, reports: Vec<InstanceReport>) {
        let epoch = self.state.epoch;
        let description = worker(name);
        let report = WorkerReport {
            epoch,
            description,
            reports,
            stale_orders: 0,
            leaving: false,
        };
        self.take(Input::WorkerReport(session, report));
        self.act();
    }

    fn attach(&mut self, session: SessionId, name: &str) {
        self.take(Input::WorkerOpened(session, worker(name)));
        self.report(session, name, Vec::new());
    }

    fn orders(&mut self) -> Vec<(SessionId, Orders)> {
        let said = std::mem::take(&mut self.said);
        said.into_iter()
            .filter_map(|(session, message)| match message {
                to_worker::Message::Orders(orders) => Some((session, orders)),
                _ => None,
            })
            .collect()
    }

    fn confirmed(&mut self) -> Vec<u64> {
        let said = std::mem::take(&mut self.said);
        said.into_iter()
            .filter_map(|(_, message)| match message {
                to_worker::Message::Confirmed(confirmed) => Some(confirmed.sequence),
                _ => None,
            })
            .collect()
    }
}

fn begin(state: &mut ClusterState, term: u64) {
    let command = Command::LeaderStarted {
        cluster: cluster(),
        term,
        node: 1,
        leaderless_ms: 0,
    };
    let index = state.applied + 1;
    let reply = state.apply(
        index,
        &Entry {
            at: Timestamp(START),
            command,
        },
    );
    assert_eq!(reply, Ok(Answer::LeaderStarted { epoch: Epoch(term) }));
}

fn now_at(ms: u64, quorum: bool) -> Now {
    let now = Duration::from_millis(ms + 10_000);
    let ack = quorum.then_some(now + Duration::from_millis(1));
    Now {
        boot: now,
        mono: now,
        quorum_ack: ack,
        sole_voter: false,
    }
}
