//! What an idle connection costs. Its own program: the allocator counts for all of it.

#![allow(clippy::unwrap_used)]

use std::time::Duration;

use peak_alloc::PeakAlloc;
use tokio::io::AsyncWriteExt;
use tokio::net::TcpStream;
use tokio::time::timeout;
use vesta_spark::transport::{
    EndpointAddress, Envelope, Event, Frame, Limits, RpcAddress, Transport,
};

#[global_allocator]
static ALLOCATOR: PeakAlloc = PeakAlloc;

const CONNECTIONS: usize = 300;

/// Messages to each peer that wait at one time.
const ORDERS: usize = 500;

#[tokio::test]
async fn an_idle_connection_keeps_no_buffers_however_much_it_has_carried() {
    let advertised = RpcAddress::new("127.0.0.1", 0);
    let listen = "127.0.0.1:0".parse().unwrap();
    let bound = Transport::bind(listen, advertised, Limits::default()).await;
    let (transport, mut events) = bound.unwrap();
    let envelope = Envelope {
        sender: None,
        receiver: None,
        endpoint: "Master".to_owned(),
    };
    let body = envelope.write(&[0; 60_000]).unwrap();
    let ask = Frame::RpcRequest { id: 1, body }.encode();
    let worker = EndpointAddress::new(RpcAddress::new("127.0.0.1", 1), "Worker");
    let sent = Envelope {
        sender: Some(transport.advertised().clone()),
        receiver: Some(worker.address.clone()),
        endpoint: worker.name.clone(),
    };
    let order = Frame::OneWay {
        body: sent.write(b"order").unwrap(),
    }
    .length();
    let mut peers = Vec::new();
    let before = ALLOCATOR.current_usage();
    for _ in 0..CONNECTIONS {
        let mut peer = TcpStream::connect(transport.local_addr()).await.unwrap();
        peer.write_all(&ask).await.unwrap();
        let event = timeout(Duration::from_secs(20), events.recv())
            .await
            .unwrap();
        let Some(Event::Message(incoming)) = event else {
            unreachable!("{event:?}")
        };
        for _ in 0..ORDERS {
            transport
                .send(incoming.connection, &worker, b"order")
                .unwrap();
        }
        incoming.reply(vec![0; 60_000]);
        // Until all is written and its buffers given back.
        let mut answer = vec![0; ORDERS * order + 60_000 + 21];
        let read = tokio::io::AsyncReadExt::read_exact(&mut peer, &mut answer);
        timeout(Duration::from_secs(20), read)
            .await
            .unwrap()
            .unwrap();
        peers.push(peer);
    }
    let each = (ALLOCATOR.current_usage() - before) / CONNECTIONS;
    assert_eq!(transport.connections(), CONNECTIONS);
    assert!(
        each < 8 << 10,
        "{each} bytes for each connection, both ends"
    );
    println!("{each} bytes for each connection, both ends");
}
