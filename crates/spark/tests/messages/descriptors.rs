//! The crate's descriptors are cut out of the fixtures' (see `descriptors/README.md`).

use std::collections::BTreeSet;
use std::fs;
use std::path::{Path, PathBuf};

use crate::fixtures;

/// The file, and the version whose fixtures it is cut out of.
const FILES: [(&str, &str); 3] = [("3.5", "3.5.6"), ("4.0", "4.0.1"), ("4.1", "4.3.0")];

fn folder() -> PathBuf {
    Path::new(env!("CARGO_MANIFEST_DIR")).join("descriptors")
}

/// The records of the classes that a master writes.
fn cut(version: &str) -> Vec<u8> {
    let wanted = fs::read_to_string(folder().join("classes.txt")).unwrap();
    let wanted: BTreeSet<_> = wanted.lines().collect();
    let all = fs::read(fixtures::folder(version).join("classdescs.dat")).unwrap();
    let mut kept = Vec::new();
    let mut rest = &all[..];
    while !rest.is_empty() {
        let name = usize::from(u16::from_be_bytes([rest[0], rest[1]]));
        let length: [u8; 4] = rest[2 + name..][..4].try_into().unwrap();
        let length = 2 + name + 4 + usize::try_from(u32::from_be_bytes(length)).unwrap();
        let (record, after) = rest.split_at(length);
        if wanted.contains(std::str::from_utf8(&record[2..2 + name]).unwrap()) {
            kept.extend(record);
        }
        rest = after;
    }
    kept
}

#[test]
fn the_files_are_cut_out_of_what_real_jvms_wrote() {
    for (file, version) in FILES {
        let bytes = fs::read(folder().join(format!("{file}.dat"))).unwrap();
        assert!(bytes == cut(version), "{file}.dat is not of {version}");
    }
}

#[test]
#[ignore = "writes the files"]
fn write_the_files() {
    for (file, version) in FILES {
        fs::write(folder().join(format!("{file}.dat")), cut(version)).unwrap();
    }
}
