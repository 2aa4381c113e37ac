//! A cluster of real nodes, and waiting for what they should come to.

use std::collections::BTreeMap;
use std::net::SocketAddr;
use std::path::PathBuf;
use std::sync::atomic::{AtomicU64, Ordering};
use std::time::Duration;

use tempfile::TempDir;
use vesta_consensus::{Applied, Config, Node, Peer, ProposeError, Role, StartError, Status};

use crate::machine::{Machine, View};

pub const HEARTBEAT: Duration = Duration::from_millis(50);
pub const ELECTION_MIN: Duration = Duration::from_millis(300);
pub const ELECTION_MAX: Duration = Duration::from_millis(600);
/// No condition takes longer, even on a machine that compiles at the same time.
pub const BOUND: Duration = Duration::from_secs(30);

/// Ids that no other test in this process uses: fault injection goes by node id.
pub fn fresh_ids(count: u64) -> Vec<u64> {
    static NEXT: AtomicU64 = AtomicU64::new(1);
    let first = NEXT.fetch_add(count, Ordering::Relaxed);
    (first..first + count).collect()
}

/// An address of its own, in a part of the loopback network that belongs to this process: what is
/// bound there is never taken by somebody else between two starts.
pub fn free_address() -> SocketAddr {
    static NEXT: AtomicU64 = AtomicU64::new(0);
    let [.., high, low] = std::process::id().to_be_bytes();
    let number = NEXT.fetch_add(1, Ordering::Relaxed);
    let (host, port) = (number % 250 + 1, 20_000 + number / 250);
    SocketAddr::from(([127, high.max(1), low, host as u8], port as u16))
}

pub fn peer(node_id: u64, address: SocketAddr) -> Peer {
    Peer {
        node_id,
        raft_addr: address.to_string(),
        client_addr: format!("client-{node_id}:7700"),
    }
}

pub struct Member {
    pub node: Node,
    pub view: View,
}

pub struct Cluster {
    pub peers: Vec<Peer>,
    pub up: BTreeMap<u64, Member>,
    pub snapshot_every: u64,
    pub speaks: u32,
    election: (Duration, Duration),
    dir: TempDir,
}

impl Cluster {
    /// As many masters as asked for; none is started yet.
    pub fn new(size: u64) -> Cluster {
        let peers = fresh_ids(size)
            .into_iter()
            .map(|id| peer(id, free_address()))
            .collect();
        // A node that is dropped closes its journal a moment later, and may write one more record then.
        let dir = tempfile::tempdir_in(env!("CARGO_TARGET_TMPDIR")).unwrap();
        Cluster {
            peers,
            up: BTreeMap::new(),
            snapshot_every: 10_000,
            speaks: 1,
            election: (ELECTION_MIN, ELECTION_MAX),
            dir,
        }
    }

    pub async fn formed(size: u64) -> Cluster {
        Cluster::new(size).form().await
    }

    /// A formed cluster that keeps its leader on a busy machine too.
    pub async fn steady(size: u64) -> Cluster {
        let mut cluster = Cluster::new(size);
        cluster.election = (Duration::from_secs(4), Duration::from_secs(6));
        cluster.form().await
    }

    pub async fn form(mut self) -> Cluster {
        for id in self.ids() {
            self.start(id, true).await;
        }
        self.write("first").await;
        for id in self.ids() {
            self.sees(id, "first").await;
        }
        self
    }

    pub fn ids(&self) -> Vec<u64> {
        self.peers.iter().map(|peer| peer.node_id).collect()
    }

    pub fn data_dir(&self, id: u64) -> PathBuf {
        self.dir.path().join(id.to_string())
    }

    pub fn config(&self, id: u64, form: bool) -> Config {
        let own = self
            .peers
            .iter()
            .find(|peer| peer.node_id == id)
            .unwrap()
            .clone();
        Config {
            node_id: id,
            data_dir: self.data_dir(id),
            raft_listen: own.raft_addr.parse().unwrap(),
            client_addr: own.client_addr,
            raft_addr: own.raft_addr,
            peers: self.peers.clone(),
            form,
            heartbeat: HEARTBEAT,
            election_min: self.election.0,
            election_max: self.election.1,
            snapshot_every: self.snapshot_every,
            speaks: self.speaks,
        }
    }

    pub async fn start(&mut self, id: u64, form: bool) {
        self.start_with(self.config(id, form)).await.unwrap();
    }

    pub async fn start_with(&mut self, config: Config) -> Result<(), StartError> {
        let id = config.node_id;
        let (machine, view) = Machine::new();
        let node = Node::start(config, machine).await?;
        self.up.insert(id, Member { node, view });
        Ok(())
    }

    pub async fn stop(&mut self, id: u64) {
        self.up.remove(&id).unwrap().node.shutdown().await;
    }

    pub fn node(&self, id: u64) -> &Node {
        &self.up[&id].node
    }

    pub fn view(&self, id: u64) -> &View {
        &self.up[&id].view
    }

    /// Waits for a leader that most of the nodes that are up follow.
    pub async fn leader(&self) -> u64 {
        self.leader_among(&self.up.keys().copied().collect::<Vec<_>>())
            .await
    }

    pub async fn leader_among(&self, ids: &[u64]) -> u64 {
        until("a leader that these follow", || {
            let all: Vec<Status> = ids.iter().map(|id| self.node(*id).status()).collect();
            let leader = all
                .iter()
                .filter(|one| one.role == Role::Leader)
                .max_by_key(|one| one.term)?;
            let follow = |one: &&Status| one.term == leader.term && one.leader == leader.leader;
            (all.iter().filter(follow).count() * 2 > ids.len()).then_some(leader.node_id)
        })
        .await
    }

    pub async fn propose(&self, id: u64, command: &str) -> Result<Applied, ProposeError> {
        self.node(id).propose(command.as_bytes().to_vec()).await
    }

    /// Proposes through whoever leads, again until it is done. It may so be done twice.
    pub async fn write(&self, command: &str) -> Applied {
        self.write_among(&self.up.keys().copied().collect::<Vec<_>>(), command)
            .await
    }

    /// The same, through one of these.
    pub async fn write_among(&self, ids: &[u64], command: &str) -> Applied {
        let deadline = tokio::time::Instant::now() + BOUND;
        loop {
            let leader = self.leader_among(ids).await;
            match self.propose(leader, command).await {
                Ok(applied) => return applied,
                Err(error) => {
                    assert!(tokio::time::Instant::now() < deadline, "{command}: {error}");
                    tokio::time::sleep(Duration::from_millis(20)).await;
                }
            }
        }
    }

    pub async fn sees(&self, id: u64, command: &str) {
        let view = self.view(id);
        until(&format!("node {id} has {command:?}"), || {
            view.has(command).then_some(())
        })
        .await;
    }

    pub async fn wait(&self, id: u64, what: &str, condition: impl Fn(&Status) -> bool) -> Status {
        let mut changes = self.node(id).watch();
        let found = tokio::time::timeout(BOUND, changes.wait_for(|status| condition(status))).await;
        match found {
            Ok(status) => status.unwrap().clone(),
            Err(_) => panic!(
                "node {id}: {what} within {BOUND:?}; now {:#?}",
                self.node(id).status()
            ),
        }
    }
}

/// Looks again and again, until `look` finds it.
pub async fn until<T>(what: &str, mut look: impl FnMut() -> Option<T>) -> T {
    let deadline = tokio::time::Instant::now() + BOUND;
    loop {
        if let Some(found) = look() {
            return found;
        }
        assert!(
            tokio::time::Instant::now() < deadline,
            "{what}: not within {BOUND:?}"
        );
        tokio::time::sleep(Duration::from_millis(5)).await;
    }
}

/// A fault that ends when this is dropped.
pub struct Fault(String);

impl Fault {
    /// The answers to all calls of this node get lost; what it sends arrives.
    pub fn answers_of(id: u64) -> Fault {
        Fault::named(format!("raft.answers.{id}"))
    }

    /// Calls to this node get lost.
    pub fn requests_to(id: u64) -> Fault {
        Fault::named(format!("raft.requests.{id}"))
    }

    pub fn named(name: String) -> Fault {
        fail::cfg(&name, "return").unwrap();
        Fault(name)
    }
}

impl Drop for Fault {
    fn drop(&mut self) {
        fail::remove(&self.0);
    }
}
