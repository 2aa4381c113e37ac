//! The log of masters and workers, on standard error.

use tracing_subscriber::EnvFilter;

use crate::config::ConfigError;
use crate::output;

/// Begins to log what `filter` lets through.
///
/// # Errors
/// When the filter can't be understood.
pub fn begin(filter: &str) -> Result<(), ConfigError> {
    let wrong = |error: &dyn std::fmt::Display| ConfigError::Value {
        key: "log",
        found: format!("{} ({error})", vesta_proto::error::shown(filter)),
        wanted: "a filter such as info or info,vesta_master=debug".to_owned(),
    };
    let filter = EnvFilter::builder()
        .parse(filter)
        .map_err(|error| wrong(&error))?;
    tracing_subscriber::fmt()
        .with_env_filter(filter)
        .with_writer(std::io::stderr)
        .with_ansi(output::is_watched())
        .try_init()
        .map_err(|error| wrong(&error))
}
