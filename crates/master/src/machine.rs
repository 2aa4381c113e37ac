//! The replicated state as this master has it, and its place under Raft.

use std::sync::{Arc, RwLock, RwLockReadGuard};

use tokio::sync::watch;
use vesta_consensus::StateMachine;
use vesta_core::{ClusterState, Entry, codec, version};

/// The applied state, shared by everything that reads it.
pub struct Shared {
    state: RwLock<ClusterState>,
    applied: watch::Sender<u64>,
}

impl Shared {
    /// An empty state.
    pub fn new() -> Arc<Shared> {
        let applied = watch::Sender::new(0);
        Arc::new(Shared {
            state: RwLock::new(ClusterState::default()),
            applied,
        })
    }

    /// The state, for a short look; never held over an await.
    pub fn state(&self) -> RwLockReadGuard<'_, ClusterState> {
        self.state
            .read()
            .expect("apply does not panic in a release build, and a debug build may stop")
    }

    /// Wakes when something was applied.
    pub fn applied(&self) -> watch::Receiver<u64> {
        self.applied.subscribe()
    }
}

/// Applies committed entries to the shared state.
pub struct Machine(pub Arc<Shared>);

impl StateMachine for Machine {
    fn apply(&mut self, index: u64, _term: u64, command: &[u8]) -> Result<Vec<u8>, String> {
        let entry: Entry = codec::decode("log entry", command)
            .map_err(|error| format!("entry {index} can't be applied: {error}"))?;
        version::check_entry(&entry, crate::speaks())
            .map_err(|error| format!("entry {index} can't be applied: {error}"))?;
        let mut state = self
            .0
            .state
            .write()
            .map_err(|_| "an earlier apply panicked".to_owned())?;
        let reply = state.apply(index, &entry);
        drop(state);
        Ok(codec::encode(&reply))
    }

    fn applied(&mut self, index: u64) {
        self.0.applied.send_replace(index);
    }

    fn snapshot(&self) -> Result<Vec<u8>, String> {
        Ok(save(&self.0.state()))
    }

    fn restore(&mut self, index: u64, snapshot: &[u8]) -> Result<(), String> {
        let restored = load(index, snapshot)?;
        *self
            .0
            .state
            .write()
            .map_err(|_| "an earlier apply panicked".to_owned())? = restored;
        self.0.applied.send_replace(index);
        Ok(())
    }
}

/// A state as a snapshot.
pub fn save(state: &ClusterState) -> Vec<u8> {
    codec::snapshot(state)
}

/// The state of the snapshot at `index`.
///
/// # Errors
/// When it can't be read, or follows rules that this release does not know.
pub fn load(index: u64, snapshot: &[u8]) -> Result<ClusterState, String> {
    let restored: ClusterState = codec::decode("snapshot", snapshot)
        .map_err(|error| format!("the snapshot at {index} can't be read: {error}"))?;
    version::check_state(&restored, crate::speaks())
        .map_err(|error| format!("the snapshot at {index} can't be used: {error}"))?;
    Ok(restored)
}
