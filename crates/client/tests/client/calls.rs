//! One call over several masters: what is repeated, and what is said when nobody answers.

use std::collections::BTreeMap;

use tonic::Status;
use vesta_client::{Client, ClientError, ClientOptions, Refusal, WaitUpdate, new_key, proto};
use vesta_types::{DriverDescription, Launch};

use crate::fake::{Cluster, Master, Mode, eventually, list, options, soon};

fn driver() -> DriverDescription {
    DriverDescription {
        name: "a driver".into(),
        launch: Launch {
            program: "true".into(),
            ..Launch::default()
        },
        cores: 1,
        memory_mib: 1,
        supervise: false,
        conf: BTreeMap::new(),
        executor: None,
        on_disconnect: None,
        lease: None,
        total_executor_cores: None,
        named: Default::default(),
    }
}

#[tokio::test]
async fn a_submission_whose_answer_never_came_is_made_once() {
    let cluster = Cluster::default();
    let (silent, other) = (Master::start(&cluster), Master::start(&cluster));
    silent.set(Mode::Hangs);
    let client = Client::with_options(&list([&silent, &other]), options(10_000));
    let key = new_key();
    let reply = client.submit_driver(key, &driver()).await.unwrap();
    assert!(reply.duplicate, "the first master had done it already");
    assert_eq!(reply.driver_id, "driver-20261121110000-0000");
    assert_eq!(
        cluster.lock().unwrap().drivers.keys().collect::<Vec<_>>(),
        [&key.to_string()]
    );
    assert_eq!(silent.calls(), ["submit"]);
}

#[tokio::test]
async fn a_busy_master_is_asked_again_with_the_same_key_when_it_said() {
    let cluster = Cluster::default();
    let master = Master::start(&cluster);
    let pause = std::time::Duration::from_millis(200);
    master.set(Mode::Says(vesta_proto::answer::busy("many writes", pause)));
    let client = Client::with_options(&list([&master]), options(10_000));
    let key = new_key();
    let begun = std::time::Instant::now();
    let submission = tokio::spawn(async move { client.submit_driver(key, &driver()).await });
    eventually("it is asked a third time", || master.calls().len() >= 3).await;
    assert!(begun.elapsed() >= pause * 2, "{:?}", begun.elapsed());
    master.set(Mode::Answers);
    let reply = soon("the answer", submission).await.unwrap().unwrap();
    assert!(!reply.duplicate);
    let keys = cluster
        .lock()
        .unwrap()
        .drivers
        .keys()
        .cloned()
        .collect::<Vec<_>>();
    assert_eq!(keys, [key.to_string()]);
}

#[tokio::test]
async fn a_request_that_no_master_takes_in_is_refused_with_the_limit_and_never_sent() {
    let cluster = Cluster::default();
    let master = Master::start(&cluster);
    let client = Client::with_options(&list([&master]), options(10_000));
    let mut large = driver();
    large.launch.args = vec!["a".repeat(vesta_types::limits::MESSAGE_BYTES_MAX)];
    match client.submit_driver(new_key(), &large).await {
        Err(ClientError::Refused { reason, message }) => {
            assert_eq!(reason, Refusal::Limit);
            assert!(message.contains("no more than 8388608 may"), "{message}");
        }
        other => panic!("a refusal was wanted: {other:?}"),
    }
    assert!(master.calls().is_empty());
}

#[tokio::test]
async fn a_submission_whose_master_dies_with_the_answer_is_made_once() {
    let cluster = Cluster::default();
    let (mut dying, other) = (Master::start(&cluster), Master::start(&cluster));
    dying.set(Mode::Hangs);
    let masters = list([&dying, &other]);
    // The attempt itself would wait for ever: only the broken connection ends it.
    let attempt = std::time::Duration::from_secs(20);
    let patient = ClientOptions {
        attempt,
        ..options(20_000)
    };
    let client = Client::with_options(&masters, patient);
    let submission = tokio::spawn(async move { client.submit_driver(new_key(), &driver()).await });
    eventually("the write is done", || {
        !cluster.lock().unwrap().drivers.is_empty()
    })
    .await;
    dying.kill();
    let reply = soon("the answer of the other", submission)
        .await
        .unwrap()
        .unwrap();
    assert!(reply.duplicate);
    assert_eq!(cluster.lock().unwrap().drivers.len(), 1);
}

#[tokio::test]
async fn a_write_that_was_never_answered_is_unknown_and_names_its_key() {
    let cluster = Cluster::default();
    let silent = Master::start(&cluster);
    silent.set(Mode::Hangs);
    let client = Client::with_options(&list([&silent]), options(700));
    let key = new_key();
    match client.submit_driver(key, &driver()).await {
        Err(ClientError::Unknown { key: named, .. }) => assert_eq!(named, key),
        other => panic!("unknown was wanted: {other:?}"),
    }
    assert_eq!(
        cluster.lock().unwrap().drivers.len(),
        1,
        "and it was done indeed"
    );
}

#[tokio::test]
async fn a_write_stays_unknown_although_later_attempts_surely_did_nothing() {
    let cluster = Cluster::default();
    let (silent, cut_off) = (Master::start(&cluster), Master::start(&cluster));
    silent.set(Mode::Hangs);
    cut_off.set(Mode::Says(Status::unavailable("no leader")));
    let client = Client::with_options(&list([&silent, &cut_off]), options(2_000));
    let error = client
        .submit_driver(new_key(), &driver())
        .await
        .unwrap_err();
    assert!(matches!(error, ClientError::Unknown { .. }), "{error:?}");
}

#[tokio::test]
async fn a_write_that_reached_nobody_is_surely_not_done() {
    let cluster = Cluster::default();
    let mut gone = Master::start(&cluster);
    let masters = list([&gone]);
    gone.kill();
    let client = Client::with_options(&masters, options(500));
    match client.submit_driver(new_key(), &driver()).await {
        Err(ClientError::Unavailable { message }) => {
            assert!(message.contains(&masters.addresses()[0]), "{message}");
        }
        other => panic!("unavailable was wanted: {other:?}"),
    }
}

#[tokio::test]
async fn a_write_that_every_master_put_off_is_surely_not_done() {
    let cluster = Cluster::default();
    let leaderless = Master::start(&cluster);
    leaderless.set(Mode::Says(Status::unavailable("no leader is known")));
    let client = Client::with_options(&list([&leaderless]), options(500));
    match client.submit_driver(new_key(), &driver()).await {
        Err(ClientError::Unavailable { message }) => {
            assert!(message.contains("no leader is known"))
        }
        other => panic!("unavailable was wanted: {other:?}"),
    }
    assert!(leaderless.calls().len() > 2, "it was asked again and again");
}

#[tokio::test]
async fn running_out_of_time_does_not_make_a_certain_outcome_unknown() {
    let cluster = Cluster::default();
    let leaderless = Master::start(&cluster);
    // It waits for a leader before it says that there is none: an attempt must not be cut off there.
    let pause = std::time::Duration::from_millis(150);
    leaderless.set(Mode::Holds(
        pause,
        Status::unavailable("no leader is known"),
    ));
    let client = Client::with_options(&list([&leaderless]), options(4_000));
    let error = client
        .submit_driver(new_key(), &driver())
        .await
        .unwrap_err();
    assert!(
        matches!(error, ClientError::Unavailable { .. }),
        "{error:?}"
    );
}

/// A gRPC server of another kind: the port on which masters talk Raft, say.
#[tokio::test]
async fn a_port_that_is_no_master_s_is_passed_over_and_named_if_nobody_else_answers() {
    let cluster = Cluster::default();
    let (foreign, master) = (Master::foreign(), Master::start(&cluster));
    let client = Client::with_options(&list([&foreign, &master]), options(10_000));
    client.submit_driver(new_key(), &driver()).await.unwrap();

    let client = Client::with_options(&list([&foreign]), options(60_000));
    let driver = driver();
    let submission = client.submit_driver(new_key(), &driver);
    match soon("an answer at once", submission).await {
        Err(ClientError::Unavailable { message }) => {
            let port = format!("{} is not a client port", foreign.address);
            assert!(message.contains(&port), "{message}");
            assert!(message.contains("nothing was done"), "{message}");
        }
        other => panic!("unavailable was wanted: {other:?}"),
    }
}

#[tokio::test]
async fn a_write_is_put_off_until_there_is_a_leader() {
    let cluster = Cluster::default();
    let master = Master::start(&cluster);
    master.set(Mode::Says(Status::unavailable("no leader is known")));
    let client = Client::with_options(&list([&master]), options(20_000));
    let submission = tokio::spawn(async move { client.submit_driver(new_key(), &driver()).await });
    eventually("two attempts", || master.calls().len() >= 2).await;
    master.set(Mode::Answers);
    soon("the answer", submission).await.unwrap().unwrap();
}

#[tokio::test]
async fn a_refusal_is_an_answer_and_is_not_asked_for_again() {
    let cluster = Cluster::default();
    let (first, second) = (Master::start(&cluster), Master::start(&cluster));
    let client = Client::with_options(&list([&first, &second]), options(10_000));
    let table = [
        (Status::invalid_argument("cores"), Refusal::Invalid),
        (Status::already_exists("key"), Refusal::Conflict),
        (Status::resource_exhausted("too many"), Refusal::Limit),
        (Status::failed_precondition("ended"), Refusal::Precondition),
    ];
    for (status, wanted) in table {
        first.set(Mode::Says(status.clone()));
        match client.submit_driver(new_key(), &driver()).await {
            Err(ClientError::Refused { reason, message }) => {
                assert_eq!((reason, message.as_str()), (wanted, status.message()));
            }
            other => panic!("a refusal was wanted: {other:?}"),
        }
    }
    first.set(Mode::Says(Status::permission_denied("no")));
    let error = client
        .submit_driver(new_key(), &driver())
        .await
        .unwrap_err();
    assert!(matches!(error, ClientError::NotAllowed { .. }), "{error:?}");
    assert_eq!(second.calls(), [] as [&str; 0]);
}

#[tokio::test]
async fn one_master_of_three_that_lives_is_enough() {
    let cluster = Cluster::default();
    let (mut first, mut second, third) = (
        Master::start(&cluster),
        Master::start(&cluster),
        Master::start(&cluster),
    );
    let client = Client::with_options(&list([&first, &second, &third]), options(10_000));
    first.kill();
    second.kill();
    client.submit_driver(new_key(), &driver()).await.unwrap();
}

#[tokio::test]
async fn one_address_is_enough_even_after_its_master_is_gone() {
    let cluster = Cluster::default();
    let (mut named, unnamed) = (Master::start(&cluster), Master::start(&cluster));
    cluster.lock().unwrap().members = [&named, &unnamed]
        .map(|master| master.address.to_string())
        .to_vec();
    let client = Client::with_options(&list([&named]), options(10_000));
    client.submit_driver(new_key(), &driver()).await.unwrap();
    assert_eq!(client.known_masters().len(), 2, "its answer named them");
    named.kill();
    client.submit_driver(new_key(), &driver()).await.unwrap();
    assert!(unnamed.calls().contains(&"submit"));
}

#[tokio::test]
async fn a_stale_answer_is_not_taken_while_another_master_has_a_current_one() {
    let cluster = Cluster::default();
    let (cut_off, current) = (Master::start(&cluster), Master::start(&cluster));
    cut_off.set(Mode::Stale(50));
    let client = Client::with_options(&list([&cut_off, &current]), options(10_000));
    let reply = client
        .get_driver(proto::GetDriverRequest::default())
        .await
        .unwrap();
    assert!(!reply.read.unwrap().stale);
}

#[tokio::test]
async fn without_any_quorum_the_least_stale_answer_is_taken() {
    let cluster = Cluster::default();
    let (first, second) = (Master::start(&cluster), Master::start(&cluster));
    first.set(Mode::Stale(50));
    second.set(Mode::Stale(60));
    let client = Client::with_options(&list([&first, &second]), options(10_000));
    let reply = client
        .get_driver(proto::GetDriverRequest::default())
        .await
        .unwrap();
    let read = reply.read.unwrap();
    assert_eq!((read.stale, read.index), (true, 60));
}

#[tokio::test]
async fn waiting_for_an_end_goes_on_while_no_master_answers() {
    let cluster = Cluster::default();
    let master = Master::start(&cluster);
    cluster.lock().unwrap().driver = proto::Driver {
        state: "RUNNING".into(),
        ..proto::Driver::default()
    };
    let client = Client::with_options(&list([&master]), options(300));
    let (updates, mut seen) = tokio::sync::mpsc::unbounded_channel();
    let id = "driver-20261121110000-0000".parse().unwrap();
    let waiting = tokio::spawn(async move {
        client
            .wait_driver(&id, |update| {
                let text = match update {
                    WaitUpdate::Now(driver) => driver.state.clone(),
                    WaitUpdate::Unanswered(_) => "unanswered".to_owned(),
                };
                updates.send(text).unwrap();
            })
            .await
    });
    assert_eq!(
        soon("the first look", seen.recv()).await.unwrap(),
        "RUNNING"
    );
    master.set(Mode::Says(Status::unavailable("no leader")));
    assert_eq!(soon("silence", seen.recv()).await.unwrap(), "unanswered");
    cluster.lock().unwrap().driver = proto::Driver {
        state: "FINISHED".into(),
        ended: true,
        ..proto::Driver::default()
    };
    master.set(Mode::Answers);
    let ended = soon("the end", waiting).await.unwrap().unwrap();
    assert_eq!(ended.state, "FINISHED");
}
