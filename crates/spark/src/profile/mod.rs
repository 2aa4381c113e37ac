//! What a peer's version of Spark writes and reads.
//!
//! Classes are told apart by name and serialVersionUID, and most of Spark's numbers are computed by the compiler: all
//! messages have one number in 3.4 and 3.5 (Scala 2.12) and another in 4.x (Scala 2.13). Of what a master *writes* one
//! more class differs, `RpcEndpointRef`, between 4.0 and 4.1. A peer that reads a class with a number of another release
//! closes the connection.

mod detect;
mod known;

pub use detect::{answered_as, shown_by};

use std::fmt;
use std::sync::Arc;

use vesta_javaser::ClassSet;
use vesta_javaser::scala::Library;
use vesta_types::{Dialect, SparkRelease};

/// The superclass of all references to endpoints.
pub(crate) const REFERENCE: &str = "org.apache.spark.rpc.RpcEndpointRef";

/// The classes in which messages to one peer are written. It is cheap to clone.
#[derive(Clone)]
pub struct Profile {
    release: SparkRelease,
    classes: Arc<ClassSet>,
}

impl Profile {
    /// That of a release. One whose `RpcEndpointRef` has a number of its own is taken to be as the newest of its dialect
    /// in all else; one whose number is not known, to be the newest.
    #[must_use]
    pub fn of(release: SparkRelease) -> Self {
        let classes = known::classes(release);
        let uid = classes.get(REFERENCE).map(|class| class.uid());
        let release = SparkRelease {
            reference_uid: uid,
            ..release
        };
        Self { release, classes }
    }

    /// The release, with the number of `RpcEndpointRef` that is written.
    #[must_use]
    pub fn release(&self) -> SparkRelease {
        self.release
    }

    pub(crate) fn classes(&self) -> &ClassSet {
        &self.classes
    }

    pub(crate) fn library(&self) -> Library {
        match self.release.dialect {
            Dialect::Scala212 => Library::V2_12,
            Dialect::Scala213 => Library::V2_13,
        }
    }
}

impl fmt::Debug for Profile {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "Profile({})", self.release)
    }
}
