//! The course of a run, from the first process to the verdict.

mod arguments;
mod binary;
mod collect;
mod converge;
mod course;
mod journal;
mod watch;

pub use arguments::{Arguments, NetWish};
pub use binary::{Binary, copy_of};
pub use collect::collect;
pub use converge::converged;
pub use course::{DIRECTORY, Ran, directory, given_directory, mode, run};
pub use journal::Journal;
pub use watch::Watch;
