//! Schedules of crashes, pauses and cuts, played to a leader without any IO.

use std::collections::BTreeMap;
use std::time::Duration;

use uuid::Uuid;
use vesta_core::{Answer, ClusterState, Command, Entry, Policy, Request};
use vesta_proto::application::to_application;
use vesta_proto::worker::{Orders, to_worker};
use vesta_types::{
    ApplicationDescription, Capacity, ClusterId, DriverDescription, Epoch, Incarnation,
    InstanceReport, InstanceStatus, Launch, ProfileRequest, ResourceProfile, SubmissionKey,
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
        capacity: Capacity {
            cores: 4,
            memory_mib: 4096,
            named: BTreeMap::new(),
        },
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
        };
        let request = Request::RegisterApplication { description };
        match self.commit(Command::Client { key, request }) {
            Ok(Answer::Registered { app }) => app,
            other => panic!("an application: {other:?}"),
        }
    }

    fn submit(&mut self) {
        let key = self.key();
        let description = DriverDescription {
            name: "test".to_owned(),
            launch: Launch {
                program: "true".to_owned(),
                ..Launch::default()
            },
            cores: 1,
            memory_mib: 64,
            supervise: false,
            conf: BTreeMap::new(),
            executor: None,
            total_executor_cores: None,
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

    /// Time passes in steps of 100 ms.
    fn pass(&mut self, seconds: u64) {
        for _ in 0..seconds * 10 {
            self.ms += 100;
            self.act();
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

#[test]
fn a_submitted_driver_is_ordered_once_its_placement_is_applied() {
    let mut play = Play::new();
    play.attach(1, "a");
    play.orders();
    play.submit();
    play.act();
    let orders = play.orders();
    let (session, last) = orders.last().unwrap();
    assert_eq!((*session, last.run.len(), last.epoch), (1, 1, 1));
    assert_eq!(
        last.index, play.state.applied,
        "orders are as of the applied index"
    );
}

#[test]
fn an_order_that_nobody_took_up_is_said_again_and_one_that_was_is_not() {
    let mut play = Play::new();
    play.attach(1, "a");
    play.submit();
    play.act();
    play.orders();
    play.pass_with(3, &[1]);
    let again = play.orders();
    assert_eq!(
        again.len(),
        1,
        "said again after `repeat`, not with every tick"
    );
    let instance = again[0].1.run[0].instance_id.parse().unwrap();
    let running = InstanceStatus::Running {
        pid: 42,
        since: Timestamp(START),
    };
    play.report(
        1,
        "a",
        vec![InstanceReport {
            instance,
            status: running,
            restart: 0,
        }],
    );
    play.orders();
    play.pass_with(5, &[1]);
    assert!(play.orders().is_empty());
}

#[test]
fn an_order_that_a_worker_did_not_take_up_for_want_of_a_confirmation_is_said_again_soon() {
    let mut play = Play::new();
    play.attach(1, "a");
    play.submit();
    play.act();
    play.orders();
    play.report(1, "a", Vec::new());
    play.pass(1);
    assert_eq!(
        play.orders().len(),
        1,
        "long before `repeat`, and not in a circle"
    );
}

#[test]
fn nothing_new_is_placed_on_a_worker_whose_stream_is_gone() {
    let mut play = Play::new();
    play.attach(1, "a");
    play.attach(2, "b");
    play.take(Input::WorkerClosed(1));
    play.submit();
    play.submit();
    play.act();
    let on: Vec<&str> = play
        .state
        .drivers
        .values()
        .filter_map(|it| Some(it.last_worker.as_ref()?.as_str()))
        .collect();
    assert_eq!(on, ["worker-b", "worker-b"]);
}

#[test]
fn what_a_worker_is_told_to_stop_and_does_not_have_needs_no_stopping() {
    let mut play = Play::new();
    play.attach(1, "a");
    play.submit();
    play.act();
    let instance: vesta_types::InstanceId = play.orders().last().unwrap().1.run[0]
        .instance_id
        .parse()
        .unwrap();
    play.take(Input::WorkerClosed(1));
    play.pass(62);
    // Lost, and back with what it was lost with: that is stopped.
    play.take(Input::WorkerOpened(2, worker("a")));
    let running = InstanceStatus::Running {
        pid: 42,
        since: Timestamp(START),
    };
    play.report(
        2,
        "a",
        vec![InstanceReport {
            instance,
            status: running,
            restart: 0,
        }],
    );
    assert_eq!(play.orders().last().unwrap().1.stop.len(), 1);
    play.report(2, "a", Vec::new());
    assert!(
        play.state
            .workers
            .values()
            .all(|worker| worker.stopping.is_empty())
    );
}

#[test]
fn a_suspended_leader_orders_confirms_and_judges_nothing() {
    let mut play = Play::new();
    play.attach(1, "a");
    play.orders();
    play.quorum = false;
    play.pass(1);
    play.submit();
    play.take(Input::WorkerHeartbeat(1, 9));
    let before = play.proposed.len();
    play.pass(200);
    assert!(play.said.is_empty(), "{:?}", play.said);
    assert_eq!(play.proposed.len(), before);
    play.quorum = true;
    play.pass(1);
    assert!(
        !play.proposed[before..]
            .iter()
            .any(|it| matches!(it, Command::LoseWorkers { .. }))
    );
    assert_eq!(play.state.workers.len(), 1);
}

#[test]
fn a_heartbeat_is_confirmed_only_after_a_quorum_acknowledged_something_sent_after_it() {
    let mut play = Play::new();
    play.attach(1, "a");
    play.confirmed();
    let arrived = play.now();
    play.take(Input::WorkerHeartbeat(1, 5));
    let early = Now {
        quorum_ack: Some(arrived.mono),
        ..arrived
    };
    for output in play.leader.act(early, &play.state) {
        assert!(!matches!(
            output,
            Output::ToWorker(_, to_worker::Message::Confirmed(_))
        ));
    }
    play.pass(1);
    assert_eq!(play.confirmed(), [5]);
}

#[test]
fn a_heartbeat_of_a_superseded_session_counts_for_nothing() {
    let mut play = Play::new();
    play.attach(1, "a");
    play.attach(2, "a");
    play.confirmed();
    play.take(Input::WorkerHeartbeat(1, 5));
    play.pass(1);
    assert!(play.confirmed().is_empty());
}

#[test]
fn a_silent_worker_is_lost_after_its_timeout_and_one_whose_stream_broke_is_not_lost_at_once() {
    let mut play = Play::new();
    play.attach(1, "a");
    play.attach(2, "b");
    play.take(Input::WorkerClosed(1));
    play.pass_with(59, &[2]);
    assert!(
        play.state
            .workers
            .values()
            .all(vesta_core::Worker::is_alive)
    );
    play.pass_with(3, &[2]);
    let dead = play
        .state
        .workers
        .values()
        .filter(|worker| !worker.is_alive());
    let dead: Vec<&str> = dead
        .map(|worker| worker.description.host.as_str())
        .collect();
    assert_eq!(dead, ["a"]);
}

#[test]
fn a_new_leader_does_not_mark_the_fleet_down_that_it_never_heard() {
    let mut play = Play::new();
    for (session, name) in ["a", "b", "c", "d", "e", "f"].iter().enumerate() {
        play.attach(session as u64, name);
    }
    // Nobody led for much longer than the worker timeout.
    play.ms += 600_000;
    play.fail_over(2);
    play.pass(59);
    assert!(
        play.state
            .workers
            .values()
            .all(vesta_core::Worker::is_alive),
        "spur #624"
    );
}

#[test]
fn losing_many_workers_at_once_waits_for_one_more_timeout() {
    let mut play = Play::new();
    for (session, name) in ["a", "b", "c", "d", "e", "f"].iter().enumerate() {
        play.attach(session as u64, name);
    }
    play.pass(100);
    assert!(
        play.state
            .workers
            .values()
            .all(vesta_core::Worker::is_alive)
    );
    play.pass(30);
    assert!(
        !play
            .state
            .workers
            .values()
            .any(vesta_core::Worker::is_alive)
    );
}

#[test]
fn recovery_waits_for_no_longer_than_its_timeout_and_condemns_only_the_silent() {
    let mut play = Play::new();
    play.attach(1, "a");
    play.attach(2, "b");
    play.submit();
    play.submit();
    play.act();
    play.fail_over(2);
    assert!(!play.state.recovered);
    play.take(Input::WorkerOpened(2, worker("b")));
    play.report(2, "b", Vec::new());
    assert!(
        !play.state.recovered,
        "worker a holds a driver and has not answered"
    );
    play.pass_with(58, &[2]);
    assert!(!play.state.recovered);
    play.pass_with(5, &[2]);
    assert!(play.state.recovered);
    let dead: Vec<bool> = play
        .state
        .workers
        .values()
        .map(|it| !it.is_alive())
        .collect();
    assert_eq!(dead, [true, false]);
}

#[test]
fn a_worker_that_sends_but_has_not_answered_is_asked_again_and_not_condemned() {
    let mut play = Play::new();
    play.attach(1, "a");
    play.submit();
    play.act();
    play.fail_over(2);
    play.take(Input::WorkerOpened(1, worker("a")));
    play.said.clear();
    play.pass_with(65, &[1]);
    assert!(play.state.recovered);
    assert!(
        play.state
            .workers
            .values()
            .all(vesta_core::Worker::is_alive)
    );
    let asked = play
        .said
        .iter()
        .filter(|(_, message)| matches!(message, to_worker::Message::MasterChanged(_)));
    assert!(asked.count() > 10);
}

#[test]
fn work_goes_to_those_who_answered_while_one_silent_worker_holds_recovery_up() {
    let mut play = Play::new();
    play.attach(1, "a");
    play.attach(2, "b");
    play.submit();
    play.act();
    play.fail_over(2);
    let holder = play
        .state
        .drivers
        .values()
        .next()
        .unwrap()
        .last_worker
        .clone()
        .unwrap();
    let (session, other) = if holder.as_str().ends_with('a') {
        (2, "b")
    } else {
        (1, "a")
    };
    play.take(Input::WorkerOpened(session, worker(other)));
    play.report(session, other, Vec::new());
    play.orders();
    play.submit();
    play.act();
    let orders = play.orders();
    assert!(!play.state.recovered);
    assert_eq!(
        orders.last().map(|(_, orders)| orders.run.len()),
        Some(1),
        "D36"
    );
}

#[test]
fn at_most_one_plan_is_in_flight() {
    let mut play = Play::new();
    play.attach(1, "a");
    play.submit();
    let now = play.now();
    let plans = |outputs: Vec<Output>| {
        let plan = |it: &&Output| matches!(it, Output::Propose(_, Command::Place { .. }));
        outputs.iter().filter(plan).count()
    };
    assert_eq!(plans(play.leader.act(now, &play.state)), 1);
    play.submit();
    assert_eq!(plans(play.leader.act(now, &play.state)), 0);
}

#[test]
fn a_plan_of_unknown_fate_is_settled_by_a_barrier_before_the_next() {
    let mut play = Play::new();
    play.attach(1, "a");
    play.submit();
    let now = play.now();
    let outputs = play.leader.act(now, &play.state);
    let ticket = outputs.iter().find_map(|output| match output {
        Output::Propose(ticket, Command::Place { .. }) => Some(*ticket),
        _ => None,
    });
    play.take(Input::Proposed(ticket.unwrap(), None));
    let outputs = play.leader.act(now, &play.state);
    let barrier = outputs.iter().any(|output| {
        matches!(output, Output::Propose(_, Command::Place { placements, .. }) if placements.is_empty())
    });
    assert!(barrier);
}

#[test]
fn a_worker_that_recovery_condemned_is_taken_in_when_it_comes_back() {
    let mut play = Play::new();
    play.attach(1, "a");
    play.submit();
    play.act();
    play.fail_over(2);
    play.pass(61);
    assert!(play.state.recovered);
    let alive = |play: &Play| {
        play.state
            .workers
            .values()
            .all(vesta_core::Worker::is_alive)
    };
    assert!(!alive(&play));
    play.attach(1, "a");
    assert!(alive(&play), "{:?}", play.proposed.last());
}

#[test]
fn an_application_that_sends_but_has_not_answered_is_asked_again_until_it_does() {
    let mut play = Play::new();
    let app = play.register();
    play.fail_over(2);
    play.take(Input::AppOpened(1, app.clone()));
    for _ in 0..3 {
        play.told.clear();
        play.take(Input::AppHeartbeat(1));
        play.act();
        let asked = play
            .told
            .iter()
            .any(|(_, message)| matches!(message, to_application::Message::MasterChanged(_)));
        assert!(asked, "{:?}", play.told);
    }
    play.take(Input::AppAcknowledged(1, Epoch(2)));
    play.act();
    assert!(play.state.is_app_confirmed(&play.state.applications[&app]));
    play.told.clear();
    play.take(Input::AppHeartbeat(1));
    play.act();
    assert_eq!(play.told, []);
}

#[test]
fn a_leader_without_a_quorum_says_nothing_of_an_application_that_it_does_not_know() {
    let mut play = Play::new();
    play.quorum = false;
    play.pass(2);
    let app: AppId = "app-20261121110000-0007".parse().unwrap();
    play.take(Input::AppOpened(1, app));
    play.pass(2);
    let ended = |told: &(SessionId, _)| matches!(told.1, to_application::Message::Ended(_));
    assert!(!play.told.iter().any(ended), "{:?}", play.told);
    play.quorum = true;
    play.pass(1);
    assert_eq!(play.told.iter().filter(|told| ended(told)).count(), 1);
}

#[test]
fn a_worker_that_was_declared_lost_and_heartbeats_on_the_same_stream_is_asked_again() {
    let mut play = Play::new();
    play.attach(1, "a");
    play.pass(61);
    assert!(
        !play
            .state
            .workers
            .values()
            .all(vesta_core::Worker::is_alive)
    );
    play.said.clear();
    play.pass_with(1, &[1]);
    let asked = |said: &(SessionId, _)| matches!(said.1, to_worker::Message::MasterChanged(_));
    assert!(play.said.iter().any(asked), "{:?}", play.said);
    assert!(play.orders().is_empty(), "a DEAD worker is ordered nothing");
    play.report(1, "a", Vec::new());
    assert!(
        play.state
            .workers
            .values()
            .all(vesta_core::Worker::is_alive)
    );
}

#[test]
fn a_fleet_that_falls_silent_one_by_one_is_not_lost_before_two_timeouts() {
    let mut play = Play::new();
    let names: Vec<String> = (0..20).map(|number| format!("w{number:02}")).collect();
    for (session, name) in (1..).zip(&names) {
        play.attach(session, name);
    }
    // Their last heartbeats are 200 ms apart.
    for session in 1..=20 {
        play.take(Input::WorkerHeartbeat(session, 1));
        play.ms += 200;
        play.act();
    }
    play.pass(110);
    assert!(
        play.state
            .workers
            .values()
            .all(vesta_core::Worker::is_alive)
    );
    play.pass(20);
    assert!(
        !play
            .state
            .workers
            .values()
            .any(vesta_core::Worker::is_alive)
    );
}

#[test]
fn while_the_fate_of_a_verdict_is_unknown_its_worker_is_neither_confirmed_nor_ordered() {
    let mut play = Play::new();
    play.attach(1, "a");
    play.submit();
    play.act();
    play.orders();
    // The verdict is proposed; nothing says what became of it.
    let verdict = loop {
        play.ms += 100;
        let now = play.now();
        let outputs = play.leader.act(now, &play.state);
        let proposed = outputs.into_iter().find_map(|output| match output {
            Output::Propose(ticket, command) => Some((ticket, command)),
            _ => None,
        });
        if let Some(proposed) = proposed {
            break proposed;
        }
    };
    assert!(matches!(verdict.1, Command::LoseWorkers { .. }));
    play.take(Input::Proposed(verdict.0, None));
    // The worker is back, and is told nothing.
    play.take(Input::WorkerHeartbeat(1, 7));
    play.said.clear();
    let now = play.now();
    let outputs = play.leader.act(now, &play.state);
    let again: Vec<&Command> = outputs
        .iter()
        .filter_map(|output| match output {
            Output::Propose(_, command) => Some(command),
            Output::ToWorker(_, message) => panic!("{message:?}"),
            Output::ToApp(..) => None,
        })
        .collect();
    assert_eq!(again, [&verdict.1], "the same verdict, to learn its fate");
    play.commit(verdict.1).unwrap();
    assert!(
        !play
            .state
            .workers
            .values()
            .all(vesta_core::Worker::is_alive)
    );
}

#[test]
fn recovery_completes_on_time_though_a_confirmed_worker_never_stops_reporting() {
    let mut play = Play::new();
    play.attach(1, "a");
    play.attach(2, "b");
    for _ in 0..2 {
        play.submit();
    }
    play.act();
    play.fail_over(2);
    play.take(Input::WorkerOpened(2, worker("b")));
    play.report(2, "b", Vec::new());
    // Something that `b` says is in flight at every step: it is never answered.
    let instance = play
        .state
        .placed_on(&worker("b").id)
        .into_iter()
        .map(|(instance, _)| instance)
        .next()
        .unwrap();
    let running = InstanceReport {
        instance,
        status: InstanceStatus::Running {
            pid: 7,
            since: Timestamp(START),
        },
        restart: 0,
    };
    let report = WorkerReport {
        epoch: play.state.epoch,
        description: worker("b"),
        reports: vec![running],
        stale_orders: 0,
        leaving: false,
    };
    play.take(Input::WorkerReport(2, report));
    for _ in 0..700 {
        play.ms += 100;
        let now = play.now();
        for output in play.leader.act(now, &play.state) {
            if let Output::Propose(_, command) = output
                && matches!(command, Command::CompleteRecovery { .. })
            {
                return;
            }
        }
    }
    panic!("recovery was never completed");
}

#[test]
fn an_opening_that_arrives_after_that_of_a_newer_session_changes_nothing() {
    let mut play = Play::new();
    play.take(Input::WorkerOpened(3, worker("a")));
    play.take(Input::WorkerOpened(2, worker("a")));
    play.take(Input::WorkerClosed(2));
    play.report(3, "a", Vec::new());
    assert!(
        play.state
            .workers
            .values()
            .all(vesta_core::Worker::is_alive)
    );
    assert_eq!(play.state.workers.len(), 1);
}

#[test]
fn orders_leave_out_what_their_worker_has_and_never_grow_beyond_a_message() {
    let mut play = Play::new();
    let mut big = worker("a");
    big.capacity.cores = 64;
    big.capacity.memory_mib = 1 << 20;
    let report = |play: &mut Play, reports| {
        let report = WorkerReport {
            epoch: play.state.epoch,
            description: big.clone(),
            reports,
            stale_orders: 0,
            leaving: false,
        };
        play.take(Input::WorkerReport(1, report));
        play.act();
    };
    play.take(Input::WorkerOpened(1, big.clone()));
    report(&mut play, Vec::new());
    play.register_with(Some(40), vec![7; 256 * 1024]);
    play.act();
    let mut started = BTreeMap::new();
    while let Some((_, orders)) = play.orders().pop() {
        let bytes = prost::Message::encoded_len(&orders);
        assert!(bytes < 5 << 20, "{bytes} bytes of orders");
        let before = started.len();
        for run in orders.run {
            let instance = run.instance_id.parse().unwrap();
            let status = InstanceStatus::Running {
                pid: 1000 + u32::try_from(started.len()).unwrap(),
                since: Timestamp(START),
            };
            let report = InstanceReport {
                instance,
                status,
                restart: 0,
            };
            let twice = started.insert(run.instance_id, report);
            assert_eq!(twice, None, "what it has is not ordered again");
        }
        if started.len() == before {
            break;
        }
        report(&mut play, started.values().cloned().collect());
    }
    assert_eq!(started.len(), 40);
}

#[test]
fn a_worker_that_leaves_in_order_gets_nothing_new_and_is_not_waited_for() {
    let mut play = Play::new();
    play.attach(1, "a");
    let leaves = WorkerReport {
        epoch: play.state.epoch,
        description: worker("a"),
        reports: Vec::new(),
        stale_orders: 0,
        leaving: true,
    };
    play.take(Input::WorkerReport(1, leaves));
    play.submit();
    play.pass(1);
    assert!(
        play.orders()
            .iter()
            .all(|(_, orders)| orders.run.is_empty())
    );
    assert!(
        play.state
            .workers
            .values()
            .all(vesta_core::Worker::is_alive)
    );
    play.take(Input::WorkerClosed(1));
    play.pass(1);
    assert!(
        !play
            .state
            .workers
            .values()
            .all(vesta_core::Worker::is_alive)
    );
    // It comes back as it was.
    play.attach(2, "a");
    play.act();
    assert!(
        play.orders()
            .iter()
            .any(|(_, orders)| !orders.run.is_empty())
    );
}
