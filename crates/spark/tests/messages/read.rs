//! What a master is told is read to what it says. The values expected are those in the fixtures' descriptions.

use std::collections::BTreeMap;

use vesta_spark::message::*;
use vesta_types::SparkPeer;

use crate::fixtures::{VERSIONS, beginning, received, release};

/// What the captures of a version have in common.
struct Cluster {
    version: &'static str,
    master_port: u16,
    worker_id: &'static str,
    app_id: &'static str,
    /// The application that was there when the leader changed, if that was captured.
    surviving_app_id: Option<&'static str>,
    finished_driver_id: &'static str,
    killed_driver_id: &'static str,
}

const CLUSTERS: [Cluster; 3] = [
    Cluster {
        version: "3.5.6",
        master_port: 22000,
        worker_id: "worker-20261121085926-127.0.0.1-22001",
        app_id: "app-20261121085933-0000",
        surviving_app_id: Some("app-20261121090023-0001"),
        finished_driver_id: "driver-20261121085944-0000",
        killed_driver_id: "driver-20261121085957-0001",
    },
    Cluster {
        version: "4.0.1",
        master_port: 21000,
        worker_id: "worker-20261121085718-127.0.0.1-21001",
        app_id: "app-20261121085726-0000",
        surviving_app_id: Some("app-20261121085818-0001"),
        finished_driver_id: "driver-20261121085737-0000",
        killed_driver_id: "driver-20261121085750-0001",
    },
    Cluster {
        version: "4.3.0",
        master_port: 29000,
        worker_id: "worker-20261121092622-127.0.0.1-29001",
        app_id: "app-20261121092633-0000",
        surviving_app_id: None,
        finished_driver_id: "driver-20261121092736-0000",
        killed_driver_id: "driver-20261121092816-0001",
    },
];

impl Cluster {
    #[track_caller]
    fn says(&self, name: &str, expected: FromPeer) {
        let received = received(self.version, name);
        assert_eq!(received.message, expected, "{} {name}", self.version);
        assert_eq!(received.release.dialect, release(self.version).dialect);
    }

    fn peer(&self, endpoint: &str, port: u16) -> SparkPeer {
        SparkPeer {
            host: "127.0.0.1".to_owned(),
            port,
            endpoint: endpoint.to_owned(),
            release: release(self.version),
        }
    }
}

#[test]
fn a_peer_asks_whether_there_is_a_master() {
    for version in VERSIONS {
        let asked = received(version, "CheckExistence-Master").message;
        let name = "Master".to_owned();
        assert_eq!(asked, FromPeer::CheckExistence(CheckExistence { name }));
    }
}

#[test]
fn a_worker_registers_and_says_that_it_lives() {
    for cluster in CLUSTERS {
        let port = cluster.master_port + 1;
        let worker = cluster.peer("Worker", port);
        let registration = RegisterWorker {
            id: cluster.worker_id.to_owned(),
            host: "127.0.0.1".to_owned(),
            port,
            worker: worker.clone(),
            cores: 2,
            memory_mib: 3072,
            web_ui_url: format!("http://127.0.0.1:{}", port + 2),
            master_address: RpcAddress {
                host: "127.0.0.1".to_owned(),
                port: cluster.master_port,
            },
            resources: Resources::new(),
        };
        cluster.says("RegisterWorker", FromPeer::RegisterWorker(registration));
        let state = WorkerLatestState {
            id: cluster.worker_id.to_owned(),
            executors: vec![],
            driver_ids: vec![],
        };
        cluster.says("WorkerLatestState", FromPeer::WorkerLatestState(state));
        let worker_id = cluster.worker_id.to_owned();
        let heartbeat = Heartbeat { worker_id, worker };
        cluster.says("Heartbeat", FromPeer::Heartbeat(heartbeat));
    }
}

#[test]
fn a_worker_says_that_it_goes() {
    for (cluster, id, port) in [
        (&CLUSTERS[0], "worker-20261121091222-127.0.0.1-24004", 24004),
        (&CLUSTERS[1], "worker-20261121090903-127.0.0.1-23004", 23004),
    ] {
        let leaving = WorkerDecommissioning {
            id: id.to_owned(),
            worker: cluster.peer("Worker", port),
        };
        let leaving = FromPeer::WorkerDecommissioning(leaving);
        cluster.says("WorkerDecommissioning", leaving);
    }
}

#[test]
fn a_worker_says_how_executors_and_drivers_do() {
    for cluster in CLUSTERS {
        let of_executor = |app_id: &str, exec_id, state, message: Option<String>, exit_status| {
            FromPeer::ExecutorStateChanged(ExecutorStateChanged {
                app_id: app_id.to_owned(),
                exec_id,
                state,
                message,
                exit_status,
            })
        };
        let app_id = cluster.app_id;
        let running = of_executor(app_id, 0, ExecutorState::Running, None, None);
        cluster.says("ExecutorStateChanged-RUNNING", running);
        let (message, exit) = match cluster.version {
            "3.5.6" => (None, 0),
            _ => {
                let message = format!("Runner thread for executor {app_id}/0 interrupted");
                (Some(message), 143)
            }
        };
        let killed = of_executor(app_id, 0, ExecutorState::Killed, message, Some(exit));
        cluster.says("ExecutorStateChanged-KILLED", killed);
        let exited = match cluster.version {
            "3.5.6" => Some(("app-20261121091244-0000", 0)),
            "4.0.1" => Some(("app-20261121090916-0000", 3)),
            _ => None,
        };
        if let Some((app_id, number)) = exited {
            let message = Some("Command exited with code 137".to_owned());
            let exited = of_executor(app_id, number, ExecutorState::Exited, message, Some(137));
            cluster.says("ExecutorStateChanged-EXITED", exited);
        }
        let of_driver = |driver_id: &str, state| {
            FromPeer::DriverStateChanged(DriverStateChanged {
                driver_id: driver_id.to_owned(),
                state,
                exception: None,
            })
        };
        let finished = of_driver(cluster.finished_driver_id, DriverState::Finished);
        cluster.says("DriverStateChanged-FINISHED", finished);
        let killed = of_driver(cluster.killed_driver_id, DriverState::Killed);
        cluster.says("DriverStateChanged-KILLED", killed);
    }
}

#[test]
fn peers_follow_a_new_leader() {
    for cluster in CLUSTERS {
        let executor = |app_id: &str| ExecutorResponse {
            description: ExecutorDescription {
                app_id: app_id.to_owned(),
                exec_id: 0,
                rp_id: 0,
                cores: 2,
                memory_mib: 512,
                state: ExecutorState::Running,
            },
            resources: Resources::new(),
        };
        let response = WorkerSchedulerStateResponse {
            id: cluster.worker_id.to_owned(),
            executors: cluster.surviving_app_id.map(executor).into_iter().collect(),
            drivers: vec![],
        };
        let name = &beginning(cluster.version, "WorkerSchedulerStateResponse")[0];
        cluster.says(name, FromPeer::WorkerSchedulerStateResponse(response));
        if let Some(app_id) = cluster.surviving_app_id {
            let app_id = app_id.to_owned();
            let acknowledged = MasterChangeAcknowledged { app_id };
            let acknowledged = FromPeer::MasterChangeAcknowledged(acknowledged);
            cluster.says("MasterChangeAcknowledged", acknowledged);
        }
    }
}

#[test]
fn an_application_asks_for_executors_by_profile() {
    let default = [("cores", 1), ("memory", 512), ("offHeap", 0)];
    let larger = [("cores", 1), ("memory", 600)];
    let profile = |id, resources: &[(&str, u64)], class_uid, total| ProfileTotal {
        profile: ResourceProfile {
            id,
            executor_resources: resources
                .iter()
                .map(|(name, amount)| ((*name).to_owned(), *amount))
                .collect(),
            class_uid,
        },
        total,
    };
    for (cluster, app_id, class_uid, names) in [
        (
            &CLUSTERS[0],
            "app-20261121091244-0000",
            6_817_910_790_482_746_242,
            ["1193B", "1198B", "1455B", "1460B"],
        ),
        (
            &CLUSTERS[1],
            "app-20261121090916-0000",
            -6_369_593_179_083_993_645,
            ["1415B", "1420B", "1825B", "1830B"],
        ),
    ] {
        let default = |total| profile(0, &default, class_uid, total);
        let larger = |total| profile(1, &larger, class_uid, total);
        let requests = [
            vec![default(1)],
            vec![default(2)],
            vec![larger(1), default(1)],
            vec![larger(2), default(1)],
        ];
        for (name, totals) in names.into_iter().zip(requests) {
            let app_id = app_id.to_owned();
            let request = FromPeer::RequestExecutors(RequestExecutors { app_id, totals });
            cluster.says(&format!("RequestExecutors-{name}"), request);
        }
    }
}

#[test]
fn an_application_gives_executors_back_and_ends() {
    for cluster in CLUSTERS {
        let (app_id, ids): (_, &[&str]) = match cluster.version {
            "4.0.1" => ("app-20261121095126-0000", &["0"]),
            _ => ("app-20260101000000-0000", &["0", "2"]),
        };
        let kill = KillExecutors {
            app_id: app_id.to_owned(),
            executor_ids: ids.iter().map(|id| (*id).to_owned()).collect(),
        };
        cluster.says("KillExecutors", FromPeer::KillExecutors(kill));
        let app_id = cluster.app_id.to_owned();
        let end = FromPeer::UnregisterApplication(UnregisterApplication { app_id });
        cluster.says("UnregisterApplication", end);
    }
}

#[test]
fn a_submission_client_asks_about_drivers() {
    for cluster in CLUSTERS {
        let driver_id = cluster.finished_driver_id.to_owned();
        let status = FromPeer::RequestDriverStatus(RequestDriverStatus { driver_id });
        cluster.says("RequestDriverStatus", status);
        let driver_id = cluster.killed_driver_id.to_owned();
        let kill = FromPeer::RequestKillDriver(RequestKillDriver { driver_id });
        cluster.says("RequestKillDriver", kill);
    }
}

#[test]
fn every_captured_message_to_a_master_is_read() {
    let mut kinds = BTreeMap::new();
    for version in VERSIONS {
        for name in crate::fixtures::names(version) {
            let fixture = crate::fixtures::load(version, &name);
            let endpoint = fixture.endpoint.as_deref();
            if matches!(endpoint, Some("Master" | "endpoint-verifier")) {
                received(version, &name);
                *kinds.entry(version).or_insert(0) += 1;
            }
        }
    }
    let expected = [("3.5.6", 22), ("4.0.1", 22), ("4.3.0", 15)];
    assert_eq!(kinds.into_iter().collect::<Vec<_>>(), expected);
}
