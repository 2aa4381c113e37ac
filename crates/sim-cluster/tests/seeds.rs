//! The simulation itself: a seed repeats, and deliberate bugs are found.
#![allow(clippy::unwrap_used)]

use std::process::{Command, Output};

#[cfg(debug_assertions)]
/// A deliberate bug must show within this many seeds.
const CANARY_SEEDS: &str = "8";

fn program(arguments: &[&str], canary: &str) -> Output {
    Command::new(env!("CARGO_BIN_EXE_vesta-sim-cluster"))
        .args(arguments)
        .env("VESTA_CANARY", canary)
        .output()
        .unwrap()
}

fn text(output: &Output) -> String {
    String::from_utf8_lossy(&output.stdout).into_owned()
}

#[cfg(debug_assertions)]
fn is_found(canary: &str, by: &str) {
    let output = program(&["run", "--seeds", CANARY_SEEDS, "--until-failure"], canary);
    let text = text(&output);
    assert_eq!(
        output.status.code(),
        Some(5),
        "{canary} was not found: {text}"
    );
    let violated = text.lines().filter(|line| line.starts_with("violated: "));
    let violated: Vec<&str> = violated.collect();
    assert!(
        violated.iter().any(|line| line.contains(by)),
        "{canary} was found by something else: {violated:?}"
    );
}

#[test]
fn a_seed_tells_the_same_story_each_time() {
    let stories: Vec<String> = (0..2)
        .map(|_| {
            let output = program(&["replay", "20"], "");
            assert!(output.status.success(), "{}", text(&output));
            // The last line says how long it took.
            let text = text(&output);
            text.lines()
                .filter(|line| line.starts_with('['))
                .collect::<Vec<_>>()
                .join("\n")
        })
        .collect();
    assert!(stories[0].lines().count() > 100);
    assert!(stories[0] == stories[1], "the stories differ");
}

#[cfg(debug_assertions)]
#[test]
fn a_vote_that_is_not_persisted_is_found() {
    is_found("vote-not-persisted", "and was in term");
}

#[cfg(debug_assertions)]
#[test]
fn an_acknowledgement_before_the_flush_is_found() {
    is_found("acknowledge-before-flush", "disks have it");
}

#[cfg(debug_assertions)]
#[test]
fn a_read_that_asks_no_quorum_is_found() {
    is_found("stale-read", "was acknowledged, and a later read");
}
