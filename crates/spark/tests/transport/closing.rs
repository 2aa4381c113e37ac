//! Connections that this side closes.

use vesta_spark::transport::{CloseReason, Event, Limits, RpcAddress, SendError};

use crate::peer::{Master, Peer, soon, worker};

#[tokio::test]
async fn closing_all_drops_what_waits_and_what_the_system_has_not_sent() {
    let mut master = Master::start(Limits::default()).await;
    let mut peers = Vec::new();
    for _ in 0..3 {
        let mut peer = Peer::connect(&master).await;
        let connection = master.serves(&mut peer).await;
        peers.push((connection, peer));
    }
    let (connection, reader) = &mut peers[0];
    let (to, long) = (worker(&reader.listens), vec![0; 16 << 20]);
    master.transport.send(*connection, &to, &long).unwrap();
    // It reads a part, so a part is on its way.
    soon("to be readable", reader.stream.readable())
        .await
        .unwrap();
    peers[1].1.ask(9, b"?").await;
    let unanswered = master.message().await;

    master.transport.close_all("suspended");
    for (connection, _) in &peers {
        assert_eq!(
            master.transport.send(*connection, &to, b"order"),
            Err(SendError::Closed)
        );
    }
    unanswered.reply(&b"too late"[..]);
    for _ in 0..3 {
        let (_, _, reason) = master.closed().await;
        assert!(
            matches!(&reason, CloseReason::Closed(why) if why == "suspended"),
            "{reason}"
        );
    }
    for (number, (_, peer)) in peers.iter_mut().enumerate() {
        let (read, orderly) = peer.end().await;
        assert!(!orderly, "reset");
        assert!(number == 0 && read.len() < long.len() || read.is_empty());
    }
    // A standby answers too.
    assert_eq!(master.transport.connections(), 0);
    let mut next = Peer::connect(&master).await;
    master.serves(&mut next).await;
}

#[tokio::test]
async fn closing_one_lets_out_what_is_written_and_leaves_the_others() {
    let mut master = Master::start(Limits::default()).await;
    let mut other = Peer::connect(&master).await;
    master.serves(&mut other).await;
    let mut peer = Peer::connect(&master).await;
    let connection = master.serves(&mut peer).await;
    master
        .transport
        .send(connection, &worker(&peer.listens), b"refused")
        .unwrap();
    peer.frame().await;
    master.transport.close(connection, "an unknown version");
    assert_eq!(peer.end().await, (Vec::new(), true));
    let (closed, _, reason) = master.closed().await;
    assert_eq!(closed, connection);
    assert!(reason.to_string().contains("an unknown version"));
    master.serves(&mut other).await;
    // Once more is nothing.
    master.transport.close(connection, "again");
    master.serves(&mut other).await;
}

#[tokio::test]
async fn the_end_of_a_connection_that_we_made_is_told_though_it_brought_nothing() {
    let mut master = Master::start(Limits::default()).await;
    let listener = tokio::net::TcpListener::bind("127.0.0.1:0").await.unwrap();
    let address = RpcAddress::new("127.0.0.1", listener.local_addr().unwrap().port());
    let connection = master.transport.dial(&address).await.unwrap();
    drop(listener.accept().await.unwrap());
    let (closed, peer, _) = master.closed().await;
    assert_eq!((closed, peer), (connection, None));
}

#[tokio::test]
async fn when_the_transport_is_dropped_everything_is_closed() {
    let mut master = Master::start(Limits::default()).await;
    let mut peer = Peer::connect(&master).await;
    master.serves(&mut peer).await;
    let local = master.transport.local_addr();
    drop(master.transport);
    peer.end().await;
    let last = soon("for the end", master.events.recv()).await;
    assert!(matches!(last, Some(Event::Closed { .. })), "{last:?}");
    assert!(soon("for no more", master.events.recv()).await.is_none());
    assert!(tokio::net::TcpStream::connect(local).await.is_err());
}
