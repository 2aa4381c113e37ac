//! The cluster's objects as text for people.

mod applications;
mod drivers;
mod endpoints;
mod masters;
mod table;
#[cfg(test)]
mod tests;
mod words;
mod workers;

pub use applications::{application, applications};
pub use drivers::{driver, drivers};
pub use endpoints::endpoints;
pub use masters::{differing, masters, members};
pub use words::time;
pub use workers::{drain, workers};
