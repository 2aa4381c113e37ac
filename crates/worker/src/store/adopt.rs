//! Giving a worker to another cluster, on an operator's word: one that was restored from a snapshot of its
//! own has a new id, and is refused until then.
//!
//! The word is a file in the worker's directory. A running agent takes it at its next heartbeat, another
//! one when it starts; so nothing that runs has to be ended.

use std::fs::{self, File, TryLockError};
use std::io;
use std::path::{Path, PathBuf};

use serde::{Deserialize, Serialize};
use vesta_types::ClusterId;

use super::{Identity, identity_path};
use crate::WorkerError;
use crate::files::{self, Found};

/// Whom a worker is to obey from now on.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub(crate) struct Adoption {
    /// Whom it obeyed when that was said: a word that comes too late is not taken.
    pub(crate) from: Option<ClusterId>,
    /// Whom it is to obey.
    pub(crate) to: ClusterId,
    /// Where the masters of that are; none if they are where those that it knows were.
    pub(crate) masters: Vec<String>,
}

/// Says that the worker in `dir` is to obey `cluster`, whose masters are at `masters` (none: where those
/// that it knows are). `true` if a running agent will take it soon, `false` if there is none now.
///
/// # Errors
/// When `dir` is no worker's directory, or it can't be written.
pub fn adopt(dir: &Path, cluster: ClusterId, masters: Vec<String>) -> Result<bool, WorkerError> {
    let path = identity_path(dir);
    let identity = match files::read_json::<Identity>(&path) {
        Found::Value(identity) => identity,
        Found::Nothing => {
            let source = io::Error::new(io::ErrorKind::NotFound, "no worker was started on it yet");
            return Err(WorkerError::file("cannot read", &path)(source));
        }
        Found::Damaged(problem) => return Err(WorkerError::Identity { path, problem }),
    };
    let adoption = Adoption {
        from: identity.cluster,
        to: cluster,
        masters,
    };
    let path = word_path(dir);
    files::json(&adoption)
        .and_then(|bytes| files::write_synced(&path, &bytes))
        .map_err(WorkerError::file("cannot write", &path))?;
    let lock = dir.join("lock");
    let held = File::open(&lock).map_err(WorkerError::file("cannot read", &lock))?;
    Ok(matches!(held.try_lock(), Err(TryLockError::WouldBlock)))
}

/// Whether the word was taken.
pub fn is_adopted(dir: &Path) -> bool {
    !word_path(dir).exists()
}

/// What was said and not taken yet. What can't be read is said in the log, and not taken.
pub(crate) fn asked(dir: &Path) -> Option<Adoption> {
    match files::read_json(&word_path(dir)) {
        Found::Value(adoption) => Some(adoption),
        Found::Nothing => None,
        Found::Damaged(problem) => {
            tracing::error!(
                problem,
                "adopt.json is damaged: give `vesta worker adopt` again"
            );
            taken(dir);
            None
        }
    }
}

/// The word was taken, or is not to be.
pub(crate) fn taken(dir: &Path) {
    if let Err(error) = fs::remove_file(word_path(dir)) {
        tracing::warn!(%error, "adopt.json can't be removed");
    }
}

fn word_path(dir: &Path) -> PathBuf {
    dir.join("adopt.json")
}

#[cfg(test)]
mod tests {
    use super::super::Store;
    use super::*;

    #[test]
    fn the_word_waits_in_the_directory_until_an_agent_takes_it() {
        let dir = tempfile::tempdir().unwrap();
        let cluster = ClusterId(uuid::Uuid::from_u128(9));
        assert!(
            adopt(dir.path(), cluster, vec![]).is_err(),
            "no worker was ever here"
        );
        let mut store = Store::open(dir.path()).unwrap();
        store.identify("h", 1).unwrap();
        assert!(
            adopt(dir.path(), cluster, vec![]).unwrap(),
            "an agent holds it"
        );
        drop(store);
        assert!(!adopt(dir.path(), cluster, vec!["m:1".into()]).unwrap());
        let asked = asked(dir.path()).unwrap();
        assert_eq!(
            (asked.from, asked.to, asked.masters),
            (None, cluster, vec!["m:1".to_owned()])
        );
        taken(dir.path());
        assert!(is_adopted(dir.path()));
    }
}
