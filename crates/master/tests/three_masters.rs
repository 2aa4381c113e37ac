//! Three masters in one process, over real sockets and disks: submissions with keys, and a leader that
//! goes away.
#![allow(clippy::unwrap_used, clippy::panic)]

use std::collections::BTreeMap;
use std::net::{SocketAddr, TcpListener};
use std::path::PathBuf;
use std::time::Duration;

use tempfile::TempDir;
use tokio::sync::oneshot;
use tokio::task::{JoinHandle, JoinSet};
use tonic::Code;
use vesta_client::{Client, ClientOptions, MasterList, new_key};
use vesta_consensus::Peer;
use vesta_core::Policy;
use vesta_master::Config;
use vesta_master::leader::Timing;
use vesta_proto::client::ListRequest;
use vesta_proto::client::client_client::ClientClient;
use vesta_proto::{answer, client_convert};
use vesta_types::limits::{BUSY_PAUSE, WRITES_MAX};
use vesta_types::{DriverDescription, Launch, Lease, OnDisconnect};

struct Running {
    stop: oneshot::Sender<()>,
    task: JoinHandle<Result<(), vesta_master::RunError>>,
}

struct Masters {
    directory: TempDir,
    peers: Vec<Peer>,
    running: BTreeMap<u64, Running>,
}

fn free_address() -> String {
    TcpListener::bind("127.0.0.1:0")
        .unwrap()
        .local_addr()
        .unwrap()
        .to_string()
}

impl Masters {
    fn start(count: u64) -> Masters {
        let peers = (1..=count).map(|node_id| Peer {
            node_id,
            raft_addr: free_address(),
            client_addr: free_address(),
        });
        let mut masters = Masters {
            directory: TempDir::new().unwrap(),
            peers: peers.collect(),
            running: BTreeMap::new(),
        };
        for id in 1..=count {
            masters.start_one(id);
        }
        masters
    }

    fn start_one(&mut self, id: u64) {
        let config = self.config(id);
        let (stop, stopped) = oneshot::channel();
        let task = tokio::spawn(vesta_master::run(config, async {
            let _ = stopped.await;
        }));
        self.running.insert(id, Running { stop, task });
    }

    async fn stop_one(&mut self, id: u64) {
        let running = self.running.remove(&id).unwrap();
        drop(running.stop);
        running.task.await.unwrap().unwrap();
    }

    fn config(&self, id: u64) -> Config {
        let own = self.peers.iter().find(|peer| peer.node_id == id).unwrap();
        let address = |text: &str| text.parse::<SocketAddr>().unwrap();
        Config {
            node: vesta_consensus::Config {
                node_id: id,
                data_dir: PathBuf::from(self.directory.path()).join(id.to_string()),
                raft_listen: address(&own.raft_addr),
                raft_addr: own.raft_addr.clone(),
                client_addr: own.client_addr.clone(),
                peers: self.peers.clone(),
                form: true,
                heartbeat: Duration::from_millis(100),
                election_min: Duration::from_millis(500),
                election_max: Duration::from_millis(1000),
                snapshot_every: 10_000,
                speaks: 1,
            },
            listen: address(&own.client_addr),
            metrics_listen: None,
            spark: None,
            timing: Timing {
                worker_timeout: Duration::from_secs(60),
                recovery_timeout: Duration::from_secs(60),
                app_lease: Duration::from_secs(300),
                lease: Duration::from_millis(1000),
                gap: Duration::from_secs(1),
                repeat: Duration::from_secs(2),
            },
            policy: Policy::default(),
            on_disconnect: OnDisconnect::Keep,
            lease: Lease {
                time_ms: 120_000,
                grace_ms: 10_000,
            },
            max_executor_retries: 10,
            insecure: false,
        }
    }

    fn client(&self, ids: &[u64]) -> Client {
        let addresses: Vec<&str> = self
            .peers
            .iter()
            .filter(|peer| ids.contains(&peer.node_id))
            .map(|peer| peer.client_addr.as_str())
            .collect();
        let list: MasterList = format!("vesta://{}", addresses.join(",")).parse().unwrap();
        let options = ClientOptions {
            deadline: Duration::from_secs(20),
            ..Default::default()
        };
        Client::with_options(&list, options)
    }

    async fn leader(&self) -> u64 {
        let ids: Vec<u64> = self.running.keys().copied().collect();
        let client = self.client(&ids);
        for _ in 0..400 {
            if let Ok(reply) = client.list_masters(ListRequest::default()).await {
                let leader = reply
                    .masters
                    .iter()
                    .find(|it| it.leader && it.status == "ALIVE");
                if let Some(leader) = leader {
                    return leader.node_id;
                }
            }
            tokio::time::sleep(Duration::from_millis(50)).await;
        }
        panic!("nobody leads within 20 s");
    }
}

fn driver() -> DriverDescription {
    DriverDescription {
        name: "test".to_owned(),
        launch: Launch {
            program: "/bin/true".to_owned(),
            ..Launch::default()
        },
        cores: 1,
        memory_mib: 64,
        supervise: false,
        conf: BTreeMap::new(),
        executor: None,
        on_disconnect: None,
        lease: None,
        total_executor_cores: None,
        named: Default::default(),
    }
}

/// More writes than a master takes in while the log stands still: the ones above are told to come back,
/// and a client that does so is answered when the log moves again.
#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn an_overloaded_master_says_when_to_come_back_and_a_client_does() {
    let mut masters = Masters::start(3);
    let leader = masters.leader().await;
    let others: Vec<u64> = (1..=3).filter(|id| *id != leader).collect();
    for id in &others {
        masters.stop_one(*id).await;
    }
    let address = masters.peers.iter().find(|it| it.node_id == leader);
    let address = format!("http://{}", address.unwrap().client_addr);
    let mut writes = JoinSet::new();
    for _ in 0..4 {
        let stub = ClientClient::connect(address.clone()).await.unwrap();
        for _ in 0..WRITES_MAX / 3 {
            let mut stub = stub.clone();
            let request = client_convert::submission(new_key(), driver());
            writes.spawn(async move { stub.submit_driver(request).await });
        }
    }
    let busy = loop {
        let answer = writes
            .join_next()
            .await
            .expect("some are turned away")
            .unwrap();
        let status = answer.expect_err("there is no quorum");
        if let Some(pause) = answer::busy_for(&status) {
            break (status, pause);
        }
    };
    assert_eq!(
        (busy.0.code(), busy.1),
        (Code::ResourceExhausted, BUSY_PAUSE)
    );
    assert!(
        busy.0.message().starts_with("busy: 1024 writes"),
        "{}",
        busy.0
    );
    let (client, key) = (masters.client(&[leader]), new_key());
    let submission = tokio::spawn(async move { client.submit_driver(key, &driver()).await });
    for id in others {
        masters.start_one(id);
    }
    submission.await.unwrap().unwrap();
    // What was told to be busy was not done; nothing was done twice.
    let list = ListRequest {
        ended: true,
        ..ListRequest::default()
    };
    let everyone = masters.client(&[1, 2, 3]);
    let total = everyone.list_drivers(list).await.unwrap().total;
    assert!(total <= WRITES_MAX as u64 + 1, "{total}");
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_submission_is_answered_alike_by_every_master_and_outlives_its_leader() {
    let mut masters = Masters::start(3);
    let leader = masters.leader().await;
    let key = new_key();
    let mut ids = Vec::new();
    for id in 1..=3 {
        let client = masters.client(&[id]);
        let reply = client.submit_driver(key, &driver()).await.unwrap();
        ids.push(reply.driver_id);
    }
    assert!(
        ids.iter().all(|id| *id == ids[0]),
        "one key, one driver: {ids:?}"
    );

    masters.stop_one(leader).await;
    let next = masters.leader().await;
    assert_ne!(next, leader);
    let rest: Vec<u64> = masters.running.keys().copied().collect();
    let client = masters.client(&rest);
    let again = client.submit_driver(key, &driver()).await.unwrap();
    assert_eq!((&again.driver_id, again.duplicate), (&ids[0], true));
    let other = client.submit_driver(new_key(), &driver()).await.unwrap();
    assert_ne!(other.driver_id, ids[0], "ids are never reused (D7)");

    masters.start_one(leader);
    let returned = masters.client(&[leader]);
    let killed = returned
        .kill_driver(new_key(), &ids[0].parse().unwrap())
        .await
        .unwrap();
    assert_eq!((killed.success, killed.state.as_str()), (true, "KILLED"));
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn one_master_alone_is_a_whole_cluster_and_remembers_over_a_restart() {
    let mut masters = Masters::start(1);
    masters.leader().await;
    let client = masters.client(&[1]);
    let key = new_key();
    let driver_id = client
        .submit_driver(key, &driver())
        .await
        .unwrap()
        .driver_id;
    masters.stop_one(1).await;
    masters.start_one(1);
    masters.leader().await;
    let again = masters
        .client(&[1])
        .submit_driver(key, &driver())
        .await
        .unwrap();
    assert_eq!((again.driver_id, again.duplicate), (driver_id, true));
}
