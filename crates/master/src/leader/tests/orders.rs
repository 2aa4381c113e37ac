//! What workers are told to run and to stop.

use super::*;

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

/// Without waiting for anything: the end of what runs touches its worker's orders, whoever asks for it.
#[test]
fn whatever_is_to_end_is_ordered_to_stop_with_the_next_decision() {
    for case in 0..3 {
        let mut play = Play::new();
        play.attach(1, "a");
        play.submit();
        let app = play.register_with(Some(2), Vec::new());
        play.act();
        let ordered = play.orders().pop().unwrap().1.run;
        let running = ordered.iter().map(|run| InstanceReport {
            instance: run.instance_id.parse().unwrap(),
            status: InstanceStatus::Running {
                pid: 42,
                since: Timestamp(START),
            },
            restart: 0,
        });
        let running: Vec<_> = running.collect();
        assert_eq!(running.len(), 3);
        play.report(1, "a", running);
        let driver = play.state.drivers.keys().next().unwrap().clone();
        let executors = vec![0];
        let (request, stopped) = match case {
            0 => (Request::KillDriver { driver }, 1),
            1 => (Request::KillExecutors { app, executors }, 1),
            _ => (Request::KillApplication { app }, 2),
        };
        let key = play.key();
        play.commit(Command::Client { key, request }).unwrap();
        play.orders();
        play.act();
        let orders = play.orders();
        let stop = orders.last().map(|(_, orders)| orders.stop.len());
        assert_eq!(stop, Some(stopped), "case {case}");
    }
}

/// Whatever was missed: all are looked at again, now and then.
#[test]
fn a_worker_that_nothing_touches_is_looked_at_again() {
    let mut play = Play::new();
    play.attach(1, "a");
    play.submit();
    play.act();
    play.orders();
    let line = play.leader.workers.values_mut().next().unwrap();
    line.ordered = None;
    play.leader.attention.workers.clear();
    play.leader.attention.open.clear();
    play.act();
    assert!(play.orders().is_empty(), "nobody looks");
    play.pass_with(3, &[1]);
    assert_eq!(play.orders().len(), 1);
}

/// Found by a review: a worker that came back was told that it is counted on before it was told what was
/// started elsewhere meanwhile; in between it could start that as well.
#[test]
fn what_a_worker_is_to_stop_it_hears_before_its_heartbeat_is_confirmed() {
    let mut play = Play::new();
    play.attach(1, "a");
    play.submit();
    play.act();
    let id = play.state.drivers.keys().next().unwrap().clone();
    play.pass(61);
    assert!(play.state.drivers[&id].state.is_final(), "it was lost");
    play.said.clear();
    let accepted = InstanceReport {
        instance: vesta_types::InstanceId::driver(cluster(), id, 1),
        status: InstanceStatus::Accepted,
        restart: 0,
    };
    play.take(Input::WorkerOpened(2, worker("a")));
    play.take(Input::WorkerHeartbeat(2, 1));
    play.report(2, "a", vec![accepted]);
    let position = |wanted: fn(&to_worker::Message) -> bool| {
        play.said.iter().position(|(_, message)| wanted(message))
    };
    let stop = position(|it| matches!(it, to_worker::Message::Orders(it) if !it.stop.is_empty()));
    let confirmed = position(|it| matches!(it, to_worker::Message::Confirmed(_)));
    assert!(stop.is_some() && confirmed.is_some(), "{:?}", play.said);
    assert!(stop < confirmed, "{:?}", play.said);
}

/// Found by the simulator: the first heartbeat that a new leader heard was confirmed before its worker had
/// said what it has, and so before it could be told to end a driver that had been replaced; that one waited
/// for its restart, and was executed.
#[test]
fn a_new_leader_confirms_no_heartbeat_of_a_worker_that_it_has_not_told_what_to_stop() {
    let mut play = Play::new();
    play.attach(1, "a");
    play.submit_with(true, None);
    play.act();
    let id = play.state.drivers.keys().next().unwrap().clone();
    let (key, driver) = (play.key(), id.clone());
    let request = Request::KillDriver { driver };
    play.commit(Command::Client { key, request }).unwrap();
    play.fail_over(2);
    play.take(Input::WorkerOpened(2, worker("a")));
    play.take(Input::WorkerHeartbeat(2, 1));
    play.pass(1);
    assert_eq!(play.confirmed(), [0; 0]);
    let accepted = InstanceReport {
        instance: vesta_types::InstanceId::driver(cluster(), id, 1),
        status: InstanceStatus::Accepted,
        restart: 0,
    };
    play.report(2, "a", vec![accepted]);
    let position = |wanted: fn(&to_worker::Message) -> bool| {
        play.said.iter().position(|(_, message)| wanted(message))
    };
    let stop = position(|it| matches!(it, to_worker::Message::Orders(it) if !it.stop.is_empty()));
    let confirmed = position(|it| matches!(it, to_worker::Message::Confirmed(_)));
    assert!(stop.is_some() && stop < confirmed, "{:?}", play.said);
}
