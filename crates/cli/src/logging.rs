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
    if let Some(directive) = without_level(filter) {
        return Err(ConfigError::Value {
            key: "log",
            found: vesta_proto::error::shown(directive),
            wanted:
                "a filter: each part has a level (trace, debug, info, warn, error, off), as in \
                     info or info,vesta_master=debug"
                    .to_owned(),
        });
    }
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

/// The first part of a filter that has no level, if there is one. It would be taken for the name of a
/// module, of which everything is logged, and of all others nothing.
fn without_level(filter: &str) -> Option<&str> {
    let levels = ["trace", "debug", "info", "warn", "error", "off"];
    let mut parts = filter.split(',').map(str::trim);
    parts.find(|part| {
        let level = part.rsplit('=').next().unwrap_or_default();
        !levels.iter().any(|known| level.eq_ignore_ascii_case(known))
    })
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_filter_without_a_level_is_refused_instead_of_silencing_all() {
        for filter in [
            "info",
            "INFO,openraft=error",
            "warn, vesta_master=debug",
            "off",
        ] {
            assert_eq!(without_level(filter), None, "{filter}");
        }
        for (filter, part) in [
            ("nonsense", "nonsense"),
            ("info,vesta_master", "vesta_master"),
            ("info,vesta=verbose", "vesta=verbose"),
            ("", ""),
        ] {
            assert_eq!(without_level(filter), Some(part), "{filter}");
        }
        let error = begin("nonsense").unwrap_err().to_string();
        assert!(
            error.contains("\"nonsense\"") && error.contains("info"),
            "{error}"
        );
    }
}
