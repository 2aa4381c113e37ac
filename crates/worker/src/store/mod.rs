//! The worker's directory:
//!
//! ```text
//! lock              held by the one agent
//! identity.json     who this worker is and whom it obeys
//! adopt.json        which other cluster to obey from now on, until that is done
//! members.json      the masters that were last named
//! confirmed         when the latest confirmed heartbeat was sent, for supervisors
//! instances/<id>/   one instance: its order, its records, its files
//! removing/         what is being removed of those that are long over
//! ```

pub mod adopt;
pub(crate) mod clean;
pub mod freshness;
mod identity;
pub mod instance;
mod leftovers;
mod local_dirs;
mod members;
pub(crate) mod output;
pub mod records;
pub(crate) mod recover;

use std::fs::{self, File, TryLockError};
use std::path::{Path, PathBuf};

use vesta_types::{InstanceId, WorkerId};

use crate::WorkerError;
use crate::clock;
use crate::files::{self, Found};
use crate::reconcile::Allegiance;

pub use identity::Identity;
pub use instance::{InstanceDir, InstanceOrder};
pub(crate) use leftovers::end_leftovers;
pub(crate) use local_dirs::{local_dirs, remove_local_dirs};
pub(crate) use members::{read_members, write_members};

/// The worker's directory, held by this process.
#[derive(Debug)]
pub struct Store {
    dir: PathBuf,
    identity: Option<Identity>,
    lock: File,
}

impl Drop for Store {
    /// Said, and not left to the closing of the file: a process that is being started at this moment has a
    /// copy of it.
    fn drop(&mut self) {
        let _ = self.lock.unlock();
    }
}

impl Store {
    /// Opens the directory, which is made if it is not there, and holds it until the store is dropped.
    ///
    /// # Errors
    /// When another agent holds it, when it can't be made or read, or when its identity is damaged.
    pub fn open(dir: &Path) -> Result<Store, WorkerError> {
        let instances = dir.join("instances");
        fs::create_dir_all(&instances).map_err(WorkerError::file("cannot make", &instances))?;
        let path = dir.join("lock");
        let lock = File::create(&path).map_err(WorkerError::file("cannot write", &path))?;
        match lock.try_lock() {
            Ok(()) => {}
            Err(TryLockError::WouldBlock) => return Err(WorkerError::Locked(dir.to_owned())),
            Err(TryLockError::Error(error)) => {
                return Err(WorkerError::file("cannot lock", &path)(error));
            }
        }
        let path = identity_path(dir);
        let identity = match files::read_json::<Identity>(&path) {
            Found::Value(identity) => Some(identity),
            Found::Nothing => None,
            Found::Damaged(problem) => return Err(WorkerError::Identity { path, problem }),
        };
        // Absolute, because supervisors and their processes run in directories of their own.
        let dir = fs::canonicalize(dir).map_err(WorkerError::file("cannot find", dir))?;
        Ok(Store {
            dir,
            identity,
            lock,
        })
    }

    /// Who this worker is. At its first start its id is minted from the time, its host and its port.
    ///
    /// # Errors
    /// When the identity can't be written.
    pub fn identify(&mut self, host: &str, port: u16) -> Result<Identity, WorkerError> {
        if let Some(identity) = &self.identity {
            return Ok(identity.clone());
        }
        let identity = Identity::new(WorkerId::mint(clock::wall(), host, port));
        self.save(identity.clone())?;
        Ok(identity)
    }

    /// Keeps whom this worker obeys; synced when it returns.
    ///
    /// # Errors
    /// When it can't be written. Then it must not be acted on.
    pub fn obey(&mut self, allegiance: Allegiance) -> Result<(), WorkerError> {
        let Some(identity) = self.identity.clone() else {
            return Ok(());
        };
        let Allegiance { cluster, epoch } = allegiance;
        self.save(Identity {
            cluster,
            epoch,
            ..identity
        })
    }

    /// Keeps under which boot of the machine the records are from now on.
    ///
    /// # Errors
    /// When it can't be written.
    pub fn booted(&mut self, boot: uuid::Uuid) -> Result<(), WorkerError> {
        match self.identity.clone() {
            Some(identity) if identity.boot != Some(boot) => self.save(Identity {
                boot: Some(boot),
                ..identity
            }),
            _ => Ok(()),
        }
    }

    fn save(&mut self, identity: Identity) -> Result<(), WorkerError> {
        let path = identity_path(&self.dir);
        files::json(&identity)
            .and_then(|bytes| files::write_synced(&path, &bytes))
            .map_err(WorkerError::file("cannot write", &path))?;
        self.identity = Some(identity);
        Ok(())
    }

    /// The directory, as an absolute path.
    pub fn dir(&self) -> &Path {
        &self.dir
    }

    /// The directory of an instance, whether it is there or not.
    pub fn instance(&self, id: &InstanceId) -> InstanceDir {
        InstanceDir::new(&self.dir, id)
    }

    /// Every instance that has a directory; anything else among them is left alone, with a warning.
    ///
    /// # Errors
    /// When the directory can't be listed.
    pub fn instances(&self) -> Result<Vec<(InstanceId, InstanceDir)>, WorkerError> {
        let path = self.dir.join("instances");
        let failed = || WorkerError::file("cannot list", &path);
        let mut found = Vec::new();
        for entry in fs::read_dir(&path).map_err(failed())? {
            let name = entry.map_err(failed())?.file_name();
            match name
                .to_str()
                .and_then(|name| name.parse::<InstanceId>().ok())
            {
                Some(id) => found.push((id.clone(), self.instance(&id))),
                None => tracing::warn!(?name, "not an instance's directory: left alone"),
            }
        }
        Ok(found)
    }
}

fn identity_path(dir: &Path) -> PathBuf {
    dir.join("identity.json")
}

#[cfg(test)]
mod tests {
    use super::*;
    use uuid::Uuid;
    use vesta_types::{ClusterId, Epoch};

    #[test]
    fn a_worker_is_the_same_after_a_restart_whatever_port_it_has_then() {
        let dir = tempfile::tempdir().unwrap();
        let mut store = Store::open(dir.path()).unwrap();
        let first = store.identify("h", 7710).unwrap();
        assert!(
            first.worker.as_str().ends_with("-h-7710"),
            "{}",
            first.worker
        );
        let cluster = Some(ClusterId(Uuid::from_u128(5)));
        store
            .obey(Allegiance {
                cluster,
                epoch: Epoch(7),
            })
            .unwrap();
        drop(store);
        let again = Store::open(dir.path())
            .unwrap()
            .identify("other", 1)
            .unwrap();
        assert_eq!(
            again,
            Identity {
                cluster,
                epoch: Epoch(7),
                ..first
            }
        );
    }

    #[test]
    fn two_agents_can_t_hold_one_directory() {
        let dir = tempfile::tempdir().unwrap();
        let held = Store::open(dir.path()).unwrap();
        assert!(matches!(
            Store::open(dir.path()),
            Err(WorkerError::Locked(_))
        ));
        drop(held);
        assert!(Store::open(dir.path()).is_ok());
    }

    #[test]
    fn a_damaged_identity_stops_the_agent_instead_of_forgetting_whom_it_obeys() {
        let dir = tempfile::tempdir().unwrap();
        Store::open(dir.path()).unwrap().identify("h", 1).unwrap();
        fs::write(dir.path().join("identity.json"), b"{\"worker\":").unwrap();
        let error = Store::open(dir.path()).unwrap_err();
        assert!(matches!(error, WorkerError::Identity { .. }), "{error}");
    }
}
