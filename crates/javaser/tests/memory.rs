//! How much memory streams take that are made to take much. (A process of its own: the allocator counts all of it.)
#![allow(clippy::unwrap_used, clippy::panic)]

use peak_alloc::PeakAlloc;
use vesta_javaser::{Limits, Problem, Stream};

#[global_allocator]
static MEMORY: PeakAlloc = PeakAlloc;

const LIMITS: Limits = Limits {
    max_bytes: 2 << 20,
    max_depth: 200,
    max_memory: 2 << 20,
};

fn class(name: &str, flags: u8) -> Vec<u8> {
    let mut bytes = vec![0x72, 0, name.len() as u8];
    bytes.extend(name.as_bytes());
    bytes.extend([0, 0, 0, 0, 0, 0, 0, 1]);
    bytes.extend([flags, 0, 0, 0x78]);
    bytes
}

fn handle(at: u32) -> [u8; 5] {
    let [a, b, c, d] = (0x7E_0000 + at).to_be_bytes();
    [0x71, a, b, c, d]
}

/// An array of this many references, without them.
fn array(count: usize) -> Vec<u8> {
    let count = (count as i32).to_be_bytes();
    [&[0x75][..], &class("[LC;", 2), &[0x70], &count].concat()
}

/// Streams of valid bytes that grow as much as we know to make them.
fn bombs() -> Vec<(&'static str, Vec<u8>)> {
    const MANY: usize = 1 << 18;
    let object = |at| [&[0x73][..], &handle(at)].concat();
    // Each class extends the one before it, by reference: an object of the last has 1000 parts.
    let mut chain = class("C", 2);
    chain.push(0x70);
    for at in 0..1000 {
        chain.extend(class("C", 2));
        chain.extend(handle(at));
    }
    let mut wide = vec![0x72, 0, 1, b'C', 0, 0, 0, 0, 0, 0, 0, 1, 2, 0xFF, 0xFF];
    wide.extend([b'[', 0, 1, b'f', 0x74, 0, 2, b'[', b'I']);
    wide.extend([&[b'[', 0, 0][..], &handle(1)].concat().repeat(0xFFFE));
    wide.extend([0x78, 0x70]);
    vec![
        ("null references", [array(MANY), vec![0x70; MANY]].concat()),
        (
            "empty strings",
            [array(MANY), [0x74, 0, 0].repeat(MANY)].concat(),
        ),
        (
            "empty blocks",
            [
                &[0x73][..],
                &class("C", 3),
                &[0x70],
                &[0x77, 0].repeat(MANY),
            ]
            .concat(),
        ),
        ("records", [0x77, 0].repeat(MANY)),
        ("resets", vec![0x79; MANY]),
        (
            "empty objects",
            [class("C", 2), vec![0x70], object(0).repeat(MANY)].concat(),
        ),
        (
            "objects of many parts",
            [chain, object(1000).repeat(MANY)].concat(),
        ),
        (
            "nested objects of many fields",
            [wide, object(0).repeat(200)].concat(),
        ),
        (
            "interfaces",
            [
                &[0x7D][..],
                &(MANY as i32).to_be_bytes(),
                &[0, 0].repeat(MANY),
            ]
            .concat(),
        ),
        (
            "class literals",
            [
                class("C", 2),
                vec![0x70],
                [&[0x76][..], &handle(0)].concat().repeat(MANY),
            ]
            .concat(),
        ),
    ]
}

#[test]
fn memory_stays_within_three_times_the_limit() {
    for (name, body) in bombs() {
        let mut bytes = [&[0xAC, 0xED, 0, 5], &body[..]].concat();
        bytes.truncate(LIMITS.max_bytes);
        MEMORY.reset_peak_usage();
        let before = MEMORY.current_usage();
        let result = Stream::read(&bytes, &LIMITS);
        let taken = MEMORY.peak_usage() - before;
        let most = 3 * LIMITS.max_memory;
        assert!(taken <= most, "{name}: {taken} bytes, more than {most}");
        if let Err(error) = result {
            let expected = matches!(
                error.problem,
                Problem::TooMuchMemory { .. } | Problem::TooDeep { .. } | Problem::Truncated { .. }
            );
            assert!(expected, "{name}: {error}");
        }
    }
}
