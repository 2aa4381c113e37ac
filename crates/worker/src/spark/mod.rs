//! Running Apache Spark's own programs: executors and drivers, from the Spark homes that this machine has.
//!
//! What decides does no IO: [`choose`] picks the home, [`command_line`] makes the command line and the
//! environment that Spark's own worker would make. [`find`] looks at homes, [`Surroundings`] at what a
//! command line depends on.

mod command;
mod find;
mod home;
mod resources;
mod surroundings;
#[cfg(test)]
mod tests;
mod variables;

pub use command::{CommandLine, Kind, Run, command_line};
pub use find::{HomeError, HomeSetting, find};
pub use home::{SparkHome, VERSION_VARIABLE, choose, versions};
pub use resources::resources_file;
pub use surroundings::{INHERITED, Surroundings};
