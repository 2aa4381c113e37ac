//! Peers that nobody should have to meet: each is closed, with one line in the log, and others are served meanwhile.

use std::io::Write;
use std::sync::{Arc, Mutex};
use std::time::Duration;

use bytes::Bytes;
use tokio::io::AsyncWriteExt;
use vesta_spark::transport::{CloseReason, Frame, Limits, PeerError, SendError};

use crate::peer::{Master, Peer, soon, worker};

/// What is logged while this is there, in this thread.
#[derive(Clone, Default)]
struct Log(Arc<Mutex<Vec<u8>>>);

impl Log {
    fn start() -> (Self, tracing::subscriber::DefaultGuard) {
        let log = Log::default();
        let writer = log.clone();
        let subscriber = tracing_subscriber::fmt()
            .with_ansi(false)
            .with_writer(move || writer.clone())
            .finish();
        (log, tracing::subscriber::set_default(subscriber))
    }

    fn lines(&self) -> Vec<String> {
        let bytes = self.0.lock().unwrap().clone();
        String::from_utf8(bytes)
            .unwrap()
            .lines()
            .map(str::to_owned)
            .collect()
    }
}

impl Write for Log {
    fn write(&mut self, bytes: &[u8]) -> std::io::Result<usize> {
        self.0.lock().unwrap().extend_from_slice(bytes);
        Ok(bytes.len())
    }

    fn flush(&mut self) -> std::io::Result<()> {
        Ok(())
    }
}

/// Who sends `bytes` and then waits is closed, and one line says why in these words.
async fn is_closed_for(bytes: &[u8], words: &str) {
    let (log, _guard) = Log::start();
    let mut master = Master::start(Limits::default()).await;
    let mut other = Peer::connect(&master).await;
    master.serves(&mut other).await;
    let mut bad = Peer::connect(&master).await;
    let bad_address = bad.stream.local_addr().unwrap().to_string();
    bad.write(bytes).await;
    assert_eq!(bad.end().await.0, b"", "nothing is answered");
    master.waits_until_it_has(1).await;
    master.serves(&mut other).await;
    let lines = log.lines();
    assert_eq!(lines.len(), 1, "{lines:?}");
    assert!(
        lines[0].contains(words) && lines[0].contains(&bad_address),
        "{lines:?}"
    );
    assert!(!lines[0].contains("hunter2"), "{lines:?}");
}

#[tokio::test]
async fn garbage() {
    is_closed_for(b"SECRET=hunter2 and more of it", "the length of a frame").await;
}

#[tokio::test]
async fn a_frame_too_long_for_one_who_has_sent_none() {
    is_closed_for(&65_537_u64.to_be_bytes(), "at most 65536").await;
}

#[tokio::test]
async fn http() {
    is_closed_for(
        b"GET /?password=hunter2 HTTP/1.1\r\nHost: a\r\n\r\n",
        "HTTP",
    )
    .await;
}

#[tokio::test]
async fn tls() {
    is_closed_for(
        b"\x16\x03\x01\x02\x00\x01\x00\x01\xfc\x03\x03",
        "spark.ssl.rpc",
    )
    .await;
}

#[tokio::test]
async fn a_frame_that_no_master_is_sent() {
    is_closed_for(b"\0\0\0\0\0\0\0\x64\x01", "ChunkFetchSuccess").await;
}

#[tokio::test]
async fn a_frame_without_a_message() {
    let frame = Frame::OneWay {
        body: Bytes::from_static(b"hunter2"),
    };
    is_closed_for(&frame.encode(), "holds no message").await;
}

#[tokio::test]
async fn sasl() {
    let body = Bytes::from_static(b"\xEA\0\0\0\x0DsparkSaslUser\0\0\0\0");
    is_closed_for(
        &Frame::RpcRequest { id: 1, body }.encode(),
        "spark.authenticate",
    )
    .await;
}

#[tokio::test]
async fn a_frame_too_long_from_one_who_is_known() {
    let (log, _guard) = Log::start();
    let mut master = Master::start(Limits::default()).await;
    let mut other = Peer::connect(&master).await;
    master.serves(&mut other).await;
    let mut bad = Peer::connect(&master).await;
    let connection = master.serves(&mut bad).await;
    bad.write(&(65_u64 << 20).to_be_bytes()).await;
    let (closed, peer, reason) = master.closed().await;
    assert_eq!((closed, peer), (connection, Some(bad.listens.clone())));
    assert!(
        matches!(reason, CloseReason::Peer(PeerError::Frame(_))),
        "{reason}"
    );
    bad.end().await;
    master.serves(&mut other).await;
    let lines = log.lines();
    assert!(
        lines.len() == 1 && lines[0].contains(&bad.listens.to_string()),
        "{lines:?}"
    );
}

#[tokio::test]
async fn a_frame_that_is_cut_off() {
    let (log, _guard) = Log::start();
    let mut master = Master::start(Limits::default()).await;
    let mut other = Peer::connect(&master).await;
    master.serves(&mut other).await;
    let mut bad = Peer::connect(&master).await;
    master.serves(&mut bad).await;
    let frame = Frame::OneWay {
        body: bad.body(b"hunter2"),
    }
    .encode();
    bad.write(&frame[..frame.len() - 1]).await;
    bad.stream.shutdown().await.unwrap();
    let (_, _, reason) = master.closed().await;
    let buffered = frame.len() - 1;
    let truncated = PeerError::Truncated { buffered };
    assert!(
        matches!(&reason, CloseReason::Peer(error) if *error == truncated),
        "{reason}"
    );
    master.serves(&mut other).await;
    assert_eq!(log.lines().len(), 1);
}

#[tokio::test]
async fn a_frame_that_does_not_go_on() {
    let limits = Limits {
        frame_within: Duration::from_millis(50),
        ..Limits::default()
    };
    let mut master = Master::start(limits).await;
    let mut other = Peer::connect(&master).await;
    master.serves(&mut other).await;
    let mut bad = Peer::connect(&master).await;
    master.serves(&mut bad).await;
    bad.write(b"\0\0\0\0\0").await;
    let (_, _, reason) = master.closed().await;
    let slow = matches!(
        reason,
        CloseReason::Peer(PeerError::Slow { buffered: 5, .. })
    );
    assert!(slow, "{reason}");
    master.serves(&mut other).await;
}

#[tokio::test]
async fn one_who_says_nothing() {
    let (log, _guard) = Log::start();
    let limits = Limits {
        first_frame_within: Duration::from_millis(50),
        ..Limits::default()
    };
    let mut master = Master::start(limits).await;
    let mut other = Peer::connect(&master).await;
    master.serves(&mut other).await;
    let mut silent = Peer::connect(&master).await;
    silent.end().await;
    let mut begun = Peer::connect(&master).await;
    begun.write(b"\0").await;
    begun.end().await;
    // One who has said something may be silent for ever, and nobody hears of those who have not.
    master.serves(&mut other).await;
    assert_eq!(log.lines().len(), 2, "{:?}", log.lines());
}

#[tokio::test]
async fn one_who_does_not_read() {
    let (log, _guard) = Log::start();
    let limits = Limits {
        write_within: Duration::from_millis(100),
        ..Limits::default()
    };
    let mut master = Master::start(limits).await;
    let mut other = Peer::connect(&master).await;
    master.serves(&mut other).await;
    let mut bad = Peer::connect(&master).await;
    let connection = master.serves(&mut bad).await;
    let long = vec![0; 32 << 20];
    master
        .transport
        .send(connection, &worker(&bad.listens), &long)
        .unwrap();
    master.serves(&mut other).await;
    let (closed, _, reason) = master.closed().await;
    assert_eq!(closed, connection);
    assert!(
        matches!(reason, CloseReason::Peer(PeerError::Unread { .. })),
        "{reason}"
    );
    let (read, orderly) = bad.end().await;
    assert!(read.len() < long.len() && !orderly);
    master.serves(&mut other).await;
    assert_eq!(log.lines().len(), 1);
}

#[tokio::test]
async fn one_for_whom_too_much_waits() {
    let limits = Limits {
        queued_per_connection: 1 << 20,
        ..Limits::default()
    };
    let mut master = Master::start(limits).await;
    let mut bad = Peer::connect(&master).await;
    let connection = master.serves(&mut bad).await;
    let to = worker(&bad.listens);
    let message = vec![0; 1 << 20];
    master.transport.send(connection, &to, &message).unwrap();
    let error = master
        .transport
        .send(connection, &to, &message)
        .unwrap_err();
    assert!(
        matches!(error, SendError::Peer(PeerError::Overrun { .. })),
        "{error}"
    );
    assert_eq!(
        master.transport.send(connection, &to, b""),
        Err(SendError::Closed)
    );
    let (_, _, reason) = master.closed().await;
    assert!(
        matches!(reason, CloseReason::Peer(PeerError::Overrun { .. })),
        "{reason}"
    );
}

#[tokio::test]
async fn asks_without_end() {
    let limits = Limits {
        asks: 3,
        ..Limits::default()
    };
    let mut master = Master::start(limits).await;
    let mut peer = Peer::connect(&master).await;
    master.serves(&mut peer).await;
    for id in 0..10 {
        peer.ask(id, b"?").await;
    }
    let held = [
        master.message().await,
        master.message().await,
        master.message().await,
    ];
    for id in 3..10 {
        let said = peer.frame().await;
        assert!(
            matches!(said, Frame::RpcFailure { id: of, .. } if of == id),
            "{said:?}"
        );
    }
    drop(held);
    for id in 0..3 {
        let said = peer.frame().await;
        assert!(
            matches!(said, Frame::RpcFailure { id: of, .. } if of == id),
            "{said:?}"
        );
    }
    soon("to be served", master.serves(&mut peer)).await;
}
