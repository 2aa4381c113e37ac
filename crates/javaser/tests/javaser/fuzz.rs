//! Captured streams, broken at random.

use std::sync::LazyLock;

use proptest::collection::vec;
use proptest::prelude::*;
use proptest::sample::Index;

use crate::check::check;
use crate::fixtures;

/// Every stream that a JVM wrote.
static STREAMS: LazyLock<Vec<Vec<u8>>> = LazyLock::new(|| {
    let spark = fixtures::all().into_iter().map(|fixture| fixture.stream);
    let jvm = fixtures::files(&fixtures::folder().join("jvm"), "bin");
    let jvm = jvm.into_iter().map(|path| std::fs::read(path).unwrap());
    spark.chain(jvm).collect()
});

/// One way to break a stream.
#[derive(Debug, Clone)]
enum Damage {
    Flip(Index, u8),
    /// Puts a byte that means something there.
    Put(Index, u8),
    Cut(Index, Index),
    End(Index),
    Repeat(Index, Index),
    /// Puts a part of another stream there.
    Splice(Index, Index, Index, Index),
    /// Lets four bytes be another handle or count.
    Number(Index, u32),
}

fn damage() -> impl Strategy<Value = Damage> {
    let at = any::<Index>;
    let number = prop_oneof![
        0x7E_0000_u32..0x7E_0040,
        0_u32..300,
        Just(u32::MAX),
        Just(i32::MAX as u32),
        any::<u32>()
    ];
    prop_oneof![
        3 => (at(), 1_u8..).prop_map(|(at, bits)| Damage::Flip(at, bits)),
        3 => (at(), prop_oneof![0x70_u8..0x80, 0_u8..0x20]).prop_map(|(at, byte)| Damage::Put(at, byte)),
        1 => (at(), at()).prop_map(|(from, to)| Damage::Cut(from, to)),
        1 => at().prop_map(Damage::End),
        1 => (at(), at()).prop_map(|(from, to)| Damage::Repeat(from, to)),
        2 => (at(), at(), at(), at()).prop_map(|(to, of, from, end)| Damage::Splice(to, of, from, end)),
        2 => (at(), number).prop_map(|(at, number)| Damage::Number(at, number)),
    ]
}

/// A stream and what to do to it.
pub fn broken() -> impl Strategy<Value = Vec<u8>> {
    (any::<Index>(), vec(damage(), 1..4)).prop_map(|(stream, damages)| {
        let mut bytes = stream.get(&STREAMS).clone();
        for damage in &damages {
            apply(damage, &mut bytes);
        }
        bytes
    })
}

fn apply(damage: &Damage, bytes: &mut Vec<u8>) {
    // The header stays: what does not begin with it is refused at once.
    const BODY: usize = 4;
    if bytes.len() <= BODY {
        return;
    }
    let place = |at: &Index, bytes: &[u8]| BODY + at.index(bytes.len() - BODY);
    let range = |from: &Index, to: &Index, bytes: &[u8]| {
        let (from, to) = (place(from, bytes), place(to, bytes));
        from.min(to)..from.max(to)
    };
    match damage {
        Damage::Flip(at, bits) => {
            let at = place(at, bytes);
            bytes[at] ^= bits;
        }
        Damage::Put(at, byte) => {
            let at = place(at, bytes);
            bytes[at] = *byte;
        }
        Damage::Cut(from, to) => {
            bytes.drain(range(from, to, bytes));
        }
        Damage::End(at) => bytes.truncate(place(at, bytes)),
        Damage::Repeat(from, to) => {
            let range = range(from, to, bytes);
            let (end, part) = (range.end, bytes[range].to_vec());
            bytes.splice(end..end, part);
        }
        Damage::Splice(to, of, from, end) => {
            let other = of.get(&STREAMS);
            let part = other[range(from, end, other)].to_vec();
            let to = place(to, bytes);
            bytes.splice(to..to, part);
        }
        Damage::Number(at, number) => {
            let at = place(at, bytes);
            let end = bytes.len().min(at + 4);
            bytes[at..end].copy_from_slice(&number.to_be_bytes()[..end - at]);
        }
    }
}

/// Bytes that are items of the grammar in any order.
pub fn soup() -> impl Strategy<Value = Vec<u8>> {
    let class = |name: &str, flags: u8| {
        let mut bytes = vec![0x72, 0, name.len() as u8];
        bytes.extend(name.as_bytes());
        bytes.extend([0; 8]);
        bytes.extend([flags, 0, 0, 0x78, 0x70]);
        bytes
    };
    let handle = (0_u32..12).prop_map(|at| (0x7E_0000 + at).to_be_bytes().to_vec());
    let item = prop_oneof![
        4 => (0x70_u8..0x80).prop_map(|tag| vec![tag]),
        3 => handle.prop_map(|handle| [&[0x71][..], &handle].concat()),
        2 => (0_u8..32).prop_map(move |flags| [&[0x73][..], &class("C", flags)].concat()),
        1 => Just([&[0x75][..], &class("[I", 2), &[0, 0, 0, 1, 0, 0, 0, 7]].concat()),
        1 => Just([&[0x75][..], &class("[LC;", 2), &[0, 0, 0, 2]].concat()),
        2 => Just(vec![0x74, 0, 1, b'x']),
        1 => Just(vec![0x77, 2, 1, 2]),
        1 => vec(any::<u8>(), 0..4),
    ];
    vec(item, 0..40).prop_map(|items| {
        let mut bytes = vec![0xAC, 0xED, 0, 5];
        bytes.extend(items.concat());
        bytes
    })
}

/// Some hundred streams of each sort, or as many as `PROPTEST_CASES` says.
fn config() -> ProptestConfig {
    let asked = std::env::var("PROPTEST_CASES").ok();
    let asked = asked.and_then(|cases| cases.parse().ok());
    ProptestConfig {
        cases: asked.unwrap_or(500),
        failure_persistence: None,
        ..ProptestConfig::default()
    }
}

proptest! {
    #![proptest_config(config())]

    #[test]
    fn a_broken_stream_is_refused_or_written_back_unchanged(bytes in broken()) {
        let _ = check(&bytes);
    }

    #[test]
    fn any_order_of_items_is_refused_or_written_back_unchanged(bytes in soup()) {
        let _ = check(&bytes);
    }
}

#[test]
fn a_stream_that_ends_early_is_refused_wherever_it_ends() {
    for fixture in fixtures::all() {
        // The long ones not at every byte: that is slow and shows no more.
        let step = 1 + fixture.stream.len() / 100;
        for end in (5..fixture.stream.len()).step_by(step) {
            let problem = check(&fixture.stream[..end]).unwrap_err();
            let cut = format!("{problem:?}").starts_with("Truncated");
            assert!(cut, "{} cut at {end}: {problem}", fixture.name);
        }
    }
}
