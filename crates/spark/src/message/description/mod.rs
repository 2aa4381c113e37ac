//! Descriptions of applications and drivers.

mod application;
mod command;
mod driver;
mod profile;

pub use application::ApplicationDescription;
pub use driver::{DriverDescription, ResourceRequirement};
pub use profile::ResourceProfile;
