//! D28: what this format has written is read by every later release, to the same state.
//!
//! `tests/frozen/format-1` holds the data directory of a master, with a snapshot and a log behind it, and
//! a state that `vesta snapshot save` wrote. Both are made once per format by
//!
//! ```text
//! cargo test -p vesta --test vesta-tests frozen::write -- --ignored
//! ```
//!
//! and never again once that format is released. A later release adds a folder beside it.

use std::path::{Path, PathBuf};
use std::process::Command;
use std::time::Duration;

use serde::{Deserialize, Serialize};
use serde_json::Value;
use vesta_consensus::{Config, Node};
use vesta_local::{Options, wait_until};
use vesta_master::machine::{Machine, Shared};

use crate::support::{self, BOUND, FOR_EVER, options, start, stderr};

/// What a frozen directory must be read as.
#[derive(Debug, PartialEq, Eq, Serialize, Deserialize)]
struct Expected {
    index: u64,
    state_hash: String,
    snapshot_index: u64,
    drivers: usize,
}

fn folder(format: u32) -> PathBuf {
    Path::new(env!("CARGO_MANIFEST_DIR")).join(format!("../../tests/frozen/format-{format}"))
}

/// Reads a data directory as a master does at its start, without ever standing for election.
async fn read(dir: &Path) -> Expected {
    let shared = Shared::new();
    let addresses = support::free_addresses(2);
    let config = Config {
        node_id: 1,
        data_dir: dir.to_owned(),
        raft_listen: addresses[0],
        client_addr: addresses[1].to_string(),
        raft_addr: addresses[0].to_string(),
        peers: Vec::new(),
        form: false,
        heartbeat: Duration::from_secs(10),
        election_min: Duration::from_secs(300),
        election_max: Duration::from_secs(600),
        snapshot_every: 10_000,
        speaks: vesta_core::version::LATEST,
    };
    let node = Node::start(config, Machine(shared.clone())).await.unwrap();
    // It is told a moment after the start.
    let mut status = node.watch();
    let told = status.wait_for(|status| status.snapshot_index > 0);
    let snapshot_index = match tokio::time::timeout(BOUND, told).await {
        Ok(status) => status.unwrap().snapshot_index,
        Err(_) => 0,
    };
    let read = {
        let state = shared.state();
        Expected {
            index: state.applied,
            state_hash: format!("{:016x}", state.digest()),
            snapshot_index,
            drivers: state.drivers.len(),
        }
    };
    node.shutdown().await;
    read
}

fn tar(args: &[&str]) {
    let status = Command::new("tar").args(args).status().unwrap();
    assert!(status.success(), "tar {args:?}");
}

#[tokio::test(flavor = "multi_thread")]
async fn a_data_directory_of_format_1_is_read_to_the_same_state() {
    let folder = folder(1);
    let expected = std::fs::read(folder.join("expected.json")).unwrap();
    let expected: Expected = serde_json::from_slice(&expected).unwrap();
    let dir = tempfile::tempdir().unwrap();
    let archive = folder.join("master.tar.gz");
    tar(&[
        "xzf",
        archive.to_str().unwrap(),
        "-C",
        dir.path().to_str().unwrap(),
    ]);
    let master = dir.path().join("master-1");
    assert_eq!(read(&master).await, expected);
    assert!(expected.snapshot_index > 0 && expected.snapshot_index < expected.index);
}

#[tokio::test(flavor = "multi_thread")]
async fn a_saved_state_of_format_1_is_read_to_the_same_state() {
    let saved = folder(1).join("saved-state");
    let path = saved.to_str().unwrap();
    let output = support::vesta(
        "vesta://127.0.0.1:1",
        &["snapshot", "inspect", path, "--json"],
    )
    .await;
    assert!(output.status.success(), "{}", stderr(&output));
    let shown: Value = serde_json::from_slice(&output.stdout).unwrap();
    let expected = std::fs::read(folder(1).join("saved-state.json")).unwrap();
    let expected: Value = serde_json::from_slice(&expected).unwrap();
    assert_eq!(shown, expected);
}

/// Makes the folder of the newest format; see the top of this file.
#[tokio::test(flavor = "multi_thread")]
#[ignore = "it writes what later releases must read"]
async fn write() {
    let mut options = Options {
        masters: 1,
        time_scale: 1.0,
        ..options()
    };
    options.master_settings = toml::toml! { snapshot_every = 25 };
    let mut cluster = start(options).await;
    let (app, _events) = cluster.app_of("app", 2, FOR_EVER).register().await.unwrap();
    let stays = cluster.driver_of("stays", 1, FOR_EVER);
    let stays = cluster.submit(&stays).await;
    cluster.running(&stays.id).await;
    for number in 0..6 {
        let body = if number % 2 == 0 { "" } else { "exit 3" };
        let mut driver = cluster.driver_of(&format!("driver-{number}"), 1, body);
        driver.supervise = number == 4;
        let submitted = cluster.submit(&driver).await;
        cluster
            .driver_that(&submitted.id, "over", |driver| driver.ended)
            .await;
    }
    // Restarts: further terms and epochs.
    cluster.masters[0].kill().unwrap();
    cluster.masters[0].start().unwrap();
    cluster.leader().await;
    app.set_target(1).await.unwrap();
    app.kill_executors(vec![0]).await.unwrap();
    let waits = cluster.driver_of("waits", 64, "");
    cluster.submit(&waits).await;
    let folder = folder(1);
    std::fs::create_dir_all(&folder).unwrap();
    let saved = folder.join("saved-state");
    let output = cluster
        .vesta(&["snapshot", "save", saved.to_str().unwrap()])
        .await;
    assert!(output.status.success(), "{}", stderr(&output));
    let inspect = ["snapshot", "inspect", saved.to_str().unwrap(), "--json"];
    let shown = cluster.vesta(&inspect).await.stdout;
    std::fs::write(folder.join("saved-state.json"), shown).unwrap();

    // The master first, so that nothing changes any more.
    assert!(cluster.masters[0].stop(BOUND).await.unwrap());
    let dir = cluster.masters[0].dir();
    let copy = tempfile::tempdir().unwrap();
    let archive = folder.join("master.tar.gz");
    tar(&[
        "czf",
        archive.to_str().unwrap(),
        "-C",
        dir.parent().unwrap().to_str().unwrap(),
        "master-1",
    ]);
    tar(&[
        "xzf",
        archive.to_str().unwrap(),
        "-C",
        copy.path().to_str().unwrap(),
    ]);
    let expected = read(&copy.path().join("master-1")).await;
    let text = serde_json::to_string_pretty(&expected).unwrap();
    std::fs::write(folder.join("expected.json"), text).unwrap();
}

/// D28. What is not known is never skipped: not once, and not after a restart.
#[tokio::test(flavor = "multi_thread")]
async fn an_entry_that_nobody_knows_stops_every_master_that_gets_it_and_goes_on_stopping_it() {
    let mut cluster = support::prepare(Options {
        masters: 1,
        workers: 0,
        ..options()
    })
    .await;
    let gate = "master.write_unknown=1*return";
    cluster.masters[0].set_env("FAILPOINTS", gate);
    cluster.masters[0].start().unwrap();
    for start in 1..3 {
        let ended = cluster.masters[0].wait(BOUND).await.unwrap().unwrap();
        assert_eq!(ended.code(), Some(1), "start {start}");
        let log = cluster.masters[0].log_text();
        let said = log.matches("can't be applied").count();
        assert!(said >= start, "start {start}: {log}");
        cluster.masters[0].remove_env("FAILPOINTS");
        cluster.masters[0].start().unwrap();
    }
    cluster.masters[0].wait(BOUND).await.unwrap();
    cluster.finish().await;
}

/// The rules are raised only when all members speak the next version; who is set back then stops.
#[tokio::test(flavor = "multi_thread")]
async fn the_version_of_the_rules_is_raised_when_the_last_master_speaks_it_and_an_older_one_stops_then()
 {
    let options = Options {
        log: "info,vesta_master=debug".to_owned(),
        ..options()
    };
    let mut cluster = support::prepare(options).await;
    let spoken = vesta_core::version::LATEST;
    let next = format!("master.speaks=return({})", spoken + 1);
    for at in 0..2 {
        cluster.masters[at].set_env("FAILPOINTS", &next);
    }
    cluster.start_all().await;
    let version = async || {
        let request = vesta_client::proto::ListRequest::default();
        let reply = cluster.client().list_masters(request).await.unwrap();
        (
            reply.version,
            reply.masters.iter().map(|one| one.speaks).min(),
        )
    };
    wait_until("what all speak to be followed", BOUND, async || {
        version().await == (spoken, Some(spoken))
    })
    .await
    .unwrap();
    // One that speaks it leads, has looked twice, and has left it.
    if cluster.leader().await == 2 {
        let output = cluster.vesta(&["cluster", "transfer", "1"]).await;
        assert!(output.status.success(), "{}", stderr(&output));
    }
    let said = "not every master speaks the next version of the rules";
    let looks = |at: usize| cluster.masters[at].log_text().matches(said).count();
    let before = [looks(0), looks(1)];
    let looked = wait_until("the leader to have looked twice", BOUND, async || {
        (0..2).any(|at| looks(at) >= before[at] + 2)
    });
    looked.await.unwrap();
    assert_eq!(version().await, (spoken, Some(spoken)));
    cluster.masters[2].kill().unwrap();
    cluster.masters[2].set_env("FAILPOINTS", &next);
    cluster.restart_master(2).await;
    let client = cluster.client();
    wait_until("the version to be raised", BOUND, async || {
        let request = vesta_client::proto::ListRequest::default();
        let reply = client.list_masters(request).await;
        reply.is_ok_and(|reply| reply.version == spoken + 1)
    })
    .await
    .unwrap();

    // A release that does not speak it can't come back, nor be added.
    cluster.masters[2].kill().unwrap();
    cluster.masters[2].remove_env("FAILPOINTS");
    cluster.masters[2].start().unwrap();
    let ended = cluster.masters[2].wait(BOUND).await.unwrap().unwrap();
    assert_eq!(ended.code(), Some(1));
    let log = cluster.masters[2].log_text();
    let needs = format!("it needs version {} of the rules", spoken + 1);
    assert!(log.contains(&needs), "{log}");
    let (at, named) = cluster.add_master().unwrap();
    cluster.masters[at].start().unwrap();
    let url = cluster.master_url();
    let output = support::vesta(&url, &["cluster", "add", &named]).await;
    assert_eq!(output.status.code(), Some(1), "{}", stderr(&output));
    assert!(
        stderr(&output).contains(&format!("speaks version {spoken}")),
        "{}",
        stderr(&output)
    );
    cluster.finish().await;
}
