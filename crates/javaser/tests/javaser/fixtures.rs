//! The fixtures (see `tests/fixtures/README.md`).

use std::fs;
use std::path::{Path, PathBuf};

use vesta_javaser::{ClassSet, Limits, Stream};

/// A captured message.
pub struct Fixture {
    /// `spark-4.0.1/LaunchDriver`
    pub name: String,
    /// The Java stream, without the frame around it.
    pub stream: Vec<u8>,
    /// The decoded structure as another program printed it.
    pub dump: String,
}

pub const VERSIONS: [&str; 3] = ["3.5.6", "4.0.1", "4.3.0"];

pub fn folder() -> PathBuf {
    Path::new(env!("CARGO_MANIFEST_DIR")).join("tests/fixtures")
}

/// The files of a folder with this ending, in order.
pub fn files(folder: &Path, ending: &str) -> Vec<PathBuf> {
    let entries = fs::read_dir(folder).unwrap();
    let paths = entries.map(|entry| entry.unwrap().path());
    let mut found: Vec<_> = paths
        .filter(|path| path.extension().is_some_and(|own| own == ending))
        .collect();
    found.sort();
    assert!(!found.is_empty(), "no {ending} in {}", folder.display());
    found
}

/// All messages of all versions.
pub fn all() -> Vec<Fixture> {
    let of = |version| files(&folder().join(format!("spark-{version}")), "bin");
    let paths = VERSIONS.into_iter().flat_map(of);
    paths.map(|path| load(&path)).collect()
}

pub fn named(version: &str, name: &str) -> Fixture {
    load(&folder().join(format!("spark-{version}/{name}.bin")))
}

pub fn read(bytes: &[u8]) -> Stream {
    Stream::read(bytes, &Limits::default()).unwrap()
}

pub fn write(stream: &Stream) -> Vec<u8> {
    stream.write(&Limits::default()).unwrap()
}

/// The classes of one version.
pub fn classes(version: &str) -> ClassSet {
    let dump = folder().join(format!("spark-{version}/classdescs.dat"));
    ClassSet::from_dump(&fs::read(dump).unwrap(), &Limits::default()).unwrap()
}

fn load(path: &Path) -> Fixture {
    let bytes = fs::read(path).unwrap();
    let version = path.parent().unwrap().file_name().unwrap();
    let name = path.file_stem().unwrap();
    Fixture {
        name: format!("{}/{}", version.to_str().unwrap(), name.to_str().unwrap()),
        stream: bytes[stream_start(&bytes)..].to_vec(),
        dump: fs::read_to_string(path.with_extension("txt")).unwrap(),
    }
}

/// Where the Java stream begins in a file: at once, or behind a frame's length, type, ids, and for requests the
/// addresses and the endpoint's name.
fn stream_start(bytes: &[u8]) -> usize {
    if bytes.starts_with(&[0xAC, 0xED]) {
        return 0;
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
    if bytes[8] != 4 {
        at += address(at);
        at += address(at);
        at += text(at);
    }
    at
}
