//! What a node is started with.

use std::collections::BTreeSet;
use std::net::SocketAddr;
use std::path::PathBuf;
use std::time::Duration;

/// One configured master.
#[derive(Clone, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub struct Peer {
    /// Its node id: positive, unique, never given to another directory.
    pub node_id: u64,
    /// Where its Raft listener is reached, `host:port`.
    pub raft_addr: String,
    /// Where clients and workers reach it, `host:port`.
    pub client_addr: String,
}

/// What a node is started with.
#[derive(Clone, Debug)]
pub struct Config {
    /// This node's id, at least 1. A data directory belongs to one id for good.
    pub node_id: u64,
    /// The data directory; created if it is absent.
    pub data_dir: PathBuf,
    /// Where the Raft listener binds.
    pub raft_listen: SocketAddr,
    /// Where clients reach this node, `host:port`, as told to others.
    pub client_addr: String,
    /// Where the other masters reach this node, `host:port`, as told to others.
    pub raft_addr: String,
    /// Every master that a new cluster is formed from, this one among them exactly as above. Once a
    /// cluster exists, its replicated membership counts and not this list.
    pub peers: Vec<Peer>,
    /// Whether to form a cluster if there is none yet. Without it an empty directory waits to be
    /// joined.
    pub form: bool,
    /// Pause between two heartbeats of a leader.
    pub heartbeat: Duration,
    /// The shortest patience of a follower, at least three heartbeats.
    pub election_min: Duration,
    /// The longest patience of a follower, above `election_min`; also the lease of a leader.
    pub election_max: Duration,
    /// A snapshot is taken after this many entries, at least 1.
    pub snapshot_every: u64,
    /// The highest version of commands that this node's state machine applies, for who asks.
    pub speaks: u32,
}

impl Config {
    /// Checks everything that can be judged without touching disk or network.
    ///
    /// # Errors
    /// Which value is wrong, and what would be right.
    pub(crate) fn check(&self) -> Result<(), String> {
        let own = self.own_peer();
        if self.node_id == 0 {
            return Err("node id 0: node ids begin at 1".into());
        }
        if self.form && !self.peers.contains(&own) {
            return Err(format!(
                "the list of masters does not hold this node as {} (Raft {}, clients {}): it must, exactly as the \
                 other masters know it",
                own.node_id, own.raft_addr, own.client_addr
            ));
        }
        let ids: BTreeSet<u64> = self.peers.iter().map(|peer| peer.node_id).collect();
        let addresses: BTreeSet<&str> = self
            .peers
            .iter()
            .map(|peer| peer.raft_addr.as_str())
            .collect();
        if ids.len() < self.peers.len() || addresses.len() < self.peers.len() {
            return Err("two masters in the list share a node id or a Raft address".into());
        }
        if ids.contains(&0) {
            return Err("a master in the list has node id 0: node ids begin at 1".into());
        }
        if self.heartbeat < Duration::from_millis(5) {
            return Err(format!("heartbeat {:?}: at least 5 ms", self.heartbeat));
        }
        if self.election_min < self.heartbeat * 3 {
            return Err(format!(
                "shortest election timeout {:?}: at least three heartbeats of {:?}",
                self.election_min, self.heartbeat
            ));
        }
        if self.election_max < self.election_min + Duration::from_millis(1) {
            return Err(format!(
                "longest election timeout {:?}: must be above the shortest, {:?}",
                self.election_max, self.election_min
            ));
        }
        if self.snapshot_every == 0 {
            return Err("a snapshot every 0 entries: at least 1".into());
        }
        Ok(())
    }

    pub(crate) fn own_peer(&self) -> Peer {
        Peer {
            node_id: self.node_id,
            raft_addr: self.raft_addr.clone(),
            client_addr: self.client_addr.clone(),
        }
    }

    /// The configured masters by rising id: what two nodes compare before they form a cluster.
    pub(crate) fn sorted_peers(&self) -> Vec<Peer> {
        let mut peers = self.peers.clone();
        peers.sort();
        peers
    }

    /// How long heartbeats and appends pause, and then flow, while no quorum answers. openraft asks
    /// for at least the lease and one election timeout, both `election_max`; one more covers ticks,
    /// votes and their syncs.
    pub(crate) fn quorum_loss_period(&self) -> Duration {
        self.election_max * 3
    }

    pub(crate) fn openraft(&self) -> Result<openraft::Config, String> {
        let millis = |duration: Duration| duration.as_millis() as u64;
        openraft::Config {
            cluster_name: "vesta".into(),
            heartbeat_interval: millis(self.heartbeat),
            election_timeout_min: millis(self.election_min),
            election_timeout_max: millis(self.election_max),
            max_payload_entries: crate::limits::APPEND_ENTRIES,
            install_snapshot_timeout: millis(crate::limits::SNAPSHOT_DEADLINE_MAX),
            snapshot_policy: openraft::SnapshotPolicy::LogsSinceLast(self.snapshot_every),
            // The snapshot before the newest is the journal's fall-back: keep the log from there
            // on. Twice, because a snapshot is taken at the end of a batch, so two of them can be
            // further apart.
            max_in_snapshot_log_to_keep: self.snapshot_every.saturating_mul(2),
            purge_batch_size: (self.snapshot_every / 4).max(1),
            // Must be above the distance between snapshots, or a snapshot would not cure the lag.
            replication_lag_threshold: self.snapshot_every.saturating_mul(2).max(2),
            quorum_loss_probe_interval: Some(millis(self.quorum_loss_period())),
            enable_pre_vote: Some(true),
            // A restarted leader must be elected again: what it knew of its term is gone.
            enable_leader_restore: Some(false),
            ..openraft::Config::default()
        }
        .validate()
        .map_err(|error| error.to_string())
    }
}
