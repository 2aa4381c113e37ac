//! Bytes to frames and back.

use bytes::Bytes;
use proptest::prelude::*;
use vesta_spark::transport::{Decoder, Foreign, Frame, FrameError, Limits};

use crate::fixtures;

const LIMIT: usize = 1 << 20;

fn decode_all(parts: &[&[u8]]) -> Result<Vec<Frame>, FrameError> {
    let mut decoder = Decoder::new(LIMIT);
    let mut frames = Vec::new();
    for part in parts {
        let mut input = *part;
        while !input.is_empty() {
            match decoder.decode(&mut input)? {
                Some(frame) => frames.push(frame),
                None => assert!(input.is_empty(), "all is taken unless a frame ended"),
            }
        }
    }
    Ok(frames)
}

fn refused(bytes: &[u8]) -> FrameError {
    decode_all(&[bytes]).unwrap_err()
}

#[test]
fn frames_of_real_spark_are_written_back_as_the_same_bytes_wherever_they_are_split() {
    let all = fixtures::all();
    assert_eq!(all.len(), 137);
    for (name, bytes) in &all {
        let whole = decode_all(&[bytes]).unwrap();
        assert_eq!(whole.len(), 1, "{name}");
        assert_eq!(&whole[0].encode(), bytes, "{name}");
        for at in 0..bytes.len() {
            let (first, second) = bytes.split_at(at);
            assert!(decode_all(&[first]).unwrap().is_empty(), "{name} at {at}");
            assert_eq!(
                decode_all(&[first, second]).unwrap(),
                whole,
                "{name} at {at}"
            );
        }
    }
}

#[test]
fn frames_that_came_together_come_out_in_their_order() {
    let all = fixtures::all();
    let together: Vec<u8> = all.iter().flat_map(|(_, bytes)| bytes.clone()).collect();
    let frames = decode_all(&[&together]).unwrap();
    let written: Vec<u8> = frames.iter().flat_map(Frame::encode).collect();
    assert_eq!(written, together);
    let one_by_one: Vec<&[u8]> = together.chunks(1).collect();
    assert_eq!(decode_all(&one_by_one).unwrap(), frames);
}

#[test]
fn frames_without_a_body_of_java_are_written_and_read() {
    for frame in [
        Frame::RpcFailure {
            id: -3,
            text: "not now: é".to_owned(),
        },
        Frame::RpcFailure {
            id: 3,
            text: String::new(),
        },
        Frame::StreamRequest {
            stream: "/jars/a.jar".to_owned(),
        },
    ] {
        let bytes = frame.encode();
        assert_eq!(bytes.len(), frame.length());
        assert_eq!(decode_all(&[&bytes]).unwrap(), [frame]);
    }
    let failure = Frame::StreamFailure {
        stream: "/a".to_owned(),
        text: "no".to_owned(),
    };
    let expected = b"\0\0\0\0\0\0\0\x15\x08\0\0\0\x02/a\0\0\0\x02no";
    assert_eq!(failure.encode(), expected);
}

#[test]
fn a_length_out_of_range_is_refused_before_anything_more_is_taken() {
    for length in [0, 8, LIMIT as u64 + 1, u64::MAX] {
        let error = refused(&length.to_be_bytes());
        assert_eq!(
            error,
            FrameError::Length {
                length,
                limit: LIMIT as u64
            }
        );
    }
    let longest = (LIMIT as u64).to_be_bytes();
    assert!(decode_all(&[&longest]).unwrap().is_empty());
}

#[test]
fn a_type_that_no_master_is_sent_is_refused_by_its_name_at_the_ninth_byte() {
    for (number, name) in [
        (0, "ChunkFetchRequest"),
        (1, "ChunkFetchSuccess"),
        (2, "ChunkFetchFailure"),
        (7, "StreamResponse"),
        (8, "StreamFailure"),
        (10, "UploadStream"),
        (11, "MergedBlockMetaRequest"),
        (12, "MergedBlockMetaSuccess"),
        (13, "unknown"),
        (255, "unknown"),
    ] {
        let mut bytes = 100_u64.to_be_bytes().to_vec();
        bytes.push(number);
        assert_eq!(refused(&bytes), FrameError::Type { number, name });
    }
}

#[test]
fn a_frame_too_short_for_its_own_header_is_refused() {
    for (number, shortest) in [(3_u8, 21_u64), (4, 21), (5, 21), (6, 13), (9, 13)] {
        let mut bytes = (shortest - 1).to_be_bytes().to_vec();
        bytes.push(number);
        assert!(matches!(refused(&bytes), FrameError::Length { .. }));
        bytes[..8].copy_from_slice(&shortest.to_be_bytes());
        bytes.resize(shortest as usize, 0);
        assert_eq!(decode_all(&[&bytes]).unwrap().len(), 1);
    }
}

#[test]
fn a_body_that_does_not_fill_its_frame_is_refused() {
    let whole = Frame::OneWay {
        body: Bytes::from_static(b"four"),
    }
    .encode();
    for said in [3, 5, -1, i32::MAX] {
        let mut bytes = whole.clone();
        bytes[9..13].copy_from_slice(&i32::to_be_bytes(said));
        let expected = FrameError::Body {
            number: 9,
            length: 17,
            body: said,
            head: 13,
        };
        assert_eq!(refused(&bytes), expected);
    }
}

#[test]
fn other_protocols_are_told_by_their_first_bytes() {
    for (bytes, foreign, word) in [
        (&b"GET / HTTP/1.1\r\n\r\n"[..], Foreign::Http, "HTTP"),
        (b"POST /v1/submissions/create", Foreign::Http, "REST"),
        (b"HEAD / HTTP/1.1", Foreign::Http, "HTTP"),
        (b"OPTIONS * HTTP/1.1", Foreign::Http, "HTTP"),
        (
            b"PRI * HTTP/2.0\r\n\r\nSM\r\n\r\n",
            Foreign::Http2,
            "vesta://",
        ),
        (
            b"\x16\x03\x01\x02\x00\x01\x00\x01\xfc",
            Foreign::Tls,
            "spark.ssl.rpc",
        ),
    ] {
        let error = refused(bytes);
        assert_eq!(error, FrameError::Foreign(foreign));
        assert!(error.to_string().contains(word), "{error}");
    }
}

#[test]
fn no_more_is_kept_than_came_and_nothing_between_two_frames() {
    let limits = Limits::default();
    let mut decoder = Decoder::new(limits.frame);
    let mut head = (limits.frame as u64).to_be_bytes().to_vec();
    head.push(9);
    head.extend((limits.frame as i32 - 13).to_be_bytes());
    head.extend([0; 100]);
    let mut input = &head[..];
    assert!(decoder.decode(&mut input).unwrap().is_none());
    assert_eq!(decoder.buffered(), 113);
    // `Debug` shows the buffers, and with them how much is in them.
    assert!(decoder.is_inside());

    let mut decoder = Decoder::new(limits.frame);
    let frame = fixtures::one("RegisterWorker");
    let mut input = &frame[..];
    assert!(decoder.decode(&mut input).unwrap().is_some());
    assert_eq!((decoder.buffered(), decoder.is_inside()), (0, false));
}

proptest! {
    #[test]
    fn garbage_is_refused_or_waited_for_and_never_kept_beyond_what_came(
        bytes in prop::collection::vec(any::<u8>(), 0..200),
        small in any::<bool>(),
        number in 0..14_u8,
    ) {
        let mut bytes = bytes;
        if small && bytes.len() > 9 {
            // So that the length and the type pass, sometimes.
            bytes[..7].fill(0);
            bytes[8] = number;
        }
        let mut decoder = Decoder::new(LIMIT);
        let mut input = &bytes[..];
        while !input.is_empty() {
            match decoder.decode(&mut input) {
                Ok(Some(frame)) => prop_assert!(frame.encode().len() <= bytes.len() * 3),
                Ok(None) => prop_assert!(input.is_empty()),
                Err(_) => break,
            }
            prop_assert!(decoder.buffered() <= bytes.len());
        }
    }

    #[test]
    fn a_real_frame_with_one_byte_changed_neither_panics_nor_reads_beyond(
        index in any::<prop::sample::Index>(),
        at in any::<prop::sample::Index>(),
        value in any::<u8>(),
    ) {
        let all = fixtures::all();
        let mut bytes = index.get(&all).1.clone();
        let at = at.index(bytes.len());
        bytes[at] = value;
        if let Ok(frames) = decode_all(&[&bytes]) {
            let written: usize = frames.iter().map(|frame| frame.encode().len()).sum();
            prop_assert!(written <= bytes.len());
        }
    }
}
