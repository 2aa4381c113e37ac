//! Reading logs through masters that go away.

use vesta_client::{Client, LogSource};

use crate::fake::{Cluster, Master, list, options, soon};

async fn read_all(client: &Client, tail: u64) -> Vec<u8> {
    let source = LogSource::Driver("driver-20261121110000-0000".parse().unwrap());
    let mut log = client.read_log(&source, false, true, tail).await.unwrap();
    let mut bytes = Vec::new();
    while let Some(more) = soon("the next bytes", log.next()).await.unwrap() {
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
    let reading = read_all(&client, 0);
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
    assert_eq!(read_all(&client, 5).await, b"bcdef");
}
