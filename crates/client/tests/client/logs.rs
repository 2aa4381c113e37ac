//! Reading logs through masters that go away.

use vesta_client::{Client, ClientError, LogSource};

use crate::fake::{Cluster, Master, list, options, soon};

async fn read_all(client: &Client, tail: Option<u64>) -> Vec<u8> {
    let source = LogSource::Driver("driver-20261121110000-0000".parse().unwrap());
    let mut log = client.read_log(&source, false, true, tail).await.unwrap();
    let mut bytes = Vec::new();
    while let Some(more) = soon("the next bytes", log.next(|_| {})).await.unwrap() {
        bytes.extend(more);
    }
    bytes
}

#[tokio::test]
async fn a_log_whose_stream_breaks_goes_on_at_the_same_byte() {
    let cluster = Cluster::default();
    let (breaking, other) = (Master::start(&cluster), Master::start(&cluster));
    cluster.lock().unwrap().log = b"0123456789abcdef".to_vec();
    breaking.break_log_after(6);
    let client = Client::with_options(&list([&breaking, &other]), options(10_000));
    let reading = read_all(&client, None);
    let bytes = tokio::join!(reading, async {
        // Once broken, it does so at every attempt: only the other master has the rest.
        crate::fake::eventually("a second attempt", || breaking.calls().len() >= 3).await;
        breaking.set(crate::fake::Mode::Says(tonic::Status::unavailable("down")));
    })
    .0;
    assert_eq!(bytes, b"0123456789abcdef");
}

#[tokio::test]
async fn the_tail_of_a_log_goes_on_at_the_same_byte_too() {
    let cluster = Cluster::default();
    let master = Master::start(&cluster);
    cluster.lock().unwrap().log = b"0123456789abcdef".to_vec();
    let client = Client::with_options(&list([&master]), options(10_000));
    assert_eq!(read_all(&client, Some(5)).await, b"bcdef");
    assert_eq!(read_all(&client, Some(0)).await, b"");
    assert_eq!(read_all(&client, Some(17)).await, b"0123456789abcdef");
}

#[tokio::test]
async fn a_log_whose_worker_no_master_reaches_is_not_asked_for_again_and_again() {
    let cluster = Cluster::default();
    let masters = [Master::start(&cluster), Master::start(&cluster)];
    for master in &masters {
        master.lose_worker();
    }
    let client = Client::with_options(&list(&masters), options(60_000));
    let source = LogSource::Driver("driver-20261121110000-0000".parse().unwrap());
    let reading = client.read_log(&source, false, false, None);
    let error = soon("an answer at once", reading).await.unwrap_err();
    assert!(matches!(error, ClientError::WorkerAway { .. }), "{error:?}");
    for master in &masters {
        let asked = master.calls().iter().filter(|call| **call == "log").count();
        assert_eq!(asked, 1);
    }
}
