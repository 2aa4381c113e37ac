//! D28: entries and states that this format has written are read by every later release, to the same
//! state. The newest folder in `frozen` is written once by
//!
//! ```text
//! cargo test -p vesta-core frozen::write -- --ignored
//! ```
//!
//! and never again once it has been committed: what adds a kind of entry writes another one. What a later release adds must be left out of what it
//! writes for as long as it has its default, or these hashes change.

use std::collections::{BTreeMap, BTreeSet};
use std::path::PathBuf;

use uuid::Uuid;
use vesta_types::{Artifact, ExecutorSize, ProfileRequest, ResourceProfile};

use super::spark::*;
use super::support::*;
use crate::codec;
use crate::command::{Command, Entry, Placement, Request, SparkAsk};
use crate::state::ClusterState;

/// What has been written, the newest last: format 1 as it was first, as it was when drains had come, when
/// version 2 of the rules had, and when version 3 had.
const WRITTEN: [&str; 4] = [
    "format-1",
    "format-1-drains",
    "format-1-ageing",
    "format-1-spark",
];

fn folder(written: &str) -> PathBuf {
    let tests = PathBuf::from(env!("CARGO_MANIFEST_DIR")).join("src/apply/tests");
    tests.join("frozen").join(written)
}

fn file(written: &str, name: &str) -> Vec<u8> {
    std::fs::read(folder(written).join(name)).unwrap()
}

/// The entries of a file: each with its length, 4 bytes, big-endian, before it.
fn entries(mut bytes: &[u8]) -> Vec<&[u8]> {
    let mut entries = Vec::new();
    while let Some((length, rest)) = bytes.split_first_chunk() {
        let (entry, rest) = rest.split_at(u32::from_be_bytes(*length) as usize);
        entries.push(entry);
        bytes = rest;
    }
    assert!(bytes.is_empty());
    entries
}

/// What kind of entry it is. Who adds a kind here also adds it to [`history`], in a new format.
fn kinds(entry: &Entry) -> BTreeSet<&'static str> {
    let kind = match &entry.command {
        Command::LeaderStarted { .. } => "leader started",
        Command::CompleteRecovery { .. } => "complete recovery",
        Command::AttachWorker { .. } => "attach worker",
        Command::ReportInstances { .. } => "report instances",
        Command::LoseWorkers { .. } => "lose workers",
        Command::EndLeases { .. } => "end leases",
        Command::EndDrains { .. } => "end drains",
        Command::ConfirmApplication { .. } => "confirm application",
        Command::ExpireApplications { .. } => "expire applications",
        Command::NoteMaster { .. } => "note master",
        Command::RaiseVersion { .. } => "raise version",
        Command::FromSparkDriver { ask, .. } => match ask {
            SparkAsk::SetTargets { .. } => "set targets",
            SparkAsk::KillExecutors { .. } => "kill executors for spark",
            SparkAsk::Unregister => "unregister for spark",
        },
        Command::Place { placements, .. } => {
            let kind = |placement: &Placement| match placement {
                Placement::Driver { .. } => "place driver",
                Placement::Executor { .. } => "place executor",
            };
            return placements.iter().map(kind).collect();
        }
        Command::Client { request, .. } => match request {
            Request::SubmitDriver { .. } => "submit driver",
            Request::KillDriver { .. } => "kill driver",
            Request::RegisterApplication { .. } => "register application",
            Request::SetExecutorTarget { .. } => "set executor target",
            Request::AddProfile { .. } => "add profile",
            Request::KillExecutors { .. } => "kill executors",
            Request::UnregisterApplication { .. } => "unregister application",
            Request::KillApplication { .. } => "kill application",
            Request::PublishEndpoint { .. } => "publish endpoint",
            Request::DrainWorker { .. } => "drain worker",
            Request::UndrainWorker { .. } => "undrain worker",
        },
    };
    BTreeSet::from([kind])
}

const KINDS: usize = 27;

/// A history with every kind of entry and as many fields filled in as can be.
fn history() -> Cluster {
    let mut cluster = Cluster::with_workers(3);
    cluster
        .apply(Command::NoteMaster {
            epoch: cluster.epoch(),
            node: 1,
            directory: Uuid::from_u128(0xD1),
        })
        .unwrap();
    let mut full = driver(true);
    full.launch.args = vec!["-c".to_owned(), "true".to_owned()];
    full.launch.env = BTreeMap::from([("A".to_owned(), "b".to_owned())]);
    full.launch.artifacts = vec![Artifact {
        uri: "/opt/app.jar".to_owned(),
    }];
    full.conf = BTreeMap::from([("spark.x".to_owned(), "y".to_owned())]);
    full.executor = Some(ExecutorSize {
        cores: 1,
        memory_mib: 64,
    });
    full.total_executor_cores = Some(2);
    full.lease = Some(LEASE);
    let full = cluster.submit_as(full);
    let instance = cluster.place_driver(&full, 0);
    cluster.report(0, &[runs(&instance)]);
    for (run, name) in [(0, "rpc"), (1, "web")] {
        cluster
            .ask(Request::PublishEndpoint {
                instance: instance.clone(),
                restart: run,
                name: name.to_owned(),
                address: "h:4040".to_owned(),
            })
            .unwrap();
    }
    let (unsupervised, other) = cluster.running_driver(false, 1);
    let app = cluster.register_of(&full);
    let second = ProfileRequest {
        profile: ResourceProfile {
            id: 1,
            cores: Some(2),
            memory_mib: 128,
            named: BTreeMap::from([("gpu".to_owned(), 1)]),
        },
        target: Some(2),
    };
    let add = Request::AddProfile {
        app: app.clone(),
        wanted: second,
    };
    cluster.ask(add).unwrap();
    let target = Request::SetExecutorTarget {
        app: app.clone(),
        profile: 0,
        target: 3,
    };
    cluster.ask(target).unwrap();
    let first = cluster.running_executor(&app, 1);
    let with_gpu = Placement::Executor {
        app: app.clone(),
        profile: 1,
        worker: worker_id(2),
        incarnation: incarnation(2, 0),
        cores: 2,
        named: BTreeMap::from([("gpu".to_owned(), ["1".to_owned()].into())]),
    };
    assert_eq!(cluster.place(vec![with_gpu]), (1, 0));
    cluster.report(1, &[exited(&first, 1)]);
    let doomed = cluster.running_executor(&app, 1);
    cluster
        .ask(Request::KillExecutors {
            app: app.clone(),
            executors: vec![doomed_number(&doomed)],
        })
        .unwrap();
    cluster.report(1, &[killed(&doomed), exited(&other, 0)]);
    let waits = cluster.submit(false);
    cluster.kill(&waits).unwrap();
    cluster.wait(5);
    cluster.lead();
    cluster.attach(0, 0, &[runs(&instance)]);
    cluster.attach(1, 0, &[]);
    cluster.confirm(&app).unwrap();
    cluster.complete(&[2]).unwrap();
    cluster.lose(0);
    cluster
        .apply(Command::EndLeases {
            epoch: cluster.epoch(),
            drivers: vec![(full.clone(), 1)],
        })
        .unwrap();
    cluster.place_driver(&full, 1);
    for how in 0..3 {
        let over = cluster.register();
        match how {
            0 => cluster.expire(&over).unwrap(),
            1 => cluster.ask(Request::KillApplication { app: over }).unwrap(),
            _ => cluster
                .ask(Request::UnregisterApplication {
                    app: over,
                    failed: true,
                    message: "gave up".to_owned(),
                })
                .unwrap(),
        };
    }
    let stray = vesta_types::InstanceId::driver(cluster_id(), unsupervised, 9);
    cluster.report(1, &[runs(&stray)]);
    cluster
        .apply(Command::RaiseVersion {
            epoch: cluster.epoch(),
            version: 1,
        })
        .unwrap();
    cluster.attach(2, 0, &[]);
    cluster.drain(2, 3_600_000).unwrap();
    cluster.undrain(2).unwrap();
    // The snapshot has a drain that is over, with a driver that moves.
    let (moving, _) = cluster.running_driver(true, 2);
    cluster.drain(2, 60_000).unwrap();
    let drains = vec![(worker_id(2), cluster.state.drains[&worker_id(2)].index)];
    let epoch = cluster.epoch();
    let over = Command::EndDrains { epoch, drains };
    cluster.apply(over).unwrap();
    assert!(cluster.driver(&moving).placement.as_ref().unwrap().moving);
    // From here on what has ended ages by a clock of its own.
    cluster
        .apply(Command::RaiseVersion {
            epoch: cluster.epoch(),
            version: 2,
        })
        .unwrap();
    let waits = cluster.submit(false);
    cluster.wait(3_600);
    cluster.kill(&waits).unwrap();
    let app = cluster.register();
    cluster.wait(1);
    cluster.expire(&app).unwrap();
    cluster.lose(1);
    let ages_from = cluster.app(&app).ages_from;
    assert!(ages_from.is_some() && ages_from < cluster.app(&app).ended);
    assert_eq!(cluster.worker(1).ages_from, ages_from);
    assert!(cluster.driver(&waits).ages_from < ages_from);
    spark_comes(&mut cluster);
    cluster
}

/// Workers of both kinds, a driver and applications of Spark's.
fn spark_comes(cluster: &mut Cluster) {
    cluster.speak_spark();
    cluster.attach_as(spark_worker(3, "4.0.1"), &[]).unwrap();
    let homes = &["3.5.6", "4.0.1"];
    cluster.attach_as(with_homes(4, homes), &[]).unwrap();
    let driver = cluster.submit_as(spark_driver("4.0.1"));
    cluster.place_driver(&driver, 4);
    let app = cluster.register_as(spark_application("4.0.1", 4041));
    let executors = [3, 4].map(|n| cluster.running_executor(&app, n));
    let wanted = spark_application("4.0.1", 4041).profiles.into_values();
    let wanted = wanted.map(|request| ProfileRequest {
        target: Some(7),
        ..request
    });
    let over = cluster.register_as(spark_application("4.0.1", 4042));
    let executors = vec![doomed_number(&executors[0])];
    for (app, ask) in [
        (
            &app,
            SparkAsk::SetTargets {
                wanted: wanted.collect(),
            },
        ),
        (&app, SparkAsk::KillExecutors { executors }),
        (&over, SparkAsk::Unregister),
    ] {
        cluster.spark_asks(app, ask).unwrap();
    }
}

fn doomed_number(instance: &vesta_types::InstanceId) -> u32 {
    match instance.work {
        vesta_types::Work::Executor { number, .. } => number,
        vesta_types::Work::Driver { .. } => panic!("{instance} is an executor"),
    }
}

#[test]
fn a_log_of_format_1_is_applied_to_the_same_state() {
    let mut found = BTreeSet::new();
    for written in WRITTEN {
        let log = file(written, "log.entries");
        let mut state = ClusterState::default();
        for (index, bytes) in (1..).zip(entries(&log)) {
            let entry: Entry = codec::decode("frozen entry", bytes).unwrap();
            let same = codec::encode(&entry) == bytes;
            assert!(
                same,
                "entry {index} of {written} is not written as it was: {entry:?}"
            );
            found.extend(kinds(&entry));
            state.apply(index, &entry).ok();
        }
        let hash = String::from_utf8(file(written, "state.hash")).unwrap();
        assert_eq!(format!("{:016x}", state.digest()), hash.trim(), "{written}");
    }
    assert_eq!(found.len(), KINDS, "{found:?}");
}

#[test]
fn a_state_of_format_1_is_read_and_written_as_it_was() {
    for written in WRITTEN {
        let bytes = file(written, "snapshot.state");
        let state: ClusterState = codec::decode("frozen state", &bytes).unwrap();
        let same = codec::encode(&state) == bytes;
        assert!(same, "{written} is not written as it was");
        let hash = String::from_utf8(file(written, "state.hash")).unwrap();
        assert_eq!(format!("{:016x}", state.digest()), hash.trim(), "{written}");
    }
}

#[test]
#[ignore = "it writes what later releases must read"]
fn write() {
    let cluster = history();
    let mut log = Vec::new();
    for entry in &cluster.log {
        let bytes = codec::encode(entry);
        log.extend_from_slice(&(bytes.len() as u32).to_be_bytes());
        log.extend_from_slice(&bytes);
    }
    let folder = folder(WRITTEN[WRITTEN.len() - 1]);
    std::fs::create_dir_all(&folder).unwrap();
    std::fs::write(folder.join("log.entries"), log).unwrap();
    std::fs::write(folder.join("snapshot.state"), codec::encode(&cluster.state)).unwrap();
    let hash = format!("{:016x}\n", cluster.state.digest());
    std::fs::write(folder.join("state.hash"), hash).unwrap();
}
