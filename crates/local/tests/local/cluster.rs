//! Starting, faults, and leaving nothing behind.

use std::collections::BTreeSet;
use std::io::{BufRead, BufReader};
use std::panic::AssertUnwindSafe;
use std::process::{Command, Stdio};

use vesta_local::{Cluster, LocalError, PARENT_VARIABLE, Process};

use crate::stand_in::{BROKEN, CARELESS, MODE, ORDERLY, STARTER};
use crate::{LONG, all_gone, processes, ready, stand_ins};

#[tokio::test]
async fn every_process_has_an_address_a_directory_and_a_log_of_its_own() {
    let cluster = ready(ORDERLY).await;
    let nodes = || cluster.masters.iter().chain(&cluster.workers);
    assert_eq!((cluster.masters.len(), cluster.workers.len()), (3, 2));
    assert!(nodes().all(|node| node.is_running() && node.address().ip().is_loopback()));
    let addresses: BTreeSet<_> = nodes().map(|node| node.address()).collect();
    let dirs: BTreeSet<_> = nodes().map(|node| node.dir()).collect();
    assert_eq!((addresses.len(), dirs.len()), (5, 5));
    let url = cluster.master_url();
    assert!(
        url.starts_with("vesta://127.0.0.1:") && url.split(',').count() == 3,
        "{url}"
    );
    let text = std::fs::read_to_string(cluster.masters[1].config()).unwrap();
    let config: toml::Table = text.parse().unwrap();
    assert_eq!(config["node_id"].as_integer(), Some(2));
    assert_eq!(config["peers"].as_array().unwrap().len(), 3);
}

#[tokio::test]
async fn a_killed_process_starts_again_at_its_address_with_the_environment_set_meanwhile() {
    let mut cluster = ready(ORDERLY).await;
    let master = &mut cluster.masters[0];
    let (address, before) = (master.address(), master.process());
    master.kill().unwrap();
    assert!(!master.is_running());
    assert_eq!(master.pid(), None);
    master.kill().unwrap();
    master.set_env("VESTA_TEST_VARIABLE", "set");
    master.start().unwrap();
    assert!(matches!(master.start(), Err(LocalError::State { .. })));
    cluster.ready(LONG).await.unwrap();
    let master = &cluster.masters[0];
    assert_eq!(master.address(), address);
    assert_ne!(master.process(), before);
    assert_eq!(master.starts(), 2);
    assert!(
        master.log_text().contains("variable=Some(\"set\")"),
        "{}",
        master.log_text()
    );
}

#[tokio::test]
async fn a_paused_process_runs_and_stands_still_until_it_is_resumed() {
    let mut cluster = ready(ORDERLY).await;
    let master = &mut cluster.masters[2];
    master.pause().unwrap();
    assert!(master.is_running() && master.is_paused());
    master.resume().unwrap();
    assert!(!master.is_paused());
    master.pause().unwrap();
    assert!(
        master.stop(LONG).await.unwrap(),
        "it was asked, and ended by itself"
    );
    assert!(matches!(master.pause(), Err(LocalError::State { .. })));
}

#[tokio::test]
async fn an_orderly_end_leaves_nothing_to_kill() {
    let mut cluster = ready(ORDERLY).await;
    let all = processes(&cluster).await;
    assert_eq!(cluster.stop_all().await.unwrap(), Vec::<String>::new());
    assert!(!all.iter().any(|process| process.is_alive()));
}

#[tokio::test]
async fn what_no_worker_ended_is_named_and_killed() {
    let mut cluster = ready(CARELESS).await;
    let all = processes(&cluster).await;
    let left = cluster.stop_all().await.unwrap();
    assert_eq!(left.len(), 2, "{left:?}");
    assert!(
        left.iter().all(|left| left.contains("sleep 600")),
        "{left:?}"
    );
    all_gone(&all).await;
}

#[tokio::test]
async fn a_dropped_cluster_leaves_no_process_and_no_file_and_touches_nobody_else() {
    let mut cluster = ready(ORDERLY).await;
    let all = processes(&cluster).await;
    let dir = cluster.dir().to_owned();
    let mut bystander = Command::new("sleep")
        .arg("600")
        .current_dir(&dir)
        .spawn()
        .unwrap();
    cluster.workers[0].kill().unwrap();
    cluster.masters[0].pause().unwrap();
    assert!(all.iter().filter(|process| process.is_alive()).count() == 6);
    drop(cluster);
    assert!(!all.iter().any(|process| process.is_alive()));
    assert!(!dir.exists());
    assert!(Process::of(bystander.id()).unwrap().is_alive());
    bystander.kill().unwrap();
    bystander.wait().unwrap();
}

#[tokio::test]
async fn a_panic_leaves_no_process_and_keeps_the_logs() {
    let cluster = ready(ORDERLY).await;
    let all = processes(&cluster).await;
    let dir = cluster.dir().to_owned();
    let panicking = AssertUnwindSafe(move || {
        let _cluster = cluster;
        panic!("a check failed");
    });
    assert!(std::panic::catch_unwind(panicking).is_err());
    assert!(!all.iter().any(|process| process.is_alive()));
    assert!(dir.join("master-1.log").exists());
    std::fs::remove_dir_all(dir).unwrap();
}

#[tokio::test]
async fn a_killed_starter_takes_its_cluster_with_it() {
    let options = stand_ins(STARTER);
    let mut starter = Command::new(&options.program.path)
        .args(&options.program.args)
        .env(MODE, STARTER)
        .env_remove(PARENT_VARIABLE)
        .stdout(Stdio::piped())
        .stderr(Stdio::null())
        .spawn()
        .unwrap();
    let mut all: Vec<Process> = Vec::new();
    let mut dir = None;
    for line in BufReader::new(starter.stdout.take().unwrap()).lines() {
        let line = line.unwrap();
        if let Some(process) = line.strip_prefix("process=") {
            all.push(process.parse().unwrap());
        }
        if let Some(path) = line.strip_prefix("dir=") {
            dir = Some(path.to_owned());
            break;
        }
    }
    assert_eq!(all.len(), 7);
    assert!(all.iter().all(|process| process.is_alive()));
    starter.kill().unwrap();
    starter.wait().unwrap();
    all_gone(&all).await;
    std::fs::remove_dir_all(dir.unwrap()).unwrap();
}

#[tokio::test]
async fn a_process_that_ends_by_itself_is_an_error_that_shows_its_log() {
    let mut cluster = Cluster::start(stand_ins(BROKEN)).unwrap();
    let text = cluster.ready(LONG).await.unwrap_err().to_string();
    assert!(
        text.contains("master-") || text.contains("worker-"),
        "{text}"
    );
    assert!(text.contains("a stand-in that is broken"), "{text}");
}

#[test]
fn an_even_number_of_masters_is_refused() {
    let mut options = stand_ins(ORDERLY);
    options.masters = 2;
    let text = Cluster::start(options).unwrap_err().to_string();
    assert!(text.contains("2 masters"), "{text}");
}
