//! Peers that behave.

use std::time::Duration;

use bytes::Bytes;
use tokio::net::{TcpListener, TcpSocket, TcpStream};
use tokio::time::timeout;
use vesta_spark::transport::{
    AskError, CloseReason, DialError, Envelope, Frame, Limits, RpcAddress, SendError,
};

use crate::fixtures;
use crate::peer::{Master, Peer, soon, worker};

#[tokio::test]
async fn a_real_workers_first_message_is_handed_out_and_answered() {
    let mut master = Master::start(Limits::default()).await;
    let mut peer = Peer::connect(&master).await;
    peer.write(&fixtures::one("CheckExistence-Master")).await;
    let incoming = master.message().await;
    assert_eq!(incoming.endpoint, "endpoint-verifier");
    assert_eq!(incoming.sender, Some(RpcAddress::new("127.0.0.1", 21001)));
    assert!(incoming.body.starts_with(b"\xAC\xED"));
    incoming.reply(&b"true"[..]);
    let id = 0x60f7_6360_617c_9c97;
    assert_eq!(
        peer.frame().await,
        Frame::RpcResponse {
            id,
            body: Bytes::from_static(b"true")
        }
    );
}

#[tokio::test]
async fn every_ask_is_answered_once_also_when_it_is_dropped() {
    let mut master = Master::start(Limits::default()).await;
    let mut peer = Peer::connect(&master).await;
    for id in 1..=4 {
        peer.ask(id, b"?").await;
    }
    let [first, second, third, fourth] = [
        master.message().await,
        master.message().await,
        master.message().await,
        master.message().await,
    ];
    third.reply(&b"three"[..]);
    drop(second);
    first.fail("no");
    // Others may answer it, and the message may be gone by then.
    let fourth = fourth.ask.unwrap();
    fourth.reply(&b"four"[..]);
    assert_eq!(
        peer.frame().await,
        Frame::RpcResponse {
            id: 3,
            body: Bytes::from_static(b"three")
        }
    );
    let Frame::RpcFailure { id: 2, text } = peer.frame().await else {
        panic!("no failure")
    };
    assert!(text.contains("without an answer"));
    assert_eq!(
        peer.frame().await,
        Frame::RpcFailure {
            id: 1,
            text: "no".to_owned()
        }
    );
    assert_eq!(
        peer.frame().await,
        Frame::RpcResponse {
            id: 4,
            body: Bytes::from_static(b"four")
        }
    );
    // None is answered twice: the next answer is that of the next ask.
    master.serves(&mut peer).await;
}

#[tokio::test]
async fn a_message_names_this_process_as_its_sender() {
    let mut master = Master::start(Limits::default()).await;
    let mut peer = Peer::connect(&master).await;
    peer.say(b"hello").await;
    let incoming = master.message().await;
    assert!(incoming.ask.is_none());
    let to = worker(&peer.listens);
    master
        .transport
        .send(incoming.connection, &to, b"welcome")
        .unwrap();
    let Frame::OneWay { body } = peer.frame().await else {
        panic!("not one-way")
    };
    let (envelope, message) = Envelope::read(&body).unwrap();
    assert_eq!(
        envelope.sender.as_ref(),
        Some(master.transport.advertised())
    );
    assert_eq!(
        envelope.sender.unwrap().port,
        master.transport.local_addr().port()
    );
    assert_eq!(envelope.receiver, Some(peer.listens.clone()));
    assert_eq!(
        (&envelope.endpoint[..], &message[..]),
        ("Worker", &b"welcome"[..])
    );
}

#[tokio::test]
async fn a_connection_that_we_made_is_like_one_made_to_us() {
    let mut master = Master::start(Limits::default()).await;
    let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
    let address = RpcAddress::new("127.0.0.1", listener.local_addr().unwrap().port());
    let connection = master.transport.dial(&address).await.unwrap();
    let mut peer = Peer::on(listener.accept().await.unwrap().0);
    master
        .transport
        .send(connection, &worker(&address), b"MasterChanged")
        .unwrap();
    assert!(matches!(peer.frame().await, Frame::OneWay { .. }));
    assert_eq!(master.serves(&mut peer).await, connection);

    let transport = master.transport.clone();
    let asked = tokio::spawn(async move {
        let within = Duration::from_secs(20);
        transport
            .ask(connection, &worker(&address), b"?", within)
            .await
    });
    let Frame::RpcRequest { id, .. } = peer.frame().await else {
        panic!("not an ask")
    };
    let answer = Frame::RpcResponse {
        id,
        body: Bytes::from_static(b"!"),
    };
    peer.write(&answer.encode()).await;
    assert_eq!(
        soon("for the answer", asked).await.unwrap(),
        Ok(Bytes::from_static(b"!"))
    );
}

#[tokio::test]
async fn an_ask_ends_in_time_with_its_connection_or_with_a_failure() {
    let mut master = Master::start(Limits::default()).await;
    let mut peer = Peer::connect(&master).await;
    let connection = master.serves(&mut peer).await;
    let to = worker(&peer.listens);
    let ask = |within| master.transport.ask(connection, &to, b"?", within);
    let long = Duration::from_secs(60);
    let answer = soon("for the time to be over", ask(Duration::from_millis(20))).await;
    assert_eq!(answer, Err(AskError::TimedOut));
    peer.frame().await;

    let fail = async {
        let Frame::RpcRequest { id, .. } = peer.frame().await else {
            panic!("not an ask")
        };
        peer.write(
            &Frame::RpcFailure {
                id,
                text: "no".to_owned(),
            }
            .encode(),
        )
        .await;
    };
    let (answer, ()) = soon("for the failure", async { tokio::join!(ask(long), fail) }).await;
    assert_eq!(answer, Err(AskError::Failed("no".to_owned())));

    let leave = async {
        peer.frame().await;
        drop(peer);
    };
    let (answer, ()) = soon("for the end", async { tokio::join!(ask(long), leave) }).await;
    assert_eq!(answer, Err(AskError::Closed));
    let answer = soon("for nothing", ask(long)).await;
    assert!(matches!(
        answer,
        Err(AskError::Closed | AskError::Send(SendError::Closed))
    ));
}

#[tokio::test]
async fn the_last_message_of_a_peer_that_leaves_comes_before_its_end() {
    let mut master = Master::start(Limits::default()).await;
    for _ in 0..20 {
        let mut peer = Peer::connect(&master).await;
        peer.ask(1, b"an ask, the answer to which finds nobody")
            .await;
        peer.say(b"goodbye").await;
        let listens = peer.listens.clone();
        drop(peer);
        master.message().await.reply(&b"answer"[..]);
        let last = master.message().await;
        assert_eq!(last.body, &b"goodbye"[..]);
        let (connection, address, reason) = master.closed().await;
        assert_eq!(
            (connection, address),
            (last.connection, Some(listens.clone()))
        );
        assert!(
            matches!(reason, CloseReason::Ended | CloseReason::Broken(_)),
            "{reason}"
        );
        let sent = master.transport.send(connection, &worker(&listens), b"");
        assert_eq!(sent, Err(SendError::Closed));
    }
    assert_eq!(master.transport.connections(), 0);
}

#[tokio::test]
async fn what_a_peer_sent_is_dealt_with_although_nothing_can_be_sent_to_it_any_more() {
    let limits = Limits {
        events: 1,
        ..Limits::default()
    };
    let mut master = Master::start(limits).await;
    let mut peer = Peer::connect(&master).await;
    for _ in 0..4 {
        peer.say(b"message").await;
    }
    let connection = master.message().await.connection;
    peer.stream.set_zero_linger().unwrap();
    drop(peer);
    // There is room for one event alone, so the others wait while this can't be written.
    let to = worker(&RpcAddress::new("127.0.0.1", 1));
    master.transport.send(connection, &to, b"order").unwrap();
    for _ in 0..100 {
        tokio::task::yield_now().await;
    }
    for _ in 0..3 {
        assert_eq!(master.message().await.body, &b"message"[..]);
    }
    master.closed().await;
}

#[tokio::test]
async fn a_port_that_refuses_is_told_from_one_that_does_not_answer() {
    let limits = Limits {
        dial_within: Duration::from_millis(300),
        ..Limits::default()
    };
    let master = Master::start(limits).await;
    let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
    let address = RpcAddress::new("127.0.0.1", listener.local_addr().unwrap().port());
    soon("to probe", master.transport.probe(&address))
        .await
        .unwrap();
    drop(listener);
    let refused = soon("to dial", master.transport.dial(&address)).await;
    assert!(matches!(refused, Err(DialError::Refused(_))), "{refused:?}");

    // One that takes no connections: when its queue is full, the system answers nothing.
    let socket = TcpSocket::new_v4().unwrap();
    socket.bind("127.0.0.1:0".parse().unwrap()).unwrap();
    let full = socket.listen(1).unwrap();
    let local = full.local_addr().unwrap();
    let mut queue = Vec::new();
    while let Ok(stream) = timeout(Duration::from_millis(100), TcpStream::connect(local)).await {
        queue.push(stream.unwrap());
        assert!(queue.len() < 100);
    }
    let address = RpcAddress::new("127.0.0.1", local.port());
    for answer in [
        soon("to dial", master.transport.dial(&address))
            .await
            .map(drop),
        soon("to probe", master.transport.probe(&address)).await,
    ] {
        assert!(matches!(answer, Err(DialError::TimedOut(..))), "{answer:?}");
    }
    assert_eq!(master.transport.connections(), 0);
}
