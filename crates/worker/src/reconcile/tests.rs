//! The rules as sentences, then at random.

mod random;

use std::time::Duration;

use uuid::Uuid;
use vesta_proto::worker_convert::{OrderSet, RunOrder};
use vesta_types::{
    Booking, ClusterId, DriverId, Epoch, Exit, InstanceId, InstanceReport, InstanceStatus, Launch,
    Timestamp,
};

use super::*;

const CLUSTER: ClusterId = ClusterId(Uuid::from_u128(0xc1));
const OTHER: ClusterId = ClusterId(Uuid::from_u128(0xc2));
const TTL: Duration = Duration::from_secs(15);
const SECOND: Duration = Duration::from_secs(1);

fn settings() -> Settings {
    Settings {
        heartbeat: Duration::from_secs(5),
        order_ttl: TTL,
    }
}

fn instance(number: u64) -> InstanceId {
    InstanceId::driver(CLUSTER, DriverId::mint(Timestamp(0), number), 1)
}

fn run(instance: InstanceId) -> RunOrder {
    RunOrder {
        instance,
        launch: Launch {
            program: "true".into(),
            ..Launch::default()
        },
        booking: Booking::plain(1, 1),
        supervise: false,
        conf: Default::default(),
        profile: 0,
        name: "x".into(),
        payload: Vec::new(),
        executor: None,
        lease: None,
        total_executor_cores: None,
    }
}

fn ended() -> InstanceStatus {
    InstanceStatus::Ended {
        exit: Exit {
            code: Some(0),
            ..Exit::default()
        },
        at: Timestamp(1),
        ran: None,
    }
}

fn session(master: &str, session: u128) -> Source {
    Source {
        master: master.into(),
        session: Uuid::from_u128(session),
    }
}

/// A reconciler, the time, and everything it wanted done.
struct World {
    reconciler: Reconciler,
    now: Boottime,
    done: Vec<Action>,
    persisted: Vec<Allegiance>,
}

impl World {
    fn new() -> World {
        World::over(Vec::new())
    }

    fn over(instances: Vec<(InstanceReport, bool)>) -> World {
        let reconciler = Reconciler::new(settings(), Allegiance::default(), instances);
        let now = Boottime(1_000_000_000_000);
        World {
            reconciler,
            now,
            done: Vec::new(),
            persisted: Vec::new(),
        }
    }

    /// A world in which `m1` leads epoch 1, and a heartbeat sent now is confirmed.
    fn led() -> World {
        let mut world = World::new();
        world.open(&m1());
        world.lead(&m1(), 1);
        world.confirm(&m1(), 1);
        world.done.clear();
        world
    }

    fn input(&mut self, input: Input) {
        if let Some(allegiance) = self.reconciler.must_persist(&input) {
            self.persisted.push(allegiance);
            self.reconciler.persisted(allegiance);
        }
        self.done.extend(self.reconciler.step(self.now, input));
    }

    fn pass(&mut self, time: Duration) {
        let until = self.now.plus(time);
        while self.reconciler.next_tick() <= until {
            self.now = self.reconciler.next_tick().max(self.now);
            self.input(Input::Tick);
        }
        self.now = until;
    }

    fn open(&mut self, from: &Source) {
        self.input(Input::SessionOpened { from: from.clone() });
    }

    fn lead(&mut self, from: &Source, epoch: u64) {
        let (from, epoch) = (from.clone(), Epoch(epoch));
        self.input(Input::MasterChanged {
            from,
            cluster: CLUSTER,
            epoch,
        });
    }

    /// Confirms the last heartbeat that was sent on this session.
    fn confirm(&mut self, from: &Source, epoch: u64) {
        let (sequence, _) = *self.heartbeats(from).last().expect("a heartbeat was sent");
        self.confirm_number(from, epoch, sequence);
    }

    fn confirm_number(&mut self, from: &Source, epoch: u64, sequence: u64) {
        let (session, epoch) = (from.session, Epoch(epoch));
        self.input(Input::Confirmed {
            from: from.clone(),
            session,
            epoch,
            sequence,
        });
    }

    fn order(&mut self, from: &Source, epoch: u64, index: u64, runs: &[u64], stops: &[u64]) {
        let run = runs.iter().map(|number| run(instance(*number))).collect();
        let stop = stops.iter().map(|number| instance(*number)).collect();
        let set = OrderSet {
            cluster: CLUSTER,
            epoch: Epoch(epoch),
            index,
            run,
            stop,
        };
        self.input(Input::Orders {
            from: from.clone(),
            set,
        });
    }

    fn observe(&mut self, number: u64, status: InstanceStatus) {
        let report = InstanceReport {
            instance: instance(number),
            status,
            restart: 0,
        };
        self.input(Input::Observed(report));
    }

    fn acknowledge(&mut self, from: &Source, epoch: u64, numbers: &[u64]) {
        let instances = numbers.iter().map(|number| instance(*number)).collect();
        let epoch = Epoch(epoch);
        self.input(Input::Acknowledged {
            from: from.clone(),
            epoch,
            instances,
        });
    }

    fn started(&self) -> Vec<InstanceId> {
        let started = |action: &Action| match action {
            Action::Start { order, .. } => Some(order.instance.clone()),
            _ => None,
        };
        self.done.iter().filter_map(started).collect()
    }

    fn stopped(&self) -> Vec<InstanceId> {
        let stopped = |action: &Action| match action {
            Action::Stop(instance) => Some(instance.clone()),
            _ => None,
        };
        self.done.iter().filter_map(stopped).collect()
    }

    fn heartbeats(&self, to: &Source) -> Vec<(u64, Boottime)> {
        let sent = |action: &Action| match action {
            Action::Send {
                to: at,
                message: Message::Heartbeat { sequence, stamp },
            } if at == to => Some((*sequence, *stamp)),
            _ => None,
        };
        self.done.iter().filter_map(sent).collect()
    }

    fn reports(&self) -> Vec<(Source, Report)> {
        let sent = |action: &Action| match action {
            Action::Send {
                to,
                message: Message::Report(report),
            } => Some((to.clone(), report.clone())),
            _ => None,
        };
        self.done.iter().filter_map(sent).collect()
    }
}

fn m1() -> Source {
    session("m1:1", 11)
}

fn m2() -> Source {
    session("m2:1", 21)
}

#[test]
fn a_confirmed_worker_starts_what_it_is_ordered_to_run_once() {
    let mut world = World::led();
    world.order(&m1(), 1, 10, &[1, 1], &[]);
    world.order(&m1(), 1, 10, &[1], &[]);
    world.order(&m1(), 1, 11, &[1, 2], &[]);
    assert_eq!(world.started(), [instance(1), instance(2)]);
}

#[test]
fn an_order_of_a_lower_epoch_is_refused_counted_and_named_to_the_new_leader() {
    let mut world = World::led();
    world.open(&m2());
    world.lead(&m2(), 2);
    world.pass(SECOND);
    world.done.clear();
    world.order(&m1(), 1, 99, &[1], &[]);
    world.pass(SECOND);
    assert_eq!(world.started(), []);
    assert_eq!(world.reconciler.stale_orders(), 1);
    let (to, report) = world.reports().pop().unwrap();
    assert_eq!((to, report.stale_orders), (m2(), 1));
    assert!(
        report.refused_stale[0].contains("epoch 1 at index 99 from m1:1"),
        "{report:?}"
    );
    // The refused index left no trace: lower ones of the leader are obeyed.
    world.order(&m2(), 2, 12, &[2], &[]);
    assert_eq!(world.started(), [instance(2)]);
}

#[test]
fn a_deposed_leader_that_announces_itself_again_is_refused_and_not_followed() {
    let mut world = World::led();
    world.open(&m2());
    world.lead(&m2(), 2);
    world.lead(&m1(), 1);
    assert_eq!(world.reconciler.stale_orders(), 1);
    world.pass(SECOND);
    assert_eq!(world.reports().pop().unwrap().0, m2());
}

#[test]
fn an_epoch_is_on_disk_before_it_is_acted_on() {
    let mut world = World::led();
    let orders = |epoch| {
        let set = OrderSet {
            cluster: CLUSTER,
            epoch: Epoch(epoch),
            index: 50,
            run: vec![run(instance(1))],
            stop: vec![],
        };
        Input::Orders { from: m1(), set }
    };
    let wanted = Allegiance {
        cluster: Some(CLUSTER),
        epoch: Epoch(2),
    };
    assert_eq!(world.reconciler.must_persist(&orders(2)), Some(wanted));
    assert_eq!(world.reconciler.step(world.now, orders(2)), []);
    world.input(orders(2));
    assert_eq!(world.persisted.last(), Some(&wanted));
    assert_eq!(world.started(), [instance(1)]);
    assert_eq!(world.reconciler.must_persist(&orders(2)), None);
}

#[test]
fn a_standby_s_welcome_raises_the_epoch_too() {
    let mut world = World::led();
    world.open(&m2());
    let (from, epoch) = (m2(), Epoch(2));
    world.input(Input::Welcome {
        from,
        cluster: CLUSTER,
        epoch,
        leading: false,
    });
    world.order(&m1(), 1, 10, &[1], &[]);
    assert_eq!(
        (world.started(), world.reconciler.stale_orders()),
        (vec![], 1)
    );
}

#[test]
fn the_first_cluster_is_adopted_and_any_other_refused() {
    let mut world = World::led();
    assert_eq!(world.reconciler.allegiance().cluster, Some(CLUSTER));
    let set = OrderSet {
        cluster: OTHER,
        epoch: Epoch(9),
        index: 99,
        run: vec![run(InstanceId {
            cluster: OTHER,
            ..instance(1)
        })],
        stop: vec![],
    };
    world.open(&m2());
    world.input(Input::Orders { from: m2(), set });
    world.input(Input::MasterChanged {
        from: m2(),
        cluster: OTHER,
        epoch: Epoch(9),
    });
    assert_eq!(world.started(), []);
    assert_eq!(world.reconciler.allegiance().epoch, Epoch(1));
    let noted = |action: &Action| matches!(action, Action::Note(text) if text.contains("WRK001"));
    assert!(world.done.iter().any(noted), "{:?}", world.done);
    // Nor is an instance of another cluster run when our own leader names it.
    let run = vec![run(InstanceId {
        cluster: OTHER,
        ..instance(1)
    })];
    let set = OrderSet {
        cluster: CLUSTER,
        epoch: Epoch(1),
        index: 9,
        run,
        stop: vec![],
    };
    world.input(Input::Orders { from: m1(), set });
    assert_eq!(world.started(), []);
}

#[test]
fn a_lower_index_is_refused_whatever_epoch_it_comes_under() {
    let mut world = World::led();
    world.order(&m1(), 1, 10, &[1], &[]);
    world.order(&m1(), 1, 9, &[2], &[1]);
    assert_eq!(
        (world.started(), world.stopped()),
        (vec![instance(1)], vec![])
    );
    world.open(&m2());
    world.lead(&m2(), 2);
    world.order(&m2(), 2, 9, &[3], &[]);
    assert_eq!(world.started(), [instance(1)]);
    world.order(&m2(), 2, 10, &[3], &[]);
    assert_eq!(world.started(), [instance(1), instance(3)]);
    assert_eq!(world.reconciler.stale_orders(), 2);
}

#[test]
fn what_a_superseded_session_says_counts_for_nothing() {
    let mut world = World::led();
    let (old, new) = (m1(), session("m1:1", 12));
    world.pass(SECOND);
    world.open(&new);
    world.order(&old, 1, 10, &[1], &[]);
    let before = world.reconciler.confirmed;
    world.confirm_number(&old, 1, 1);
    world.lead(&old, 7);
    world.input(Input::SessionClosed { from: old });
    assert_eq!(world.started(), []);
    assert_eq!(world.reconciler.confirmed, before);
    assert_eq!(world.reconciler.allegiance().epoch, Epoch(1));
    // A late end of the old one does not end the new one.
    world.order(&new, 1, 10, &[1], &[]);
    assert_eq!(world.started(), [instance(1)]);
}

#[test]
fn a_confirmation_that_names_an_older_session_counts_for_nothing() {
    let mut world = World::led();
    let new = session("m1:1", 12);
    world.open(&new);
    world.pass(TTL + SECOND);
    let (sequence, _) = *world.heartbeats(&new).last().unwrap();
    let input = Input::Confirmed {
        from: new,
        session: m1().session,
        epoch: Epoch(1),
        sequence,
    };
    world.input(input);
    world.order(&session("m1:1", 12), 1, 10, &[1], &[]);
    assert_eq!(world.started(), []);
}

#[test]
fn nothing_is_started_while_the_last_confirmed_heartbeat_is_old() {
    let mut world = World::led();
    world.pass(TTL);
    world.order(&m1(), 1, 10, &[1], &[]);
    assert_eq!(world.started(), [instance(1)]);
    world.pass(Duration::from_nanos(1));
    world.order(&m1(), 1, 11, &[1, 2], &[]);
    assert_eq!(world.started(), [instance(1)]);
}

#[test]
fn an_old_heartbeat_that_is_confirmed_late_does_not_allow_a_start() {
    let mut world = World::led();
    world.pass(TTL + SECOND);
    world.confirm_number(&m1(), 1, 1);
    world.order(&m1(), 1, 10, &[1], &[]);
    assert_eq!(world.started(), []);
}

#[test]
fn a_confirmation_of_a_lower_epoch_does_not_allow_a_start() {
    let mut world = World::led();
    world.open(&m2());
    world.lead(&m2(), 2);
    world.pass(TTL + SECOND);
    // The deposed leader still confirms what it got.
    world.open(&m1());
    world.confirm(&m1(), 1);
    world.order(&m2(), 2, 10, &[1], &[]);
    assert_eq!(world.started(), []);
    world.confirm(&m2(), 2);
    assert_eq!(world.started(), [instance(1)]);
}

#[test]
fn orders_that_overtook_their_confirmation_are_started_when_it_comes() {
    let mut world = World::new();
    world.open(&m1());
    world.lead(&m1(), 1);
    world.order(&m1(), 1, 10, &[1], &[]);
    assert_eq!(world.started(), []);
    world.confirm(&m1(), 1);
    assert_eq!(world.started(), [instance(1)]);
}

#[test]
fn orders_that_lay_in_a_buffer_are_asked_for_again_instead_of_started() {
    let mut world = World::led();
    // The worker is paused; its lost orders are read before its new heartbeat goes out.
    world.now = world.now.plus(10 * TTL);
    world.order(&m1(), 1, 10, &[1], &[]);
    world.pass(SECOND);
    world.done.clear();
    world.input(Input::Tick);
    world.pass(settings().heartbeat);
    world.confirm(&m1(), 1);
    world.pass(SECOND);
    assert_eq!(world.started(), []);
    let (_, report) = world.reports().pop().expect("a report without it");
    assert_eq!(report.instances, []);
    world.order(&m1(), 1, 10, &[1], &[]);
    assert_eq!(world.started(), [instance(1)]);
}

#[test]
fn withheld_orders_are_forgotten_when_a_newer_set_drops_them() {
    let mut world = World::new();
    world.open(&m1());
    world.lead(&m1(), 1);
    world.order(&m1(), 1, 10, &[1], &[]);
    world.order(&m1(), 1, 11, &[], &[1]);
    world.confirm(&m1(), 1);
    assert_eq!(world.started(), []);
}

#[test]
fn an_instance_that_ended_is_reported_again_and_never_executed_again() {
    for end in [
        ended(),
        InstanceStatus::NeverRan {
            reason: "revoked".into(),
        },
    ] {
        let mut world = World::led();
        world.order(&m1(), 1, 10, &[1], &[]);
        world.observe(1, end.clone());
        world.pass(SECOND);
        world.acknowledge(&m1(), 1, &[1]);
        world.done.clear();
        world.order(&m1(), 1, 11, &[1], &[]);
        world.pass(SECOND);
        assert_eq!(world.started(), []);
        let (_, report) = world.reports().pop().unwrap();
        assert_eq!(report.instances[0].status, end);
    }
}

#[test]
fn a_stop_ends_what_lives_once() {
    let mut world = World::led();
    world.order(&m1(), 1, 10, &[1], &[]);
    world.order(&m1(), 1, 11, &[], &[1]);
    world.order(&m1(), 1, 11, &[], &[1]);
    assert_eq!(world.stopped(), [instance(1)]);
}

#[test]
fn what_is_stopped_before_it_was_ever_ordered_is_reported_as_never_run_and_never_will_be() {
    let mut world = World::led();
    world.order(&m1(), 1, 10, &[], &[2]);
    world.pass(SECOND);
    let (_, report) = world.reports().pop().unwrap();
    let status = &report.instances[0].status;
    assert!(
        matches!(status, InstanceStatus::NeverRan { .. }),
        "{status:?}"
    );
    world.order(&m1(), 1, 11, &[2], &[]);
    assert_eq!(world.started(), []);
}

#[test]
fn what_is_in_neither_list_is_kept_and_reported() {
    let mut world = World::led();
    world.order(&m1(), 1, 10, &[1], &[]);
    world.order(&m1(), 1, 11, &[], &[]);
    world.pass(SECOND);
    assert_eq!(world.stopped(), []);
    let (_, report) = world.reports().pop().unwrap();
    assert_eq!(report.instances[0].instance, instance(1));
}

#[test]
fn an_instance_in_both_lists_has_ended() {
    let mut world = World::led();
    world.order(&m1(), 1, 10, &[1], &[1]);
    assert_eq!(world.started(), []);
}

#[test]
fn a_new_leader_is_answered_with_everything_not_acknowledged_and_a_heartbeat() {
    let mut world = World::led();
    world.order(&m1(), 1, 10, &[1, 2, 3], &[]);
    world.observe(
        1,
        InstanceStatus::Running {
            pid: 7,
            since: Timestamp(1),
        },
    );
    world.observe(2, ended());
    world.observe(3, ended());
    world.acknowledge(&m1(), 1, &[3]);
    world.open(&m2());
    world.done.clear();
    world.lead(&m2(), 2);
    world.pass(Duration::from_millis(10));
    assert_eq!(world.heartbeats(&m2()).len(), 1);
    let reports = world.reports();
    let (to, report) = &reports[0];
    assert_eq!((reports.len(), to, report.epoch), (1, &m2(), Epoch(2)));
    let named: Vec<_> = report
        .instances
        .iter()
        .map(|report| &report.instance)
        .collect();
    assert_eq!(named, [&instance(1), &instance(2)]);
}

#[test]
fn a_leader_that_repeats_itself_at_each_heartbeat_is_not_answered_with_another_heartbeat() {
    let mut world = World::led();
    let mut answered = 0;
    for _ in 0..100 {
        let beaten = world.heartbeats(&m1()).len();
        if answered < beaten {
            answered = beaten;
            world.lead(&m1(), 1);
        }
        world.pass(Duration::from_millis(10));
    }
    assert!(world.heartbeats(&m1()).len() <= 2, "{:?}", world.done);
    world.done.clear();
    world.lead(&m1(), 1);
    world.pass(Duration::from_millis(10));
    assert_eq!(world.reports().len(), 1, "it is answered all the same");
    world.done.clear();
    world.lead(&m1(), 2);
    assert_eq!(world.heartbeats(&m1()).len(), 1, "a new epoch is news");
}

#[test]
fn an_end_is_reported_again_until_it_is_acknowledged() {
    let mut world = World::led();
    world.order(&m1(), 1, 10, &[1], &[]);
    world.observe(1, ended());
    world.pass(Duration::from_secs(60));
    assert!(world.reports().len() >= 4, "{}", world.reports().len());
    assert!(!world.reconciler.is_settled());
    world.acknowledge(&m1(), 1, &[1]);
    assert!(world.done.contains(&Action::Forget(instance(1))));
    world.done.clear();
    world.pass(Duration::from_secs(60));
    assert_eq!(world.reports(), []);
    assert!(world.reconciler.is_settled());
}

#[test]
fn what_still_runs_can_t_be_acknowledged() {
    let mut world = World::led();
    world.order(&m1(), 1, 10, &[1], &[]);
    world.acknowledge(&m1(), 1, &[1]);
    assert!(!world.done.contains(&Action::Forget(instance(1))));
}

#[test]
fn a_deposed_leader_can_t_acknowledge() {
    let mut world = World::led();
    world.order(&m1(), 1, 10, &[1], &[]);
    world.observe(1, ended());
    world.open(&m2());
    world.lead(&m2(), 2);
    world.acknowledge(&m1(), 1, &[1]);
    assert!(!world.reconciler.is_settled());
}

#[test]
fn a_reconnected_leader_gets_a_report_without_any_change() {
    let mut world = World::led();
    world.order(&m1(), 1, 10, &[1], &[]);
    world.input(Input::SessionClosed { from: m1() });
    world.pass(SECOND);
    world.done.clear();
    let again = session("m1:1", 12);
    world.open(&again);
    let (from, epoch) = (again.clone(), Epoch(1));
    world.input(Input::Welcome {
        from,
        cluster: CLUSTER,
        epoch,
        leading: true,
    });
    world.pass(SECOND);
    let (to, report) = world.reports().pop().unwrap();
    assert_eq!((to, report.instances.len()), (again, 1));
}

#[test]
fn an_end_stays_what_it_was_seen_to_be() {
    let mut world = World::led();
    world.order(&m1(), 1, 10, &[1], &[]);
    world.observe(1, ended());
    world.observe(
        1,
        InstanceStatus::Interrupted {
            reason: "late".into(),
        },
    );
    assert_eq!(world.reconciler.status(&instance(1)), Some(&ended()));
}

#[test]
fn a_restarted_agent_never_executes_what_its_records_know() {
    let status = InstanceStatus::Interrupted {
        reason: "restart".into(),
    };
    let known = InstanceReport {
        instance: instance(1),
        status,
        restart: 2,
    };
    let mut world = World::over(vec![(known.clone(), false)]);
    world.open(&m1());
    world.lead(&m1(), 1);
    world.confirm(&m1(), 1);
    world.order(&m1(), 1, 10, &[1, 2], &[]);
    assert_eq!(world.started(), [instance(2)]);
    world.pass(SECOND);
    assert!(world.reports()[0].1.instances.contains(&known));
}

#[test]
fn heartbeats_keep_their_pace_go_to_the_leader_only_and_hurry_while_unconfirmed() {
    let mut world = World::led();
    world.open(&m2());
    world.done.clear();
    for _ in 0..10 {
        world.pass(settings().heartbeat);
        world.confirm(&m1(), 1);
    }
    assert_eq!(world.heartbeats(&m1()).len(), 10);
    assert_eq!(world.heartbeats(&m2()), []);
    world.pass(TTL + SECOND);
    world.done.clear();
    world.pass(settings().heartbeat);
    assert_eq!(world.heartbeats(&m1()).len(), 5);
}

#[test]
fn without_a_known_leader_every_master_hears_that_the_worker_lives() {
    let mut world = World::led();
    world.open(&m2());
    world.input(Input::SessionClosed { from: m1() });
    world.open(&session("m1:1", 12));
    world.done.clear();
    world.pass(2 * settings().heartbeat);
    assert!(!world.heartbeats(&m2()).is_empty());
    assert!(!world.heartbeats(&session("m1:1", 12)).is_empty());
}

#[test]
fn a_worker_that_shuts_down_stops_everything_and_starts_nothing() {
    let mut world = World::led();
    world.order(&m1(), 1, 10, &[1], &[]);
    world.input(Input::Shutdown);
    world.order(&m1(), 1, 11, &[1, 2], &[]);
    assert_eq!(
        (world.started(), world.stopped()),
        (vec![instance(1)], vec![instance(1)])
    );
    assert!(!world.reconciler.is_idle());
    world.observe(1, ended());
    assert!(world.reconciler.is_idle());
}
