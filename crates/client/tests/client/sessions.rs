//! An application's sessions, over masters that change, break and disagree.

use std::time::Duration;

use tokio::sync::mpsc;
use tonic::Status;
use vesta_client::application_proto::{self as app, to_application::Message};
use vesta_client::{ApplicationBuilder, ApplicationClient, ApplicationEvent, MasterList};
use vesta_types::Launch;

use crate::fake::{APP, Cluster, Heard, Master, Mode, eventually, list, options, soon};

fn application(masters: MasterList) -> ApplicationBuilder {
    let launch = Launch {
        program: "true".into(),
        ..Launch::default()
    };
    ApplicationClient::builder(masters, launch)
        .options(options(500))
        .heartbeat(Duration::from_millis(20))
}

fn executors(epoch: u64, index: u64, states: &[&str]) -> Message {
    let executor = |(number, state): (usize, &&str)| app::Executor {
        number: number as u32,
        state: (*state).to_owned(),
        ended: *state == "EXITED",
        ..app::Executor::default()
    };
    let executors = states.iter().enumerate().map(executor).collect();
    Message::Executors(app::Executors {
        epoch,
        index,
        executors,
        state: "RUNNING".into(),
        ..app::Executors::default()
    })
}

fn welcome(epoch: u64, leading: bool, members: &[&Master]) -> Message {
    let member = |(number, master): (usize, &&Master)| app::Member {
        node_id: number as u64 + 1,
        client_address: master.address.to_string(),
    };
    Message::Welcome(app::Welcome {
        cluster_id: "c".into(),
        epoch,
        leading,
        leader: None,
        members: members.iter().enumerate().map(member).collect(),
    })
}

fn changed(epoch: u64) -> Message {
    Message::MasterChanged(app::MasterChanged {
        epoch,
        cluster_id: "c".into(),
    })
}

async fn said_hello(master: &Master, times: usize) {
    let enough = |heard: &[Heard]| {
        heard
            .iter()
            .filter(|heard| matches!(heard, Heard::Hello(_)))
            .count()
            >= times
    };
    master.hears("a hello", enough).await;
}

async fn next(events: &mut mpsc::Receiver<ApplicationEvent>) -> ApplicationEvent {
    soon("an event", events.recv())
        .await
        .expect("the application has not ended")
}

#[tokio::test]
async fn a_registration_whose_answer_never_came_registers_once() {
    let cluster = Cluster::default();
    let master = Master::start(&cluster);
    master.set(Mode::Hangs);
    let registering = tokio::spawn(application(list([&master])).register());
    // Longer than one call's deadline: it goes on by itself.
    eventually("several attempts", || master.calls().len() >= 3).await;
    master.set(Mode::Answers);
    let (client, _events) = soon("the registration", registering)
        .await
        .unwrap()
        .unwrap();
    assert_eq!(client.app_id().as_str(), APP);
    assert_eq!(cluster.lock().unwrap().applications.len(), 1);
}

#[tokio::test]
async fn a_registration_in_time_gives_up_and_names_whom_it_tried() {
    let mut gone = Master::start(&Cluster::default());
    let masters = list([&gone]);
    gone.kill();
    let builder = application(masters.clone()).options(options(300));
    let error = soon("an end", builder.register_in_time())
        .await
        .unwrap_err();
    assert!(
        error.to_string().contains(&masters.addresses()[0]),
        "{error}"
    );
}

#[tokio::test]
async fn a_registration_that_is_refused_says_so() {
    let master = Master::start(&Cluster::default());
    master.set(Mode::Says(Status::invalid_argument(
        "name: \"\" is not a name",
    )));
    let error = application(list([&master])).register().await.unwrap_err();
    assert!(error.to_string().contains("is not a name"), "{error}");
}

#[tokio::test]
async fn a_new_leader_is_followed_on_the_stream_that_exists() {
    let cluster = Cluster::default();
    let (old, new) = (Master::start(&cluster), Master::start(&cluster));
    let (client, mut events) = application(list([&old, &new])).register().await.unwrap();
    said_hello(&old, 1).await;
    said_hello(&new, 1).await;
    old.say(changed(1)).await;
    assert_eq!(
        next(&mut events).await,
        ApplicationEvent::MasterChanged { epoch: 1 }
    );
    old.say(executors(1, 10, &["RUNNING"])).await;
    assert!(matches!(
        next(&mut events).await,
        ApplicationEvent::State { .. }
    ));
    assert!(matches!(
        next(&mut events).await,
        ApplicationEvent::ExecutorAdded(_)
    ));

    new.say(changed(2)).await;
    assert_eq!(
        next(&mut events).await,
        ApplicationEvent::MasterChanged { epoch: 2 }
    );
    let acknowledged = |heard: &[Heard]| {
        heard
            .iter()
            .any(|heard| matches!(heard, Heard::Acknowledge(2)))
    };
    new.hears("the new leader is acknowledged", acknowledged)
        .await;
    assert_eq!(new.hellos().len(), 1, "nothing was dialled again");

    // The old one, not knowing yet, has lost an executor; nobody must hear of it from there.
    old.say(executors(1, 11, &["LOST"])).await;
    new.say(executors(2, 12, &["RUNNING", "LAUNCHING"])).await;
    match next(&mut events).await {
        ApplicationEvent::ExecutorAdded(executor) => assert_eq!(executor.number, 1),
        other => panic!("only the new executor is news: {other:?}"),
    }
    assert_eq!(client.table().index, 12);
}

#[tokio::test]
async fn tables_that_come_out_of_order_are_not_applied() {
    let master = Master::start(&Cluster::default());
    let (client, mut events) = application(list([&master])).register().await.unwrap();
    said_hello(&master, 1).await;
    master.say(executors(1, 20, &["EXITED"])).await;
    master.say(executors(1, 19, &["RUNNING"])).await;
    master.say(executors(1, 21, &["EXITED", "RUNNING"])).await;
    let mut told = Vec::new();
    while told.len() < 2 {
        if let ApplicationEvent::ExecutorAdded(executor) = next(&mut events).await {
            told.push((executor.number, executor.state));
        }
    }
    assert_eq!(told, [(0, "EXITED".to_owned()), (1, "RUNNING".to_owned())]);
    assert_eq!(client.table().executors[&0].state, "EXITED");
}

#[tokio::test]
async fn a_session_that_breaks_is_dialled_again_with_what_was_met() {
    let cluster = Cluster::default();
    let master = Master::start(&cluster);
    let (_client, mut events) = application(list([&master])).register().await.unwrap();
    said_hello(&master, 1).await;
    master.say(welcome(4, true, &[&master])).await;
    assert_eq!(
        next(&mut events).await,
        ApplicationEvent::MasterChanged { epoch: 4 }
    );
    master.hang_up(None).await;
    said_hello(&master, 2).await;
    let hellos = master.hellos();
    assert_eq!((hellos[0].epoch, hellos[1].epoch), (0, 4));
    assert_eq!(hellos[1].cluster_id, "c");
    assert_eq!(hellos[1].app_id, APP);
    assert_ne!(hellos[0].session, hellos[1].session);
    master.say(executors(4, 9, &["RUNNING"])).await;
    assert!(matches!(
        next(&mut events).await,
        ApplicationEvent::State { .. }
    ));
}

#[tokio::test]
async fn a_master_that_only_the_others_know_gets_a_session_too() {
    let cluster = Cluster::default();
    let (named, unnamed) = (Master::start(&cluster), Master::start(&cluster));
    let (_client, _events) = application(list([&named])).register().await.unwrap();
    said_hello(&named, 1).await;
    named.say(welcome(1, true, &[&named, &unnamed])).await;
    said_hello(&unnamed, 1).await;
}

#[tokio::test]
async fn two_names_of_one_master_do_not_close_each_other_s_session_for_ever() {
    let cluster = Cluster::default();
    let master = Master::start(&cluster);
    let alias = format!("vesta://localhost:{}", master.address.port())
        .parse()
        .unwrap();
    let (_client, _events) = application(alias).register().await.unwrap();
    said_hello(&master, 1).await;
    master.say(welcome(1, true, &[&master])).await;
    said_hello(&master, 2).await;
    master.say(welcome(1, true, &[&master])).await;
    let one_gone = |heard: &[Heard]| {
        heard
            .iter()
            .filter(|heard| matches!(heard, Heard::Gone))
            .count()
            == 1
    };
    master
        .hears("the session under the other name is closed", one_gone)
        .await;
    // Many heartbeats later there are still two hellos and one session that is gone.
    let beats = |heard: &[Heard]| {
        heard
            .iter()
            .filter(|h| matches!(h, Heard::Heartbeat))
            .count()
    };
    master
        .hears("heartbeats go on", |heard| beats(heard) > 30)
        .await;
    assert_eq!(master.hellos().len(), 2);
}

#[tokio::test]
async fn a_reader_that_sleeps_stops_no_heartbeat_and_loses_no_end() {
    let master = Master::start(&Cluster::default());
    let (client, mut events) = application(list([&master])).register().await.unwrap();
    said_hello(&master, 1).await;
    // Far more changes than the channel of events holds.
    for index in 0..500 {
        let states = vec![
            if index % 2 == 0 {
                "LAUNCHING"
            } else {
                "RUNNING"
            };
            20
        ];
        master.say(executors(1, index + 1, &states)).await;
    }
    master.say(executors(1, 501, &["EXITED"; 20])).await;
    eventually("the last table is known", || client.table().index == 501).await;
    let beats = |heard: &[Heard]| {
        heard
            .iter()
            .filter(|h| matches!(h, Heard::Heartbeat))
            .count()
    };
    let before = std::cell::Cell::new(0);
    master
        .hears("", |heard| {
            before.set(beats(heard));
            true
        })
        .await;
    master
        .hears("heartbeats go on", |heard| beats(heard) > before.get() + 3)
        .await;
    let mut ended = std::collections::BTreeSet::new();
    while ended.len() < 20 {
        match next(&mut events).await {
            ApplicationEvent::ExecutorAdded(executor)
            | ApplicationEvent::ExecutorUpdated(executor)
                if executor.ended =>
            {
                assert!(ended.insert(executor.number), "an end is told once");
            }
            _ => {}
        }
    }
}

#[tokio::test]
async fn the_end_is_the_last_event_and_ends_the_sessions() {
    let master = Master::start(&Cluster::default());
    let (_client, mut events) = application(list([&master])).register().await.unwrap();
    said_hello(&master, 1).await;
    let (state, message) = (
        "FAILED".to_owned(),
        "its executors failed too often".to_owned(),
    );
    master
        .say(Message::Ended(app::Ended {
            epoch: 0,
            state: state.clone(),
            message: message.clone(),
        }))
        .await;
    assert_eq!(
        next(&mut events).await,
        ApplicationEvent::Ended { state, message }
    );
    assert_eq!(soon("the channel closes", events.recv()).await, None);
    let gone = |heard: &[Heard]| heard.iter().any(|heard| matches!(heard, Heard::Gone));
    master.hears("the session ends", gone).await;
}

#[tokio::test]
async fn an_application_that_the_leader_does_not_know_has_ended_but_a_standby_may_lag() {
    let cluster = Cluster::default();
    let (standby, leader) = (Master::start(&cluster), Master::start(&cluster));
    let (_client, mut events) = application(list([&standby, &leader]))
        .register()
        .await
        .unwrap();
    said_hello(&standby, 1).await;
    said_hello(&leader, 1).await;
    standby.say(welcome(1, false, &[])).await;
    standby
        .hang_up(Some(Status::not_found("no such application")))
        .await;
    said_hello(&standby, 2).await;
    leader.say(changed(1)).await;
    assert_eq!(
        next(&mut events).await,
        ApplicationEvent::MasterChanged { epoch: 1 }
    );
    leader
        .hang_up(Some(Status::not_found("no such application")))
        .await;
    match next(&mut events).await {
        ApplicationEvent::Ended { message, .. } => assert_eq!(message, "no such application"),
        other => panic!("the end was wanted: {other:?}"),
    }
}

#[tokio::test]
async fn a_target_is_sent_until_a_master_answers_and_always_with_one_key() {
    let cluster = Cluster::default();
    let master = Master::start(&cluster);
    let (client, _events) = application(list([&master])).register().await.unwrap();
    master.set(Mode::Hangs);
    let setting = tokio::spawn(async move { client.set_target(7).await });
    eventually("several attempts", || {
        cluster.lock().unwrap().targets.len() >= 3
    })
    .await;
    master.set(Mode::Answers);
    soon("the answer", setting).await.unwrap().unwrap();
    let targets = cluster.lock().unwrap().targets.clone();
    assert!(
        targets.iter().all(|target| *target == targets[0]),
        "{targets:?}"
    );
}
