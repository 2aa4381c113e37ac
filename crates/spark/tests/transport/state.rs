//! One connection without its socket; the time is whatever a test says.

use std::time::{Duration, Instant};

use bytes::Bytes;
use vesta_spark::transport::{
    AskError, Connection, Decoder, Envelope, Frame, Limits, PeerError, Received, RpcAddress,
    SendError,
};

use crate::fixtures;

type Asked = &'static str;

fn limits() -> Limits {
    Limits {
        frame: 10_000,
        first_frame: 1_000,
        asks: 2,
        queued_per_connection: 500,
        ..Limits::default()
    }
}

fn envelope(sender: Option<u16>) -> Envelope {
    Envelope {
        sender: sender.map(|port| RpcAddress::new("w", port)),
        receiver: None,
        endpoint: "Master".to_owned(),
    }
}

fn one_way(sender: Option<u16>, message: &'static [u8]) -> Vec<u8> {
    Frame::OneWay {
        body: envelope(sender).write(message).unwrap(),
    }
    .encode()
}

fn ask(id: i64) -> Vec<u8> {
    Frame::RpcRequest {
        id,
        body: envelope(None).write(b"?").unwrap(),
    }
    .encode()
}

/// All that the connection wants to write.
fn written(connection: &mut Connection<Asked>) -> Vec<Frame> {
    let mut bytes = Vec::new();
    while !connection.to_write().is_empty() {
        bytes.extend_from_slice(connection.to_write());
        connection.wrote(connection.to_write().len());
    }
    let mut decoder = Decoder::new(1 << 20);
    let mut input = &bytes[..];
    let mut frames = Vec::new();
    while !input.is_empty() {
        frames.push(decoder.decode(&mut input).unwrap().unwrap());
    }
    frames
}

fn answers(received: Vec<Received<Asked>>) -> Vec<(Asked, Result<Bytes, AskError>)> {
    let answer = |received| match received {
        Received::Answer(waiter, answer) => (waiter, answer),
        Received::Message(_) => panic!("a message"),
    };
    received.into_iter().map(answer).collect()
}

#[test]
fn the_peers_address_is_that_of_its_first_message_that_has_one() {
    let now = Instant::now();
    let mut connection = Connection::<Asked>::inbound(&limits(), now);
    connection.receive(&one_way(None, b""), now).unwrap();
    assert_eq!(connection.peer(), None);
    connection.receive(&one_way(Some(1), b""), now).unwrap();
    connection.receive(&one_way(Some(2), b""), now).unwrap();
    assert_eq!(connection.peer(), Some(&RpcAddress::new("w", 1)));
}

#[test]
fn long_frames_are_taken_once_a_valid_one_has_come() {
    let now = Instant::now();
    let long = one_way(None, &[7; 2_000]);
    let mut connection = Connection::<Asked>::inbound(&limits(), now);
    let error = connection.receive(&long, now).err().unwrap();
    assert!(error.to_string().contains("at most 1000"), "{error}");

    let mut connection = Connection::<Asked>::inbound(&limits(), now);
    let mut both = one_way(None, b"");
    both.extend(&long);
    assert_eq!(connection.receive(&both, now).unwrap().len(), 2);
    // One that we made is to a peer that we know.
    let mut connection = Connection::<Asked>::outbound(&limits());
    assert_eq!(connection.receive(&long, now).unwrap().len(), 1);
}

#[test]
fn answers_find_who_asked_in_any_order() {
    let now = Instant::now();
    let mut connection = Connection::outbound(&limits());
    let over = now + Duration::from_secs(1);
    let first = connection
        .ask(&envelope(Some(9)), b"1", over, "first")
        .unwrap();
    let second = connection
        .ask(&envelope(Some(9)), b"2", over, "second")
        .unwrap();
    assert!(first > 0 && second > 0 && first != second);
    let asked = written(&mut connection);
    let ids: Vec<i64> = asked
        .iter()
        .map(|frame| match frame {
            Frame::RpcRequest { id, .. } => *id,
            _ => panic!("{frame:?}"),
        })
        .collect();
    assert_eq!(ids, [first, second]);
    let mut bytes = Frame::RpcFailure {
        id: second,
        text: "no".to_owned(),
    }
    .encode();
    bytes.extend(
        Frame::RpcResponse {
            id: first,
            body: Bytes::from_static(b"yes"),
        }
        .encode(),
    );
    let received = answers(connection.receive(&bytes, now).unwrap());
    let expected = [
        ("second", Err(AskError::Failed("no".to_owned()))),
        ("first", Ok(Bytes::from_static(b"yes"))),
    ];
    assert_eq!(received, expected);
}

#[test]
fn answers_that_are_late_or_that_nobody_asked_for_are_counted_and_ignored() {
    let now = Instant::now();
    let over = now + Duration::from_secs(1);
    let mut connection = Connection::outbound(&limits());
    let id = connection.ask(&envelope(None), b"", over, "late").unwrap();
    assert_eq!(connection.next_deadline(), Some(over));
    assert!(
        connection
            .expire(over - Duration::from_millis(1))
            .is_empty()
    );
    assert_eq!(connection.expire(over), ["late"]);
    assert_eq!(connection.next_deadline(), None);
    for id in [id, 77] {
        let bytes = Frame::RpcResponse {
            id,
            body: Bytes::new(),
        }
        .encode();
        assert!(connection.receive(&bytes, now).unwrap().is_empty());
    }
    assert_eq!(connection.ignored_answers(), 2);
}

#[test]
fn asks_without_an_answer_are_limited_on_both_sides() {
    let now = Instant::now();
    let mut connection = Connection::outbound(&limits());
    for _ in 0..2 {
        connection.ask(&envelope(None), b"", now, "ours").unwrap();
    }
    let refused = connection
        .ask(&envelope(None), b"", now, "third")
        .unwrap_err();
    assert_eq!(refused, (SendError::Asks(2), "third"));
    written(&mut connection);

    for id in [10, 11] {
        assert_eq!(connection.receive(&ask(id), now).unwrap().len(), 1);
    }
    // The third is not handed out, and is answered all the same.
    assert!(connection.receive(&ask(12), now).unwrap().is_empty());
    let said = written(&mut connection);
    assert!(
        matches!(said[..], [Frame::RpcFailure { id: 12, .. }]),
        "{said:?}"
    );
    connection.answer(10, Ok(Bytes::new())).unwrap();
    assert_eq!(connection.receive(&ask(13), now).unwrap().len(), 1);
}

#[test]
fn an_answer_too_long_for_a_frame_becomes_a_failure() {
    let now = Instant::now();
    let mut connection = Connection::<Asked>::outbound(&limits());
    connection.receive(&ask(5), now).unwrap();
    let error = connection
        .answer(5, Ok(Bytes::from(vec![0; 10_000])))
        .unwrap_err();
    assert_eq!(
        error,
        SendError::Long {
            length: 10_021,
            limit: 10_000
        }
    );
    let said = written(&mut connection);
    assert!(
        matches!(said[..], [Frame::RpcFailure { id: 5, .. }]),
        "{said:?}"
    );
}

#[test]
fn a_file_is_refused_by_its_name() {
    let now = Instant::now();
    let mut connection = Connection::<Asked>::outbound(&limits());
    let wanted = Frame::StreamRequest {
        stream: "/jars/a".to_owned(),
    };
    connection.receive(&wanted.encode(), now).unwrap();
    let said = connection.to_write();
    assert_eq!(said[8], 8, "StreamFailure");
    assert_eq!(&said[9..20], b"\0\0\0\x07/jars/a");
}

#[test]
fn a_queue_that_is_too_long_says_that_the_peer_does_not_read() {
    let mut connection = Connection::<Asked>::outbound(&limits());
    let message = [0; 300];
    connection.send(&envelope(None), &message).unwrap();
    let queued = connection.queued();
    let error = connection.send(&envelope(None), &message).unwrap_err();
    let expected = PeerError::Overrun {
        queued,
        more: queued,
        limit: 500,
    };
    assert_eq!(error, SendError::Peer(expected));
    written(&mut connection);
    assert_eq!(connection.queued(), 0);
    // A message alone may be longer than the limit for several.
    connection.send(&envelope(None), &[0; 5_000]).unwrap();
}

#[test]
fn one_who_connects_and_says_nothing_valid_is_overdue() {
    let now = Instant::now();
    let limits = limits();
    let mut connection = Connection::<Asked>::inbound(&limits, now);
    let due = now + limits.first_frame_within;
    assert_eq!(connection.frame_due(), Some(due));
    assert_eq!(connection.overdue(due - Duration::from_millis(1)), None);
    assert_eq!(
        connection.overdue(due),
        Some(PeerError::Silent(limits.first_frame_within))
    );
    // Nor do bytes that are no message.
    let answer = Frame::RpcResponse {
        id: 1,
        body: Bytes::new(),
    }
    .encode();
    connection
        .receive(&answer, now + Duration::from_secs(8))
        .unwrap();
    assert_eq!(connection.frame_due(), Some(due));
    connection
        .receive(&one_way(None, b"")[..5], now + Duration::from_secs(9))
        .unwrap();
    assert_eq!(connection.frame_due(), Some(due));
}

#[test]
fn a_frame_has_its_time_and_a_connection_between_frames_all_time() {
    let now = Instant::now();
    let limits = limits();
    let frame = one_way(None, b"message");
    let mut inbound = Connection::<Asked>::inbound(&limits, now);
    inbound.receive(&frame, now).unwrap();
    for mut connection in [inbound, Connection::outbound(&limits)] {
        assert_eq!(connection.frame_due(), None);
        connection.receive(&frame[..3], now).unwrap();
        let later = now + Duration::from_secs(20);
        connection.receive(&frame[3..9], later).unwrap();
        let due = now + limits.frame_within;
        let slow = PeerError::Slow {
            buffered: 9,
            within: limits.frame_within,
        };
        assert_eq!(connection.overdue(due), Some(slow));
        assert_eq!(connection.end(), Err(PeerError::Truncated { buffered: 9 }));
        connection.receive(&frame[9..], later).unwrap();
        assert_eq!((connection.frame_due(), connection.end()), (None, Ok(())));
    }
}

#[test]
fn closing_drops_what_is_queued_and_gives_back_what_waits() {
    let now = Instant::now();
    let mut connection = Connection::outbound(&limits());
    connection.ask(&envelope(None), b"", now, "asked").unwrap();
    connection.send(&envelope(None), b"message").unwrap();
    connection.wrote(3);
    assert_eq!(connection.close(), ["asked"]);
    assert_eq!((connection.to_write(), connection.queued()), (&[][..], 0));
}

#[test]
fn every_frame_of_real_spark_passes_or_is_an_answer_nobody_asked_for() {
    let now = Instant::now();
    for (name, bytes) in fixtures::all() {
        let mut connection = Connection::<Asked>::inbound(&Limits::default(), now);
        let received = connection.receive(&bytes, now).unwrap();
        assert_eq!(
            received.len() + connection.ignored_answers() as usize,
            1,
            "{name}"
        );
        // An answer that nobody asked for proves nothing.
        assert_eq!(connection.is_known(), received.len() == 1, "{name}");
    }
}
