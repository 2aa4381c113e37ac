//! How messages begin.

use bytes::Bytes;
use proptest::prelude::*;
use vesta_spark::transport::{AddressError, Decoder, EndpointAddress, Envelope, Frame, RpcAddress};

use crate::fixtures;

/// The body of a frame that holds a message.
fn body(bytes: &[u8]) -> Option<Bytes> {
    match Decoder::new(bytes.len())
        .decode(&mut &bytes[..])
        .unwrap()
        .unwrap()
    {
        Frame::RpcRequest { body, .. } | Frame::OneWay { body } => Some(body),
        _ => None,
    }
}

#[test]
fn bodies_of_real_spark_are_read_and_written_back_as_the_same_bytes() {
    let mut seen = 0;
    for (name, bytes) in fixtures::all() {
        let Some(body) = body(&bytes) else { continue };
        let (envelope, message) = Envelope::read(&body).unwrap();
        assert!(message.starts_with(b"\xAC\xED\0\x05"), "{name}");
        assert_eq!(envelope.write(&message).unwrap(), body, "{name}");
        seen += 1;
    }
    assert_eq!(seen, 110);
}

#[test]
fn a_worker_says_where_it_listens_and_whom_it_means() {
    let body = body(&fixtures::one("CheckExistence-Master")).unwrap();
    let (envelope, _) = Envelope::read(&body).unwrap();
    assert_eq!(envelope.sender, Some(RpcAddress::new("127.0.0.1", 21001)));
    assert_eq!(envelope.receiver, Some(RpcAddress::new("127.0.0.1", 21000)));
    assert_eq!(envelope.endpoint, "endpoint-verifier");
}

#[test]
fn an_executor_has_no_address() {
    let envelope = Envelope {
        sender: None,
        receiver: None,
        endpoint: "Master".to_owned(),
    };
    let body = envelope.write(b"rest").unwrap();
    assert_eq!(body, &b"\0\0\0\x06Masterrest"[..]);
    assert_eq!(
        Envelope::read(&body).unwrap(),
        (envelope, Bytes::from_static(b"rest"))
    );
}

#[test]
fn a_body_cut_off_anywhere_in_its_beginning_is_refused() {
    let body = body(&fixtures::one("CheckExistence-Master")).unwrap();
    let (_, message) = Envelope::read(&body).unwrap();
    for at in 0..body.len() - message.len() {
        let error = Envelope::read(&body.slice(..at)).unwrap_err();
        assert!(matches!(error, AddressError::Short { at: found, .. } if found == at));
    }
}

#[test]
fn a_beginning_that_is_wrong_is_refused_with_what_would_be_right() {
    for (bytes, words) in [
        (&b"\x02"[..], "0 (none) or 1"),
        (b"\0\xAC\xED", "receiver's address"),
        (b"\x01\0\x01a\0\x01\0\0", "ports are 0 to 65535"),
        (b"\x01\0\x01a\xFF\xFF\xFF\xFF", "the port -1"),
        (b"\x01\0\x01\x80\0\0\0\x01", "modified UTF-8"),
        (b"\0\0\0\x03\xED\xA0\xBD", "modified UTF-8"),
    ] {
        let error = Envelope::read(&Bytes::from_static(bytes))
            .unwrap_err()
            .to_string();
        assert!(error.contains(words), "{error}");
    }
}

#[test]
fn a_peer_that_wants_to_authenticate_is_told_by_its_first_byte() {
    for (byte, setting) in [
        (0xEA, "spark.authenticate"),
        (0xFB, "spark.network.crypto.enabled"),
    ] {
        let error = Envelope::read(&Bytes::from(vec![byte, 0, 0, 0, 13])).unwrap_err();
        assert!(error.to_string().contains(setting), "{error}");
    }
}

#[test]
fn a_name_too_long_for_the_format_is_refused() {
    let endpoint = "x".repeat(65_536);
    let envelope = Envelope {
        sender: None,
        receiver: None,
        endpoint,
    };
    let error = envelope.write(&[]).unwrap_err();
    assert!(matches!(error, AddressError::Long { length: 65_536, .. }));
}

#[test]
fn names_of_endpoints_are_read_and_shown() {
    for (text, host, port) in [
        ("spark://Master@host:7077", "host", 7077),
        ("spark://Worker@127.0.0.1:1", "127.0.0.1", 1),
        ("spark://AppClient@[::1]:65535", "[::1]", 65_535),
    ] {
        let endpoint: EndpointAddress = text.parse().unwrap();
        assert_eq!(endpoint.address, RpcAddress::new(host, port));
        assert_eq!(endpoint.to_string(), text);
    }
    for text in [
        "",
        "Master@host:7077",
        "spark://host:7077",
        "spark://@host:7077",
        "spark://Master@:7077",
        "spark://Master@host",
        "spark://Master@host:65536",
        "spark://Master@::1:7077",
        "spark://Master@a:1,b:2",
    ] {
        let error = text.parse::<EndpointAddress>().unwrap_err();
        assert_eq!(error, AddressError::Url(text.to_owned()));
    }
}

#[test]
fn a_host_of_ipv6_is_shown_with_brackets_and_resolved_without() {
    for host in ["::1", "[::1]"] {
        let address = RpcAddress::new(host, 7077);
        assert_eq!(address.to_string(), "[::1]:7077");
        assert_eq!(address.plain_host(), "::1");
    }
}

proptest! {
    #[test]
    fn garbage_is_refused_or_read_to_what_it_says(bytes in prop::collection::vec(0..4_u8, 0..40)) {
        let body = Bytes::from(bytes);
        if let Ok((envelope, message)) = Envelope::read(&body) {
            // Not always the same bytes: Java reads some characters in more forms than it writes.
            let again = envelope.write(&message).unwrap();
            prop_assert_eq!(Envelope::read(&again).unwrap(), (envelope, message));
        }
    }
}
