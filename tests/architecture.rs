//! The arrows between the crates, as ARCHITECTURE.md states them.

use std::collections::{BTreeMap, BTreeSet};
use std::process::Command;

use serde_json::Value;

/// What each crate depends on, for its own code (not its tests), by package name.
fn dependencies() -> BTreeMap<String, BTreeSet<String>> {
    let output = Command::new(env!("CARGO"))
        .args([
            "metadata",
            "--format-version",
            "1",
            "--no-deps",
            "--offline",
        ])
        .current_dir(env!("CARGO_MANIFEST_DIR"))
        .output()
        .expect("cargo runs, since it runs this test");
    assert!(
        output.status.success(),
        "{}",
        String::from_utf8_lossy(&output.stderr)
    );
    let metadata: Value = serde_json::from_slice(&output.stdout).expect("cargo prints JSON");
    let packages = metadata["packages"]
        .as_array()
        .expect("packages are a list");
    let name = |value: &Value| value["name"].as_str().expect("a name is text").to_owned();
    packages
        .iter()
        .map(|package| {
            let all = package["dependencies"]
                .as_array()
                .expect("dependencies are a list");
            let own = all.iter().filter(|dependency| dependency["kind"] != "dev");
            (name(package), own.map(name).collect())
        })
        .collect()
}

/// All crates of this workspace that `package` reaches.
fn reached(package: &str, all: &BTreeMap<String, BTreeSet<String>>) -> BTreeSet<String> {
    let mut found = BTreeSet::new();
    let mut open = vec![package.to_owned()];
    while let Some(next) = open.pop() {
        for dependency in all.get(&next).into_iter().flatten() {
            if all.contains_key(dependency) && found.insert(dependency.clone()) {
                open.push(dependency.clone());
            }
        }
    }
    found
}

fn set(names: &[&str]) -> BTreeSet<String> {
    names.iter().map(|name| (*name).to_owned()).collect()
}

#[test]
fn the_core_knows_only_the_words_and_no_io() {
    let all = dependencies();
    assert_eq!(reached("vesta-core", &all), set(&["vesta-types"]));
    assert_eq!(reached("vesta-types", &all), set(&[]));
    for package in ["vesta-core", "vesta-types"] {
        for io in [
            "tokio", "tonic", "sled", "rand", "rustix", "fail", "tracing",
        ] {
            assert!(!all[package].contains(io), "{package} depends on {io}");
        }
    }
}

#[test]
fn the_journal_knows_no_domain_and_the_engines_are_named_once() {
    let all = dependencies();
    assert_eq!(reached("vesta-journal", &all), set(&["vesta-types"]));
    for (engine, owner) in [("sled", "vesta-journal"), ("openraft", "vesta-consensus")] {
        let users = all
            .iter()
            .filter(|(_, dependencies)| dependencies.contains(engine));
        let users: BTreeSet<String> = users.map(|(package, _)| package.clone()).collect();
        assert_eq!(users, set(&[owner]), "{engine}");
    }
}

#[test]
fn java_serialization_knows_nothing_of_ours_and_sparks_protocol_nothing_of_the_masters() {
    let all = dependencies();
    assert_eq!(reached("vesta-javaser", &all), set(&[]));
    assert_eq!(
        reached("vesta-spark", &all),
        set(&["vesta-javaser", "vesta-types"])
    );
}

#[test]
fn workers_and_clients_know_neither_the_state_nor_the_log() {
    let all = dependencies();
    let client = set(&["vesta-net", "vesta-proto", "vesta-types"]);
    assert_eq!(reached("vesta-client", &all), client);
    let worker = set(&["vesta-observe", "vesta-proto", "vesta-types"]);
    assert_eq!(reached("vesta-worker", &all), worker);
    assert_eq!(reached("vesta-observe", &all), set(&[]));
    assert_eq!(reached("vesta-net", &all), set(&[]));
}

#[test]
fn consensus_knows_nothing_of_what_it_replicates() {
    let reached = reached("vesta-consensus", &dependencies());
    assert!(!reached.contains("vesta-core"), "{reached:?}");
}
