//! Streams that were met by chance and kept: one for each reason to refuse, and some that were accepted.

use std::collections::BTreeMap;
use std::fs;
use std::path::PathBuf;

use proptest::prop_oneof;
use proptest::strategy::{Strategy, ValueTree};
use proptest::test_runner::TestRunner;
use vesta_javaser::Stream;

use crate::check::check;
use crate::fixtures;

fn folder() -> PathBuf {
    fixtures::folder().join("corpus")
}

/// Why a stream was refused, as one word.
fn outcome(result: &Result<Stream, vesta_javaser::Problem>) -> String {
    match result {
        Ok(_) => "Accepted".to_owned(),
        Err(problem) => {
            let shown = format!("{problem:?}");
            let end = shown.find(|c: char| !c.is_alphanumeric());
            shown[..end.unwrap_or(shown.len())].to_owned()
        }
    }
}

#[test]
fn each_stream_of_the_corpus_has_the_outcome_that_it_is_named_for() {
    let mut outcomes = BTreeMap::new();
    for path in fixtures::files(&folder(), "bin") {
        let name = path.file_stem().unwrap().to_str().unwrap();
        let (expected, _) = name.split_once('-').unwrap();
        let bytes = fs::read(&path).unwrap();
        assert_eq!(outcome(&check(&bytes)), expected, "{name}");
        *outcomes.entry(expected.to_owned()).or_insert(0) += 1;
    }
    assert!(outcomes.len() >= 12, "{outcomes:?}");
}

/// Writes the corpus anew: of each outcome the three shortest streams.
#[test]
#[ignore = "changes the committed corpus; run it by hand after the reasons to refuse have changed"]
fn collect() {
    const KEPT: usize = 3;
    let mut found: BTreeMap<String, Vec<Vec<u8>>> = BTreeMap::new();
    let mut runner = TestRunner::deterministic();
    let strategy = prop_oneof![crate::fuzz::broken(), crate::fuzz::soup()];
    for _ in 0..40_000 {
        let bytes = strategy.new_tree(&mut runner).unwrap().current();
        let of_its_kind = found.entry(outcome(&check(&bytes))).or_default();
        if !of_its_kind.contains(&bytes) {
            of_its_kind.push(bytes);
            of_its_kind.sort_by_key(Vec::len);
            of_its_kind.truncate(KEPT);
        }
    }
    fs::create_dir_all(folder()).unwrap();
    for (outcome, streams) in found {
        for (at, bytes) in streams.iter().enumerate() {
            fs::write(folder().join(format!("{outcome}-{at}.bin")), bytes).unwrap();
        }
    }
}
