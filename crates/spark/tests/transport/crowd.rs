//! Many peers at once, and more bytes than there is room for.

use std::time::Duration;

use tokio::io::AsyncWriteExt;
use tokio::time::timeout;
use vesta_spark::transport::{CloseReason, DialError, Limits, RpcAddress, SendError};

use crate::peer::{Master, Peer, soon, worker};

#[tokio::test]
async fn those_who_connect_and_say_nothing_make_way_for_those_who_speak() {
    let limits = Limits {
        silent_connections: 8,
        ..Limits::default()
    };
    let mut master = Master::start(limits).await;
    let mut known = Peer::connect(&master).await;
    master.serves(&mut known).await;
    let mut silent = Vec::new();
    for _ in 0..50 {
        silent.push(Peer::connect(&master).await);
    }
    master.waits_until_it_has(9).await;
    let mut late = Peer::connect(&master).await;
    master.serves(&mut late).await;
    master.serves(&mut known).await;
    // The oldest had to go.
    for silent in &mut silent[..42] {
        silent.end().await;
    }
}

#[test]
fn peers_take_half_of_the_files_that_a_process_may_have_open_at_most() {
    let few = Limits::for_files(1024);
    assert_eq!((few.connections, few.silent_connections), (512, 128));
    let (many, default) = (Limits::for_files(u64::MAX), Limits::default());
    assert_eq!(many.connections, default.connections);
    assert_eq!(many.silent_connections, default.silent_connections);
}

#[tokio::test]
async fn there_are_no_more_connections_than_the_limit_and_those_that_are_kept_are_served() {
    let limits = Limits {
        connections: 3,
        ..Limits::default()
    };
    let mut master = Master::start(limits).await;
    let mut known = [
        Peer::connect(&master).await,
        Peer::connect(&master).await,
        Peer::connect(&master).await,
    ];
    for peer in &mut known {
        let connection = master.serves(peer).await;
        master.transport.keep(connection);
    }
    Peer::connect(&master).await.end().await;
    let itself = RpcAddress::new("127.0.0.1", master.transport.local_addr().port());
    let full = master.transport.dial(&itself).await;
    assert!(matches!(full, Err(DialError::Full(_))), "{full:?}");
    for peer in &mut known {
        master.serves(peer).await;
    }
    let [first, ..] = known;
    drop(first);
    master.closed().await;
    master.waits_until_it_has(2).await;
    let mut next = Peer::connect(&master).await;
    master.serves(&mut next).await;
}

#[tokio::test]
async fn those_who_have_spoken_and_are_nobody_make_way_for_the_next() {
    let limits = Limits {
        connections: 3,
        ..Limits::default()
    };
    let mut master = Master::start(limits).await;
    let mut known = Peer::connect(&master).await;
    let connection = master.serves(&mut known).await;
    master.transport.keep(connection);
    let mut oldest = Peer::connect(&master).await;
    master.serves(&mut oldest).await;
    let mut idle = Peer::connect(&master).await;
    master.serves(&mut idle).await;
    let mut late = Peer::connect(&master).await;
    oldest.end().await;
    let (.., reason) = master.closed().await;
    assert!(matches!(reason, CloseReason::Crowded(_)), "{reason}");
    master.serves(&mut late).await;
    master.serves(&mut idle).await;
    master.serves(&mut known).await;
}

#[tokio::test]
async fn when_what_came_in_is_not_dealt_with_nothing_more_is_read() {
    let limits = Limits {
        frame: 100_000,
        buffered_in: 0,
        ..Limits::default()
    };
    let mut master = Master::start(limits).await;
    let mut peer = Peer::connect(&master).await;
    master.serves(&mut peer).await;
    let message = vec![0; 90_000];
    for _ in 0..3 {
        peer.say(&message).await;
    }
    // Room is for two of the longest frames.
    let held = [master.message().await, master.message().await];
    let third = timeout(Duration::from_millis(200), master.events.recv()).await;
    assert!(third.is_err(), "{third:?}");
    drop(held);
    assert_eq!(master.message().await.body.len(), message.len());
    for _ in 0..20 {
        peer.say(&message).await;
        assert_eq!(master.message().await.body.len(), message.len());
    }
}

#[tokio::test]
async fn peers_that_do_not_end_long_frames_leave_room_for_the_others() {
    let frame = 8 << 20;
    let limits = Limits {
        frame,
        buffered_in: 0,
        ..Limits::default()
    };
    let mut master = Master::start(limits).await;
    let mut other = Peer::connect(&master).await;
    master.serves(&mut other).await;
    let mut bad = Vec::new();
    for _ in 0..3 {
        let mut peer = Peer::connect(&master).await;
        master.serves(&mut peer).await;
        let mut begun = (frame as u64).to_be_bytes().to_vec();
        begun.push(9);
        begun.extend((frame as i32 - 13).to_be_bytes());
        begun.resize(frame - 1000, 0);
        // One that is closed meanwhile can't be written to.
        let _ = soon("to write", peer.stream.write_all(&begun)).await;
        bad.push(peer);
        // There is room for one.
        if bad.len() > 1 {
            let (_, _, reason) = master.closed().await;
            assert!(matches!(reason, CloseReason::Crowded(_)), "{reason}");
        }
        master.serves(&mut other).await;
    }
}

#[tokio::test]
async fn when_too_much_waits_for_all_peers_the_one_who_gets_more_is_closed() {
    let limits = Limits {
        queued_out: 1 << 20,
        ..Limits::default()
    };
    let mut master = Master::start(limits).await;
    let mut other = Peer::connect(&master).await;
    let others = master.serves(&mut other).await;
    let mut peer = Peer::connect(&master).await;
    let connection = master.serves(&mut peer).await;
    let message = vec![0; 700_000];
    let to = worker(&peer.listens);
    master.transport.send(connection, &to, &message).unwrap();
    let error = master.transport.send(others, &to, &message).unwrap_err();
    assert!(
        matches!(error, SendError::Crowded { limit, .. } if limit == 1 << 20),
        "{error}"
    );
    let (closed, _, reason) = master.closed().await;
    assert!(
        closed == others && matches!(reason, CloseReason::Crowded(_)),
        "{reason}"
    );
    // Its room is given back, again and again.
    for _ in 0..3 {
        peer.frame().await;
        master.serves(&mut peer).await;
        master.transport.send(connection, &to, &message).unwrap();
    }
}
