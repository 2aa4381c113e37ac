//! The door for Spark, with what a real worker of Spark 4.0.1 sent, byte for byte.

use std::path::Path;

use tokio::io::{AsyncReadExt, AsyncWriteExt};
use tokio::net::{TcpListener, TcpStream};
use tokio::time::timeout;
use vesta_client::proto::{ListRequest, Worker};
use vesta_local::{Options, wait_for, wait_until};

use crate::support::{BOUND, Running, options, start};

/// What the worker calls itself in what it sent.
pub(crate) const WORKER: &str = "worker-20261121085718-127.0.0.1-21001";

/// One whole frame, as it was captured.
pub(crate) fn frame(name: &str) -> Vec<u8> {
    let fixtures = "../javaser/tests/fixtures/spark-4.0.1";
    let path = Path::new(env!("CARGO_MANIFEST_DIR")).join(fixtures);
    std::fs::read(path.join(format!("{name}.bin"))).unwrap()
}

pub(crate) fn open_to_spark() -> Options {
    Options {
        spark: true,
        workers: 0,
        ..options()
    }
}

pub(crate) async fn dial(cluster: &Running, at: usize) -> TcpStream {
    let doors = cluster.masters[at].spark().expect("it has doors");
    TcpStream::connect(doors.rpc).await.unwrap()
}

/// Reads whole frames until one holds `text`; nothing if the connection ends before.
pub(crate) async fn heard(stream: &mut TcpStream, text: &str) -> Option<Vec<u8>> {
    loop {
        let length = stream.read_u64().await.ok()?;
        let mut rest = vec![0; usize::try_from(length).ok()?.checked_sub(8)?];
        stream.read_exact(&mut rest).await.ok()?;
        if rest.windows(text.len()).any(|it| it == text.as_bytes()) {
            return Some(rest);
        }
    }
}

/// Registers as Spark's workers do: at first who it is, and once it is registered what it runs. Until
/// every master speaks the rules for it there is no answer, and it asks again.
pub(crate) async fn register(cluster: &Running, at: usize) -> TcpStream {
    wait_for("the worker is registered", BOUND, async || {
        let mut stream = dial(cluster, at).await;
        stream
            .write_all(&frame("CheckExistence-Master"))
            .await
            .ok()?;
        heard(&mut stream, "java.lang.Boolean").await?;
        stream.write_all(&frame("RegisterWorker")).await.ok()?;
        let answered = timeout(BOUND / 30, heard(&mut stream, "RegisteredWorker")).await;
        answered.ok()??;
        stream.write_all(&frame("WorkerLatestState")).await.ok()?;
        Some(stream)
    })
    .await
    .unwrap()
}

pub(crate) async fn listed(cluster: &Running) -> Option<Worker> {
    let reply = cluster.client().list_workers(ListRequest::default()).await;
    let workers = reply.ok()?.workers;
    workers.into_iter().find(|worker| worker.id == WORKER)
}

async fn is_alive(cluster: &Running) -> bool {
    listed(cluster)
        .await
        .is_some_and(|worker| worker.state == "ALIVE")
}

#[tokio::test(flavor = "multi_thread")]
async fn a_worker_of_sparks_own_registers_at_the_leader_and_is_a_worker_like_any_other() {
    let cluster = start(open_to_spark()).await;
    let leader = cluster.leader().await;
    let _stream = register(&cluster, leader).await;
    wait_until("it is ALIVE", BOUND, async || is_alive(&cluster).await)
        .await
        .unwrap();
    let worker = listed(&cluster).await.unwrap();
    assert_eq!((worker.cores, worker.host.as_str()), (2, "127.0.0.1"));
}

#[tokio::test(flavor = "multi_thread")]
async fn a_standby_says_to_sparks_workers_that_it_is_one() {
    let cluster = start(open_to_spark()).await;
    let standby = (cluster.leader().await + 1) % 3;
    let mut stream = dial(&cluster, standby).await;
    let sent = [frame("CheckExistence-Master"), frame("RegisterWorker")];
    stream.write_all(&sent.concat()).await.unwrap();
    let answered = timeout(BOUND, heard(&mut stream, "MasterInStandby$")).await;
    assert!(answered.unwrap().is_some());
    assert!(listed(&cluster).await.is_none());
}

#[tokio::test(flavor = "multi_thread")]
async fn a_new_leader_dials_sparks_worker_and_says_who_leads() {
    let mut cluster = start(open_to_spark()).await;
    // Where the worker says that it listens.
    let listener = TcpListener::bind("127.0.0.1:21001").await;
    let listener = listener.expect("nothing else uses this port");
    let leader = cluster.leader().await;
    let stream = register(&cluster, leader).await;
    wait_until("it is ALIVE", BOUND, async || is_alive(&cluster).await)
        .await
        .unwrap();
    cluster.masters[leader].kill().unwrap();
    drop(stream);
    let told = timeout(BOUND, async {
        loop {
            let (mut dialled, _) = listener.accept().await.unwrap();
            if heard(&mut dialled, "MasterChanged").await.is_some() {
                return dialled;
            }
        }
    });
    let mut dialled = told.await.unwrap();
    // It answers with what it runs, over the connection that it was dialled on.
    dialled
        .write_all(&frame("WorkerLatestState"))
        .await
        .unwrap();
    wait_until("it is ALIVE again", BOUND, async || {
        is_alive(&cluster).await
    })
    .await
    .unwrap();
}

#[tokio::test(flavor = "multi_thread")]
async fn what_is_no_spark_is_closed_and_others_are_served() {
    let cluster = start(open_to_spark()).await;
    let leader = cluster.leader().await;
    let garbage: [&[u8]; 3] = [
        b"GET / HTTP/1.1\r\nHost: x\r\n\r\n",
        &[0xff; 64],
        &[0, 0, 0, 0, 0, 0, 0, 3, 3],
    ];
    let mut closed = Vec::new();
    for bytes in garbage {
        let mut stream = dial(&cluster, leader).await;
        stream.write_all(bytes).await.unwrap();
        closed.push(stream);
    }
    let _stream = register(&cluster, leader).await;
    for mut stream in closed {
        let end = timeout(BOUND, stream.read(&mut [0; 16])).await.unwrap();
        assert!(matches!(end, Ok(0) | Err(_)), "{end:?}");
    }
}

/// Asks the masters at `at` to register an application, as Spark's driver asks every master at once, and again
/// only after 20 s.
async fn ask_to_register(cluster: &Running, at: [usize; 2]) -> Vec<TcpStream> {
    let mut streams = Vec::new();
    for master in at {
        let mut stream = dial(cluster, master).await;
        let sent = [frame("RegisterApplication"), frame("CheckExistence-Master")];
        stream.write_all(&sent.concat()).await.unwrap();
        // It has taken the first, as it has answered the second.
        let answered = timeout(BOUND, heard(&mut stream, "java.lang.Boolean")).await;
        assert!(answered.unwrap().is_some());
        streams.push(stream);
    }
    streams
}

/// Waits until one of two connections brings `text`.
async fn one_hears(streams: &mut [TcpStream], text: &str) {
    let (first, second) = streams.split_at_mut(1);
    let heard = timeout(BOUND / 3, async {
        tokio::select! {
            Some(_) = heard(&mut first[0], text) => {}
            Some(_) = heard(&mut second[0], text) => {}
        }
    });
    heard.await.expect("one of them leads and answers");
}

async fn applications(cluster: &Running) -> usize {
    let client = cluster.client();
    let listed = client.list_applications(ListRequest::default()).await;
    listed.unwrap().applications.len()
}

#[tokio::test(flavor = "multi_thread")]
async fn an_application_that_comes_while_nobody_leads_is_registered_by_the_next_leader() {
    let mut cluster = start(open_to_spark()).await;
    let leader = cluster.leader().await;
    // Since then every master speaks the rules for what is of Spark's.
    let _worker = register(&cluster, leader).await;
    let standbys = [(leader + 1) % 3, (leader + 2) % 3];
    let mut streams = ask_to_register(&cluster, standbys).await;
    cluster.masters[leader].kill().unwrap();
    one_hears(&mut streams, "RegisteredApplication").await;
    assert_eq!(applications(&cluster).await, 1);
}

#[tokio::test(flavor = "multi_thread")]
async fn a_driver_that_was_registered_just_before_a_fail_over_hears_that_the_master_has_changed() {
    let mut cluster = start(open_to_spark()).await;
    let leader = cluster.leader().await;
    let _worker = register(&cluster, leader).await;
    let standbys = [(leader + 1) % 3, (leader + 2) % 3];
    let mut streams = ask_to_register(&cluster, standbys).await;
    let mut registered = dial(&cluster, leader).await;
    let asked = frame("RegisterApplication");
    registered.write_all(&asked).await.unwrap();
    let answered = timeout(BOUND, heard(&mut registered, "RegisteredApplication")).await;
    assert!(answered.unwrap().is_some());
    cluster.masters[leader].kill().unwrap();
    one_hears(&mut streams, "MasterChanged").await;
    assert_eq!(applications(&cluster).await, 1);
}
