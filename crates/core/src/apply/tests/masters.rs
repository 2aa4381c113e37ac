//! Node ids, and the version of the rules.

use uuid::Uuid;

use super::support::Cluster;
use crate::command::{Command, Entry};
use crate::reply::RejectCode;
use crate::version::{self, FIRST, LATEST};

fn directory(n: u128) -> Uuid {
    Uuid::from_u128(n)
}

impl Cluster {
    fn note(&mut self, node: u64, directory: Uuid) -> crate::Reply {
        self.apply(Command::NoteMaster {
            epoch: self.epoch(),
            node,
            directory,
        })
    }

    fn raise(&mut self, version: u32) -> crate::Reply {
        self.apply(Command::RaiseVersion {
            epoch: self.epoch(),
            version,
        })
    }
}

#[test]
fn a_node_id_is_never_given_to_another_directory() {
    let mut cluster = Cluster::new();
    cluster.note(4, directory(1)).unwrap();
    cluster.note(4, directory(1)).unwrap();
    let refused = cluster.note(4, directory(2)).unwrap_err();
    assert_eq!(refused.code, RejectCode::State);
    assert!(refused.message.contains("used before"), "{refused}");
    cluster.lead();
    assert!(cluster.note(4, directory(2)).is_err(), "whoever leads");
}

#[test]
fn the_version_is_the_first_with_the_first_leader_and_only_rises() {
    let mut cluster = Cluster::empty();
    assert_eq!(cluster.state.version, 0);
    cluster.lead();
    assert_eq!(cluster.state.version, FIRST);
    cluster.raise(7).unwrap();
    cluster.raise(3).unwrap();
    cluster.lead();
    assert_eq!(cluster.state.version, 7);
}

#[test]
fn what_is_beyond_what_the_code_speaks_is_not_applied() {
    let mut cluster = Cluster::new();
    let raise = |version| Entry {
        at: cluster.at,
        command: Command::RaiseVersion {
            epoch: cluster.epoch(),
            version,
        },
    };
    assert!(version::check_entry(&raise(LATEST), LATEST).is_ok());
    let error = version::check_entry(&raise(LATEST + 1), LATEST).unwrap_err();
    assert!(error.to_string().contains("start a release"), "{error}");
    assert!(version::check_state(&cluster.state, LATEST).is_ok());
    cluster.raise(LATEST + 1).unwrap();
    assert!(version::check_state(&cluster.state, LATEST).is_err());
}
