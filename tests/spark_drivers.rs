//! Drivers of Spark's at the door, with what a real driver of Spark 4.0.1 sent, byte for byte.

use tokio::io::{AsyncReadExt, AsyncWriteExt};
use tokio::net::TcpStream;
use tokio::time::timeout;
use vesta_client::proto::ListRequest;
use vesta_local::wait_until;

use crate::spark::{WORKER, dial, frame, heard, listed, open_to_spark, register};
use crate::support::{BOUND, Running, start};

/// Who says in the capture that it is decommissioned.
const DECOMMISSIONED: &str = "worker-20261121090903-127.0.0.1-23004";

/// The same frame with another text of the same length in it.
fn with_text(frame: &[u8], from: &str, to: &str) -> Vec<u8> {
    assert_eq!(from.len(), to.len());
    let at = frame
        .windows(from.len())
        .position(|it| it == from.as_bytes());
    let at = at.expect("the text is in the frame");
    [&frame[..at], to.as_bytes(), &frame[at + to.len()..]].concat()
}

/// A driver registers; the id of its application.
async fn registered(driver: &mut TcpStream) -> String {
    let sent = driver.write_all(&frame("RegisterApplication")).await;
    sent.unwrap();
    let answer = timeout(BOUND, heard(driver, "RegisteredApplication")).await;
    let answer = answer.unwrap().expect("it is answered");
    let text = String::from_utf8_lossy(&answer).into_owned();
    let id = text.find("app-2").expect("it names the application");
    text[id..]
        .chars()
        .take("app-20261121085718-0000".len())
        .collect()
}

async fn state_of(cluster: &Running, app: &str) -> Option<String> {
    let request = ListRequest {
        ended: true,
        ..ListRequest::default()
    };
    let reply = cluster.client().list_applications(request).await.ok()?;
    let found = reply.applications.into_iter().find(|it| it.id == app)?;
    Some(found.state)
}

#[tokio::test(flavor = "multi_thread")]
async fn a_worker_of_sparks_own_that_is_decommissioned_is_drained_and_the_driver_is_told() {
    let cluster = start(open_to_spark()).await;
    let leader = cluster.leader().await;
    let mut worker = register(&cluster, leader).await;
    let mut driver = dial(&cluster, leader).await;
    registered(&mut driver).await;
    let launched = timeout(BOUND, heard(&mut worker, "LaunchExecutor")).await;
    assert!(launched.unwrap().is_some());
    let goes = with_text(&frame("WorkerDecommissioning"), DECOMMISSIONED, WORKER);
    worker.write_all(&goes).await.unwrap();
    let told = timeout(BOUND, heard(&mut driver, "worker decommissioned")).await;
    let told = String::from_utf8_lossy(&told.unwrap().unwrap()).into_owned();
    assert!(told.contains("ExecutorUpdated") && told.contains("127.0.0.1"));
    let asked = timeout(BOUND, heard(&mut worker, "MasterChanged")).await;
    assert!(asked.unwrap().is_some(), "it is asked what it has");
    wait_until("it is drained", BOUND, async || {
        let worker = listed(&cluster).await;
        worker.is_some_and(|it| it.state == "DECOMMISSIONED")
    })
    .await
    .unwrap();
}

#[tokio::test(flavor = "multi_thread")]
async fn a_driver_at_the_address_of_one_before_it_gets_an_application_of_its_own() {
    let cluster = start(open_to_spark()).await;
    let leader = cluster.leader().await;
    let _worker = register(&cluster, leader).await;
    let mut first = dial(&cluster, leader).await;
    let app = registered(&mut first).await;
    assert_eq!(registered(&mut first).await, app, "it said so twice");

    let mut second = dial(&cluster, leader).await;
    let other = registered(&mut second).await;
    assert_ne!(other, app);
    let mut rest = Vec::new();
    let closed = timeout(BOUND, first.read_to_end(&mut rest)).await;
    assert!(closed.is_ok(), "nothing more comes to the first");
    assert_eq!(state_of(&cluster, &app).await.as_deref(), Some("FAILED"));
    assert_ne!(state_of(&cluster, &other).await.as_deref(), Some("FAILED"));
    assert_eq!(registered(&mut second).await, other);
}
