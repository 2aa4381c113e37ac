//! Making the data directory of a cluster's first master from a state that is there already.

use std::collections::{BTreeMap, BTreeSet};
use std::io;
use std::path::{Path, PathBuf};

use prost::Message;
use uuid::Uuid;
use vesta_journal::{Journal, JournalError};

use crate::codec;
use crate::config::Peer;
use crate::types::{Member, Membership, SnapshotMeta, StoredMembership};

/// The term of what a new cluster begins with: the first election is for the next one.
const TERM: u64 = 1;

/// What a cluster begins with.
#[derive(Clone, Debug)]
pub struct Seed {
    /// Its id: one that was never used.
    pub cluster: Uuid,
    /// Its only member.
    pub member: Peer,
    /// The log index that the state is of: the next entry is the one after it.
    pub index: u64,
    /// The state, as the state machine writes it.
    pub state: Vec<u8>,
}

/// Why no directory was made.
#[derive(Debug, thiserror::Error)]
pub enum SeedError {
    /// There is something in it.
    #[error(
        "{} is not empty: a restored cluster begins in a directory of its own, and nothing is ever overwritten",
        path.display()
    )]
    NotEmpty {
        /// The directory.
        path: PathBuf,
    },
    /// It can't be looked at.
    #[error("{} can't be read", path.display())]
    Io {
        /// The directory.
        path: PathBuf,
        /// Why.
        #[source]
        source: io::Error,
    },
    /// It can't be written.
    #[error(transparent)]
    Journal(#[from] JournalError),
}

/// Makes `dir` the data directory of the only member of a new cluster, which begins with a snapshot.
/// Started on it, the node elects itself and others can be added.
///
/// # Errors
/// See [`SeedError`]. A directory that holds anything is left as it is; one that could not be
/// completed belongs to no cluster, and has to be removed.
pub fn plant(dir: &Path, seed: Seed) -> Result<(), SeedError> {
    check_empty(dir)?;
    let journal = Journal::open(dir)?;
    let node_id = seed.member.node_id;
    let member = Member {
        raft_addr: seed.member.raft_addr,
        client_addr: seed.member.client_addr,
        directory: journal.identity().directory_uuid,
    };
    let last = codec::log_id(TERM, seed.index);
    let members = Membership::new(
        vec![BTreeSet::from([node_id])],
        BTreeMap::from([(node_id, member)]),
    )
    .expect("its one voter is among its members");
    let meta = SnapshotMeta {
        last_log_id: Some(last),
        last_membership: StoredMembership::new(Some(last), members),
    };
    let described = vesta_journal::SnapshotMeta {
        index: seed.index,
        id: format!("restored-index-{}", seed.index),
        extra: codec::mark_to_wire(&meta).encode_to_vec(),
    };
    journal.save_snapshot(&described, &seed.state)?;
    journal.purge_to(seed.index, codec::encode_log_id(&last))?;
    journal.save_vote(vesta_journal::Vote {
        term: TERM,
        node_id,
        committed: false,
    })?;
    // Last: until then it is nobody's.
    journal.join(seed.cluster, node_id, None)?;
    Ok(())
}

fn check_empty(dir: &Path) -> Result<(), SeedError> {
    let path = || dir.to_owned();
    let entries = match std::fs::read_dir(dir) {
        Ok(entries) => entries,
        Err(error) if error.kind() == io::ErrorKind::NotFound => return Ok(()),
        Err(source) => {
            let path = path();
            return Err(SeedError::Io { path, source });
        }
    };
    for entry in entries {
        let name = entry.map(|entry| entry.file_name());
        match name {
            // What a fresh volume has.
            Ok(name) if name == "lost+found" => {}
            Ok(_) => return Err(SeedError::NotEmpty { path: path() }),
            Err(source) => {
                let path = path();
                return Err(SeedError::Io { path, source });
            }
        }
    }
    Ok(())
}
