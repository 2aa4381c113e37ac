//! Which release a peer is of, and how it is spoken to.

use vesta_javaser::{Limits, Stream};
use vesta_spark::message::{MasterChanged, RpcAddress, ToPeer};
use vesta_spark::profile::{Profile, answered_as, shown_by};
use vesta_types::{Dialect, SparkRelease};

use crate::fixtures::{self, VERSIONS, load, profile, received, release};

fn shown(version: &str, name: &str) -> SparkRelease {
    let stream = Stream::read(&load(version, name).stream, &Limits::default()).unwrap();
    shown_by(release(version).dialect, &stream.graph)
}

#[test]
fn the_first_message_shows_the_dialect_and_no_more() {
    for version in VERSIONS {
        let first = received(version, "CheckExistence-Master").release;
        assert_eq!(first.dialect, release(version).dialect);
        assert_eq!(first.reference_uid, None);
    }
}

#[test]
fn a_message_with_a_reference_shows_the_release() {
    for version in VERSIONS {
        for name in ["RegisterWorker", "Heartbeat", "RegisterApplication"] {
            assert_eq!(received(version, name).release, release(version));
        }
    }
}

#[test]
fn a_submission_shows_its_release_by_scalas_library_where_that_tells() {
    for version in ["4.0.1", "4.3.0"] {
        assert_eq!(shown(version, "RequestSubmitDriver"), release(version));
    }
    let old = shown("3.5.6", "RequestSubmitDriver");
    assert_eq!(old.reference_uid, None);
    // One that names a driver only shows nothing.
    assert_eq!(shown("4.0.1", "RequestKillDriver").reference_uid, None);
}

#[test]
fn who_shows_no_release_is_answered_as_the_last_worker_of_its_dialect() {
    let unknown = SparkRelease {
        reference_uid: None,
        ..release("4.0.1")
    };
    let [old, first, newer] = VERSIONS.map(release);
    assert_eq!(answered_as(first, Some(newer)), first);
    assert_eq!(answered_as(unknown, Some(first)), first);
    assert_eq!(answered_as(unknown, Some(old)), unknown);
    assert_eq!(answered_as(unknown, None), unknown);
    assert_eq!(Profile::of(unknown).release(), newer);
}

fn master_changed(version: &str, profile: &Profile) -> (Vec<u8>, Vec<u8>) {
    let port = match version {
        "3.5.6" => 22000,
        "4.0.1" => 21000,
        _ => 29000,
    };
    let master = RpcAddress {
        host: "127.0.0.1".to_owned(),
        port,
    };
    let message = MasterChanged {
        master: &master,
        master_web_ui_url: &format!("http://localhost:{}", port + 2),
    };
    let captured = load(version, "MasterChanged").stream;
    (message.write(profile).unwrap(), captured)
}

#[test]
fn a_release_with_a_reference_of_its_own_is_spoken_to_with_that() {
    let learned = SparkRelease {
        dialect: Dialect::Scala213,
        reference_uid: Some(0x0123_4567_89AB_CDEF),
    };
    let own = Profile::of(learned);
    assert_eq!(own.release(), learned);
    let (written, captured) = master_changed("4.3.0", &own);
    let number = |uid: i64| uid.to_be_bytes();
    let of_4_1 = number(release("4.3.0").reference_uid.unwrap());
    let at = captured.windows(8).position(|bytes| bytes == of_4_1);
    let mut expected = captured.clone();
    expected[at.unwrap()..][..8].copy_from_slice(&number(0x0123_4567_89AB_CDEF));
    assert!(written == expected);
    // And the release that it was taken from is as it was.
    let (written, captured) = master_changed("4.3.0", &profile("4.3.0"));
    assert!(written == captured);
}

#[test]
fn every_release_of_a_dialect_is_spoken_to_in_its_own_classes() {
    for version in fixtures::VERSIONS {
        let (written, captured) = master_changed(version, &profile(version));
        assert!(written == captured, "{version}");
        assert_eq!(profile(version).release(), release(version));
    }
}
