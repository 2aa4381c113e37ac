//! Why a worker can't work.

use std::io;
use std::net::SocketAddr;
use std::path::{Path, PathBuf};

use crate::spark::HomeError;

/// Why the agent does not start, or had to stop.
#[derive(Debug, thiserror::Error)]
pub enum WorkerError {
    /// The configuration contradicts itself or holds a value that can't be used.
    #[error("worker configuration: {0}")]
    Config(String),
    /// Another agent holds the directory.
    #[error(
        "another worker agent holds {dir}; stop it, or give this one a directory of its own",
        dir = .0.display()
    )]
    Locked(PathBuf),
    /// A Spark home can't be used.
    #[error(transparent)]
    SparkHome(#[from] HomeError),
    /// The agent's own address can't be taken.
    #[error("cannot listen on {address}, which is this worker's address: {source}")]
    Listen {
        /// The address.
        address: SocketAddr,
        /// Why.
        source: io::Error,
    },
    /// A file that the worker can't do without.
    #[error("{doing} {path}: {source}", path = .path.display())]
    File {
        /// What was tried, such as `cannot write`.
        doing: &'static str,
        /// The file.
        path: PathBuf,
        /// Why it failed.
        source: io::Error,
    },
    /// The file that says who this worker is can't be read as such.
    #[error(
        "{path} is damaged ({problem}): it says who this worker is. Put it back from a copy, or start \
         this worker with a new, empty directory",
        path = .path.display()
    )]
    Identity {
        /// The file.
        path: PathBuf,
        /// What is wrong with it.
        problem: String,
    },
}

impl WorkerError {
    /// Names the file of an IO error, for `map_err`.
    pub(crate) fn file(
        doing: &'static str,
        path: &Path,
    ) -> impl FnOnce(io::Error) -> WorkerError + use<> {
        let path = path.to_owned();
        move |source| WorkerError::File {
            doing,
            path,
            source,
        }
    }
}
