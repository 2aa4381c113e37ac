//! What a command is about, as an id on the command line.

use std::fmt;
use std::str::FromStr;

use vesta_client::LogSource;
use vesta_proto::error::shown;
use vesta_types::{AppId, DriverId};

/// A driver or an application.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Target {
    /// `driver-…`
    Driver(DriverId),
    /// `app-…`
    App(AppId),
}

impl FromStr for Target {
    type Err = String;

    fn from_str(text: &str) -> Result<Target, String> {
        let driver = text.parse().map(Target::Driver);
        driver
            .or_else(|_| text.parse().map(Target::App))
            .map_err(|_| {
                format!(
                    "{} is neither a driver id nor an application id, such as \
                 driver-20261121110000-0000 or app-20261121110000-0000",
                    shown(text)
                )
            })
    }
}

impl fmt::Display for Target {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Target::Driver(id) => id.fmt(f),
            Target::App(id) => id.fmt(f),
        }
    }
}

/// A log: `driver-…`, or `app-…/N` for executor N.
///
/// # Errors
/// When it is neither, with what would be right.
pub fn log_source(text: &str) -> Result<LogSource, String> {
    let executor = || {
        let (app, number) = text.split_once('/')?;
        Some(LogSource::Executor {
            app: app.parse().ok()?,
            number: number.parse().ok()?,
        })
    };
    let driver = || text.parse().ok().map(LogSource::Driver);
    driver().or_else(executor).ok_or_else(|| {
        format!(
            "{} names no log: write driver-20261121110000-0000, or app-20261121110000-0000/3 for \
             executor 3",
            shown(text)
        )
    })
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn an_id_tells_by_itself_what_it_is_of() {
        assert!(matches!(
            "driver-20261121110000-0000".parse(),
            Ok(Target::Driver(_))
        ));
        assert!(matches!(
            "app-20261121110000-0000".parse(),
            Ok(Target::App(_))
        ));
        let error = "worker-1".parse::<Target>().unwrap_err();
        assert!(error.contains("worker-1") && error.contains("driver-20261121110000-0000"));
    }

    #[test]
    fn an_executor_s_log_is_named_by_application_and_number() {
        let source = log_source("app-20261121110000-0000/3").unwrap();
        assert!(matches!(source, LogSource::Executor { number: 3, .. }));
        for text in [
            "app-20261121110000-0000",
            "app-1/x",
            "driver-1/0",
            "app-1/-1",
            "",
        ] {
            assert!(log_source(text).is_err(), "{text}");
        }
    }
}
