//! What a snapshot holds.

use super::support::Cluster;
use crate::codec::{decode, snapshot};
use crate::state::ClusterState;

#[test]
fn a_snapshot_is_the_whole_state() {
    let mut cluster = Cluster::with_workers(1);
    cluster.submit(true);
    let read: ClusterState = decode("snapshot", &snapshot(&cluster.state)).unwrap();
    // Keys and counters, too: who takes this over gives the same answers, and no id a second time.
    assert_eq!(read, cluster.state);
    assert!(!read.keys.answered.is_empty() && read.next_driver > 0);
}
