//! What can go wrong with a local cluster.

use std::io;
use std::path::PathBuf;

use crate::TimedOut;

/// Why a local cluster, or one of its processes, is not as was asked.
#[derive(Debug, thiserror::Error)]
pub enum LocalError {
    /// Options that make no sense.
    #[error("{0}")]
    Options(String),
    /// A file or directory of the cluster.
    #[error("{path}: {source}")]
    File {
        /// Its path.
        path: PathBuf,
        /// What the system said.
        source: io::Error,
    },
    /// Ports.
    #[error("no free ports: {0}")]
    Ports(io::Error),
    /// A process that can't be started.
    #[error("{name} can't be started as {program}: {source}")]
    Spawn {
        /// The process's name in the cluster.
        name: String,
        /// The program.
        program: PathBuf,
        /// What the system said.
        source: io::Error,
    },
    /// A process that is asked for something it is not in the state for.
    #[error("{name} {is}")]
    State {
        /// The process's name in the cluster.
        name: String,
        /// How it is.
        is: &'static str,
    },
    /// A signal that can't be sent, or an end that can't be waited for.
    #[error("{name}: {source}")]
    Signal {
        /// The process's name in the cluster.
        name: String,
        /// What the system said.
        source: io::Error,
    },
    /// A process that ended by itself.
    #[error("{name} ended by itself ({how}); the end of its log:\n{log}")]
    Ended {
        /// The process's name in the cluster.
        name: String,
        /// Its exit code or signal.
        how: String,
        /// The last lines that it wrote.
        log: String,
    },
    /// Something that did not come true in time.
    #[error(transparent)]
    TimedOut(#[from] TimedOut),
}
