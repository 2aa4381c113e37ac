//! The fixtures (see `crates/javaser/tests/fixtures/README.md`).

use std::fs;
use std::path::{Path, PathBuf};

use vesta_spark::message::{FromPeer, MessageLimits, Received};
use vesta_spark::profile::Profile;
use vesta_types::SparkRelease;

/// A captured message.
pub struct Fixture {
    /// The endpoint that it was sent to; none for replies.
    pub endpoint: Option<String>,
    /// The Java stream.
    pub stream: Vec<u8>,
}

pub const VERSIONS: [&str; 3] = ["3.5.6", "4.0.1", "4.3.0"];

pub fn folder(version: &str) -> PathBuf {
    let tests = Path::new(env!("CARGO_MANIFEST_DIR")).join("../javaser/tests/fixtures");
    tests.join(format!("spark-{version}"))
}

/// The messages of a version, in order.
pub fn names(version: &str) -> Vec<String> {
    let files = fs::read_dir(folder(version)).unwrap();
    let names = files.map(|file| file.unwrap().file_name().into_string().unwrap());
    let mut names: Vec<_> = names
        .filter_map(|name| name.strip_suffix(".bin").map(str::to_owned))
        .collect();
    names.sort();
    assert!(names.len() > 30, "{names:?}");
    names
}

/// The names of a version's messages that begin so.
pub fn beginning(version: &str, with: &str) -> Vec<String> {
    let mut names = names(version);
    names.retain(|name| name.starts_with(with));
    names
}

pub fn load(version: &str, name: &str) -> Fixture {
    let path = folder(version).join(format!("{name}.bin"));
    let bytes = fs::read(&path).unwrap_or_else(|error| panic!("{}: {error}", path.display()));
    let (endpoint, start) = stream_start(&bytes);
    Fixture {
        endpoint,
        stream: bytes[start..].to_vec(),
    }
}

/// A message to a master, read.
#[track_caller]
pub fn received(version: &str, name: &str) -> Received {
    let fixture = load(version, name);
    let endpoint = fixture.endpoint.unwrap();
    let read = FromPeer::read(&endpoint, &fixture.stream, &MessageLimits::default());
    read.unwrap_or_else(|error| panic!("{version} {name}: {error}"))
}

pub fn release(version: &str) -> SparkRelease {
    SparkRelease::of_version(version).unwrap()
}

pub fn profile(version: &str) -> Profile {
    Profile::of(release(version))
}

/// The endpoint, and where the stream begins: at once, or behind a frame's length, type, ids, and for requests the
/// addresses and the endpoint's name.
fn stream_start(bytes: &[u8]) -> (Option<String>, usize) {
    if bytes.starts_with(&[0xAC, 0xED]) {
        return (None, 0);
    }
    let text = |at: usize| 2 + usize::from(u16::from_be_bytes([bytes[at], bytes[at + 1]]));
    let address = |at: usize| match bytes[at] {
        0 => 1,
        _ => 1 + text(at + 1) + 4,
    };
    let mut at = match bytes[8] {
        3 | 4 => 8 + 1 + 8 + 4,
        9 => 8 + 1 + 4,
        other => panic!("frame type {other}"),
    };
    if bytes[8] == 4 {
        return (None, at);
    }
    at += address(at);
    at += address(at);
    let end = at + text(at);
    let endpoint = String::from_utf8(bytes[at + 2..end].to_vec()).unwrap();
    (Some(endpoint), end)
}
